"""Makes the cache that training reads: every photo stretched to a square, uint8, in one file a set; and its labels.

`python data.py`                   photos of ../shared/training, renders, negatives to pieces, pieces to the cache
`python data.py --from-pieces`     the cache alone, from pieces brought here (a GPU machine has neither photos nor Node)

A piece is at most 60 MB: `piece-NN.npz` with the JPEG bytes of some samples in a row (`bytes` uint8 [T], `ends` int64 [n]) and
their records (`records`, JSON). A record: {set, name, boxes, ignore, known}; boxes and ignore are rows [class, x1, y1, x2, y2] in
0..1; `known` says for each class whether its absence may be learnt.
"""
import argparse
import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

import above
from boxes import overlap
from paths import CLASSES, COCO_ROWS, TRAINING, WORK, YOLO_NANO
from scenes import VARIANTS, render

PIECE_BYTES = 60_000_000 - 2_000_000
TRAIN_SETS = ["coco/train", "person-tracker/train", "highway/train"]
VAL_SETS = ["coco/val", "person-tracker/val", "highway/val"]
# The teacher's boxes count as labels from here where a set does not label their class; below they are doubtful.
TEACHER_SURE = 0.5
# From here what the teacher, or the network that training starts from, sees of a class that a set does not label is not held
# against anybody.
DOUBTFUL = 0.25
# Seeds of the scene below this are left to tests.
FIRST_SEED = 1000


def corners(row):
    """[class, cx, cy, w, h] to [class, x1, y1, x2, y2], inside the picture."""
    c, x, y, w, h = row
    return [int(c), max(0.0, x - w / 2), max(0.0, y - h / 2), min(1.0, x + w / 2), min(1.0, y + h / 2)]


def fits(row, others, least):
    """Whether another box of the same class overlaps this one."""
    same = [other[1:] for other in others if other[0] == row[0]]
    return bool(same) and overlap(np.array([row[1:]]), np.array(same)).max() >= least


def labels_of(own, taught, started, labelled):
    """Boxes and regions to ignore of a photo: its own labels, and the teacher's word for the rest.

    Labels are forgotten, small and far people above all: of a class that is labelled, what the teacher is sure of is left out of the
    loss, not more. `taught` and `started`: rows [class, score, cx, cy, w, h].
    """
    boxes, ignore = list(own), []
    sure = [row for row in taught if row[1] >= TEACHER_SURE and CLASSES[int(row[0])] not in labelled]
    for c, _, *place in sorted(sure, key=lambda row: -row[1]):
        row = corners([c, *place])
        if not fits(row, boxes, 0.5):
            boxes.append(row)
    others = [row for row in [*taught, *started] if row[1] >= DOUBTFUL and CLASSES[int(row[0])] not in labelled]
    forgotten = [row for row in taught if row[1] >= TEACHER_SURE and CLASSES[int(row[0])] in labelled]
    for c, _, *place in sorted([*others, *forgotten], key=lambda row: -row[1]):
        row = corners([c, *place])
        if not fits(row, boxes + ignore, 0.5):
            ignore.append(row)
    return boxes, ignore


def starting_network():
    """A function from JPEG bytes to what YOLO-Nano finds: rows [class, score, cx, cy, w, h]."""
    from detector import detections, detector  # needs onnxruntime, which a machine that trains does not

    detect, size = detector(str(YOLO_NANO))

    def found(jpeg):
        boxes, scores = detect(stretched(jpeg, size))
        # Its motorcycle is dead, and stands where the bicycle is.
        mine = scores[:, COCO_ROWS] * [c != "motorcycle" for c in CLASSES]
        return [[c, s, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1] for c, s, x1, y1, x2, y2 in
                detections(boxes, mine, DOUBTFUL).tolist()]

    return found


def photos(name):
    """(JPEG bytes, record) of a set of ../shared/training."""
    folder, find = TRAINING / name, starting_network()
    labelled = json.loads((TRAINING / "dataset.json").read_text())["sets"][name]["labelled"]
    teacher = json.loads((folder / "teacher.json").read_text())
    known = [c in labelled for c in CLASSES]
    for file in sorted(folder.glob("*.jpg")):
        own = [corners(map(float, line.split())) for line in file.with_suffix(".txt").read_text().splitlines() if line.strip()]
        jpeg = file.read_bytes()
        boxes, ignore = labels_of(own, teacher.get(file.name, []), find(jpeg), labelled)
        yield jpeg, {"set": name, "name": file.name, "boxes": boxes, "ignore": ignore, "known": known}


def renders(frames):
    """(JPEG bytes, record) of every variant of the scene."""
    for k, (time, rain, lens) in enumerate(VARIANTS):
        for n, (jpeg, boxes, ignore) in enumerate(render(time, rain, lens, FIRST_SEED + k, frames)):
            name = f"{time}{'-rain' if rain else ''}-{lens}-{n}"
            yield jpeg, {"set": "scene", "name": name, "boxes": boxes, "ignore": ignore, "known": [True] * len(CLASSES)}
        print(f"scene {time}{' rain' if rain else ''} {lens}: {frames} pictures", flush=True)


