#!/usr/bin/env python3
"""Convolution and its kin: PyTorch's numbers."""
import itertools

import torch
import torch.nn.functional as F

from reference import save

torch.manual_seed(6)

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def case(name, params, function, bottoms, weights):
    """Values and gradients of function(x, *weights), for each bottom with the same weights."""
    bottoms = [b.requires_grad_() for b in bottoms]
    weights = [w.requires_grad_() for w in weights]
    tops = [function(b, *weights) for b in bottoms]
    diffs = [torch.randn(t.shape) for t in tops]
    torch.autograd.backward(tops, diffs)
    save(name, f'type: "{name.split("-")[0]}" convolution_param {{ {params} }}', bottoms=bottoms,
         tops=tops, params=weights, top_diffs=diffs, bottom_diffs=[b.grad for b in bottoms],
         param_diffs=[w.grad for w in weights])


def forward(name, params, space, weight, shapes, bias=True, **options):
    outputs = weight[0]
    case(name, params, lambda x, w, b=None: CONV[space](x, w, b, **options),
         [torch.randn(s) for s in shapes],
         [torch.randn(weight)] + ([torch.randn(outputs)] if bias else []))


def transposed(name, params, space, weight, shapes, bias=True, **options):
    outputs = weight[1] * options.get("groups", 1)
    case(name, params, lambda x, w, b=None: TRANSPOSED[space](x, w, b, **options),
         [torch.randn(s) for s in shapes],
         [torch.randn(weight)] + ([torch.randn(outputs)] if bias else []))


def convolution():
    forward("Convolution-1d", "num_output: 4 kernel_size: 3 stride: 2 pad: 2 dilation: 2", 1,
            (4, 3, 3), [(2, 3, 11)], stride=2, padding=2, dilation=2)
    forward("Convolution-1d_long", "num_output: 2 kernel_size: 4 pad: 1 stride: 200 bias_term: false",
            1, (2, 1, 4), [(1, 1, 1001)], bias=False, stride=200, padding=1)
    forward("Convolution-2d", "num_output: 5 kernel_size: 3 kernel_size: 2 stride_h: 2 stride_w: 1 "
            "pad: 1", 2, (5, 3, 3, 2), [(2, 3, 7, 6)], stride=(2, 1), padding=1)
    forward("Convolution-2d_bottoms", "num_output: 2 kernel_size: 3 pad: 1 group: 2", 2,
            (2, 2, 3, 3), [(2, 4, 5, 4), (1, 4, 3, 6), (3, 4, 2, 2)], padding=1, groups=2)
    forward("Convolution-3d", "num_output: 4 kernel_size: 3 pad: 1", 3, (4, 3, 3, 3, 3),
            [(2, 3, 4, 5, 3)], padding=1)
    forward("Convolution-3d_uneven", "num_output: 6 group: 2 kernel_size: 2 kernel_size: 1 "
            "kernel_size: 3 stride: 1 stride: 2 stride: 2 pad: 1 pad: 0 pad: 3 dilation: 2 "
            "dilation: 1 dilation: 2", 3, (6, 2, 2, 1, 3), [(2, 4, 5, 4, 6)], groups=2,
            stride=(1, 2, 2), padding=(1, 0, 3), dilation=(2, 1, 2))
    forward("Convolution-3d_bottoms", "num_output: 3 kernel_size: 2", 3, (3, 2, 2, 2, 2),
            [(1, 2, 3, 4, 3), (2, 2, 2, 3, 2)])
    forward("Convolution-3d_pointwise", "num_output: 3 kernel_size: 1", 3, (3, 2, 1, 1, 1),
            [(2, 2, 2, 3, 4)])
    # All axes before that of the channels are batch.
    case("Convolution-axis", "num_output: 3 kernel_size: 2 axis: -3",
         lambda x, w, b: F.conv2d(x.flatten(0, 1), w, b).unflatten(0, (2, 3)),
         [torch.randn(2, 3, 2, 4, 3)], [torch.randn(3, 2, 2, 2), torch.randn(3)])


