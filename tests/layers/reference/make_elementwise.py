#!/usr/bin/env python3
"""Element-wise layers, by PyTorch: values in double, gradients by its autograd."""
import torch
import torch.nn.functional as F

from reference import save

torch.manual_seed(17)
SHAPE = (2, 3, 4, 5)


def case(name, layer, f, least=-4.0, most=4.0, shape=SHAPE, params=()):
    """y = f(x, *params) for x uniform in [least, most)."""
    x = (least + (most - least) * torch.rand(shape)).double().requires_grad_()
    params = [p.double().requires_grad_() for p in params]
    y = f(x, *params)
    dy = torch.randn(shape).double()
    differentiable = y.requires_grad
    if differentiable:
        y.backward(dy)
    save(name, layer, bottoms=[x], tops=[y], params=params,
         top_diffs=[dy] if differentiable else [], bottom_diffs=[x.grad] if differentiable else [],
         param_diffs=[p.grad for p in params])


case("ReLU-plain", 'type: "ReLU"', F.relu)
case("ReLU-slope", 'type: "ReLU" relu_param { negative_slope: 0.3 }', lambda x: F.leaky_relu(x, 0.3))
case("LeakyReLU-plain", 'type: "LeakyReLU"', F.leaky_relu)
case("PReLU-channels", 'type: "PReLU"', F.prelu, params=[torch.tensor([0.25, -0.5, 1.5])])
case("PReLU-shared", 'type: "PReLU" prelu_param { channel_shared: true }', F.prelu,
     params=[torch.tensor([0.1])])
case("ELU-plain", 'type: "ELU"', F.elu)
case("Sigmoid-plain", 'type: "Sigmoid"', torch.sigmoid, -12, 12)
case("TanH-plain", 'type: "TanH"', torch.tanh, -6, 6)
case("BNLL-plain", 'type: "BNLL"', lambda x: F.softplus(x, threshold=100), -12, 12)
case("Softplus-beta", 'type: "Softplus" softplus_param { beta: 2.5 }',
     lambda x: F.softplus(x, 2.5, threshold=100))
case("AbsVal-plain", 'type: "AbsVal"', torch.abs)
case("Exp-plain", 'type: "Exp"', torch.exp)
case("Exp-base", 'type: "Exp" exp_param { base: 2 scale: -1.5 shift: 0.75 }',
     lambda x: 2 ** (0.75 - 1.5 * x))
case("Log-plain", 'type: "Log"', torch.log, 0.01, 5)
case("Log-base", 'type: "Log" log_param { base: 10 scale: -2 shift: 1.5 }',
     lambda x: torch.log10(1.5 - 2 * x), -3, 0.7)
case("Power-linear", 'type: "Power" power_param { scale: -2 shift: 0.5 }', lambda x: 0.5 - 2 * x)
case("Power-square", 'type: "Power" power_param { power: 2 scale: -2 shift: 0.5 }',
     lambda x: (0.5 - 2 * x) ** 2)
case("Power-cube", 'type: "Power" power_param { power: 3 shift: 1 }', lambda x: (1 + x) ** 3)
case("Power-fifth", 'type: "Power" power_param { power: 5 scale: 0.5 }', lambda x: (0.5 * x) ** 5)
case("Power-root", 'type: "Power" power_param { power: 0.5 shift: 0.1 }', lambda x: (0.1 + x).sqrt(),
     0, 9)
case("Power-fraction", 'type: "Power" power_param { power: 1.7 }', lambda x: x ** 1.7, 0.01, 9)
case("Power-inverse", 'type: "Power" power_param { power: -1 shift: 5 }', lambda x: 1 / (5 + x))
case("Power-inverse_square", 'type: "Power" power_param { power: -2 shift: -5 }',
     lambda x: (x - 5) ** -2)
case("Threshold-plain", 'type: "Threshold" threshold_param { threshold: 0.5 }',
     lambda x: (x.detach() > 0.5).double())
case("Clip-plain", 'type: "Clip" clip_param { min: -1 max: 2 }', lambda x: x.clamp(-1, 2))
case("Swish-plain", 'type: "Swish"', F.silu, -12, 12)
case("Swish-beta", 'type: "Swish" swish_param { beta: -1.5 }', lambda x: x * torch.sigmoid(-1.5 * x))
case("ReLU6-plain", 'type: "ReLU6"', F.relu6, -4, 12)
case("SELU-plain", 'type: "SELU"', F.selu)
case("GELU-plain", 'type: "GELU"', F.gelu, -6, 6)
case("GELU-tanh", 'type: "GELU" gelu_param { approximate: TANH }',
     lambda x: F.gelu(x, approximate="tanh"), -6, 6)
case("Mish-plain", 'type: "Mish"', F.mish, -12, 12)
case("HardSigmoid-pytorch", 'type: "HardSigmoid" hard_sigmoid_param { alpha: 0.16666667 }',
     F.hardsigmoid, -5, 5)
case("HardSigmoid-plain", 'type: "HardSigmoid"', lambda x: (0.2 * x + 0.5).clamp(0, 1), -5, 5)
case("HardSwish-plain", 'type: "HardSwish"', F.hardswish, -5, 5)
