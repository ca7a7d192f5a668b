"""Makes test/fixtures/detector: the toy models and golden.json, what the detector must find, worked out with numpy.

Development only; the fixtures are committed. Needs numpy, onnx and onnxruntime:
  python3 scripts/golden.py && npx biome check --write test/fixtures/detector
The decoding here is written apart from daemon/detector/decode.ts on purpose: the one is held against the other.
"""
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "test/fixtures/detector"
SCORE_LOW = 0.2
IOU_MAX = 0.5


def draw_figure(side):
    """The same picture as drawnFigure in test/support/detector.ts, in whole numbers; figure.json is drawn for a side of 320."""
    figure = json.loads((OUT / "figure.json").read_text())
    y, x = np.mgrid[0:side, 0:side].astype(np.int64) * 320 // side
    picture = np.where(y[..., None] < 210, np.array(figure["wall"][0]), np.array(figure["wall"][1]))
    for shape in figure["shapes"]:
        at = shape["at"]
        if shape["kind"] == "ellipse":
            cx, cy, rx, ry = at
            mask = (x - cx) ** 2 * ry**2 + (y - cy) ** 2 * rx**2 <= rx**2 * ry**2
        else:
            x1, y1, x2, y2, radius = at
            dx, dy = x2 - x1, y2 - y1
            length2 = dx * dx + dy * dy
            along = np.clip((x - x1) * dx + (y - y1) * dy, 0, length2)
            ox, oy = (x - x1) * length2 - along * dx, (y - y1) * length2 - along * dy
            mask = ox**2 + oy**2 <= radius**2 * length2**2
        picture[mask] = shape["colour"]
    return (picture + ((x * 7 + y * 13) % 11)[..., None]).astype(np.uint8)


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def expected_boxes_scores(boxes, scores, score_low=SCORE_LOW, iou_max=IOU_MAX):
    """Per class: threshold, sort, suppress. boxes [N,4] x1,y1,x2,y2, scores [N,C]."""
    boxes = np.clip(boxes.astype(np.float64), 0, 1)
    found = []
    for label in range(scores.shape[1]):
        kept = []
        for n in np.argsort(-scores[:, label], kind="stable"):
            box = boxes[n]
            if scores[n, label] < np.float32(score_low) or box[2] <= box[0] or box[3] <= box[1]:
                continue
            if all(iou(box, boxes[k]) <= iou_max for k in kept):
                kept.append(n)
        found += [(label, float(scores[n, label]), boxes[n].tolist()) for n in kept]
    return as_json(sorted(found, key=lambda one: -one[1])[:100])


def expected_ssd(boxes, classes, scores, count, offset, labels, score_low=SCORE_LOW):
    found = []
    for n in range(int(count)):
        label = int(classes[n]) - offset
        if scores[n] >= np.float32(score_low) and 0 <= label < labels:
            y1, x1, y2, x2 = np.clip(boxes[n].astype(np.float64), 0, 1).tolist()
            if x2 > x1 and y2 > y1:
                found.append((label, float(scores[n]), [x1, y1, x2, y2]))
    return as_json(sorted(found, key=lambda one: -one[1]))


def as_json(found):
    return [{"class": c, "score": round(s, 6), "box": [round(v, 6) for v in box]} for c, s, box in found]


def constant(name, values, dtype):
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def save(name, nodes, inputs, outputs, constants):
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="vedette")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, OUT / f"{name}.onnx")


def make_echo():
    """Reads 24 boxes and their scores for 4 classes straight out of the input: the caller decides what is found."""
    nodes = [
        helper.make_node("Reshape", ["pixels", "flat"], ["line"]),
        helper.make_node("Slice", ["line", "at0", "at96", "axis"], ["first"]),
        helper.make_node("Slice", ["line", "at96", "at192", "axis"], ["second"]),
        helper.make_node("Reshape", ["first", "shape"], ["boxes"]),
        helper.make_node("Reshape", ["second", "shape"], ["scores"]),
    ]
    sizes = {"flat": [768], "at0": [0], "at96": [96], "at192": [192], "axis": [0], "shape": [1, 24, 4]}
    save(
        "echo",
        nodes,
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 24, 4]) for name in ("boxes", "scores")],
        [constant(name, values, np.int64) for name, values in sizes.items()],
    )


