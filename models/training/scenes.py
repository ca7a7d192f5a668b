"""Pictures of the built-in scene (`vedette scene`) with the truth about them: day, dusk, night, rain, each through both lenses.

What is rendered is kept as JPEG, so that a GPU machine without Node gets it with the photos.
"""
import io
import json
import subprocess
import tempfile

import numpy as np
from PIL import Image

from paths import CLASSES, ROOT

WIDTH, HEIGHT = 640, 360
VARIANTS = [
    (time, rain, lens) for time in ("day", "dusk", "night") for rain in (False, True) for lens in ("normal", "wide")
]
# Seen less than this share of, an object is neither asked for nor wrong to name.
VISIBLE_MIN = 0.35


def rgb(frame):
    """I420 bytes, BT.601 limited range, to uint8 [H,W,3]."""
    luma = np.frombuffer(frame, np.uint8, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    chroma = np.frombuffer(frame, np.uint8, offset=WIDTH * HEIGHT).reshape(2, HEIGHT // 2, WIDTH // 2)
    y = (luma.astype(np.float32) - 16) * (255 / 219)
    u, v = (np.repeat(np.repeat(plane, 2, 0), 2, 1).astype(np.float32) - 128 for plane in chroma)
    planes = (y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u)
    return np.stack([np.clip(plane + 0.5, 0, 255) for plane in planes], -1).astype(np.uint8)


def render(time, rain, lens, seed, frames, fps=0.4):
    """Yields (JPEG bytes, boxes, ignore) of one run; boxes are [class, x1, y1, x2, y2] in 0..1."""
    command = [str(ROOT / "node_modules/.bin/node"), str(ROOT / "daemon/main.ts"), "scene", "--width", str(WIDTH), "--height",
               str(HEIGHT), "--fps", str(fps), "--seed", str(seed), "--time", time, "--lens", lens, "--frames", str(frames),
               "--pace", "fast", *(["--rain"] if rain else [])]
    with tempfile.NamedTemporaryFile("r") as truth:
        # The truth goes to descriptor 3.
        redirected = ["sh", "-c", 'file=$1; shift; exec "$@" 3>"$file"', "sh", truth.name, *command]
        video = subprocess.run(redirected, check=True, stdout=subprocess.PIPE).stdout
        size = WIDTH * HEIGHT * 3 // 2
        for n, line in enumerate(truth):
            file = io.BytesIO()
            Image.fromarray(rgb(video[n * size : (n + 1) * size])).save(file, "JPEG", quality=90)
            yield file.getvalue(), *labels(json.loads(line))


def labels(truth):
    boxes, ignore = [], []
    for thing in truth["objects"]:
        box = thing.get("boxSeen") or thing["box"]
        row = [CLASSES.index(thing["label"]), box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
        (boxes if thing["visible"] >= VISIBLE_MIN else ignore).append(row)
    return boxes, ignore
