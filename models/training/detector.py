"""Runs a detector of the product's form in ONNX Runtime: pictures to boxes, in numpy."""
import numpy as np
import onnxruntime

from boxes import suppressed


def detector(model):
    """A function from uint8 [H,W,3] to boxes [N,4] and scores [N,C], and (W, H). `RUN@0.6+0.2`: mixed as
    export.py does it, 0.6 trained and 0.2 original."""
    if not model.endswith(".onnx"):
        from export import exported  # torch is wanted for runs only

        run, *mixed = model.replace("+", "@").split("@")
        model = exported(run, *map(float, mixed)).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    _, height, width, _ = session.get_inputs()[0].shape
    return lambda image: [v[0] for v in session.run(["boxes", "scores"], {"image": image[None]})], (width, height)


def detections(boxes, scores, floor=0.01, most=300):
    """Rows (class, score, x1, y1, x2, y2) after suppression, best first."""
    rows, classes = np.nonzero(scores > floor)
    found = scores[rows, classes]
    best = np.argsort(-found, kind="stable")[:most]
    rows, classes, found = rows[best], classes[best], found[best]
    kept = suppressed(boxes[rows], found, classes)
    return np.column_stack([classes[kept], found[kept], boxes[rows[kept]]])
