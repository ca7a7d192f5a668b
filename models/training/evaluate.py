"""AP50 by class and set, with intervals and thresholds: `python evaluate.py MODEL…`, where MODEL is an .onnx file or a run's name.

Quick, for use while training: photos are read by Pillow. The figures that count come from `npm run vedette -- models eval`
(docs/evaluate.md), which reads them as the daemon does. A run is measured by the average of its weights.
"""
import argparse
import json
from pathlib import Path

import numpy as np

from boxes import overlap
from data import VAL_SETS, corners, stretched
from detector import detections, detector
from paths import CLASSES, TRAINING

RECALLS = np.linspace(0, 1, 101)


def judged(found, record):
    """By class: (scores, right) of a picture's detections, and how many objects it has. An object is found once."""
    result = {}
    for c in range(len(CLASSES)):
        mine = found[found[:, 0] == c]
        objects = np.array([row[1:] for row in record["own"] if row[0] == c]).reshape(-1, 4)
        right, free = np.zeros(len(mine), bool), np.ones(len(objects), bool)
        if len(mine) and len(objects):
            overlaps = overlap(mine[:, 2:], objects)
            for k in range(len(mine)):
                at = np.where(free, overlaps[k], -1).argmax()
                if free[at] and overlaps[k, at] >= 0.5:
                    right[k], free[at] = True, False
        result[c] = (mine[:, 1], right, len(objects))
    return result


def curve(parts):
    """Scores in falling order, precision and recall there, for one class over pictures."""
    scores = np.concatenate([p[0] for p in parts])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([p[1] for p in parts])[order]
    objects = sum(p[2] for p in parts)
    hits = np.cumsum(right)
    return scores[order], hits / np.arange(1, len(hits) + 1), hits / max(objects, 1), objects


def average_precision(parts):
    """At 101 recalls, precision made monotone, as COCO does it; None without objects."""
    _, precision, recall, objects = curve(parts)
    if objects == 0:
        return None
    if len(precision) == 0:
        return 0.0
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS)
    return float(np.where(at < len(precision), precision[np.minimum(at, len(precision) - 1)], 0).mean())


def mean_of(pictures, classes):
    found = [ap for c in classes if (ap := average_precision([p[c] for p in pictures])) is not None]
    return float(np.mean(found)) if found else float("nan")


def threshold(parts, least):
    """Lowest score from which this share of the detections is right, with the recall there; None where there is none."""
    scores, precision, recall, _ = curve(parts)
    good = np.nonzero(precision >= least)[0]
    return None if len(good) == 0 else (round(float(scores[good[-1]]), 2), round(float(recall[good[-1]]), 3))


def truth(name, size, limit):
    """Pictures at the size of the network, and records whose `own` are the set's own labels."""
    labelled = json.loads((TRAINING / "dataset.json").read_text())["sets"][name]["labelled"]
    for file in sorted((TRAINING / name).glob("*.jpg"))[:limit]:
        lines = file.with_suffix(".txt").read_text().splitlines()
        own = [corners(map(float, line.split())) for line in lines if line.strip()]
        yield stretched(file.read_bytes(), size), {"own": [row for row in own if CLASSES[row[0]] in labelled]}


def evaluate(model, limit=None, resamples=200, precision=0.9, seed=1):
    """Figures of a model by set, all in 0..1."""
    detect, size = detector(model)
    result = {}
    for name in VAL_SETS:
        pictures = [judged(detections(*detect(image)), record) for image, record in truth(name, size, limit)]
        classes = [c for c in range(len(CLASSES)) if sum(p[c][2] for p in pictures) > 0]
        chance = np.random.default_rng(seed)
        draws = [mean_of([pictures[k] for k in chance.integers(len(pictures), size=len(pictures))], classes)
                 for _ in range(resamples)]
        result[name] = {
            "photos": len(pictures), "mean": mean_of(pictures, classes),
            "interval": [float(v) for v in np.percentile(draws, [2.5, 97.5])] if draws else None,
            "classes": {CLASSES[c]: average_precision([p[c] for p in pictures]) for c in classes},
            "thresholds": {CLASSES[c]: threshold([p[c] for p in pictures], precision) for c in classes},
        }
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--limit", type=int, default=None, help="photos of each set")
    parser.add_argument("--bootstrap", type=int, default=200)
    parser.add_argument("--precision", type=float, default=0.9, help="what a threshold shall reach")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = {model: evaluate(model, options.limit, options.bootstrap, options.precision) for model in options.models}
    for name in VAL_SETS:
        print(f"\n{name}, AP50 in per cent")
        for model, sets in figures.items():
            row = sets[name]
            low, high = row["interval"] or (float("nan"),) * 2
            classes = ", ".join(f"{c} {ap:.1%}"[:-1] for c, ap in row["classes"].items())
            print(f"  {model}: {100 * row['mean']:.1f} [{100 * low:.1f}, {100 * high:.1f}] of {row['photos']}: {classes}")
            print(f"    {options.precision:.0%} right from (found): {row['thresholds']}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
