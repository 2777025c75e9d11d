#!/usr/bin/env python3
"""Layers that move, pick and sum values: PyTorch's numbers; Reorg's are those of OpenCV's darknet reader."""
import cv2
import numpy as np
import torch
import torch.nn.functional as F

from reference import save

torch.manual_seed(4)


def case(name, layer, function, bottoms, params=(), bottom_grads=None, pad_diff=None, **more):
    """Runs `function` of PyTorch on the bottoms and params, and saves values and gradients.

    bottom_grads: which bottoms have gradients that are compared (all, if not given). pad_diff: the
    shape that the top diff is padded to with zeros (the largest top of a layer whose top depends on
    the data)."""
    wanted = [True] * len(bottoms) if bottom_grads is None else bottom_grads
    bottoms = [b.clone().requires_grad_(w) for b, w in zip(bottoms, wanted)]
    params = [p.clone().requires_grad_() for p in params]
    tops = function(*bottoms, *params)
    tops = list(tops) if isinstance(tops, (list, tuple)) else [tops]
    diffs = [torch.randn(t.shape) for t in tops]
    torch.autograd.backward(tops, diffs)
    if pad_diff is not None:
        diffs = [torch.cat([d.flatten(), torch.zeros(int(np.prod(pad_diff)) - d.numel())])
                 .reshape(pad_diff) for d in diffs]
    save(name, layer, bottoms=bottoms, params=params, tops=tops, top_diffs=diffs,
         bottom_diffs=[b.grad for b in bottoms], param_diffs=[p.grad for p in params], **more)


def forward_only(name, layer, function, bottoms):
    tops = function(*bottoms)
    save(name, layer, bottoms=bottoms,
         tops=[t.float() for t in (tops if isinstance(tops, (list, tuple)) else [tops])])


def concat_slice_flatten_reshape():
    a, b, c = torch.randn(2, 3, 4), torch.randn(2, 1, 4), torch.randn(2, 2, 4)
    case("Concat-channels", 'type: "Concat"', lambda *x: torch.cat(x, 1), [a, b, c])
    case("Concat-batch", 'type: "Concat" concat_param { axis: 0 }', lambda *x: torch.cat(x, 0),
         [a, torch.randn(3, 3, 4)])
    x = torch.randn(2, 6, 3)
    case("Slice-equal", 'type: "Slice" top: "a" top: "b" top: "c"', lambda x: x.split(2, 1), [x])
    case("Slice-points", 'type: "Slice" top: "a" top: "b" top: "c" '
         'slice_param { axis: -2 slice_point: 1 slice_point: 5 }',
         lambda x: x.split([1, 4, 1], 1), [x])
    x = torch.randn(2, 3, 2, 5)
    case("Flatten-plain", 'type: "Flatten"', lambda x: x.flatten(1), [x])
    case("Flatten-middle", 'type: "Flatten" flatten_param { axis: 1 end_axis: 2 }',
         lambda x: x.flatten(1, 2), [x])
    case("Reshape-infer", 'type: "Reshape" reshape_param { shape { dim: 0 dim: -1 dim: 10 } }',
         lambda x: x.reshape(2, -1, 10), [x])
    case("Reshape-part",
         'type: "Reshape" reshape_param { shape { dim: 3 dim: 1 dim: -1 } axis: 1 num_axes: 2 }',
         lambda x: x.reshape(2, 3, 1, 2, 5), [x])


def crop_tile_shuffle():
    x, size = torch.randn(2, 3, 5, 6), torch.randn(2, 1, 3, 2)
    case("Crop-offsets", 'type: "Crop" crop_param { offset: 1 offset: 3 }',
         lambda x, size: x[:, :, 1:4, 3:5] + 0 * size.sum(), [x, size])
    case("Crop-channels", 'type: "Crop" crop_param { axis: 1 offset: 1 }',
         lambda x, size: x[:, 1:3, 1:4, 1:5] + 0 * size.sum(), [x, torch.randn(2, 2, 3, 4)])
    x = torch.randn(2, 3, 4)
    case("Tile-channels", 'type: "Tile" tile_param { tiles: 3 }', lambda x: x.repeat(1, 3, 1), [x])
    case("Tile-last", 'type: "Tile" tile_param { axis: -1 tiles: 2 }', lambda x: x.repeat(1, 1, 2),
         [x])
    # PyTorch has no gradient of it; with 2 groups of 3 it undoes what it does with 3 groups of 2.
    x, dy = torch.randn(2, 6, 3, 2), torch.randn(2, 6, 3, 2)
    save("ShuffleChannel-three", 'type: "ShuffleChannel" shuffle_channel_param { group: 3 }',
         bottoms=[x], tops=[torch.nn.ChannelShuffle(3)(x)], top_diffs=[dy],
         bottom_diffs=[torch.nn.ChannelShuffle(2)(dy)])


