"""Which prediction answers for which object, and the loss.

Heads with anchors keep to what their first weights were trained with, or they would unlearn it before they learn anything: the
object's own cell, the anchor whose shape fits best, and no word against a neighbour that overlaps the object well (Redmon and
Farhadi 2018, YOLOv3; Bochkovskiy et al. 2020, YOLOv4). Heads without: task-aligned assignment, Feng et al. 2021 (TOOD), and
weights of negatives, Zhang et al. 2021 (VarifocalNet). Box loss: Zheng et al. 2020 (complete IoU).
Shapes: B pictures, N predictions, M objects, C classes. Nothing here is left to chance.
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


# From this overlap with an object a prediction that does not answer for it is not told to be silent; and from this likeness of
# shape a further anchor of the object's cell answers too.
NEIGHBOUR, ALIKE = 0.6, 0.4


@torch.no_grad()
def assigned_by_shape(boxes, gt, places):
    """For each prediction the row of its object (or -1), and the row of the object that it overlaps well (or -1), both [B,N].

    boxes [B,N,4], gt [B,M,5]; places: centres, sizes of the cells and anchors, each [N,2].
    """
    centres, sizes, anchors = places
    real = (gt[..., 0] >= 0)[..., None]
    middle, extent = (gt[..., 1:3] + gt[..., 3:5]) / 2, (gt[..., 3:5] - gt[..., 1:3]).clamp(min=1e-6)
    own_cell = ((centres - middle[:, :, None]).abs() <= sizes * 0.5001).all(-1)  # [B,M,N]
    shared = torch.minimum(extent[:, :, None], anchors).prod(-1)
    shape = shared / (extent.prod(-1)[..., None] + anchors.prod(-1) - shared) * (own_cell & real)
    best = shape.amax(-1, keepdim=True)
    wanted = (shape > 0) & ((shape >= best) | (shape > ALIKE))
    # A prediction wanted by several takes the object whose shape fits it best.
    fits = torch.where(wanted, shape, torch.zeros_like(shape)).max(1)
    overlap = (paired_overlap(boxes[:, None], gt[:, :, None, 1:]) * real).max(1)
    return torch.where(fits.values > 0, fits.indices, -1), torch.where(overlap.values > NEIGHBOUR, overlap.indices, -1)


@torch.no_grad()
def assigned(boxes, scores, gt, centres, sizes):
    """For each prediction the row of its object (or -1) [B,N], and how well it answers, 0..1 [B,N].

    boxes [B,N,4], scores [B,N,C] (detached), gt [B,M,5]; centres and sizes of the cells [N,2].
    """
    real = gt[..., 0] >= 0
    overlap = paired_overlap(boxes[:, None], gt[:, :, None, 1:])  # [B,M,N]
    classes = gt[..., 0].clamp(min=0).long()
    score = scores.transpose(1, 2).gather(1, classes[..., None].expand(-1, -1, boxes.shape[1]))
    middle = (gt[..., 1:3] + gt[..., 3:5]) / 2
    off = ((centres - middle[:, :, None]).abs() / sizes).amax(-1)  # in cells, [B,M,N]
    inside = ((centres > gt[:, :, None, 1:3]) & (centres < gt[:, :, None, 3:5])).all(-1)
    allowed, most = (off <= 0.5001) | (inside & (off <= 2.5)), 9
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


def remembered(recalled, boxes, logits, objects):
    """What the answers for the first R pictures differ from those of other weights (Li and Hoiem 2016, learning without forgetting):
    a number for classes, one for objectness, one for boxes, sums over places. `recalled`: boxes [R,N,4], classes [R,N,C] and
    objectness [R,N] in 0..1, and of which classes these are to be believed [C]."""
    places, classes, sure, told = recalled
    count = len(places)
    # Where it sees nothing, what it would have called it says nothing either.
    near = torch.where(sure > 0.05, sure, 0.0)
    named = F.binary_cross_entropy_with_logits(logits[:count], classes, reduction="none") * told
    object_ = F.binary_cross_entropy_with_logits(objects[:count], sure, reduction="none")
    apart = 1 - paired_overlap(boxes[:count], places, complete=True)
    return (named * near[..., None]).sum(), object_.sum(), (apart * near).sum()


def loss_of(net, output, batch, unknown_weight=0.25, recalled=None, box_weight=2.0, recall_weight=0.6):
    """Total loss and its parts (floats). `output`: boxes [B,N,4], logits [B,N,C], objectness [B,N] or None.

    `recalled`: what other weights say of the first R pictures, see `remembered`, and `recall_weight` how much that counts against
    their labels; for heads with anchors.
    """
    boxes, logits, objects = (None if v is None else v.float() for v in output)
    gt = batch["gt"]
    heard, doubtful = listened(batch, boxes.detach(), net.places[0], unknown_weight)
    if objects is not None:
        owner, beside = assigned_by_shape(boxes.detach(), gt, net.places)
        quality, near = (owner >= 0).float(), beside >= 0
    else:
        owner, quality = assigned(boxes.detach(), torch.sigmoid(logits.detach()), gt, *net.places[:2])
    positive = owner >= 0
    row = gt.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, 5))  # [B,N,5]
    hot = F.one_hot(row[..., 0].clamp(min=0).long(), logits.shape[-1]) * positive[..., None]
    total = quality.sum().clamp(min=1.0)
    if objects is not None:
        # That there is nothing at all counts by the share of the classes that are known to be absent.
        absence = torch.where(doubtful | near, 0.0, heard.mean(-1))
        seen = F.binary_cross_entropy_with_logits(objects, quality, reduction="none") * torch.where(positive, 1.0, absence)
        named = F.binary_cross_entropy_with_logits(logits, hot.float(), reduction="none") * quality[..., None]
    else:
        target = hot * quality[..., None]
        weight = torch.where(hot > 0, target, 0.75 * torch.sigmoid(logits.detach()) ** 2 * torch.where(hot > 0, 1.0, heard))
        named = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
        seen = named.new_zeros(())
    placed = (1 - paired_overlap(boxes, row[..., 1:], complete=True)) * quality * positive
    if objects is not None:
        # Suppression may leave a neighbour's box in place of the one that answers: it learns the place too, as far as it is heard.
        nearest = gt[..., 1:].gather(1, beside.clamp(min=0)[..., None].expand(-1, -1, 4))
        heed = torch.sigmoid(objects.detach()) * (near & ~positive)
        placed = placed + (1 - paired_overlap(boxes, nearest, complete=True)) * heed
    if recalled is None:
        named, seen, placed = named.sum(), seen.sum(), placed.sum()
    else:
        count = len(recalled[0])
        share = torch.ones(len(boxes), 1, device=boxes.device)
        share[:count] = 1 - recall_weight
        named, seen, placed = (
            (value.flatten(2).sum(-1) if value.ndim > 2 else value).mul(share).sum() + recall_weight * kept
            for value, kept in zip((named, seen, placed), remembered(recalled, boxes, logits, objects), strict=True)
        )
    named, seen, placed = named / total, seen / total, placed / total
    loss = named + seen + box_weight * placed
    return loss, {"class": named.item(), "object": seen.item(), "box": placed.item(), "positives": int(positive.sum())}
