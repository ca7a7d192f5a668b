"""Writes an ONNX graph node by node. Knows nothing of the networks; their modules call it (see layers.py)."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13


class GraphWriter:
    """Collects nodes and constants. Values are named by what made them, so that a node can be named to the quantizer."""

    def __init__(self):
        self.nodes, self.constants, self._count = [], [], 0

    def constant(self, array, name=None):
        """An initializer; returns its name."""
        self._count += 1
        name = name or f"constant_{self._count}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op, inputs, name=None, outputs=1, **attributes):
        """A node; returns the name of its output, or a list of them where there are several."""
        self._count += 1
        name = name or f"{op.lower()}_{self._count}"
        made = [name] if outputs == 1 else [f"{name}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), made, name=name, **attributes))
        return made[0] if outputs == 1 else made

    def scalar(self, value):
        return self.constant(np.array(value, np.float32))

    def model(self, width, height, boxes, scores, rows, classes):
        """The finished model in the product's form: image uint8 [1,H,W,3] to boxes [1,N,4] and scores [1,N,C]."""
        for node in self.nodes:
            for k, output in enumerate(node.output):
                node.output[k] = {boxes: "boxes", scores: "scores"}.get(output, output)
        graph = helper.make_graph(
            self.nodes,
            "vedette",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])],
            [
                helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, rows, 4]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, rows, classes]),
            ],
            initializer=self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model
