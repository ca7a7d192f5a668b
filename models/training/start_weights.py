"""First weights: of YOLO-Nano (COCO, 80 classes, float) or vedette-nano-v0 into `nano`, of ImageNet's MobileNetV2 (int8) into `imagenet`.

`python start_weights.py` proves both: same outputs as ONNX Runtime, same first class.
"""
import re

import numpy as np
import torch
from PIL import Image

from augment import Batches
from layers import Conv
from networks import ImagenetNetwork, NanoNetwork, network
from paths import CLASSES, COCO_ROWS, IMAGENET, NANO_V0, RELEASED, TRAINING, WORK, YOLO_NANO
from slimming import slimmed
from teaching import taught


def convolutions(path):
    """Weight and bias of each convolution in the order of the file; int8 ones made float."""
    import onnx  # not wanted where a run only goes on, which may be a machine without it
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in values:
            raw, scale, zero = (values[name] for name in node.input)
            shape = (-1,) + (1,) * (raw.ndim - 1) if scale.ndim else ()
            values[node.output[0]] = (raw.astype(np.float32) - zero.reshape(shape)) * scale.reshape(shape)
        elif node.op_type == "Conv":
            found.append((values[node.input[1]].astype(np.float32), values[node.input[2]].astype(np.float32)))
    return found


def fill(conv, weight, bias):
    """Copies; the shapes must be the same."""
    assert conv.conv.weight.shape == weight.shape, (tuple(conv.conv.weight.shape), weight.shape)
    conv.conv.weight.data.copy_(torch.from_numpy(weight.copy()))
    conv.conv.bias.data.copy_(torch.from_numpy(bias.copy()))


def fill_nano(net, path):
    """All but a head at stride 8, which stays as it is. 80 classes are cut to nine where `net` has nine."""
    parts = [net.backbone, net.pyramid, net.head32, net.join, net.widen, net.head16]
    convs = [m for part in parts for m in part.modules() if isinstance(m, Conv) and m is not net.join.beside]
    weights = convolutions(path)
    # The first block's projection goes into the expansion that reads it: both are linear.
    (first, shift), (second, term) = weights[2:4]
    second = second[..., 0, 0]
    weights[2:4] = [((second @ first[..., 0, 0])[..., None, None], second @ shift + term)]
    assert len(convs) == len(weights)
    heads = net.outputs()
    for conv, (weight, bias) in zip(convs, weights, strict=True):
        if conv in heads and len(weight) != conv.conv.out_channels:
            values = len(weight) // 3
            rows = [a * values + v for a in range(3) for v in [0, 1, 2, 3, 4, *(5 + row for row in COCO_ROWS)]]
            weight, bias = weight[rows], bias[rows]
        if conv is net.join.above:
            # One convolution of both maps in the file: the doubled one's channels come first.
            own = conv.conv.in_channels
            fill(net.join.beside, weight[:, own:], bias)
            weight, bias = weight[:, :own], np.zeros_like(bias)
        fill(conv, weight, bias)
    return net


def fill_mixed(net):
    """Half vedette-nano-v0, half YOLO-Nano: the one knows surveillance cameras and roads, the other the world. The motorcycle is
    v0's."""
    fill_nano(net, NANO_V0)
    other = fill_nano(NanoNetwork((net.width, net.height), net.classes, 8 in net.strides), YOLO_NANO)
    heads, rows = net.outputs(), motorcycles(net)
    for conv, asked in zip(convs_of(net), convs_of(other), strict=True):
        for name in ("weight", "bias"):
            mine, theirs = getattr(conv.conv, name).data, getattr(asked.conv, name).data.clone()
            if conv in heads:
                theirs[rows] = mine[rows]
            mine.lerp_(theirs, 0.5)
    return net


def released_pairs(net):
    """[(convolution, (weight, bias))]: what `net` has, and the float parent of the bundled model beside it. Empty where it has another
    number of layers."""
    parts = [net.backbone, net.pyramid, net.join, net.head32, net.widen, net.head16]
    convs, found = [m for part in parts for m in part.modules() if isinstance(m, Conv)], convolutions(RELEASED)
    return list(zip(convs, found, strict=True)) if len(convs) == len(found) else []


def is_released(net):
    """Whether the released weights fill all that `net` shares with its kind."""
    pairs = released_pairs(net)
    return bool(pairs) and all(conv.conv.weight.shape == weight.shape for conv, (weight, _) in pairs)


def released_name():
    """The network of the released weights."""
    return next(name for name in ("nano-384+thin", "nano-384+thin+bare") if is_released(network(name)))


def fill_released(net):
    """The float parent of the bundled model; what has another shape in `net` stays as it is."""
    pairs = released_pairs(net)
    if not pairs:
        raise SystemExit("the released model has another number of layers than this network, which must begin otherwise")
    for conv, (weight, bias) in pairs:
        if conv.conv.weight.shape == weight.shape:
            fill(conv, weight, bias)
    return net


def motorcycles(net):
    """Rows of a head's last convolution that tell motorcycles, of which YOLO-Nano knows nothing."""
    values = 5 + net.classes
    return [a * values + 5 + CLASSES.index("motorcycle") for a in range(3)]


def convs_of(net):
    return [m for m in net.modules() if isinstance(m, Conv)]


