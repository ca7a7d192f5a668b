"""Batches for training: pictures of the cache cut, pasted, tilted and made as bad as a security camera makes them.

A batch is made from (seed, step) alone, so that it is the same in whatever process, and after a restart. Its form:
image uint8 [B,H,W,3]; gt float [B,M,5] rows (class, x1, y1, x2, y2), class -1 is padding; ignore float [B,K,5] alike;
known bool [B,2,2,C] by quarter (row, column) and split float [B,2] (x, y), where the quarters meet.
"""
import io
import json

import numpy as np
import torch
from PIL import Image, ImageOps

from paths import CLASSES

WEIGHTS = {"coco/train": 0.26, "person-tracker/train": 0.38, "highway/train": 0.17, "scene": 0.07, "above": 0.07, "negative": 0.05}
# Of these pictures the first weights are asked what they see (train.py).
RECALLED = "coco/train"
ROWS_MAX = 60
# An object of which less is left after cutting, or that is smaller in pixels, is neither asked for nor wrong to name.
LEFT_MIN, PIXELS_MIN = 0.35, 5


class Batches(torch.utils.data.Dataset):
    """`batches[step]` is the batch of that step. With `recalled` so many pictures of it, the first, are COCO's, and no others."""

    def __init__(self, cache, size, count, seed, steps, weights=WEIGHTS, recalled=0):
        self.size, self.count, self.seed, self.steps, self.recalled = np.array(size), count, seed, steps, recalled
        self.sets = [name for name in weights if (cache / f"{name.replace('/', '-')}.npy").exists()]
        files = [cache / name.replace("/", "-") for name in self.sets]
        self.pictures = [np.load(f"{file}.npy", mmap_mode="r") for file in files]
        self.records = [json.loads(file.with_suffix(".json").read_text()) for file in files]
        self.shares = [shares(records) for records in self.records]
        chances = np.array([0 if recalled and name == RECALLED else weights[name] for name in self.sets])
        self.chances = chances / chances.sum()

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        chance = np.random.default_rng((self.seed, step))
        return collated([self.sample(chance, RECALLED if k < self.recalled else None) for k in range(self.count)])

    def pick(self, chance, name=None):
        """A picture and its record, of any set or of the one named (where there is none of it, of any)."""
        at = self.sets.index(name) if name in self.sets else chance.choice(len(self.sets), p=self.chances)
        k = np.searchsorted(self.shares[at], chance.random())
        return self.pictures[at][k], self.records[at][k]

    def sample(self, chance, name=None):
        """One picture, of any sets or the one named: (image, gt, ignore, known, split)."""
        size = width, height = self.size
        canvas = Image.new("RGB", tuple(size), (114, 114, 114))
        gt, ignore = [], []
        if chance.random() < 0.15:
            split = chance.uniform(0.35, 0.65, 2)
            known = np.zeros((2, 2, len(CLASSES)), bool)
            x, y = (split * size).round().astype(int)
            for row, (top, bottom) in enumerate(((0, y), (y, height))):
                for column, (left, right) in enumerate(((0, x), (x, width))):
                    picture, record = self.pick(chance, name)
                    known[row, column] = record["known"]
                    window = cut(chance, chance.uniform(0.6, 1.0))
                    paste(canvas, (left, top, right, bottom), picture, window, record, gt, ignore, chance.random() < 0.5)
        else:
            split = np.ones(2)
            picture, record = self.pick(chance, name)
            known = np.broadcast_to(np.array(record["known"]), (2, 2, len(CLASSES)))
            # Half of the pictures stay nearly as they are: a small network is best at the sizes that it saw most.
            rect, window = (0, 0, width, height), cut(chance, chance.uniform(0.9, 1.0))
            kind = chance.random()
            if kind < 0.2:  # closer, partial
                window = cut(chance, chance.uniform(0.45, 1.0))
            elif kind > 0.75:  # farther, smaller, on a place where nothing is
                ground, empty = self.pick(chance, "negative")
                if not empty["boxes"]:
                    paste(canvas, rect, ground, cut(chance, 0.8), empty, [], [], False)
                # Most cameras are wider than the square that the daemon makes of them: half of these are squeezed.
                squeeze = chance.uniform(0.56, 1.0) if chance.random() < 0.5 else 1.0
                w, h = (size * chance.uniform(0.35, 0.95) * chance.uniform(0.85, 1.15, 2) * (squeeze, 1)).clip(64, size).astype(int)
                left, top = chance.integers(0, width - w + 1), chance.integers(0, height - h + 1)
                rect = (left, top, left + w, top + h)
            paste(canvas, rect, picture, window, record, gt, ignore, chance.random() < 0.5)
        if chance.random() < 0.1:
            canvas, gt, ignore = tilted(canvas, chance.uniform(-12, 12), gt, ignore)
        return worsened(chance, canvas), gt, ignore, known, split


def shares(records):
    """Running sum of the chance of each picture [n]: up to four times as much for one that shows what is rare in its set."""
    pictures = np.zeros(len(CLASSES))
    for record in records:
        for c in {int(row[0]) for row in record["boxes"]}:
            pictures[c] += 1
    worth = np.clip(np.sqrt(0.3 * len(records) / np.maximum(pictures, 1)), 1, 4)
    chances = np.array([max((worth[int(row[0])] for row in record["boxes"]), default=1.0) for record in records])
    return np.cumsum(chances / chances.sum()) - 1e-12


def cut(chance, share):
    """A window (x1, y1, x2, y2) in 0..1 with about this share of width and height."""
    w, h = np.clip(share * chance.uniform(0.85, 1.15, 2), 0.2, 1)
    x, y = chance.uniform(0, 1 - w + 1e-9), chance.uniform(0, 1 - h + 1e-9)
    return (x, y, x + w, y + h)


