"""Makes models/vedette-nano-224 from models/vedette-nano: the same weights for an input of 224 x 224.

Development only; the model is committed. Needs numpy and onnx:
  python3 scripts/smaller-input.py models/vedette-nano/model-int8.onnx models/vedette-nano-224/model-int8.onnx 224
The network is convolutional: only the constants that know the size of the input change. Of each of the two YOLO heads these are
the shapes of two Reshapes, the grid of cell corners, the size of a cell, and the sizes of the anchors, which are fractions of the
input and pixels in truth. The ranges of the quantisation stay as they are.
"""
import sys

import numpy as np
import onnx
from onnx import numpy_helper

SIDE_BEFORE = 320
STRIDES = (32, 16)
ANCHORS = 3


def main(source, target, side):
    if side % max(STRIDES) != 0:
        sys.exit(f"{side} is not a multiple of {max(STRIDES)}")
    model = onnx.load(source)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for dim in graph.input[0].type.tensor_type.shape.dim[1:3]:
        dim.dim_value = side
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_value = sum(ANCHORS * (side // stride) ** 2 for stride in STRIDES)
    for name, tensor in constants.items():
        value = numpy_helper.to_array(tensor)
        for stride in STRIDES:
            changed = resized(value, SIDE_BEFORE // stride, side // stride)
            if changed is not None:
                tensor.CopyFrom(numpy_helper.from_array(changed, name))
    del graph.value_info[:]
    onnx.checker.check_model(model)
    onnx.save(model, target)


def resized(value, before, after):
    """The constant for a head of after x after cells where it was one of before x before; None: it does not know the size."""
    cells, cells_after = before * before, after * after
    if value.dtype == np.int64 and value.ndim == 1 and value.size >= 3:
        shape = {cells: cells_after, ANCHORS * cells: ANCHORS * cells_after}
        changed = np.array([shape.get(length, length) for length in value.tolist()], np.int64)
        return None if (changed == value).all() else changed
    if value.dtype == np.float32 and value.ndim == 0 and abs(value * before - 1) < 1e-5:
        return np.array(1 / after, np.float32)
    if value.dtype == np.float32 and value.shape == (1, ANCHORS * cells, 2):
        per_anchor = value.reshape(ANCHORS, cells, 2)
        first = per_anchor[:, :1]
        if np.allclose(per_anchor, first):
            return np.repeat(first * before / after, cells_after, axis=1).reshape(1, -1, 2)
        rows, columns = np.divmod(np.arange(cells_after), after)
        grid = np.stack([columns, rows], axis=1).astype(np.float32) + per_anchor[0, 0]
        return np.tile(grid, (ANCHORS, 1))[None].astype(np.float32)
    return None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