# Entry 2 has no area, entry 4 a class beyond the labels, entries 6 and 7 lie beyond the count.
SSD_BOXES = [
    [0.10, 0.20, 0.50, 0.40], [0.12, 0.21, 0.52, 0.41], [0.30, 0.30, 0.30, 0.60], [-0.10, 0.70, 0.45, 1.20],
    [0.00, 0.00, 1.00, 1.00], [0.60, 0.05, 0.95, 0.35], [0.20, 0.20, 0.40, 0.40], [0.25, 0.25, 0.45, 0.45],
]
SSD_CLASSES = [1, 1, 2, 3, 9, 2, 1, 1]
SSD_SCORES = [0.70, 0.85, 0.90, 0.40, 0.95, 0.27, 0.99, 0.98]
SSD_COUNT = 6


def make_ssd(name, dynamic):
    """TFLite_Detection_PostProcess in shape: scores follow the brightest pixel; a first pixel of 200 or more fails in
    Gather (index out of range). With `dynamic` only scores above 0.3 come out, so that no output has a fixed size."""
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["values"], ["brightest"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Div", ["brightest", "full"], ["light"]),
        helper.make_node("Cast", ["image"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Slice", ["whole", "begin", "end", "axes"], ["corner"]),
        helper.make_node("Reshape", ["corner", "one"], ["index"]),
        helper.make_node("Gather", ["zeros", "index"], ["nothing"]),
        helper.make_node("Add", ["boxes0", "nothing"], ["boxes" if not dynamic else "boxes1"]),
        helper.make_node("Add", ["classes0", "nothing"], ["classes" if not dynamic else "classes1"]),
        helper.make_node("Mul", ["scores0", "light"], ["scores" if not dynamic else "scores1"]),
    ]
    if dynamic:
        nodes += [
            helper.make_node("Greater", ["scores1", "floor"], ["above2"]),
            helper.make_node("Reshape", ["above2", "eight"], ["above"]),
            *[helper.make_node("Compress", [f"{k}1", "above"], [k], axis=1) for k in ("boxes", "classes", "scores")],
            helper.make_node("Shape", ["scores"], ["size"]),
            helper.make_node("Slice", ["size", "one", "two"], ["left"]),
            helper.make_node("Cast", ["left"], ["left1"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["left1", "nothing"], ["count"]),
        ]
    else:
        nodes.append(helper.make_node("Add", ["count0", "nothing"], ["count"]))
    n = "n" if dynamic else 8
    shapes = {"boxes": [1, n, 4], "classes": [1, n], "scores": [1, n], "count": [1]}
    constants = [
        constant("full", [255], np.float32), constant("zeros", np.zeros(200), np.float32),
        constant("begin", [0, 0, 0], np.int64), constant("end", [1, 1, 1], np.int64),
        constant("axes", [1, 2, 3], np.int64), constant("one", [1], np.int64),
        constant("boxes0", [SSD_BOXES], np.float32), constant("classes0", [SSD_CLASSES], np.float32),
        constant("scores0", [SSD_SCORES], np.float32),
    ]
    if dynamic:
        constants += [constant("floor", [0.3], np.float32), constant("eight", [8], np.int64), constant("two", [2], np.int64)]
    else:
        constants.append(constant("count0", [SSD_COUNT], np.float32))
    save(
        name,
        nodes,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 16, 16, 3])],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, shape) for k, shape in shapes.items()],
        constants,
    )