def gathering():
    x, index = torch.randn(4, 3, 2), torch.tensor([2.0, 0, 2, 3, 2])
    case("BatchReindex-repeated", 'type: "BatchReindex"',
         lambda x, index: x.index_select(0, index.detach().long()), [x, index],
         bottom_grads=[True, False])
    words = torch.tensor([[3.0, 0, 3], [1, 4, 3]])
    for bias in (True, False):
        params = [torch.randn(5, 4)] + ([torch.randn(4)] if bias else [])
        case("Embed-bias" if bias else "Embed-plain",
             'type: "Embed" embed_param { num_output: 4 input_dim: 5 '
             f'bias_term: {str(bias).lower()} }}',
             lambda x, w, b=torch.zeros(4): F.embedding(x.long(), w) + b, [words], params,
             bottom_grads=[False])
    x, selector = torch.randn(5, 2, 3), torch.tensor([1.0, 0, 0, -2, 0.5])
    case("Filter-some", 'type: "Filter"', lambda x, s: x[s != 0], [x, selector],
         bottom_grads=[True, False], pad_diff=(5, 2, 3))


def reductions():
    x = torch.randn(2, 3, 4, 5)
    fs = {"SUM": lambda x: x, "ASUM": torch.abs, "SUMSQ": torch.square}
    for name, f in fs.items():
        layer = f'type: "Reduction" reduction_param {{ operation: {name} coeff: 0.5 '
        case(f"Reduction-{name.lower()}_all", layer + "}", lambda x: 0.5 * f(x).sum(), [x])
        case(f"Reduction-{name.lower()}_tail", layer + "axis: 2 }",
             lambda x: 0.5 * f(x).sum((2, 3)), [x])
        case(f"Reduction-{name.lower()}_middle", layer + "axis: 1 end_axis: 2 }",
             lambda x: 0.5 * f(x).sum((1, 2)), [x])
    case("Reduction-mean_tail", 'type: "Reduction" reduction_param { operation: MEAN axis: -1 }',
         lambda x: x.mean(-1), [x])
    case("Reduction-mean_first", 'type: "Reduction" reduction_param '
         '{ operation: MEAN axis: 0 end_axis: 0 keep_dims: true coeff: 3 }',
         lambda x: 3 * x.mean(0, keepdim=True), [x])


def maxima():
    x = torch.randperm(72).float().reshape(2, 4, 9) / 10
    forward_only("ArgMax-axis", 'type: "ArgMax" argmax_param { axis: 1 }', lambda x: x.argmax(1, True),
                 [x])
    forward_only("ArgMax-top", 'type: "ArgMax" argmax_param { axis: 1 top_k: 3 }',
                 lambda x: x.topk(3, 1).indices, [x])
    forward_only("ArgMax-values", 'type: "ArgMax" argmax_param { axis: -1 top_k: 2 out_max_val: true }',
                 lambda x: x.topk(2, -1).values, [x])
    forward_only("ArgMax-items", 'type: "ArgMax" argmax_param { top_k: 2 out_max_val: true }',
                 lambda x: torch.stack([t.float() for t in reversed(x.flatten(1).topk(2, 1))], 1), [x])


