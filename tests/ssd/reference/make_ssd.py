#!/usr/bin/env python3
"""The layers of SSD: Permute, Normalize and the losses by PyTorch, PriorBox and DetectionOutput by OpenCV.

MultiBoxLoss: which prior belongs to which box, and which negatives are mined, is decided here in NumPy, by the words of the paper
and of SSD's parameters; losses and gradients are PyTorch's.
"""
import pathlib
import sys

import cv2
import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "layers" / "reference"))
from reference import save as save_case  # noqa: E402


def save(*words, **options):
    save_case(*words, root=HERE, **options)


def tensor(array):
    return torch.tensor(np.asarray(array, np.float32), requires_grad=True)


def permute(random):
    x = tensor(random.standard_normal((2, 3, 4, 5)))
    y = x.permute(0, 2, 3, 1)
    dy = torch.tensor(random.standard_normal(y.shape).astype(np.float32))
    y.backward(dy)
    save("Permute-to_last", 'type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 }',
         bottoms=[x], tops=[y], top_diffs=[dy], bottom_diffs=[x.grad])


def normalize(random):
    for name, across, shared in (("places", False, False), ("shared", False, True), ("samples", True, False)):
        x = tensor(random.standard_normal((2, 3, 2, 5)))
        scale = tensor(10 if shared else [1.5, -0.5, 20])
        y = scale.reshape(1, -1, 1, 1) * F.normalize(x, dim=(1, 2, 3) if across else 1, eps=1e-5)
        dy = torch.tensor(random.standard_normal(y.shape).astype(np.float32))
        y.backward(dy)
        words = f"across_spatial: {str(across).lower()} channel_shared: {str(shared).lower()}"
        save(f"Normalize-{name}", f'type: "Normalize" norm_param {{ {words} }}', bottoms=[x],
             params=[scale], tops=[y], top_diffs=[dy], bottom_diffs=[x.grad], param_diffs=[scale.grad])


def smooth_l1(random):
    for name, sigma, weights in (("plain", 1, 0), ("sigma", 3, 2)):
        a, b = (tensor(2 * random.standard_normal((4, 6))) for _ in range(2))
        w, v = (torch.tensor(random.uniform(0, 2, (4, 6)).astype(np.float32)) for _ in range(2))
        inside, outside = (w, v) if weights else (1, 1)
        terms = F.smooth_l1_loss(inside * a, inside * b, reduction="none", beta=1 / sigma ** 2)
        loss = (outside * terms).sum() / 4
        dy = torch.tensor(0.7)
        loss.backward(dy)
        save(f"SmoothL1Loss-{name}", f'type: "SmoothL1Loss" smooth_l1_loss_param {{ sigma: {sigma} }}',
             bottoms=[a, b, w, v][:2 + weights], tops=[loss], top_diffs=[dy],
             bottom_diffs=[a.grad, b.grad])


def by_opencv(layer, bottoms):
    # OpenCV's inputs have four axes.
    bottoms = [bottom.reshape(bottom.shape + (1,) * (4 - bottom.ndim)) for bottom in bottoms]
    names = [f"b{i}" for i in range(len(bottoms))]
    text = ""
    for name, bottom in zip(names, bottoms):
        text += f'input: "{name}"\ninput_shape {{ ' + " ".join(f"dim: {n}" for n in bottom.shape) + " }\n"
    text += 'layer {\n name: "y" top: "y" ' + " ".join(f'bottom: "{name}"' for name in names) + f" {layer} }}\n"
    net = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    for name, bottom in zip(names, bottoms):
        net.setInput(bottom, name)
    return net.forward("y")


def prior_box(random):
    cases = {
        "sizes": "min_size: 7 max_size: 14 aspect_ratio: 2 aspect_ratio: 3 flip: true clip: false "
                 "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2",
        "clip": "min_size: 9 min_size: 22 aspect_ratio: 2 flip: false clip: true variance: 0.3",
        "step": "min_size: 4 max_size: 6 flip: true clip: false step: 8 offset: 0.25 "
                "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2",
    }
    for name, words in cases.items():
        bottoms = [np.zeros((1, 1, 3, 4), np.float32), np.zeros((1, 1, 24, 40), np.float32)]
        layer = f'type: "PriorBox" prior_box_param {{ {words} }}'
        save(f"PriorBox-{name}", layer, bottoms=bottoms, tops=[by_opencv(layer, bottoms)])


def priors_of(random, count):
    corners = random.uniform(0, 0.6, (count, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0.15, 0.4, (count, 2))], 1)
    variances = np.tile([0.1, 0.1, 0.2, 0.2], (count, 1))
    return np.stack([boxes, variances]).reshape(1, 2, -1).astype(np.float32)