def from_above(count, seed):
    """(JPEG bytes, record) of drawn car parks and drives, seen steeply from above."""
    for n, (jpeg, boxes, ignore) in enumerate(above.drawn(count, seed)):
        yield jpeg, {"set": "above", "name": f"above-{n}", "boxes": boxes, "ignore": ignore, "known": [True] * len(CLASSES)}


def negatives(samples, seed, per_photo=3):
    """Parts of pictures all of whose classes are known, with nothing in them: foliage, ground, shadows, furniture, sky."""
    chance = np.random.default_rng(seed)
    for jpeg, record in samples:
        taken = np.array([row[1:] for row in record["boxes"] + record["ignore"]]).reshape(-1, 4)
        picture = None
        for _ in range(per_photo):
            w, h = chance.uniform(0.3, 0.75, 2)
            x, y = chance.uniform(0, 1 - w), chance.uniform(0, 1 - h)
            inside = (taken[:, 0] < x + w) & (taken[:, 2] > x) & (taken[:, 1] < y + h) & (taken[:, 3] > y)
            if inside.any():
                continue
            picture = picture or Image.open(io.BytesIO(jpeg)).convert("RGB")
            box = [round(v) for v in (x * picture.width, y * picture.height, (x + w) * picture.width, (y + h) * picture.height)]
            file = io.BytesIO()
            picture.crop(box).save(file, "JPEG", quality=92)
            name = f"{record['set']}/{record['name']}"
            yield file.getvalue(), {"set": "negative", "name": name, "boxes": [], "ignore": [], "known": [True] * len(CLASSES)}
            break


def write_pieces(samples, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("piece-*.npz"):
        old.unlink()
    waiting, size, count = [], 0, 0

    def flush():
        nonlocal waiting, size, count
        if waiting:
            ends = np.cumsum([len(jpeg) for jpeg, _ in waiting])
            text = json.dumps([record for _, record in waiting])
            np.savez(folder / f"piece-{count:02d}.npz", bytes=np.frombuffer(b"".join(j for j, _ in waiting), np.uint8),
                     ends=ends, records=np.array(text))
            waiting, size, count = [], 0, count + 1

    for jpeg, record in samples:
        cost = len(jpeg) + 5 * len(json.dumps(record))  # numpy keeps a letter in four bytes
        if size + cost > PIECE_BYTES:
            flush()
        waiting.append((jpeg, record))
        size += cost
    flush()
    return count


def read_pieces(folder):
    """(JPEG bytes, record) of all pieces."""
    for file in sorted(folder.glob("piece-*.npz")):
        with np.load(file) as piece:
            data, begin = piece["bytes"].tobytes(), 0
            for end, record in zip(piece["ends"], json.loads(str(piece["records"])), strict=True):
                yield data[begin:end], record
                begin = end


def stretched(jpeg, size):
    """uint8 [H,W,3] for a size (W, H): stretched, with a filter as wide as the step, as the daemon does it."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB").resize(size, Image.BILINEAR))


def write_cache(pieces, cache, side):
    """`NAME.npy` uint8 [n,S,S,3] and `NAME.json` for each set."""
    cache.mkdir(parents=True, exist_ok=True)
    records, where = {}, {}
    for k, (_, record) in enumerate(read_pieces(pieces)):
        rows = records.setdefault(record["set"], [])
        where[k] = len(rows)
        rows.append(record)
    files = {
        name: np.lib.format.open_memmap(cache / f"{name.replace('/', '-')}.npy", "w+", np.uint8, (len(rows), side, side, 3))
        for name, rows in records.items()
    }

    def place(job):
        k, (jpeg, record) = job
        files[record["set"]][where[k]] = stretched(jpeg, (side, side))

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(place, enumerate(read_pieces(pieces))):
            pass
    for name, rows in records.items():
        files[name].flush()
        (cache / f"{name.replace('/', '-')}.json").write_text(json.dumps(rows))
        counts = np.bincount([int(box[0]) for row in rows for box in row["boxes"]], minlength=len(CLASSES))
        print(f"{name}: {len(rows)} pictures, boxes {dict(zip(CLASSES, counts.tolist(), strict=True))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from-pieces", action="store_true")
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--frames", type=int, default=60, help="of each of the twelve variants of the scene")
    parser.add_argument("--above", type=int, default=1500, help="drawn pictures of cars from above")
    parser.add_argument("--limit", type=int, default=None, help="photos of each set, for a trial")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pieces = WORK / "pieces"
    if not options.from_pieces:
        samples = [s for name in TRAIN_SETS for s in list(photos(name))[: options.limit]]
        drawn = list(renders(options.frames))
        whole = [s for s in samples if s[1]["set"] == "coco/train"] + drawn
        samples += drawn + list(negatives(whole, options.seed)) + list(from_above(options.above, options.seed))
        print(f"{write_pieces(samples, pieces)} pieces in {pieces}")
    write_cache(pieces, WORK / "cache", options.side)


if __name__ == "__main__":
    main()
