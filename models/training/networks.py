"""The networks: their plans, heads, decoding, and where their first weights come from.

A network takes uint8 [B,H,W,3] and gives boxes [B,N,4] (x1,y1,x2,y2 in 0..1), logits [B,N,C], objectness logits [B,N] or
None. Scores are sigmoid(logits), times sigmoid(objectness) where there is one. `name` is `nano-320` (family and side) or
`nano-512x288` (width and height) with options behind: `nano-320+s8` (a third head at stride 8), `nano-320+thin` and `+slim` (narrower), `+bare` (the stem goes on to the first
expansion at once), `imagenet-224*0.5` (hidden channels kept).
"""
import re

import numpy as np
import torch
from torch import nn

from layers import Backbone, Chain, Conv, Joined, Pyramid, doubled, separable, write_doubled
from paths import CLASSES

# MobileNetV2-YOLOv3-Nano (dog-qiuqiu/MobileNet-Yolo): widths as in its COCO weights: (hidden, out, stride). The first block's
# projection has no activation and is read by one convolution only: both are one here.
NANO_PLAN = [
    (16, None, 1), (48, 12, 2), (72, 12, 1), (72, 16, 2), (96, 16, 1), (96, 16, 1), (96, 32, 2), (192, 32, 1), (192, 32, 1),
    (192, 32, 1), (192, 48, 1), (288, 48, 1), (288, 48, 1), (288, 80, 2), (480, 80, 1), (480, 80, 1),
]
# Hidden channels of the blocks that `+thin` has fewer of, and of the head at stride 16, which `+slim` has fewer of too; see slimming.py.
THIN_BLOCKS = {2: 64, 3: 64}
HEAD16, HEAD16_SLIM = (288, 192, 288), (192, 96, 144)
NANO_ANCHORS = {32: [(115, 74), (119, 199), (243, 238)], 16: [(12, 18), (37, 49), (52, 132)], 8: [(8, 13)]}
NANO_SCALE_XY = {32: 1.1, 16: 1.05, 8: 1.05}

# MobileNetV2 1.0 (Sandler et al. 2018), table 2, without the last rows: (expansion, channels, repeats, stride).
IMAGENET_ROWS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def nano_plan(thin, bare):
    """NANO_PLAN, or with fewer hidden channels, or without its first block: a depthwise convolution of few channels on the largest map,
    an eighth of the whole time."""
    plan = [(THIN_BLOCKS.get(k, row[0]) if thin else row[0], *row[1:]) for k, row in enumerate(NANO_PLAN)]
    return plan[1:] if bare else plan


def imagenet_plan(rows=IMAGENET_ROWS, keep=1.0, cut=0):
    """Rows (hidden, out, stride); `keep` of the hidden channels, in eights; `cut` blocks dropped at the end."""
    plan, channels = [], 32
    for expansion, out, repeats, stride in rows:
        for k in range(repeats):
            hidden = channels * expansion
            if expansion > 1:
                hidden = max(channels + 8, round(hidden * keep / 8) * 8)
            plan.append((hidden, out, stride if k == 0 else 1))
            channels = out
    return plan[: len(plan) - cut]


