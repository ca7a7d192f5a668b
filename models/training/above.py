"""Pictures of cars seen steeply from above, as from a pole or a roof, drawn here from nothing but numbers, with the truth about them.

No photo goes in. Things that only look like boxes are drawn too, unlabelled, and some pictures show the ground alone.
"""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from above_cars import Car
from above_things import Block, Person
from above_view import FINE, TURN, View, area, clipped, hull, placed, tile
from paths import CLASSES

SIZES = [(640, 360), (480, 480), (640, 480)]
# Seen less than this share of, an object is neither asked for nor wrong to name.
VISIBLE_MIN = 0.35
# Nothing on the ground, of all pictures; things but no vehicle, of the others.
EMPTY, NO_CAR = 0.15, 0.12


def light_of(chance):
    """Where light comes from; `tint` colours the finished picture."""
    time = str(chance.choice(["sun", "overcast", "dusk", "night"], p=[0.4, 0.34, 0.14, 0.12]))
    turn, rise, side = chance.uniform(0, 2 * np.pi), np.radians(chance.uniform(22, 70)), chance.uniform(0, 2 * np.pi)
    sun = np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
    bright = np.array([np.cos(side) * 0.8, np.sin(side) * 0.8, 0.6])
    power = {"sun": chance.uniform(0.45, 0.75), "overcast": chance.uniform(0, 0.1), "dusk": 0.05, "night": 0.08}[time]
    tint = {"sun": [1.03, 1, 0.95], "overcast": [0.97, 1, 1.02], "dusk": [0.55, 0.6, 0.78], "night": [0.3, 0.3, 0.36]}[time]
    sky = np.array([[150, 180, 225], [205, 212, 220]][int(time != "sun")]) * chance.uniform(0.7, 1.1)
    return {
        "time": time,
        "sun": sun,
        "bright": bright,
        "power": power,
        "ambient": chance.uniform(0.5, 0.7) if time == "sun" else chance.uniform(0.75, 1),
        "sky": sky,
        "tint": np.array(tint) * chance.uniform(0.85, 1.12),
        "lamps": time in ("dusk", "night") and chance.random() < 0.55,
    }


def noise(tile_, x, y, per_metre):
    return tile_[(y * per_metre).astype(np.int32) & 255, (x * per_metre).astype(np.int32) & 255]


def ground(chance, view, tiles, x, y):
    """The bare ground, uint8 [H,W,3]."""
    kind = str(chance.choice(["asphalt", "concrete", "paving", "gravel", "earth"], p=[0.55, 0.15, 0.15, 0.1, 0.05]))
    base = {
        "asphalt": chance.uniform(45, 130),
        "concrete": chance.uniform(120, 190),
        "paving": chance.uniform(85, 165),
        "gravel": chance.uniform(100, 160),
        "earth": chance.uniform(80, 130),
    }[kind]
    colour = base * (
        1 + chance.normal(0, 0.03, 3) + ([0.12, 0, -0.2] if kind == "earth" else [0.03, 0, -0.03] if kind != "asphalt" else 0)
    )
    rough, middle, fine = tiles
    level = (
        1
        + chance.uniform(0.02, 0.12) * noise(rough, x, y, 256 / chance.uniform(15, 50))
        + chance.uniform(0.01, 0.06) * noise(middle, x, y, 256 / chance.uniform(3, 9))
    )
    grain = chance.uniform(0.02, 0.07) * (2.2 if kind in ("gravel", "earth") else 1) * min(1, view.metre / 40 + 0.3)
    level += grain * noise(fine, x, y, 256 / (256 * max(1 / view.metre, chance.uniform(0.006, 0.02))))
    if kind == "paving":
        turn, long, short = chance.uniform(0, np.pi), chance.uniform(0.2, 0.9), chance.uniform(0.1, 0.6)
        u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        row = np.floor(v / short)
        u = u + row * long / 2
        joint = max(0.012, 0.6 / view.metre)
        level += chance.uniform(0.03, 0.08) * noise(fine, np.floor(u / long), row, 1)
        level -= np.where(
            (np.abs(u / long % 1 - 0.5) > 0.5 - joint / long) | (np.abs(v / short % 1 - 0.5) > 0.5 - joint / short),
            min(0.3, 0.004 * view.metre),
            0,
        )
    picture = level[..., None] * colour.astype(np.float32)
    if chance.random() < 0.2:
        turn, edge = chance.uniform(0, 2 * np.pi), chance.uniform(0.1, 0.5) * view.size[0] / view.metre
        grass = x * np.cos(turn) + y * np.sin(turn) + 0.15 * noise(middle, x, y, 40) > edge
        green = np.array([70, 95, 45]) * chance.uniform(0.7, 1.3) * np.array([chance.uniform(0.8, 1.4), 1, 1])
        picture = np.where(grass[..., None], (1 + 0.22 * noise(fine, x, y, 40))[..., None] * green, picture)
    if chance.random() < 0.25:
        wet = ((noise(middle, x, y, 256 / chance.uniform(8, 30)) - chance.uniform(0.4, 1.5)) * 3).clip(0, 1)[..., None]
        picture = picture * (1 - wet * 0.35) + wet * chance.uniform(0, 0.2) * view.light["sky"]
    return picture.clip(0, 255).astype(np.uint8)


