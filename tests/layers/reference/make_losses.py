"""Losses, Softmax and Accuracy by PyTorch. Gradients by its autograd, unless a line says otherwise."""
import numpy as np
import torch
import torch.nn.functional as F

from reference import save

torch.manual_seed(20)


def scores(*shape, scale=2.0):
    return (torch.randn(*shape) * scale).requires_grad_()


def labels(classes, *shape, ignore=None):
    values = torch.randint(classes, shape)
    if ignore is not None:
        values.view(-1)[::3] = ignore
    return values


def save_loss(name, layer, bottoms, loss, dy=1.7, **more):
    """bottoms: those that require a gradient have theirs compared."""
    for bottom in bottoms:
        if bottom.requires_grad:
            bottom.grad = None
    loss.backward(torch.tensor(dy))
    save(name, layer, bottoms=bottoms, tops=[loss], top_diffs=[np.array(dy)],
         bottom_diffs=[b.grad if b.requires_grad else None for b in bottoms], **more)


def softmax():
    for name, shape, axis in (("rows", (5, 37), 1), ("maps", (2, 5, 3, 4), 1), ("first", (7, 6), 0)):
        x = scores(*shape)
        y = torch.softmax(x, axis)
        dy = torch.randn(*shape)
        y.backward(dy)
        save(f"Softmax-{name}", f'type: "Softmax" softmax_param {{ axis: {axis} }}', bottoms=[x],
             tops=[y], top_diffs=[dy], bottom_diffs=[x.grad])


def softmax_with_loss():
    x, t = scores(9, 5), labels(5, 9)
    save_loss("SoftmaxWithLoss-rows", 'type: "SoftmaxWithLoss"', [x, t], F.cross_entropy(x, t))
    x, t = scores(2, 5, 3, 4), labels(5, 2, 3, 4, ignore=255)
    save_loss("SoftmaxWithLoss-ignore", 'type: "SoftmaxWithLoss" loss_param { ignore_label: 255 }',
              [x, t], F.cross_entropy(x, t, ignore_index=255))
    x, t = scores(9, 5), labels(5, 9)
    save_loss("SoftmaxWithLoss-smoothing",
              'type: "SoftmaxWithLoss" loss_param { label_smoothing: 0.1 }', [x, t],
              F.cross_entropy(x, t, label_smoothing=0.1))
    # The sum over the number of predictions, as SegNet; PyTorch's own mean divides by the weights.
    w = torch.tensor([0.5, 2.0, 0.0, 1.25, 3.0])
    text = " ".join(f"class_weighting: {v}" for v in w.tolist())
    x, t = scores(2, 5, 3, 4), labels(5, 2, 3, 4, ignore=255)
    save_loss("SoftmaxWithLoss-weights",
              f'type: "SoftmaxWithLoss" loss_param {{ ignore_label: 255 weight_by_label_freqs: true {text} }}',
              [x, t], F.cross_entropy(x, t, w, ignore_index=255, reduction="sum") / (t != 255).sum())
    x, t = scores(9, 5), labels(5, 9)
    save_loss("SoftmaxWithLoss-weights_smoothing",
              f'type: "SoftmaxWithLoss" loss_param {{ label_smoothing: 0.3 {text} }}', [x, t],
              F.cross_entropy(x, t, w, label_smoothing=0.3, reduction="sum") / 9)
    counts = torch.bincount(t, minlength=5)
    x = scores(9, 5)
    save_loss("SoftmaxWithLoss-frequencies",
              'type: "SoftmaxWithLoss" loss_param { weight_by_label_freqs: true normalization: NONE }',
              [x, t], F.cross_entropy(x, t, 1.0 / counts.clamp(min=1), reduction="sum"))
    # The second top, too.
    x, t = scores(4, 6), labels(6, 4)
    p, dp = torch.softmax(x, 1), torch.randn(4, 6)
    loss = F.cross_entropy(x, t)
    torch.autograd.backward([loss, p], [torch.tensor(0.8), dp])
    save("SoftmaxWithLoss-probabilities", 'type: "SoftmaxWithLoss" top: "loss" top: "p"',
         bottoms=[x, t], tops=[loss, p], top_diffs=[np.array(0.8), dp], bottom_diffs=[x.grad, None])