def fill_imagenet(net):
    """The backbone; where hidden channels are fewer, those stay that carry most from the block's input to its output."""
    weights = iter(convolutions(IMAGENET))
    fill(net.backbone.stem, *next(weights))
    for block in net.backbone.blocks:
        expand = next(weights) if block.expand is not None else None
        depth, project = next(weights), next(weights)
        kept = block.depth.conv.out_channels
        if expand is not None and kept < len(depth[0]):
            carried = [np.sqrt((array**2).sum(axes)) for array, axes in (
                (expand[0], (1, 2, 3)), (depth[0], (1, 2, 3)), (project[0], (0, 2, 3)))]
            rows = np.sort(np.argsort(-np.prod(carried, 0), kind="stable")[:kept])
            expand, depth = (expand[0][rows], expand[1][rows]), (depth[0][rows], depth[1][rows])
            project = (project[0][:, rows], project[1])
        if expand is not None:
            fill(block.expand, *expand)
        fill(block.depth, *depth)
        fill(block.project, *project)
    return net


NANO_STARTS = {
    "yolo-nano": lambda net: fill_nano(net, YOLO_NANO), "v0": lambda net: fill_nano(net, NANO_V0), "mixed": fill_mixed,
}


# Batches of pictures that a slim network is made with; and that a bare one is taught with, and their size.
SLIMMING = 12
TEACHING, TAUGHT = 12_000, 8


def started(name, start="yolo-nano", seed=0):
    """A network by name with its first weights; `start` for `nano`: a name in NANO_STARTS, `random`, or `released`: the bundled model's,
    and v0's where its shapes are others. A bare one is taught for 25 minutes, unless the released one is bare too."""
    torch.manual_seed(seed)
    net = network(name)
    if not isinstance(net, NanoNetwork):
        return fill_imagenet(net)
    if start == "random":
        return net
    if start == "released" and is_released(net):
        return fill_released(net)
    if net.bare:
        whole = started(name.replace("+bare", ""), start, seed)
        batches = Batches(WORK / "cache", (net.width, net.height), TAUGHT, seed, TEACHING)
        return taught(net, whole, torch.utils.data.DataLoader(batches, batch_size=None, num_workers=1))
    if start == "released":
        return fill_released(started(name, "v0", seed))
    if not net.thin:
        return NANO_STARTS[start](net)
    whole = NANO_STARTS[start](network(re.sub(r"\+(thin|slim)", "", name)))
    batches = Batches(WORK / "cache", (net.width, net.height), 16, seed, SLIMMING)
    slimmed(whole, net.narrowings(whole), [batches[k]["image"] for k in range(SLIMMING)])
    net.load_state_dict(whole.state_dict())
    return net


def photos(side, count=24):
    """uint8 [count,S,S,3]: the first photos of coco/val, stretched."""
    files = sorted((TRAINING / "coco/val").glob("*.jpg"))[:count]
    return np.stack([np.asarray(Image.open(f).convert("RGB").resize((side, side), Image.BILINEAR)) for f in files])


def prove_nano(path, classes):
    """Largest differences of boxes and scores between the file in ONNX Runtime and the module."""
    import onnxruntime

    net = fill_nano(NanoNetwork(classes=classes), path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ours = onnxruntime.InferenceSession(net.onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    worst = np.zeros(3)
    for image in photos(320, 6):
        boxes, scores = session.run(["boxes", "scores"], {"image": image[None]})
        with torch.no_grad():
            b, logits, objects = net(torch.from_numpy(image[None]))
        s = torch.sigmoid(logits) * torch.sigmoid(objects)[..., None]
        again = ours.run(["boxes", "scores"], {"image": image[None]})
        off = [np.abs(b.numpy() - boxes).max(), np.abs(s.numpy() - scores).max()]
        worst = np.maximum(worst, [*off, max(np.abs(again[0] - boxes).max(), np.abs(again[1] - scores).max())])
    return worst


def prove_imagenet():
    """Share of photos for which the dequantised network names the same first class as the int8 file."""
    import onnxruntime

    net = ImagenetNetwork(cut=0)
    fill_imagenet(net)
    last, classify = convolutions(IMAGENET)[-2:]
    session = onnxruntime.InferenceSession(IMAGENET, providers=["CPUExecutionProvider"])
    same, pictures = 0, photos(224, 64)
    for image in pictures:
        want = session.run(None, {"image": image[None]})[0][0].argmax()
        with torch.no_grad():
            x = net.backbone(net.pixels(torch.from_numpy(image[None])))[32][0]
            x = torch.nn.functional.conv2d(x, *map(torch.from_numpy, last)).clamp(0, 6).mean((2, 3), keepdim=True)
            got = torch.nn.functional.conv2d(x, *map(torch.from_numpy, classify)).flatten().argmax()
        same += int(got == want)
    return same / len(pictures)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for title, path, classes in (("YOLO-Nano", YOLO_NANO, 80), ("vedette-nano-v0", NANO_V0, 9)):
        boxes, scores, written = prove_nano(path, classes)
        print(f"{title}: largest difference of boxes {boxes:.1e}, scores {scores:.1e}, as ONNX again {written:.1e}")
        assert max(boxes, scores, written) < 1e-3
    print(f"MobileNetV2: same first class as the int8 file on {prove_imagenet():.0%} of 64 photos")