def marks(chance, view, bays, span):
    """Stains, cracks, joints, manholes, specks and the paint of bays and arrows."""

    def flat(points, at, turn):
        points = np.asarray(points, float)
        return placed(np.column_stack([points, np.zeros(len(points))]), at, turn)

    def spot():
        return chance.uniform(-0.5, 0.5, 2) * span

    circle = np.stack([np.cos(TURN), np.sin(TURN)], 1)
    for _ in range(chance.integers(0, 6)):
        view.polygon(
            flat(circle * chance.uniform(0.05, 0.4, 2) * chance.normal(1, 0.12, (48, 1)), spot(), chance.uniform(0, 6)),
            np.full(3, chance.uniform(30, 75)),
        )
    for _ in range(int(chance.integers(0, 3))):
        steps = np.cumsum(chance.normal([0.3, 0], 0.15, (25, 2)), 0)
        view.line(flat(steps, spot(), chance.uniform(0, 6)), np.full(3, chance.uniform(25, 70)), chance.uniform(0.01, 0.06))
    for _ in range(int(chance.integers(0, 40) * (chance.random() < 0.5))):
        view.line(flat([[0, 0], [0.04, 0.02]], spot(), 0), np.full(3, chance.uniform(120, 220)), 0.03)
    if chance.random() < 0.2:
        at, r, tone = spot(), chance.uniform(0.25, 0.4), chance.uniform(40, 90)
        for share in (1, 0.9, 0.6, 0.5):
            view.polygon(flat(circle * r * share, at, 0), np.full(3, tone * (0.7 if share in (1, 0.6) else 1.1)))
    paint = np.array([[215, 215, 210], [205, 170, 50], [180, 185, 200]][chance.choice(3, p=[0.8, 0.12, 0.08])]) * chance.uniform(
        0.65, 1.1
    )
    thick = chance.uniform(0.08, 0.15)
    if bays:
        for k in range(-12, 13):
            for row in bays["rows"]:
                view.line(
                    flat(
                        [[k * bays["pitch"], row], [k * bays["pitch"] + bays["slant"], row + bays["depth"]]],
                        bays["at"],
                        bays["turn"],
                    ),
                    paint,
                    thick,
                )
        if chance.random() < 0.4:
            view.line(flat([[-40, bays["rows"][0]], [40, bays["rows"][0]]], bays["at"], bays["turn"]), paint, thick)
    elif chance.random() < 0.35:
        turn = chance.uniform(0, 6)
        view.line(flat([[-60, 0], [60, 0]], spot(), turn), paint, thick)
    if chance.random() < 0.25:
        arrow = np.array([[0, -0.08], [1.6, -0.08], [1.6, -0.35], [2.5, 0], [1.6, 0.35], [1.6, 0.08], [0, 0.08]])
        view.polygon(flat(arrow, spot(), chance.uniform(0, 6)), paint)