def infogain():
    h = torch.rand(5, 5)
    x, t = scores(6, 5), labels(5, 6)
    loss = -(h[t] * torch.log_softmax(x, 1)).sum() / 6
    save_loss("InfogainLoss-bottom", 'type: "InfogainLoss"', [x, t, h.reshape(1, 1, 5, 5)], loss)
    x, t = scores(2, 4, 5, 3), labels(5, 2, 4, 3, ignore=9)
    kept = t != 9
    log_p = torch.log_softmax(x, 2).permute(0, 1, 3, 2)
    loss = -(h[t[kept]] * log_p[kept]).sum() / (2 * 4)  # BATCH_SIZE: all before the axis
    save_loss("InfogainLoss-axis",
              'type: "InfogainLoss" infogain_loss_param { axis: 2 } '
              'loss_param { ignore_label: 9 normalization: BATCH_SIZE }', [x, t, h], loss)


def focal():
    for name, alpha, gamma in (("softmax", 0.25, 2.0), ("gamma_half", 1.0, 0.5)):
        x, t = scores(7, 5), labels(5, 7)
        log_q = torch.log_softmax(x, 1).gather(1, t[:, None])[:, 0]
        loss = (-alpha * (1 - log_q.exp()) ** gamma * log_q).mean()
        save_loss(f"FocalLoss-{name}",
                  f'type: "FocalLoss" focal_loss_param {{ alpha: {alpha} gamma: {gamma} }}', [x, t], loss)
        if name == "softmax":  # under its other names
            for alias, field in (("SoftmaxWithFocalLoss", "focal_loss_param"),
                                 ("SoftmaxFocalLoss", "softmax_focal_loss_param")):
                save(f"{alias}-{name}", f'type: "{alias}" {field} {{ alpha: {alpha} gamma: {gamma} }}',
                     bottoms=[x, t], tops=[loss], top_diffs=[np.array(1.7)], bottom_diffs=[x.grad, None])
    # PyTorch's cross-entropy of its sigmoid, weighted as the paper's formula says.
    x, t = scores(4, 6), torch.randint(2, (4, 6)).float()
    t[0, :3] = torch.tensor([0.3, 0.9, 0.5])
    p = torch.sigmoid(x)
    q = p * t + (1 - p) * (1 - t)
    entropy = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    loss = ((0.25 * t + 0.75 * (1 - t)) * (1 - q) ** 2 * entropy).sum() / 4
    save_loss("FocalLoss-sigmoid",
              'type: "FocalLoss" focal_loss_param { form: SIGMOID } loss_param { normalization: BATCH_SIZE }',
              [x, t], loss)


def sigmoid_cross_entropy():
    x, t = scores(4, 3, 5, scale=6.0), torch.rand(4, 3, 5) * 1.5 - 0.25
    loss = F.binary_cross_entropy_with_logits(x, t, reduction="sum") / 4
    save_loss("SigmoidCrossEntropyLoss-batch_size", 'type: "SigmoidCrossEntropyLoss"', [x, t], loss)
    x, t = scores(4, 6), torch.randint(2, (4, 6)).float()
    t.view(-1)[::4] = -1
    kept = t != -1
    loss = F.binary_cross_entropy_with_logits(x[kept], t[kept])
    save_loss("SigmoidCrossEntropyLoss-valid",
              'type: "SigmoidCrossEntropyLoss" loss_param { ignore_label: -1 normalization: VALID }',
              [x, t], loss)


def differences():
    a, b = scores(4, 3, 2), scores(4, 3, 2)
    save_loss("EuclideanLoss-both", 'type: "EuclideanLoss"', [a, b],
              F.mse_loss(a, b, reduction="sum") / 2 / 4)
    a, b = scores(4, 3, 2), scores(4, 6)
    save_loss("L1Loss-both", 'type: "L1Loss"', [a, b],
              F.l1_loss(a.reshape(4, 6), b, reduction="sum") / 4)


