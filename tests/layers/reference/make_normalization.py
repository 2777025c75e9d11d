"""Normalization layers, factors and biases by PyTorch: its own layers where it has them, and its
automatic gradients of a formula written out here for Scale, Bias, Axpy, LRN's WITHIN_CHANNEL (as an
average pooling of squares), MVN (whose eps is added to the deviation) and SegNet's BN."""
import torch
import torch.nn.functional as F

from reference import save

torch.manual_seed(5)


def numbers(*shape, scale=1.0, shift=0.0):
    return (torch.randn(*shape) * scale + shift).requires_grad_()


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


def case(name, layer, bottoms, y, params=(), stored=None, phase=None):
    """Backward from a random gradient of y. stored: params as the layer's blobs, state among them."""
    dy = torch.randn_like(y)
    y.backward(dy)
    save(name, layer, bottoms=bottoms, params=list(params) if stored is None else stored, tops=[y],
         top_diffs=[dy], bottom_diffs=[b.grad for b in bottoms], param_diffs=[p.grad for p in params],
         phase=phase)


def batch_norm():
    x = numbers(3, 4, 2, 5, scale=2, shift=3)
    state = [torch.randn(4), torch.rand(4) + 1, torch.tensor([2.5])]
    case("BatchNorm-train", 'type: "BatchNorm" batch_norm_param { eps: 0.001 }', [x],
         F.batch_norm(x, None, None, training=True, eps=0.001), stored=state)
    x = numbers(6, 5)
    case("BatchNorm-rows", 'type: "BatchNorm"', [x], F.batch_norm(x, None, None, training=True),
         stored=[torch.zeros(5), torch.zeros(5), torch.zeros(1)])
    x = numbers(3, 4, 2, 5)
    case("BatchNorm-test", 'type: "BatchNorm"', [x],
         F.batch_norm(x, state[0] / state[2], state[1] / state[2]), stored=state, phase="TEST")


def scale_and_bias():
    x, a, b = numbers(2, 3, 4, 2), numbers(3), numbers(3)
    case("Scale-channels", 'type: "Scale" scale_param { bias_term: true }', [x],
         x * a.view(3, 1, 1) + b.view(3, 1, 1), [a, b])
    x, a = numbers(2, 3, 4), numbers(3, 4)
    case("Scale-last", 'type: "Scale" scale_param { axis: -2 num_axes: -1 }', [x], x * a, [a])
    x, a, b = numbers(2, 3, 4), numbers(2, 3), numbers(2, 3)
    case("Scale-bottom", 'type: "Scale" scale_param { axis: 0 bias_term: true }', [x, a],
         x * a.unsqueeze(2) + b.unsqueeze(2), [b])
    x, b = numbers(2, 3, 4, 2), numbers(3)
    case("Bias-channels", 'type: "Bias"', [x], x + b.view(3, 1, 1), [b])
    x, b = numbers(2, 3, 4), numbers(3, 4)
    case("Bias-bottom", 'type: "Bias" bias_param { axis: 1 }', [x, b], x + b)
    a, x, b = numbers(2, 3, 1, 1), numbers(2, 3, 2, 4), numbers(2, 3, 2, 4)
    case("Axpy-images", 'type: "Axpy"', [a, x, b], a * x + b)


def bn():
    x, a, b = numbers(3, 4, 2, 3, scale=2, shift=1), numbers(1, 4), numbers(1, 4)
    mean, variance = torch.randn(1, 4), torch.rand(1, 4) + 1
    fillers = "slope_filler { value: 1 } bias_filler { value: 0 }"
    case("BN-train", 'type: "BN" bn_param { %s }' % fillers, [x],
         F.batch_norm(x, None, None, a.view(4), b.view(4), training=True), [a, b],
         stored=[a, b, mean, variance])
    x, a, b = numbers(3, 4, 2, 3), leaf(a), leaf(b)
    case("BN-test", 'type: "BN" bn_param { %s eps: 0.01 }' % fillers, [x],
         F.batch_norm(x, mean.view(4), variance.view(4), a.view(4), b.view(4), eps=0.01), [a, b],
         stored=[a, b, mean, variance], phase="TEST")
    x, a, b = numbers(3, 2, 2, 3), numbers(1, 2, 1, 1), numbers(1, 2, 1, 1)
    case("BN-segnet", 'type: "BN" bn_param { scale_filler { value: 1 } }', [x],
         F.batch_norm(x, None, None, a.view(2), b.view(2), training=True, eps=1e-9), [a, b], phase="TEST")
    x, a, b = numbers(3, 2, 2, 3), leaf(a), leaf(b)
    case("BN-inference", 'type: "BN" bn_param { bn_mode: INFERENCE }', [x], x * a + b, [a, b])