def paste(canvas, rect, picture, window, record, gt, ignore, flip):
    """Draws the window of a picture into a rectangle (pixels) of the canvas, and adds its boxes to `gt` and `ignore`."""
    (width, height), source = canvas.size, picture.shape[0]
    w, h = rect[2] - rect[0], rect[3] - rect[1]
    # Reads only the rows that are wanted from the cache.
    top, bottom = int(window[1] * source), max(int(np.ceil(window[3] * source)), int(window[1] * source) + 2)
    strip = Image.fromarray(np.ascontiguousarray(picture[top:bottom]))
    box = (window[0] * source, window[1] * source - top, window[2] * source, min(window[3] * source, source) - top)
    part = strip.resize((w, h), Image.BILINEAR, box=box)
    canvas.paste(ImageOps.mirror(part) if flip else part, (rect[0], rect[1]))
    for rows, target in ((record["boxes"], gt), (record["ignore"], ignore)):
        for c, x1, y1, x2, y2 in rows:
            x1, x2 = ((x - window[0]) / (window[2] - window[0]) for x in (x1, x2))
            y1, y2 = ((y - window[1]) / (window[3] - window[1]) for y in (y1, y2))
            if flip:
                x1, x2 = 1 - x2, 1 - x1
            inside = [max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, 1.0)]
            if inside[2] <= inside[0] or inside[3] <= inside[1]:
                continue
            left = (inside[2] - inside[0]) * (inside[3] - inside[1]) / max((x2 - x1) * (y2 - y1), 1e-9)
            row = [c, (rect[0] + inside[0] * w) / width, (rect[1] + inside[1] * h) / height,
                   (rect[0] + inside[2] * w) / width, (rect[1] + inside[3] * h) / height]
            small = min((row[3] - row[1]) * width, (row[4] - row[2]) * height) < PIXELS_MIN
            (ignore if left < LEFT_MIN or small else target).append(row)


def tilted(canvas, degrees, gt, ignore):
    """Turns the picture; a box becomes the box around an ellipse inside it, turned."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)

    def turned(row):
        c, x1, y1, x2, y2 = row
        x, y, a, b = (x1 + x2) / 2 - 0.5, (y1 + y2) / 2 - 0.5, (x2 - x1) / 2, (y2 - y1) / 2
        cx, cy = 0.5 + x * cos + y * sin, 0.5 - x * sin + y * cos
        a, b = np.hypot(a * cos, b * sin), np.hypot(a * sin, b * cos)
        return [c, *np.clip([cx - a, cy - b, cx + a, cy + b], 0, 1)]

    canvas = canvas.rotate(degrees, Image.BILINEAR, fillcolor=(114, 114, 114))
    rows = [[row for row in map(turned, rows) if row[3] - row[1] > 0.01 and row[4] - row[2] > 0.01] for rows in (gt, ignore)]
    return canvas, *rows


def worsened(chance, canvas):
    """Light, colour, infrared, motion, noise and compression, each by chance; uint8 [H,W,3]."""
    night, infrared = chance.random() < 0.08, chance.random() < 0.05
    if infrared:
        canvas = canvas.convert("L").convert("RGB")
    image = np.asarray(canvas)
    gain = chance.uniform(0.75, 1.25) * (chance.uniform(0.2, 0.55) if night else 1)
    gamma = chance.uniform(0.75, 1.35)
    tint = 1 if infrared else chance.uniform(0.9, 1.1, 3)
    lift = chance.uniform(-12, 18)
    levels = (np.arange(256)[:, None] / 255) ** gamma * 255 * gain * tint + lift
    table = np.broadcast_to(np.clip(levels, 0, 255), (256, 3)).astype(np.uint8)
    image = np.stack([table[:, k][image[..., k]] for k in range(3)], -1)
    if not infrared and chance.random() < 0.15:
        grey, share = image.mean(-1, keepdims=True, dtype=np.float32), np.float32(chance.uniform(0.2, 0.9))
        image = (grey + (image - grey) * share).astype(np.uint8)
    if chance.random() < 0.05:
        image = moved(image, int(chance.integers(3, 8)), int(chance.integers(2)))
    if night or infrared or chance.random() < 0.1:
        # One plane of noise, shifted for each channel, is cheaper than three.
        plane = chance.standard_normal(image.shape[:2], np.float32) * np.float32(chance.uniform(3, 14))
        noise = np.stack([np.roll(plane, 0 if infrared else 37 * k, 1) for k in range(3)], -1)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if chance.random() < 0.15:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(chance.integers(12, 60)))
        image = np.asarray(Image.open(file))
    return image


def moved(image, length, axis):
    """Mean of the picture and its shifts along an axis: motion blur."""
    total = np.zeros(image.shape, np.uint16)
    for k in range(length):
        total += np.roll(image, k - length // 2, axis)
    return (total // length).astype(np.uint8)


def collated(samples):
    images, gts, ignores, knowns, splits = zip(*samples, strict=True)

    def padded(rows):
        most = max(1, min(ROWS_MAX, max(map(len, rows))))
        out = np.full((len(rows), most, 5), -1, np.float32)
        for k, found in enumerate(rows):
            # The largest stay where there are too many.
            found = sorted(found, key=lambda r: -(r[3] - r[1]) * (r[4] - r[2]))[:most]
            if found:
                out[k, : len(found)] = found
        return torch.from_numpy(out)

    return {
        "image": torch.from_numpy(np.stack(images)),
        "gt": padded(gts),
        "ignore": padded(ignores),
        "known": torch.from_numpy(np.stack(knowns)),
        "split": torch.from_numpy(np.stack(splits).astype(np.float32)),
    }