def margins():
    # multi_margin_loss leaves the label's own term out and divides by the number of classes.
    for name, p in (("l1", 1), ("l2", 2)):
        x, t = scores(6, 5, scale=1.0), labels(5, 6)
        s = 2 * F.one_hot(t, 5) - 1
        loss = torch.relu(1 - s * x).pow(p).sum() / 6
        save_loss(f"HingeLoss-{name}", f'type: "HingeLoss" hinge_loss_param {{ norm: {name.upper()} }}',
                  [x, t], loss)
    x, t = scores(6, 5), labels(5, 6)
    p = torch.softmax(x, 1).detach().requires_grad_()
    save_loss("MultinomialLogisticLoss-rows", 'type: "MultinomialLogisticLoss"', [p, t],
              F.nll_loss(p.log(), t))


def distances():
    similar = torch.tensor([1, 0, 0, 1, 0, 0])
    for name, legacy in (("norm", False), ("legacy", True)):
        a, b = scores(6, 4, scale=0.5), scores(6, 4, scale=0.5)
        d = F.pairwise_distance(a, b, eps=0)
        apart = torch.relu(2 - d ** 2) if legacy else torch.relu(1.5 - d) ** 2
        loss = torch.where(similar == 1, d ** 2, apart).sum() / 12
        params = "margin: 2 legacy_version: true" if legacy else "margin: 1.5"
        save_loss(f"ContrastiveLoss-{name}",
                  f'type: "ContrastiveLoss" contrastive_loss_param {{ {params} }}', [a, b, similar], loss)
    a, p, n = scores(6, 4, scale=0.7), scores(6, 4, scale=0.7), scores(6, 4, scale=0.7)
    square = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda u, v: ((u - v) ** 2).sum(1), margin=0.4, reduction="sum")
    save_loss("TripletLoss-margin", 'type: "TripletLoss" triplet_loss_param { margin: 0.4 }', [a, p, n],
              square(a, p, n) / 12)

    x, t, centers = scores(7, 2, 3), torch.tensor([0, 2, 2, 4, 0, 2, 1]), scores(5, 6)
    rows = x.reshape(7, 6)
    loss = ((rows - centers[t]) ** 2).sum() / 14
    # The update of the centers is no derivative; PyTorch has none, so this is the paper's formula (4).
    diffs = torch.zeros(5, 6)
    for j in range(5):
        own = rows[t == j]
        diffs[j] = (centers[j] - own).sum(0) / (1 + len(own))
    save_loss("CenterLoss-wen", 'type: "CenterLoss" center_loss_param { num_output: 5 }', [x, t], loss,
              params=[centers], param_diffs=[diffs])


def divergences():
    for name, layer, log_target, reduction in (
            ("default", "", False, "batchmean"),
            ("log_target", "log_target: true reduction: SUM", True, "sum"),
            ("mean", "reduction: MEAN", False, "mean")):
        x = torch.log_softmax(scores(4, 3, 5), 1).detach().requires_grad_()
        t = torch.softmax(torch.randn(4, 3, 5), 1)
        t = (t.log() if log_target else t).requires_grad_()
        save_loss(f"KLDivLoss-{name}", f'type: "KLDivLoss" kl_div_loss_param {{ {layer} }}', [x, t],
                  F.kl_div(x, t, reduction=reduction, log_target=log_target))
    p = torch.softmax(scores(4, 6), 1).detach().requires_grad_()
    t = torch.softmax(torch.randn(4, 6), 1)
    t[1] = F.one_hot(torch.tensor(2), 6).float()  # zeros, whose gradient PyTorch leaves undefined
    save_loss("KLDivLoss-probabilities", 'type: "KLDivLoss" kl_div_loss_param { log_input: false }',
              [p, t], F.kl_div(p.log(), t, reduction="batchmean"))


def accuracy():
    x, t = torch.randn(30, 6), labels(6, 30, ignore=255)
    kept = t != 255
    best = x[kept].topk(2).indices
    right = (best == t[kept][:, None]).any(1)
    save("Accuracy-top_2", 'type: "Accuracy" accuracy_param { top_k: 2 ignore_label: 255 }',
         bottoms=[x, t], tops=[right.float().mean()])
    each = torch.stack([right[t[kept] == c].float().mean() for c in range(6)])
    save("Accuracy-per_class",
         'type: "Accuracy" top: "all" top: "each" accuracy_param { top_k: 2 ignore_label: 255 }',
         bottoms=[x, t], tops=[right.float().mean(), each])


for family in (softmax, softmax_with_loss, infogain, focal, sigmoid_cross_entropy, differences, margins,
               distances, divergences, accuracy):
    family()