def make_hoard():
    """Finds nothing, and takes a megabyte more than the brightest pixel says; the runtime's arena never gives it back."""
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["values"], ["brightest"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Add", ["brightest", "one"], ["megabytes"]),
        helper.make_node("Concat", ["megabytes", "floats"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["hoard"]),
        helper.make_node("ReduceMax", ["hoard"], ["nothing"], axes=[0, 1], keepdims=0),
        helper.make_node("Add", ["boxes0", "nothing"], ["boxes"]),
        helper.make_node("Add", ["scores0", "nothing"], ["scores"]),
    ]
    save(
        "hoard",
        nodes,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 16, 16, 3])],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, shape) for k, shape in {"boxes": [1, 1, 4], "scores": [1, 1, 1]}.items()],
        [
            constant("one", [1], np.int64), constant("floats", [262144], np.int64),
            constant("boxes0", [[[0, 0, 1, 1]]], np.float32), constant("scores0", [[[0]]], np.float32),
        ],
    )


def random_outputs():
    """Twelve objects, each with jittered boxes around it, as a YOLO head gives them; N = 60, C = 3."""
    random = np.random.default_rng(7)
    objects = random.uniform(0.0, 0.8, (12, 2))
    boxes, scores = [], []
    for n in range(60):
        corner = objects[n % 12] + random.normal(0, 0.02, 2)
        size = 0.18 + 0.12 * (n % 12) / 12 + random.normal(0, 0.01, 2)
        boxes.append([*corner, *(corner + size)])
        row = random.uniform(0, 0.15, 3)
        row[n % 12 % 3] = random.uniform(0.05, 0.98)
        if n % 5 == 0:
            row[(n + 1) % 3] = random.uniform(0.2, 0.6)
        scores.append(row)
    return np.round(np.array(boxes, np.float32), 4), np.round(np.array(scores, np.float32), 4)


def flat(values):
    return [round(float(v), 4) for v in np.asarray(values).ravel()]


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    make_echo()
    make_ssd("ssd", False)
    make_ssd("ssd-dynamic", True)
    make_hoard()
    boxes, scores = random_outputs()
    session = onnxruntime.InferenceSession(ROOT / "models/vedette-nano/model-int8.onnx", providers=["CPUExecutionProvider"])
    picture = draw_figure(session.get_inputs()[0].shape[1])
    real_boxes, real_scores = session.run(["boxes", "scores"], {"image": picture[None]})
    light = np.float32(204 / 255)
    ssd_scores = np.array(SSD_SCORES, np.float32) * light
    golden = {
        "scoreLow": SCORE_LOW,
        "iouMax": IOU_MAX,
        "figure": {
            "sha256": hashlib.sha256(picture.tobytes()).hexdigest(),
            "found": expected_boxes_scores(real_boxes[0], real_scores[0]),
        },
        "boxesScores": {"boxes": flat(boxes), "scores": flat(scores), "found": expected_boxes_scores(boxes, scores)},
        "ssd": {
            "boxes": flat(SSD_BOXES), "classes": SSD_CLASSES, "scores": flat(SSD_SCORES), "count": [SSD_COUNT],
            "found": expected_ssd(np.array(SSD_BOXES), SSD_CLASSES, np.array(SSD_SCORES, np.float32), SSD_COUNT, 1, 3),
            "brightest": 204,
            "foundAtBrightest": expected_ssd(np.array(SSD_BOXES), SSD_CLASSES, ssd_scores, SSD_COUNT, 1, 3),
            "foundDynamic": expected_ssd(
                *[np.array(v)[ssd_scores > 0.3] for v in (SSD_BOXES, SSD_CLASSES)],
                ssd_scores[ssd_scores > 0.3], (ssd_scores > 0.3).sum(), 1, 3,
            ),
        },
    }
    (OUT / "golden.json").write_text(json.dumps(golden) + "\n")
    print(json.dumps(golden["figure"], indent=1))
    print(len(golden["boxesScores"]["found"]), "of", int((scores >= SCORE_LOW).sum()), "candidates;", golden["ssd"]["foundAtBrightest"])


if __name__ == "__main__":
    main()