class Network(nn.Module):
    """What both families share: pixels in, decoding, writing as ONNX."""

    def __init__(self, size, classes):
        super().__init__()
        (self.width, self.height), self.classes = size, classes
        self.factor, self.term = 1 / 255, 0.0

    def pixels(self, image):
        """uint8 [B,H,W,3] to float [B,3,H,W]."""
        return image.permute(0, 3, 1, 2).float() * self.factor + self.term

    def write_pixels(self, graph):
        x = graph.add("Transpose", ["image"], perm=[0, 3, 1, 2])
        x = graph.add("Cast", [x], to=1)
        x = graph.add("Mul", [x, graph.scalar(self.factor)])
        return x if self.term == 0 else graph.add("Add", [x, graph.scalar(self.term)])

    def cells(self):
        """Centres, cell sizes and anchor sizes (zero without anchors) of all predictions in 0..1, each [N,2], in the order of the
        outputs."""
        centres, sizes, shapes = [], [], []
        for stride, anchors in self.grid():
            points, cell = self.raster(stride)
            centres.append(((points + 0.5) * cell).repeat(anchors, 1))
            sizes.append(cell.expand(len(points) * anchors, 2))
            shapes.append(self._anchors(stride)[1][0] if self.kind == "yolo" else torch.zeros(len(points), 2))
        return torch.cat(centres), torch.cat(sizes), torch.cat(shapes)

    def raster(self, stride):
        """Columns and rows of the cells, row by row [HW,2], and the size of one in 0..1 [2]."""
        y, x = torch.meshgrid(torch.arange(self.height // stride), torch.arange(self.width // stride), indexing="ij")
        return torch.stack([x, y], -1).reshape(-1, 2).float(), stride / torch.tensor([self.width, self.height])

    def onnx(self):
        """The model in the product's form."""
        from graph_writer import GraphWriter  # needs onnx, which training does not

        graph = GraphWriter()
        rows = len(self.cells()[0])
        boxes, scores = self.write(graph, self.write_pixels(graph))
        return graph.model(self.width, self.height, boxes, scores, rows, self.classes)


def flattened(x, anchors):
    """[B,A*V,H,W] to [B,A*H*W,V]: the order of darknet's outputs."""
    b, channels, h, w = x.shape
    return x.reshape(b, anchors, channels // anchors, h * w).transpose(2, 3).reshape(b, anchors * h * w, -1)


def write_flattened(graph, x, anchors, values, cells):
    shape = graph.constant(np.array([1, anchors, values, cells], np.int64))
    x = graph.add("Transpose", [graph.add("Reshape", [x, shape])], perm=[0, 1, 3, 2])
    return graph.add("Reshape", [x, graph.constant(np.array([1, anchors * cells, values], np.int64))])


def write_slice(graph, x, start, end):
    ends = [graph.constant(np.array([v], np.int64)) for v in (start, end, 2)]
    return graph.add("Slice", [x, *ends])


class NanoNetwork(Network):
    """Structure of MobileNetV2-YOLOv3-Nano: YOLO heads with three anchors at strides 32 and 16 and, with `s8`, with one at 8."""

    kind = "yolo"

    def __init__(self, size=(320, 320), classes=len(CLASSES), s8=False, slim=False, thin=False, bare=False):
        super().__init__(size, classes)
        out = 3 * (5 + classes)
        self.thin, self.slim, self.bare = thin or slim, slim, bare
        self.backbone = Backbone(16, nano_plan(self.thin, bare))
        self.pyramid = Chain(Pyramid(), Conv(320, 288))
        self.head32 = Chain(Conv(288, 288, 3, groups=288), Conv(288, 96), Conv(96, 384), Conv(384, out, act=None))
        wide, narrow, last = HEAD16_SLIM if slim else HEAD16
        self.join, self.widen = Joined(288, 288, 80), Conv(80, wide)
        self.head16 = Chain(Conv(wide, wide, 3, groups=wide), Conv(wide, narrow), Conv(narrow, last), Conv(last, out, act=None))
        self.strides = (32, 16)
        if s8:
            self.strides = (32, 16, 8)
            self.join8 = Joined(80, 96, 48)
            self.head8 = Chain(*separable(48, 64).layers, Conv(64, 5 + classes, act=None))
            quiet(self.head8.layers[-1], 1)
        for stride in self.strides:
            origin, size = self._anchors(stride)
            self.register_buffer(f"origin{stride}", origin, persistent=False)
            self.register_buffer(f"size{stride}", size, persistent=False)
            self.register_buffer(f"cell{stride}", self.raster(stride)[1], persistent=False)

    def narrowings(self, whole):
        """Rows for `slimmed` that make `whole`, which is not thin, as narrow as this network."""
        blocks, head, (wide, narrow, last) = whole.backbone.blocks, whole.head16.layers, HEAD16_SLIM
        rows = [([blocks[k].expand, blocks[k].depth], blocks[k].project, keep) for k, keep in THIN_BLOCKS.items()]
        if not self.slim:
            return rows
        return [*rows, ([head[2]], head[3], last), ([head[1]], head[2], narrow), ([whole.widen, head[0]], head[1], wide)]

    def outputs(self):
        """The last convolution of each head."""
        return [getattr(self, f"head{stride}").layers[-1] for stride in self.strides]

    def new_parts(self):
        """What has no starting weights."""
        return [self.join8, self.head8] if 8 in self.strides else []

    def grid(self):
        return [(stride, len(NANO_ANCHORS[stride])) for stride in self.strides]

    def forward(self, image):
        seen = self.backbone(self.pixels(image))
        deep = self.pyramid(seen[32][0])
        narrow = self.join(deep, seen[16][1])
        maps = [self.head32(deep), self.head16(self.widen(narrow))]
        if 8 in self.strides:
            maps.append(self.head8(self.join8(narrow, seen[8][1])))
        boxes, logits, objects = [], [], []
        for x, stride in zip(maps, self.strides, strict=True):
            v = flattened(x, len(NANO_ANCHORS[stride])).float()
            origin, size = getattr(self, f"origin{stride}"), getattr(self, f"size{stride}")
            cell = getattr(self, f"cell{stride}")
            centre = (torch.sigmoid(v[..., :2]) * NANO_SCALE_XY[stride] + origin) * cell
            half = torch.exp(v[..., 2:4].clamp(max=5)) * size / 2
            boxes.append(torch.cat([centre - half, centre + half], -1))
            objects.append(v[..., 4])
            logits.append(v[..., 5:])
        return torch.cat(boxes, 1), torch.cat(logits, 1), torch.cat(objects, 1)

    def _anchors(self, stride):
        """Origins of the cells minus what `scale_x_y` adds [1,3HW,2], in cells, and anchor sizes [1,3HW,2] in 0..1."""
        points, _ = self.raster(stride)
        origin = points[None].repeat(1, len(NANO_ANCHORS[stride]), 1) - (NANO_SCALE_XY[stride] - 1) / 2
        # Anchors are pixels of the input, whatever its size.
        size = torch.tensor(NANO_ANCHORS[stride]).float().repeat_interleave(len(points), 0)[None]
        return origin, size / torch.tensor([self.width, self.height])

    def write(self, graph, x):
        seen = self.backbone.write(graph, x)
        deep = self.pyramid.write(graph, seen[32][0], "pyramid")
        narrow = self.join.write(graph, deep, seen[16][1], "join")
        maps = [self.head32.write(graph, deep, "head32")]
        maps.append(self.head16.write(graph, self.widen.write(graph, narrow, "widen"), "head16"))
        if 8 in self.strides:
            maps.append(self.head8.write(graph, self.join8.write(graph, narrow, seen[8][1], "join8"), "head8"))
        rows, factors, terms, sizes = [], [], [], []
        for x, stride in zip(maps, self.strides, strict=True):
            points, cell = self.raster(stride)
            rows.append(write_flattened(graph, x, len(NANO_ANCHORS[stride]), 5 + self.classes, len(points)))
            origin, size = self._anchors(stride)
            terms.append(origin * cell)
            factors.append((NANO_SCALE_XY[stride] * cell).expand_as(origin))
            sizes.append(size / 2)
        v = graph.add("Concat", rows, axis=1)
        factor, term, size = (graph.constant(torch.cat(parts, 1).numpy()) for parts in (factors, terms, sizes))
        xy = graph.add("Mul", [graph.add("Sigmoid", [write_slice(graph, v, 0, 2)]), factor])
        xy = graph.add("Add", [xy, term])
        half = graph.add("Mul", [graph.add("Exp", [write_slice(graph, v, 2, 4)]), size])
        boxes = graph.add("Concat", [graph.add("Sub", [xy, half]), graph.add("Add", [xy, half])], axis=2)
        object_ = graph.add("Sigmoid", [write_slice(graph, v, 4, 5)])
        class_ = graph.add("Sigmoid", [write_slice(graph, v, 5, 5 + self.classes)])
        return boxes, graph.add("Mul", [object_, class_])


class ImagenetNetwork(Network):
    """MobileNetV2 1.0 with a light pyramid of our own: one box a cell, as distances to the four sides, no objectness.

    `keep`: share of the hidden channels; `cut`: blocks dropped at the end; `neck`: channels of the pyramid; `strides`: heads.
    """

    kind = "distance"

    def __init__(self, size=(224, 224), classes=len(CLASSES), keep=1.0, cut=2, neck=64, strides=(32, 16)):
        super().__init__(size, classes)
        self.factor, self.term = 0.007843138, -127 * 0.007843138
        self.keep, self.strides = keep, strides
        self.backbone = Backbone(32, imagenet_plan(keep=keep, cut=cut), "relu6", tf_same=True)
        given = {stride: self.backbone.channels[stride][0] for stride in strides}
        self.brings = nn.ModuleList([Conv(given[stride], neck) for stride in strides])
        self.mixes = nn.ModuleList([separable(neck, neck) for _ in strides])
        self.heads = nn.ModuleList([Chain(*separable(neck, neck).layers, Conv(neck, 4 + classes, act=None)) for _ in strides])
        for head in self.heads:
            quiet(head.layers[-1], 1, box_values=4)
        for stride in strides:
            points, cell = self.raster(stride)
            self.register_buffer(f"point{stride}", (points + 0.5)[None] * cell, persistent=False)
            self.register_buffer(f"cell{stride}", cell.repeat(2), persistent=False)

    def outputs(self):
        return [head.layers[-1] for head in self.heads]

    def new_parts(self):
        return [self.brings, self.mixes, self.heads]

    def grid(self):
        return [(stride, 1) for stride in self.strides]

    def forward(self, image):
        seen = self.backbone(self.pixels(image))
        boxes, logits, above = [], [], None
        for k, stride in enumerate(self.strides):
            x = self.brings[k](seen[stride][0])
            x = self.mixes[k](x if above is None else x + doubled(above))
            above = x
            v = flattened(self.heads[k](x), 1).float()
            reach = torch.exp(v[..., :4].clamp(max=5)) * getattr(self, f"cell{stride}")
            point = getattr(self, f"point{stride}")
            boxes.append(torch.cat([point - reach[..., :2], point + reach[..., 2:]], -1))
            logits.append(v[..., 4:])
        return torch.cat(boxes, 1), torch.cat(logits, 1), None

    def write(self, graph, x):
        seen = self.backbone.write(graph, x)
        boxes, scores, above = [], [], None
        for k, stride in enumerate(self.strides):
            x = self.brings[k].write(graph, seen[stride][0], f"bring{stride}")
            if above is not None:
                x = graph.add("Add", [x, write_doubled(graph, above, f"resize{stride}")], f"add{stride}")
            x = above = self.mixes[k].write(graph, x, f"mix{stride}")
            v = write_flattened(graph, self.heads[k].write(graph, x, f"head{stride}"), 1, 4 + self.classes, len(self.raster(stride)[0]))
            cell, point = (graph.constant(getattr(self, f"{what}{stride}").numpy()) for what in ("cell", "point"))
            reach = graph.add("Mul", [graph.add("Exp", [write_slice(graph, v, 0, 4)]), cell])
            low = graph.add("Sub", [point, write_slice(graph, reach, 0, 2)])
            high = graph.add("Add", [point, write_slice(graph, reach, 2, 4)])
            boxes.append(graph.add("Concat", [low, high], axis=2))
            scores.append(graph.add("Sigmoid", [write_slice(graph, v, 4, 4 + self.classes)]))
        return graph.add("Concat", boxes, axis=1), graph.add("Concat", scores, axis=1)


def quiet(conv, anchors, box_values=5):
    """A new last convolution starts with small weights and says that one place in a hundred has an object."""
    values = conv.conv.out_channels // anchors
    nn.init.normal_(conv.conv.weight, std=0.01)
    first = 4 if box_values == 5 else box_values
    bias = conv.conv.bias.data.view(anchors, values)
    bias[:, first : (5 if box_values == 5 else values)] = -4.6


def network(name):
    """A network by name, weights by chance: see the top of this file."""
    match = re.fullmatch(r"(nano|imagenet)-(\d+(?:x\d+)?)((?:[+*][\w.]+)*)", name)
    if match is None:
        raise SystemExit(f"no network '{name}': use nano-SIZE or imagenet-SIZE (320, 512x288), with +s8, +thin, +slim, +bare, +cutN, +neckN, *KEEP")
    family, options = match[1], re.findall(r"([+*])([\w.]+)", match[3])
    words = {}
    for sign, word in options:
        if sign == "*":
            words["keep"] = float(word)
        elif word == "s8":
            words["s8" if family == "nano" else "strides"] = True if family == "nano" else (32, 16, 8)
        elif word in ("slim", "thin", "bare"):
            words[word] = True
        else:
            key, number = re.fullmatch(r"([a-z]+)(\d+)", word).groups()
            words[key] = int(number)
    width, height = (match[2].split("x") * 2)[:2]
    size = int(width), int(height)
    if any(side % 32 for side in size):
        raise SystemExit(f"size {match[2]} is no multiple of 32")
    return NanoNetwork(size, **words) if family == "nano" else ImagenetNetwork(size, **words)


def resized(name, net=None, size=None):
    """The name of this kind of network with another size: the one given, else that of `net`."""
    return re.sub(r"-\d+(x\d+)?", f"-{size or f'{net.width}x{net.height}'}", name, count=1)


def multiply_adds(net):
    """Multiply-adds of the convolutions for one picture."""
    total, hooks = [0], []

    def count(module, _inputs, output):
        weight = module.conv.weight
        total[0] += weight[0].numel() * output.numel()

    for module in net.modules():
        if isinstance(module, Conv):
            hooks.append(module.register_forward_hook(count))
    with torch.no_grad():
        net(torch.zeros(1, net.height, net.width, 3, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    return total[0]
