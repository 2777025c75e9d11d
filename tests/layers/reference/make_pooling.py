"""Pooling by PyTorch in 1, 2 and 3 dimensions, and SPP composed of its pooling. Caffe's CEIL drops a
window that begins beyond the image and PyTorch's ceil_mode one that begins in the far pad or beyond:
the same. Means count the pad (count_include_pad) but not what hangs over it: the same. A mask is the
index within a channel: the same."""
import math

import torch
import torch.nn.functional as F

from reference import save

torch.manual_seed(1998)


def values(*shape):
    """All different."""
    count = torch.Size(shape).numel()
    return ((torch.randperm(count) - count / 2) / count).reshape(shape)


def make(name, layer, pool, x, mask=False):
    x.requires_grad_()
    result = pool(x)
    y, *others = result if mask else [result]
    dy = torch.rand_like(y) * 2 - 1
    dx, = torch.autograd.grad(y, x, dy)
    save(name, layer, bottoms=[x], tops=[y] + [index.float() for index in others],
         top_diffs=[dy] + [torch.zeros_like(dy) for _ in others], bottom_diffs=[dx])


MAX = [F.max_pool1d, F.max_pool2d, F.max_pool3d]
AVE = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d]


def pooling(case, shape, kernel, stride=1, pad=0, ceil=True, ave=False, mask=False):
    """kernel, stride, pad: a number, or one for each axis."""
    def field(all_axes, each_axis, value):
        if isinstance(value, tuple):
            return f"{each_axis}: {list(value)} "
        return f"{all_axes}: {value} "
    dims = len(shape) - 2
    params = (("pool: AVE " if ave else "") + field("kernel_size", "kernel_sizes", kernel) +
              field("stride", "strides", stride) + field("pad", "pads", pad) +
              ("" if ceil else "round_mode: FLOOR "))
    layer = 'type: "Pooling" ' + ('top: "y" top: "mask" ' if mask else "")
    kind = AVE[dims - 1] if ave else MAX[dims - 1]
    extra = {} if ave else {"return_indices": mask}
    make(f"Pooling-{case}", layer + "pooling_param { " + params + "}",
         lambda x: kind(x, kernel, stride, pad, ceil_mode=ceil, **extra), values(*shape), mask)


for d, shape in [(1, (2, 3, 17)), (2, (2, 2, 7, 12)), (3, (1, 2, 4, 5, 7))]:
    pooling(f"max_{d}d", shape, 2, 2)
    pooling(f"max_{d}d_mask", shape, 3, 2, 1, mask=True)
    pooling(f"max_{d}d_floor", shape, 3, 2, 1, ceil=False)
    pooling(f"ave_{d}d", shape, 2, 2, ave=True)
    pooling(f"ave_{d}d_pad", shape, 3, 2, 1, ave=True)
    pooling(f"ave_{d}d_floor", shape, 3, 1, 1, ceil=False, ave=True)
pooling("max_2d_wide", (1, 1, 20, 40), 3, 1, 1)
pooling("ave_2d_wide", (1, 1, 20, 40), 3, 1, 1, ave=True)
pooling("max_2d_long", (1, 1, 36, 37), 5, (4, 3), 2)
pooling("max_2d_each", (1, 2, 6, 9), (2, 3), (1, 2), (0, 1), mask=True)
pooling("max_3d_each", (1, 2, 4, 6, 7), (1, 2, 3), (1, 2, 2), (0, 0, 1), mask=True)
pooling("ave_3d_each", (1, 2, 4, 6, 7), (3, 2, 1), (2, 1, 3), (1, 1, 0), ave=True)
make("Pooling-max_3d_global", 'type: "Pooling" pooling_param { global_pooling: true }',
     lambda x: F.adaptive_max_pool3d(x, 1), values(2, 3, 3, 4, 5))
make("Pooling-ave_1d_global", 'type: "Pooling" pooling_param { pool: AVE global_pooling: true }',
     lambda x: F.adaptive_avg_pool1d(x, 1), values(2, 3, 30))


def pyramid(x, height, pool):
    levels = []
    for level in range(height):
        bins = 2 ** level
        kernel = [math.ceil(size / bins) for size in x.shape[2:]]
        pad = [(k * bins - size + 1) // 2 for k, size in zip(kernel, x.shape[2:])]
        y = pool(x, kernel, kernel, pad, ceil_mode=True)
        assert list(y.shape[2:]) == [bins, bins]
        levels.append(y.flatten(1))
    return torch.cat(levels, 1)


for case, shape, height in [("even", (2, 3, 8, 4), 3), ("odd", (2, 2, 7, 11), 3),
                            ("deep", (1, 1, 16, 23), 4)]:
    for name, method, pool in [("max", "MAX", F.max_pool2d), ("ave", "AVE", F.avg_pool2d)]:
        make(f"SPP-{name}_{case}",
             f'type: "SPP" spp_param {{ pyramid_height: {height} pool: {method} }}',
             lambda x: pyramid(x, height, pool), values(*shape))
# Where the sizes are multiples of the bins, adaptive pooling is the same.
make("SPP-ave_adaptive", 'type: "SPP" spp_param { pyramid_height: 3 pool: AVE }',
     lambda x: torch.cat([F.adaptive_avg_pool2d(x, b).flatten(1) for b in (1, 2, 4)], 1),
     values(2, 2, 8, 12))