def things(chance, view, bays, span):
    """What stands there, no two in the same place: vehicles, people, and what is neither."""
    found, wanted = [], []
    if chance.random() >= NO_CAR:
        wanted = ["car"] * int(1 + chance.integers(0, 6) * chance.random() ** 0.4) + ["long"] * int(chance.random() < 0.08)
    wanted += ["person"] * int(chance.integers(1, 4) * (chance.random() < 0.18)) + ["box"] * int(
        chance.integers(1, 5) * (chance.random() < 0.4)
    )
    reach = max(1, min(6, int(0.45 * view.size[0] / view.metre / bays["pitch"]))) if bays else 0
    slots = list(chance.permutation(np.arange(-reach, reach)))
    for name in wanted:
        for _ in range(8):
            at, heading = np.array(view.ground(*(chance.uniform(-0.08, 1.08, 2) * view.size))), chance.uniform(0, 2 * np.pi)
            if name == "car" and bays and slots and chance.random() < 0.75:
                own = np.array(
                    [
                        (slots.pop() + 0.5) * bays["pitch"] + bays["slant"] / 2,
                        bays["rows"][chance.integers(len(bays["rows"]))] + bays["depth"] / 2,
                        0,
                    ]
                )
                at = placed(own + [*chance.normal(0, 0.12, 2), 0], bays["at"], bays["turn"])[:2]
                heading = (
                    bays["turn"] + np.arctan2(bays["depth"], bays["slant"]) + np.pi * chance.integers(2) + chance.normal(0, 0.03)
                )
            thing = made(chance, name, at, heading)
            if all(apart(thing, other) for other in found):
                found.append(thing)
                break
    return found


def made(chance, name, at, heading):
    if name == "car":
        return Car(chance, at, heading)
    if name == "person":
        return Person(chance, at, heading)
    if name == "long":
        label = str(chance.choice(["truck", "bus"], p=[0.7, 0.3]))
        size = (chance.uniform(6, 10), 2.3, chance.uniform(2.8, 3.6)) if label == "truck" else (chance.uniform(8, 12), 2.5, 3.0)
        return Block(chance, at, heading, size, label, colour=[215, 215, 210] if chance.random() < 0.5 else None)
    # Bins, crates, benches, doors, rugs, kerb islands, skips, hedges, bushes.
    length, width, height, square = [
        (0.7, 0.6, 1.0, 6),
        (1.2, 0.8, 0.6, 12),
        (1.8, 0.5, 0.45, 12),
        (2, 0.9, 0.05, 20),
        (3, 2, 0.02, 14),
        (5, 2.0, 0.15, 4),
        (3.5, 1.8, 1.2, 10),
        (4, 1.2, 1.2, 5),
        (1.4, 1.3, 1.0, 2),
        (0.5, 0.5, 0.9, 2),
        (4.5, 2.2, 0.03, 12),
    ][chance.integers(11)]
    colour = np.array([60, 85, 40]) * chance.uniform(0.7, 1.3) if (length, width) in ((4, 1.2), (1.4, 1.3)) else None
    return Block(chance, at, heading, np.array([length, width, height]) * chance.uniform(0.8, 1.2, 3), None, square, colour)


def apart(one, other):
    """Whether two things' outlines on the ground keep apart, by the axes of both."""
    a, b = (thing.points[:, :2] for thing in (one, other))
    for turn in (one.heading, other.heading):
        for axis in (np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])):
            if (a @ axis).max() + 0.1 < (b @ axis).min() or (b @ axis).max() + 0.1 < (a @ axis).min():
                return True
    return False


def shadows(chance, view, found, canvas):
    """What the things take from the ground's light: one sun's shadow, or a soft one under each."""
    mask = Image.new("L", view.size, 0)
    draw, sun = ImageDraw.Draw(mask), view.light["sun"]
    sharp = view.light["time"] == "sun"
    for thing in found:
        flat = thing.points * [1, 1, 0]
        if sharp:
            flat = np.concatenate([flat, thing.points - thing.points[:, 2:] / sun[2] * sun])
        else:
            flat = np.array([*thing.at, 0]) + (flat - np.array([*thing.at, 0])) * 1.06
        draw.polygon(
            hull(view.project(flat, 1).round(2)).ravel().tolist(),
            fill=int(255 * (chance.uniform(0.5, 0.68) if sharp else chance.uniform(0.4, 0.6))),
        )
    mask = mask.filter(ImageFilter.BoxBlur(float(max(0.6, view.metre * (0.02 if sharp else 0.13)))))
    canvas.paste((14, 16, 22), mask=mask.resize(canvas.size, Image.Resampling.BILINEAR))