def lrn():
    x = numbers(2, 7, 2, 3, scale=2)
    case("LRN-across", 'type: "LRN" lrn_param { local_size: 5 alpha: 0.5 k: 2 }', [x],
         F.local_response_norm(x, 5, alpha=0.5, beta=0.75, k=2))
    x = numbers(2, 4, 6)
    case("LRN-beta", 'type: "LRN" lrn_param { local_size: 3 alpha: 1.5 beta: 0.6 }', [x],
         F.local_response_norm(x, 3, alpha=1.5, beta=0.6, k=1))
    x = numbers(2, 2, 5, 6, scale=2)
    squares = F.avg_pool2d(x * x, 3, stride=1, padding=1)
    case("LRN-within",
         'type: "LRN" lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.7 k: 1.5 }', [x],
         x * (1.5 + 0.7 * squares) ** -0.75)


def mvn():
    for name, layer, axes in [("channels", "eps: 0.01", (2, 3)),
                              ("across", "across_channels: true", (1, 2, 3))]:
        x = numbers(2, 3, 2, 4, scale=3, shift=2)
        eps = 0.01 if name == "channels" else 1e-9
        deviation = x.var(axes, unbiased=False, keepdim=True).sqrt()
        case("MVN-" + name, 'type: "MVN" mvn_param { %s }' % layer, [x],
             (x - x.mean(axes, keepdim=True)) / (deviation + eps))
    x = numbers(2, 3, 2, 4)
    case("MVN-mean", 'type: "MVN" mvn_param { normalize_variance: false }', [x],
         x - x.mean((2, 3), keepdim=True))


def groups():
    x, a, b = numbers(3, 2, 6, scale=2, shift=1), numbers(2, 6), numbers(2, 6)
    case("LayerNorm-axis", 'type: "LayerNorm" layer_norm_param { axis: 1 }', [x],
         F.layer_norm(x, (2, 6), a, b), [a, b])
    x = numbers(3, 2, 6)
    case("LayerNorm-plain", 'type: "LayerNorm" layer_norm_param { affine: false eps: 0.1 }', [x],
         F.layer_norm(x, (6,), eps=0.1))
    x, a, b = numbers(2, 6, 2, 3, scale=2, shift=-1), numbers(6), numbers(6)
    case("GroupNorm-affine", 'type: "GroupNorm" group_norm_param { num_groups: 3 eps: 0.001 }', [x],
         F.group_norm(x, 3, a, b, eps=0.001), [a, b])
    x = numbers(2, 4, 3)
    case("GroupNorm-plain", 'type: "GroupNorm" group_norm_param { num_groups: 2 affine: false }', [x],
         F.group_norm(x, 2))
    x, a, b = numbers(2, 3, 2, 4, scale=2, shift=5), numbers(3), numbers(3)
    case("InstanceNorm-affine", 'type: "InstanceNorm" instance_norm_param { affine: true }', [x],
         F.instance_norm(x, weight=a, bias=b), [a, b])
    x = numbers(2, 3, 5)
    case("InstanceNorm-plain", 'type: "InstanceNorm" instance_norm_param { eps: 0.01 }', [x],
         F.instance_norm(x, eps=0.01))


for family in (batch_norm, scale_and_bias, bn, lrn, mvn, groups):
    family()
