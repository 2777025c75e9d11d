"""A net file as a PyTorch module: Net(path) reads the prototxt that Moka reads, layer by layer (BatchNorm and
Scale become one BatchNorm2d).

    torch_net.py NET.prototxt OUT.caffemodel     writes random weights for the net, for OpenCV
"""
import re
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def parse(text):
    """Prototxt as nested dicts of lists."""
    tokens = re.findall(r'"[^"]*"|\'[^\']*\'|[{}:]|[^\s{}:]+', re.sub(r"#.*", "", text))

    def message(i):
        fields = {}
        while i < len(tokens) and tokens[i] != "}":
            name, i = tokens[i], i + 1
            if tokens[i] == ":" and tokens[i + 1] != "{":
                value, i = tokens[i + 1].strip("\"'"), i + 2
            else:
                value, i = message(i + (2 if tokens[i] == ":" else 1))
            fields.setdefault(name, []).append(value)
        return fields, i + 1

    return message(0)[0]


def text(fields, name, default=None):
    return fields.get(name, [default])[0]


def number(fields, name, default):
    return type(default)(float(fields.get(name, [default])[0]))


class Concat(nn.Module):
    def forward(self, *x):
        return torch.cat(x, 1)


class Sum(nn.Module):
    def forward(self, a, b):
        return a + b


class Loss(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x, y):
        return F.cross_entropy(x.flatten(1), y) * self.weight


class LRNWithin(nn.Module):
    """Local response normalization over a window of each plane."""

    def __init__(self, size, alpha, beta):
        super().__init__()
        self.size, self.alpha, self.beta = size, alpha, beta

    def forward(self, x):
        squares = F.avg_pool2d(x * x, self.size, 1, self.size // 2)
        return x * torch.pow(1 + self.alpha * squares, -self.beta)


def convolution(p, channels):
    module = nn.Conv2d(channels, number(p, "num_output", 0), number(p, "kernel_size", 1), number(p, "stride", 1),
                       number(p, "pad", 0), number(p, "dilation", 1), number(p, "group", 1),
                       text(p, "bias_term", "true") == "true")
    nn.init.kaiming_normal_(module.weight)
    return module


def pooling(p):
    sizes = number(p, "kernel_size", 0), number(p, "stride", 1), number(p, "pad", 0)
    if text(p, "global_pooling") == "true":
        return nn.AdaptiveAvgPool2d(1)
    return (nn.MaxPool2d if text(p, "pool", "MAX") == "MAX" else nn.AvgPool2d)(*sizes, ceil_mode=True)


def normalization(p):
    sizes = number(p, "local_size", 5), number(p, "alpha", 1.0), number(p, "beta", 0.75)
    if text(p, "norm_region") == "WITHIN_CHANNEL":
        return LRNWithin(*sizes)
    return nn.LocalResponseNorm(*sizes, number(p, "k", 1.0))


def module_of(layer, x):
    """The module of a layer (not a loss) whose first bottom has the shape x."""
    kind = layer["type"][0]

    def p(name):
        return layer.get(name, [{}])[0]

    makers = {
        "Convolution": lambda: convolution(p("convolution_param"), x[1]),
        "InnerProduct": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(int(np.prod(x[1:])), number(p("inner_product_param"), "num_output", 0))),
        "ReLU": lambda: nn.ReLU(inplace=True),
        "LRN": lambda: normalization(p("lrn_param")),
        "Pooling": lambda: pooling(p("pooling_param")),
        "Dropout": lambda: nn.Dropout(number(p("dropout_param"), "dropout_ratio", 0.5)),
        "Concat": Concat,
        "Eltwise": Sum,
        "BatchNorm": lambda: nn.BatchNorm2d(x[1]),
        "Softmax": lambda: nn.Softmax(1),
    }
    if kind not in makers:
        raise SystemExit(f"torch_net: there is no module for layers of type {kind}")
    return makers[kind]()


class Net(nn.Module):
    """Of its blobs "data" and "label": the sum of the losses, or the last layer's top."""

    def __init__(self, path, batch=None):
        super().__init__()
        with open(path, encoding="utf-8") as file:
            layers = parse(file.read())["layer"]
        self.steps, self.losses, self.shape = [], [], {}
        scaled = ""  # the BatchNorm to which the next layer, Scale, belongs
        for layer in layers:
            kind, name, bottoms, tops = layer["type"][0], layer["name"][0], layer.get("bottom", []), layer["top"]
            if kind == "Input":
                for top, shape in zip(tops, layer["input_param"][0]["shape"]):
                    sizes = [int(size) for size in shape["dim"]]
                    self.shape[top] = (batch or sizes[0], *sizes[1:])
                continue
            if kind == "Scale" and scaled:
                module, bottoms, name = self.steps.pop()[:3]
                self.steps.append((module, bottoms, f"{name}+{layer['name'][0]}", tops[0]))
                self.shape[tops[0]] = self.shape[bottoms[0]]
                scaled = ""
                continue
            x = self.shape[bottoms[0]]
            if kind == "SoftmaxWithLoss":
                module, self.classes = Loss(number(layer, "loss_weight", 1.0)), x[1]
                self.losses.append(tops[0])
            else:
                module = module_of(layer, x)
                inputs = [torch.zeros((1,) + self.shape[bottom][1:]) for bottom in bottoms]
                with torch.no_grad():
                    self.shape[tops[0]] = (x[0],) + tuple(module.eval()(*inputs).shape[1:])
            scaled = name if kind == "BatchNorm" else ""
            self.add_module(name.replace(".", "_"), module)
            self.steps.append((module, bottoms, name, tops[0]))

    def forward(self, data, label=None):
        blobs = {"data": data, "label": label}
        for module, bottoms, _, top in self.steps:
            blobs[top] = module(*[blobs[bottom] for bottom in bottoms])
        return sum(blobs[loss] for loss in self.losses) if self.losses else blobs[self.steps[-1][3]]


# --- Weights as a .caffemodel: the wire format of protobuf, as far as it is needed ---

def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(tag, content):
    """A field that has a length: a message, text, or packed numbers."""
    return varint(tag << 3 | 2) + varint(len(content)) + content


def blob(values):
    values = values.detach().numpy().astype("<f4")
    shape = b"".join(varint(size) for size in values.shape)
    return field(7, field(7, field(1, shape)) + field(5, values.tobytes()))  # LayerParameter.blobs


def layer_bytes(name, kind, blobs):
    return field(100, field(1, name.encode()) + field(2, kind.encode()) + b"".join(map(blob, blobs)))


def caffemodel(net):
    out = b""
    for module, _, name, _ in net.steps:
        if isinstance(module, nn.Conv2d):
            out += layer_bytes(name, "Convolution", module.parameters())
        elif isinstance(module, nn.Sequential):
            out += layer_bytes(name, "InnerProduct", module[1].parameters())
        elif isinstance(module, nn.BatchNorm2d):
            first, second = name.split("+")
            out += layer_bytes(first, "BatchNorm", [module.running_mean, module.running_var, torch.ones(1)])
            out += layer_bytes(second, "Scale", [module.weight, module.bias])
    return out


if __name__ == "__main__":
    torch.manual_seed(0)
    with open(sys.argv[2], "wb") as model:
        model.write(caffemodel(Net(sys.argv[1])))