def depthwise():
    forward("DepthwiseConvolution-plain", "kernel_size: 3 pad: 1", 2, (4, 1, 3, 3),
            [(2, 4, 5, 6)], padding=1, groups=4)
    forward("DepthwiseConvolution-multiplied", "num_output: 6 kernel_size: 3 stride: 2 "
            "bias_term: false", 2, (6, 1, 3, 3), [(2, 3, 7, 5)], bias=False, stride=2, groups=3)
    forward("DepthwiseConvolution-3d", "kernel_size: 3 pad: 1 dilation: 1", 3, (3, 1, 3, 3, 3),
            [(2, 3, 4, 3, 4)], padding=1, groups=3)
    forward("ConvolutionDepthwise-1d", "num_output: 3 group: 3 kernel_size: 2", 1, (3, 1, 2),
            [(2, 3, 6)], groups=3)


def deconvolution():
    transposed("Deconvolution-1d", "num_output: 4 kernel_size: 3 stride: 2 pad: 1 dilation: 2", 1,
               (3, 4, 3), [(2, 3, 5)], stride=2, padding=1, dilation=2)
    transposed("Deconvolution-2d", "num_output: 4 kernel_size: 4 stride: 2 pad: 1", 2,
               (3, 4, 4, 4), [(2, 3, 4, 3)], stride=2, padding=1)
    transposed("Deconvolution-2d_group", "num_output: 6 group: 2 kernel_h: 2 kernel_w: 3 "
               "stride_h: 3 stride_w: 1 bias_term: false", 2, (4, 3, 2, 3), [(2, 4, 3, 4)],
               bias=False, groups=2, stride=(3, 1))
    transposed("Deconvolution-2d_bottoms", "num_output: 2 kernel_size: 3 stride: 2", 2,
               (2, 2, 3, 3), [(2, 2, 3, 2), (1, 2, 2, 4), (1, 2, 1, 1)], stride=2)
    transposed("Deconvolution-3d", "num_output: 3 kernel_size: 3 stride: 2 pad: 1", 3,
               (2, 3, 3, 3, 3), [(2, 2, 3, 2, 3)], stride=2, padding=1)
    transposed("Deconvolution-3d_uneven", "num_output: 4 group: 2 kernel_size: 1 kernel_size: 2 "
               "kernel_size: 3 stride: 2 stride: 1 stride: 2 pad: 0 pad: 1 pad: 1 dilation: 1 "
               "dilation: 2 dilation: 1", 3, (4, 2, 1, 2, 3), [(1, 4, 3, 3, 2)], groups=2,
               stride=(2, 1, 2), padding=(0, 1, 1), dilation=(1, 2, 1))


def unfolded(x, kernel, stride, pad, dilation):
    """PyTorch's unfold is for two axes; over three, one place of the kernel at a time."""
    space = len(kernel)
    if space == 2:
        y = F.unfold(x, kernel, dilation, pad, stride)
        return y.unflatten(2, [(x.shape[2 + k] + 2 * pad[k] - dilation[k] * (kernel[k] - 1) - 1)
                               // stride[k] + 1 for k in range(2)])
    x = F.pad(x, [p for k in reversed(range(space)) for p in (pad[k], pad[k])])
    for k in range(space):
        x = x.unfold(2 + k, dilation[k] * (kernel[k] - 1) + 1, stride[k])
    places = [x[(...,) + tuple(i * d for i, d in zip(place, dilation))]
              for place in itertools.product(*(range(n) for n in kernel))]
    return torch.stack(places, 2).flatten(1, 2)


def im2col():
    case("Im2col-1d", "kernel_size: 3 stride: 2 pad: 2 dilation: 2",
         lambda x: unfolded(x, [3], [2], [2], [2]), [torch.randn(2, 3, 7)], [])
    case("Im2col-2d", "kernel_size: 3 kernel_size: 2 stride: 2 stride: 1 pad: 1",
         lambda x: unfolded(x, [3, 2], [2, 1], [1, 1], [1, 1]), [torch.randn(2, 2, 5, 6)], [])
    case("Im2col-2d_dilation", "kernel_size: 2 pad: 2 dilation: 3",
         lambda x: unfolded(x, [2, 2], [1, 1], [2, 2], [3, 3]), [torch.randn(2, 1, 4, 3)], [])
    case("Im2col-3d", "kernel_size: 2 kernel_size: 3 kernel_size: 2 stride: 1 stride: 2 stride: 2 "
         "pad: 1 pad: 0 pad: 2",
         lambda x: unfolded(x, [2, 3, 2], [1, 2, 2], [1, 0, 2], [1, 1, 1]),
         [torch.randn(2, 2, 3, 5, 3)], [])


convolution()
depthwise()
deconvolution()
im2col()
