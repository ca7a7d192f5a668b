"""Boxes [n,4] as x1, y1, x2, y2: overlap and suppression, in numpy."""
import numpy as np


def overlap(a, b):
    """Intersection over union, [n,4] and [m,4] to [n,m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    area = [np.clip(v[:, 2:] - v[:, :2], 0, None).prod(-1) for v in (a, b)]
    return shared / np.maximum(area[0][:, None] + area[1][None] - shared, 1e-12)


def suppressed(boxes, scores, classes, most_overlap=0.5, best=100):
    """Rows kept by greedy suppression within a class, best first."""
    order = np.argsort(-scores, kind="stable")
    boxes = boxes[order] + classes[order, None] * 10.0
    overlaps, alive, kept = overlap(boxes, boxes), np.ones(len(order), bool), []
    for k in range(len(order)):
        if alive[k]:
            kept.append(order[k])
            if len(kept) == best:
                break
            alive &= overlaps[k] <= most_overlap
    return np.array(kept, int)