def lit(chance, view, picture, tiles, x, y):
    """The finished picture under its light: shadows of trees and buildings, lamps' pools, the lens, the sensor."""
    time, level = view.light["time"], np.ones(x.shape, np.float32)
    if time == "sun" and chance.random() < 0.3:
        turn, edge, dark = (
            chance.uniform(0, 2 * np.pi),
            chance.normal(0, 0.3) * view.size[0] / view.metre,
            chance.uniform(0.4, 0.6),
        )
        level *= 1 - dark * ((x * np.cos(turn) + y * np.sin(turn) - edge) / 0.1).clip(0, 1)
    if time == "sun" and chance.random() < 0.25:
        leaves = noise(tiles[1], x, y, 256 / chance.uniform(6, 14)) + 1.2 * noise(tiles[0], x, y, 256 / 30)
        level *= 1 - chance.uniform(0.3, 0.5) * ((leaves - 0.7) * 3).clip(0, 1)
    colour = level[..., None] * view.light["tint"].astype(np.float32)
    if time in ("dusk", "night"):
        for _ in range(chance.integers(1, 3)):
            at, wide = view.ground(*(chance.uniform(0, 1, 2) * view.size)), chance.uniform(2, 8)
            pool = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * wide**2))
            colour = colour + pool[..., None] * np.array(
                [[0.7, 0.55, 0.3], [0.55, 0.58, 0.6]][chance.integers(2)], np.float32
            ) * (1 if time == "night" else 0.4)
    picture = picture.astype(np.float32) * colour
    picture = (picture - 110) * chance.uniform(0.75, 1.1) + 110 * chance.uniform(0.9, 1.15)
    grain = chance.uniform(0.5, 3) if time in ("sun", "overcast") else chance.uniform(2, 6)
    h, w = x.shape
    stretch = chance.integers(0, 65536, 2)
    spread = np.tile(tiles[2], (3, 3))[stretch[0] % 256 : stretch[0] % 256 + h, stretch[1] % 128 : stretch[1] % 128 + w]
    return Image.fromarray((picture + grain * spread[..., None]).clip(0, 255).astype(np.uint8))


def truth(view, found):
    """The rows of what is asked for, and of what is neither asked for nor wrong."""
    boxes, ignore, (w, h) = [], [], view.size
    for thing in found:
        whole = hull(view.project(thing.points, 1).round(3)) if thing.label else None
        seen = clipped(whole, w, h) if thing.label else None
        if seen is None:
            continue
        low, high = seen.min(0).clip(0), np.minimum(seen.max(0), view.size)
        row = [CLASSES.index(thing.label), *(float(v) for v in (low[0] / w, low[1] / h, high[0] / w, high[1] / h))]
        enough = abs(area(seen)) >= VISIBLE_MIN * abs(area(whole)) and min(high - low) >= (20 if thing.label == "person" else 8)
        (boxes if enough else ignore).append(row)
    return boxes, ignore


def drawn(count, seed):
    """Yields (JPEG bytes, boxes, ignore) of each picture; boxes are [class, x1, y1, x2, y2] in 0..1."""
    chance = np.random.default_rng(seed)
    sets = [[tile(chance, power) for power in (1.8, 1.3, 0.15)] for _ in range(6)]
    for _ in range(count):
        view, tiles = View(chance, SIZES[chance.integers(len(SIZES))], light_of(chance)), sets[chance.integers(len(sets))]
        w, h = view.size
        x, y = (
            v.astype(np.float32)
            for v in view.ground(*np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)))
        )
        span, bays = np.array([x.max() - x.min(), y.max() - y.min()]), None
        if chance.random() < 0.5:
            depth = chance.uniform(4.6, 5.4)
            bays = {
                "at": view.ground(w / 2, h / 2) + chance.normal(0, 1.5, 2),
                "turn": chance.choice([0, np.pi / 2, chance.uniform(0, 6)]) + chance.normal(0, 0.1),
                "pitch": chance.uniform(2.3, 2.9),
                "depth": depth,
                "slant": chance.choice([0, chance.uniform(-3, 3)]),
                "rows": [-depth / 2, depth / 2][: chance.integers(1, 3)],
            }
        canvas = Image.fromarray(ground(chance, view, tiles, x, y)).resize((w * FINE, h * FINE), Image.Resampling.BILINEAR)
        view.draw = ImageDraw.Draw(canvas)
        if chance.random() < 0.85:
            marks(chance, view, bays, span)
        found = [] if chance.random() < EMPTY else things(chance, view, bays, span)
        # The far ones first, so that the near ones stand before them.
        found.sort(key=lambda thing: -np.linalg.norm(np.array([*thing.at, 0]) - view.eye))
        shadows(chance, view, found, canvas)
        for thing in found:
            thing.paint_on(view)
        picture = canvas.reduce(FINE)
        if chance.random() < 0.4:
            picture = picture.filter(ImageFilter.GaussianBlur(float(chance.uniform(0.3, 0.9))))
        file = io.BytesIO()
        lit(chance, view, np.asarray(picture), tiles, x, y).save(file, "JPEG", quality=90)
        yield file.getvalue(), *truth(view, found)
