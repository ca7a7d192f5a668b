"""Where things lie, and the nine classes. Nothing here reads or writes."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("VEDETTE_SHARED", ROOT.parent / "shared"))
# Everything that is made here; gigabytes, and not inside the repository, whose checks look at every file.
WORK = Path(os.environ.get("VEDETTE_TRAINING", Path.home() / ".cache/vedette-training"))

CLASSES = ["person", "bicycle", "car", "motorcycle", "bus", "truck", "bird", "cat", "dog"]
# Where they are among COCO's 80. The motorcycle of YOLO-Nano's weights is dead (1e-5 where there is one): bicycle stands in.
COCO_ROWS = [0, 1, 2, 1, 5, 7, 14, 15, 16]

YOLO_NANO = SHARED / "models/mobilenetv2-yolo-nano-coco-320/model.onnx"
NANO_V0 = SHARED / "models/vedette-nano-v0/model.onnx"
# The float parent of the bundled model.
RELEASED = ROOT / "models/training/vedette-nano.onnx"
IMAGENET = SHARED / "models/mobilenetv2-imagenet-224/model-int8.onnx"
TRAINING = SHARED / "training"
