"""ROIPooling and PSROIPooling by torchvision (Debian: python3-torchvision), where it does as Caffe.
roi_pool rounds as Fast R-CNN does. ps_roi_pool rounds corners after scaling and takes the second one
as lying outside: it gets x2 + 1, y2 + 1, and regions whose corners are whole after scaling. It never
reads the last row and column of the features, so these regions end before them."""
import torch
from torchvision.ops import ps_roi_pool, roi_pool

from reference import save

torch.manual_seed(2015)


def make(name, layer, pool, x, rois):
    x.requires_grad_()
    y = pool(x, rois)
    dy = torch.rand_like(y) * 2 - 1
    dx, = torch.autograd.grad(y, x, dy)
    save(name, layer, bottoms=[x, rois], tops=[y], top_diffs=[dy], bottom_diffs=[dx, None])


def values(*shape):
    """All different."""
    count = torch.Size(shape).numel()
    return ((torch.randperm(count) - count / 2) / count).reshape(shape)


# Within; half outside; wholly outside; inside out; one pixel; corners that need rounding.
ROIS = torch.tensor([[0, 0, 0, 6, 4], [1, 3, 2, 11, 9], [0, -5, -3, 2, 2], [1, 20, 20, 30, 30],
                     [0, 5, 4, 2, 1], [1, 3, 3, 3, 3], [0, 0.5, 1.4, 4.6, 3.5]])
for case, height, width, scale in [("2x2", 2, 2, 1.0), ("3x2", 3, 2, 0.5), ("7x7", 7, 7, 1.0),
                                   ("1x1", 1, 1, 0.0625)]:
    rois = ROIS * torch.tensor([1] + [1 / scale] * 4) if scale < 0.1 else ROIS
    make("ROIPooling-" + case, 'type: "ROIPooling" roi_pooling_param { '
         f'pooled_h: {height} pooled_w: {width} spatial_scale: {scale} }}',
         lambda x, r: roi_pool(x, r, (height, width), scale), values(2, 2, 5, 7),
         rois[:3] if case == "7x7" else rois)


def position_sensitive(size, scale):
    return lambda x, r: ps_roi_pool(x, r + torch.tensor([0, 0, 0, 1, 1]), size, scale)


WHOLE = torch.tensor([[0, 0, 0, 5, 3], [1, 2, 2, 5, 3], [0, -4, -2, 1, 1], [1, 4, 0, 5, 3],
                      [0, -8, -8, -3, -3]]).float()
for size, outputs, scale in [(1, 3, 1.0), (2, 2, 0.5), (3, 1, 0.5)]:
    make(f"PSROIPooling-{size}x{size}", 'type: "PSROIPooling" psroi_pooling_param { '
         f'spatial_scale: {scale} output_dim: {outputs} group_size: {size} }}',
         position_sensitive(size, scale), values(2, outputs * size * size, 6, 8), WHOLE)
