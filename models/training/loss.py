"""Which prediction answers for which object, and the loss.

Sources: task-aligned assignment, Feng et al. 2021 (TOOD); weights of negatives, Zhang et al. 2021 (VarifocalNet); box loss, Zheng
et al. 2020 (complete IoU). Shapes: B pictures, N predictions, M objects, C classes. Nothing here is left to chance.
"""
import math

import torch
from torch.nn import functional as F


def paired_overlap(a, b, complete=False):
    """IoU of boxes that broadcast against each other, [...,4]; `complete` also minds the centres and the shape."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    size_a, size_b = (a[..., 2:] - a[..., :2]).clamp(min=1e-6), (b[..., 2:] - b[..., :2]).clamp(min=1e-6)
    iou = shared / (size_a.prod(-1) + size_b.prod(-1) - shared)
    if not complete:
        return iou
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    shape = (torch.atan(size_b[..., 0] / size_b[..., 1]) - torch.atan(size_a[..., 0] / size_a[..., 1])) ** 2 * (4 / math.pi**2)
    with torch.no_grad():
        weight = shape / (1 - iou + shape + 1e-6)
    return iou - apart / ((hull**2).sum(-1) + 1e-9) - weight * shape


@torch.no_grad()
def assigned(boxes, scores, gt, centres, sizes, kind):
    """For each prediction the row of its object (or -1) [B,N], and how well it answers, 0..1 [B,N].

    boxes [B,N,4], scores [B,N,C] (detached), gt [B,M,5]; centres [N,2] and sizes [N] of the cells.
    """
    real = gt[..., 0] >= 0
    overlap = paired_overlap(boxes[:, None], gt[:, :, None, 1:])  # [B,M,N]
    classes = gt[..., 0].clamp(min=0).long()
    score = scores.transpose(1, 2).gather(1, classes[..., None].expand(-1, -1, boxes.shape[1]))
    middle = (gt[..., 1:3] + gt[..., 3:5]) / 2
    off = (centres[None, None] - middle[:, :, None]).abs().amax(-1)  # [B,M,N]
    own_cell = off <= sizes * 0.5001
    if kind == "yolo":
        allowed, most = own_cell, 2
    else:
        inside = ((centres > gt[:, :, None, 1:3]) & (centres < gt[:, :, None, 3:5])).all(-1)
        allowed, most = own_cell | (inside & (off <= sizes * 2.5)), 9
    # A box far from its object still has an order: the small term decides while nothing overlaps.
    metric = (score.clamp(min=1e-4) ** 0.5 * overlap**4 + 1e-9) * (allowed & real[..., None])
    best = metric.topk(most, -1).values[..., -1:]
    metric = metric * (metric >= best)
    # A prediction wanted by several takes the object that it overlaps most.
    wanted = metric > 0
    owner = torch.where(wanted, overlap + 1e-6, torch.zeros_like(overlap)).max(1)
    mine = F.one_hot(owner.indices, gt.shape[1]).transpose(1, 2).bool() & wanted
    metric, overlap = metric * mine, overlap * mine
    quality = metric / metric.amax(-1, keepdim=True).clamp(min=1e-12) * overlap.amax(-1, keepdim=True).clamp(min=0.05)
    return torch.where(mine.any(1), owner.indices, -1), quality.amax(1)


@torch.no_grad()
def listened(batch, boxes, centres, unknown_weight):
    """How much the absence of a class counts at a prediction [B,N,C]: 1 where it is known, less where nobody has said, 0 in
    regions that the teacher or the cut leaves in doubt. And whether some class is in doubt there [B,N]."""
    right = (centres[None, :, 0] >= batch["split"][:, None, 0]).long()
    lower = (centres[None, :, 1] >= batch["split"][:, None, 1]).long()
    quarters = batch["known"].flatten(1, 2)  # [B,4,C]
    known = quarters.gather(1, (lower * 2 + right)[..., None].expand(-1, -1, quarters.shape[-1]))
    weight = known.float() * (1 - unknown_weight) + unknown_weight
    doubt = batch["ignore"]
    inside = ((centres >= doubt[:, :, None, 1:3]) & (centres <= doubt[:, :, None, 3:5])).all(-1)
    near = inside | (paired_overlap(boxes[:, None], doubt[:, :, None, 1:]) > 0.3)  # [B,K,N]
    classes = F.one_hot(doubt[..., 0].clamp(min=0).long(), weight.shape[-1]) * (doubt[..., :1] >= 0)
    doubtful = (near[..., None] & (classes[:, :, None] > 0)).any(1)  # [B,N,C]
    return weight * ~doubtful, doubtful.any(-1)


def loss_of(net, output, batch, unknown_weight=0.25):
    """Total loss and its parts (floats). `output`: boxes [B,N,4], logits [B,N,C], objectness [B,N] or None."""
    boxes, logits, objects = (None if v is None else v.float() for v in output)
    centres, sizes = net.places
    gt = batch["gt"]
    scores = torch.sigmoid(logits.detach())
    if objects is not None:
        scores = scores * torch.sigmoid(objects.detach())[..., None]
    owner, quality = assigned(boxes.detach(), scores, gt, centres, sizes, net.kind)
    positive = owner >= 0
    row = gt.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, 5))  # [B,N,5]
    hot = F.one_hot(row[..., 0].clamp(min=0).long(), logits.shape[-1]) * positive[..., None]
    target = hot * quality[..., None]
    total = quality.sum().clamp(min=1.0)
    heard, doubtful = listened(batch, boxes.detach(), centres, unknown_weight)
    if objects is None:
        heard = torch.where(hot > 0, 1.0, heard)
        weight = torch.where(hot > 0, target, 0.75 * scores**2) * heard
        named = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum() / total
        seen = named.new_zeros(())
    else:
        # That there is nothing at all counts by the share of the classes that are known to be absent.
        absence = torch.where(doubtful, 0.0, heard.mean(-1))
        sure = torch.sigmoid(objects.detach())
        weight = torch.where(positive, 1.0, absence * 0.75 * sure**1.5)
        seen = (F.binary_cross_entropy_with_logits(objects, quality, reduction="none") * weight).sum() / total
        named = F.binary_cross_entropy_with_logits(logits, hot.float(), reduction="none")
        named = (named * quality[..., None]).sum() / total
    placed = ((1 - paired_overlap(boxes, row[..., 1:], complete=True)) * quality * positive).sum() / total
    loss = named + seen + 2.0 * placed
    return loss, {"class": named.item(), "object": seen.item(), "box": placed.item(), "positives": int(positive.sum())}