def detection_output(random):
    cases = {
        "center": (2, 3, True, "share_location: true code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 "
                               "top_k: 8 } keep_top_k: 9 confidence_threshold: 0.2"),
        "corner": (2, 3, True, "share_location: true code_type: CORNER nms_param { nms_threshold: 0.3 } "
                               "keep_top_k: 100 confidence_threshold: 0.4"),
        "each_class": (1, 3, False, "share_location: false code_type: CENTER_SIZE "
                                    "variance_encoded_in_target: true nms_param { nms_threshold: 0.4 } "
                                    "keep_top_k: 6 confidence_threshold: 0.3"),
    }
    for name, (batch, classes, share, words) in cases.items():
        count = 12
        loc = 0.5 * random.standard_normal((batch, count * 4 * (1 if share else classes)))
        conf = random.uniform(0, 1, (batch, count * classes))
        bottoms = [loc.astype(np.float32), conf.astype(np.float32), priors_of(random, count)]
        layer = (f'type: "DetectionOutput" detection_output_param {{ num_classes: {classes} '
                 f'background_label_id: 0 {words} }}')
        # OpenCV wants no variances where they are not used, fills up with rows of 0, and orders the rows of all
        # classes by score; Caffe has them class by class.
        priors = bottoms[2][:, :1] if "variance_encoded" in words else bottoms[2]
        rows = [row for row in by_opencv(layer, [*bottoms[:2], priors]).reshape(-1, 7).tolist() if row[2] > 0]
        rows = np.array(sorted(rows, key=lambda row: (row[0], row[1], -row[2])))
        save(f"DetectionOutput-{name}", layer, bottoms=bottoms, tops=[rows.reshape(1, 1, -1, 7)])


def overlap(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    both = np.prod(np.maximum(high - low, 0))
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


def match(boxes, truths, threshold):
    """For each box the number of its truth, or -1; and the most that it overlaps any."""
    table = np.array([[overlap(a, b) for b in truths] for a in boxes])
    result, free = np.full(len(boxes), -1), table.copy()
    while free.max() > 1e-6:
        i, g = np.unravel_index(free.argmax(), free.shape)
        result[i] = g
        free[i, :] = free[:, g] = -1
    for i, row in enumerate(table):
        if result[i] < 0 and row.max() >= threshold:
            result[i] = row.argmax()
    return result, table.max(1)


def encode(code_type, prior, box):
    size, other = prior[2:] - prior[:2], box[2:] - box[:2]
    if code_type == "CORNER":
        return box - prior
    if code_type == "CORNER_SIZE":
        return (box - prior) / np.tile(size, 2)
    return np.concatenate([((box[:2] + box[2:]) - (prior[:2] + prior[2:])) / 2 / size, np.log(other / size)])


def multibox_loss(random):
    classes, count, batch = 4, 10, 3
    truth = np.array([[0, 1, 0, .1, .1, .4, .5, 0], [0, 3, 1, .5, .3, .9, .8, 0], [2, 2, 0, .2, .4, .6, .7, 0],
                      [-1] * 8], np.float64)
    cases = [("softmax", "CENTER_SIZE", "SMOOTH_L1", "SOFTMAX", "MAX_NEGATIVE", "VALID"),
             ("l2", "CORNER", "L2", "SOFTMAX", "NONE", "FULL"),
             ("logistic", "CORNER_SIZE", "SMOOTH_L1", "LOGISTIC", "MAX_NEGATIVE", "BATCH_SIZE")]
    for name, code_type, loc_type, conf_type, mining, normalization in cases:
        loc = tensor(1.5 * random.standard_normal((batch, count * 4)))
        conf = tensor(2 * random.standard_normal((batch, count * classes)))
        priors = priors_of(random, count)
        boxes, variances = priors.astype(np.float64).reshape(2, count, 4)
        loc_sum = conf_sum = torch.tensor(0.0)
        matches = 0
        for n in range(batch):
            here = truth[truth[:, 0] == n]
            codes, scores = loc[n].reshape(count, 4), conf[n].reshape(count, classes)
            labels, used = np.zeros(count, int), np.full(count, mining == "NONE")
            if len(here):
                found, most = match(boxes, here[:, 3:7], 0.35)
                for i in np.flatnonzero(found >= 0):
                    target = encode(code_type, boxes[i], here[found[i], 3:7]) / variances[i]
                    target = torch.tensor(target.astype(np.float32))
                    loc_sum = loc_sum + (F.smooth_l1_loss(codes[i], target, reduction="sum") if loc_type == "SMOOTH_L1"
                                         else ((codes[i] - target) ** 2).sum() / 2)
                    labels[i] = here[found[i], 1]
                    matches += 1
                used |= found >= 0
            one_hot = F.one_hot(torch.tensor(labels), classes).float()
            each = (F.cross_entropy(scores, torch.tensor(labels), reduction="none") if conf_type == "SOFTMAX"
                    else F.binary_cross_entropy_with_logits(scores, one_hot, reduction="none").sum(1))
            if len(here) and mining != "NONE":
                free = [i for i in range(count) if found[i] < 0 and most[i] < 0.3]
                free.sort(key=lambda i: -each[i].item())
                used[free[:2 * int((found >= 0).sum())]] = True
            conf_sum = conf_sum + each[torch.tensor(used)].sum()
        over = {"VALID": matches, "FULL": batch * count, "BATCH_SIZE": batch}[normalization]
        loss = (2 * loc_sum + conf_sum) / over
        dy = torch.tensor(0.5)
        loss.backward(dy)
        layer = (f'type: "MultiBoxLoss" loss_param {{ normalization: {normalization} }} multibox_loss_param {{ '
                 f'num_classes: {classes} code_type: {code_type} loc_loss_type: {loc_type} conf_loss_type: {conf_type} '
                 f'mining_type: {mining} loc_weight: 2 overlap_threshold: 0.35 neg_overlap: 0.3 neg_pos_ratio: 2 }}')
        save(f"MultiBoxLoss-{name}", layer, bottoms=[loc, conf, priors, truth.reshape(1, 1, -1, 8)],
             tops=[loss], top_diffs=[dy], bottom_diffs=[loc.grad, conf.grad])


if __name__ == "__main__":
    for seed, family in enumerate((permute, normalize, smooth_l1, prior_box, detection_output, multibox_loss)):
        family(np.random.default_rng(seed))