def images():
    x = torch.randn(2, 2, 5, 4)

    def resized(h, w, cut=slice(None)):
        return lambda x: F.interpolate(x[:, :, cut, cut], size=(h, w), mode="bilinear",
                                       align_corners=True)
    case("Interp-size", 'type: "Interp" interp_param { height: 8 width: 9 }', resized(8, 9), [x])
    case("Interp-smaller", 'type: "Interp" interp_param { height: 3 width: 1 }', resized(3, 1), [x])
    case("Interp-zoom", 'type: "Interp" interp_param { zoom_factor: 3 }', resized(13, 10), [x])
    case("Interp-shrink_zoom", 'type: "Interp" interp_param { shrink_factor: 2 zoom_factor: 4 }',
         resized(9, 5), [x])
    case("Interp-cut", 'type: "Interp" interp_param { height: 6 width: 7 pad_beg: -1 pad_end: -1 }',
         resized(6, 7, slice(1, -1)), [x])

    case("Upsample-nearest", 'type: "Upsample" upsample_param { scale: 2 }',
         lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), [x])
    case("Upsample-sides", 'type: "Upsample" upsample_param { scale_h: 1 scale_w: 3 }',
         lambda x: F.interpolate(x, size=(5, 12), mode="nearest"), [x])
    # Only windows that do not overlap: PyTorch leaves open which of several values wins.
    large = torch.randn(2, 2, 5, 6)
    pooled, mask = F.max_pool2d(large, 2, 2, ceil_mode=True, return_indices=True)
    for name, size in {"mask": "upsample_h: 5 upsample_w: 6 scale: 2", "pad": "pad_out_h: true"}.items():
        case(f"Upsample-{name}", f'type: "Upsample" upsample_param {{ {size} }}',
             lambda x, m: F.max_unpool2d(x, m.detach().long(), 2, 2, output_size=(5, 6)),
             [pooled, mask.float()], bottom_grads=[True, False])


def reorg():
    config = b"[net]\nwidth=4\nheight=6\nchannels=8\nbatch=1\n\n[reorg]\nstride=2\n"
    net = cv2.dnn.readNetFromDarknet(np.frombuffer(config, dtype=np.uint8))

    def run(x):
        net.setInput(x)
        return net.forward().copy()
    # The layer only moves values: what it does to their numbers gives the gradient, too.
    places = run(np.arange(192, dtype=np.float32).reshape(1, 8, 6, 4)).reshape(-1).astype(int)
    x = torch.randn(1, 8, 6, 4).numpy()
    dy = torch.randn(1, 32, 3, 2).numpy()
    dx = np.empty(192, dtype=np.float32)
    dx[places] = dy.reshape(-1)
    save("Reorg-stride", 'type: "Reorg" reorg_param { stride: 2 }', bottoms=[x], tops=[run(x)],
         top_diffs=[dy], bottom_diffs=[dx.reshape(x.shape)])
    # PyTorch's pixel_shuffle has the other order of channels.
    case("Reorg-reverse", 'type: "Reorg" reorg_param { stride: 2 reverse: true }',
         lambda v: F.pixel_shuffle(v.reshape(2, 4, 2, 3, 4).transpose(1, 2).reshape(2, 8, 3, 4), 2),
         [torch.randn(2, 8, 3, 4)])


def products():
    x = torch.randn(3, 2, 4)
    w, b = torch.randn(5, 8), torch.randn(5)
    case("InnerProduct-plain", 'type: "InnerProduct" inner_product_param { num_output: 5 }',
         lambda x, w, b: F.linear(x.flatten(1), w, b), [x], [w, b])
    case("InnerProduct-transpose",
         'type: "InnerProduct" inner_product_param { num_output: 5 transpose: true bias_term: false }',
         lambda x, w: x.flatten(1) @ w, [x], [w.t().contiguous()])
    case("InnerProduct-axis", 'type: "InnerProduct" inner_product_param { num_output: 5 axis: 2 }',
         F.linear, [x], [torch.randn(5, 4), b])


def elementwise():
    x = [torch.randn(2, 3, 4) for _ in range(3)]
    case("Eltwise-sum", 'type: "Eltwise"', lambda a, b, c: a + b + c, x)
    case("Eltwise-coeff", 'type: "Eltwise" eltwise_param { coeff: 1 coeff: -2 coeff: 0.5 }',
         lambda a, b, c: a - 2 * b + 0.5 * c, x)
    case("Eltwise-prod", 'type: "Eltwise" eltwise_param { operation: PROD }',
         lambda a, b, c: a * b * c, x)
    case("Eltwise-max", 'type: "Eltwise" eltwise_param { operation: MAX }',
         lambda a, b, c: torch.maximum(torch.maximum(a, b), c), x)


concat_slice_flatten_reshape()
crop_tile_shuffle()
gathering()
reductions()
maxima()
images()
reorg()
products()
elementwise()
