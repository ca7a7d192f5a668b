"""Layers of the networks. Each computes (`forward`) and writes itself as ONNX (`write`), so both forms stay together.

Values are [B,C,H,W] float. Every convolution has a bias; batch normalisation is either folded into it (the form in which the
starting weights come) or present while training (`with_batch_norm`) and folded again on export.
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Conv(nn.Module):
    """Convolution, optional batch normalisation, activation: `relu`, `relu6` or None.

    `tf_same` pads as TensorFlow does: at stride 2 nothing above and left, one pixel below and right.
    """

    def __init__(self, cin, cout, kernel=1, stride=1, groups=1, act="relu", tf_same=False):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, groups=groups)
        self.norm, self.act = None, act
        edge = kernel // 2
        self.pads = (0, edge, 0, edge) if tf_same and stride == 2 else (edge,) * 4
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)

    def forward(self, x):
        learning = self.norm is not None and self.norm.training
        # Fixed statistics cost nothing inside the weights, and a pass over all values beside them.
        weight, bias = (self.conv.weight, self.conv.bias) if learning else self._inside()
        top = self.pads[0]
        if top != self.pads[1]:
            x, top = F.pad(x, self.pads), 0
        x = F.conv2d(x, weight, bias, self.conv.stride, top, 1, self.conv.groups)
        if learning:
            x = self.norm(x)
        if self.act is None:
            return x
        return F.relu(x) if self.act == "relu" else F.relu6(x)

    def _inside(self):
        """Weight [out,in/groups,k,k] and bias [out] with the batch normalisation inside."""
        if self.norm is None:
            return self.conv.weight, self.conv.bias
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        return self.conv.weight * factor[:, None, None, None], (self.conv.bias - self.norm.running_mean) * factor + self.norm.bias

    def folded(self):
        """The same as copies on the CPU."""
        return tuple(v.detach().float().cpu().clone() for v in self._inside())

    def write(self, graph, x, name):
        weight, bias = self.folded()
        left, right, top, bottom = self.pads
        inputs = [x, graph.constant(weight.numpy(), f"{name}.weight"), graph.constant(bias.numpy(), f"{name}.bias")]
        k = self.conv.kernel_size[0]
        x = graph.add(
            "Conv", inputs, name, group=self.conv.groups, kernel_shape=[k, k], strides=list(self.conv.stride),
            pads=[top, left, bottom, right],
        )
        if self.act == "relu":
            return graph.add("Relu", [x], f"{name}.relu")
        if self.act == "relu6":
            return graph.add("Clip", [x, graph.scalar(0), graph.scalar(6)], f"{name}.relu6")
        return x


class Residual(nn.Module):
    """Inverted residual of MobileNetV2: expand 1x1, depthwise 3x3, project 1x1 (none: `cout` None); added to its input where
    shapes allow."""

    def __init__(self, cin, hidden, cout, stride, act="relu", tf_same=False):
        super().__init__()
        self.expand = Conv(cin, hidden, 1, act=act) if hidden != cin else None
        self.depth = Conv(hidden, hidden, 3, stride, groups=hidden, act=act, tf_same=tf_same)
        self.project = None if cout is None else Conv(hidden, cout, 1, act=None)
        self.adds = stride == 1 and cin == cout

    def forward(self, x):
        """Returns the output and the expanded input, which heads may tap."""
        wide = x if self.expand is None else self.expand(x)
        y = self.depth(wide)
        y = y if self.project is None else self.project(y)
        return (x + y if self.adds else y), wide

    def write(self, graph, x, name):
        wide = x if self.expand is None else self.expand.write(graph, x, f"{name}.expand")
        y = self.depth.write(graph, wide, f"{name}.depth")
        y = y if self.project is None else self.project.write(graph, y, f"{name}.project")
        return (graph.add("Add", [y, x], f"{name}.add") if self.adds else y), wide


class Backbone(nn.Module):
    """MobileNetV2: a stem and inverted residuals from `plan`, rows (hidden, out or None for no projection, stride).

    `forward` gives by stride 8, 16, 32 what heads may read: (last output at that stride, expansion of the block that leaves it).
    """

    def __init__(self, stem, plan, act="relu", tf_same=False):
        super().__init__()
        self.stem = Conv(3, stem, 3, 2, act=act, tf_same=tf_same)
        self.blocks, channels, stride = nn.ModuleList(), stem, 2
        self.channels = {}
        for hidden, out, step in plan:
            if step == 2:
                self.channels[stride] = (channels, hidden)
                stride *= 2
            self.blocks.append(Residual(channels, hidden, out, step, act, tf_same))
            channels = hidden if out is None else out
        self.channels[stride] = (channels, channels)

    def forward(self, x):
        return self._walk(self.stem(x), lambda block, value, _: block(value))

    def write(self, graph, x, name="backbone"):
        x = self.stem.write(graph, x, f"{name}.stem")
        return self._walk(x, lambda block, value, k: block.write(graph, value, f"{name}.{k}"))

    def _walk(self, x, run):
        seen, stride = {}, 2
        for k, block in enumerate(self.blocks):
            y, wide = run(block, x, k)
            if block.depth.conv.stride[0] == 2:
                seen[stride] = (x, wide)
                stride *= 2
            x = y
        seen[stride] = (x, x)
        return seen


class Pyramid(nn.Module):
    """Spatial pyramid pooling: maxima over 9, 5 and 3 cells beside the input, [B,C,H,W] to [B,4C,H,W]."""

    def forward(self, x):
        return torch.cat([F.max_pool2d(x, k, 1, k // 2) for k in (9, 5, 3)] + [x], 1)

    def write(self, graph, x, name):
        pooled = [
            graph.add("MaxPool", [x], f"{name}.pool{k}", kernel_shape=[k, k], strides=[1, 1], pads=[k // 2] * 4)
            for k in (9, 5, 3)
        ]
        return graph.add("Concat", [*pooled, x], f"{name}.concat", axis=1)


class Chain(nn.Module):
    """Layers one after the other."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def write(self, graph, x, name):
        for k, layer in enumerate(self.layers):
            x = layer.write(graph, x, f"{name}.{k}")
        return x


class Joined(nn.Module):
    """A 1x1 convolution of two maps in a row, one of half the size [B,above,H/2,W/2] and one [B,beside,H,W], to relu [B,out,H,W].

    Each map has its own part of the convolution: the half one is worked out before it is doubled, a quarter of the work, and nothing
    is put in a row. The same values.
    """

    def __init__(self, above, beside, out):
        super().__init__()
        self.above, self.beside = Conv(above, out, act=None), Conv(beside, out, act=None)

    def forward(self, above, beside):
        return F.relu(doubled(self.above(above)) + self.beside(beside))

    def write(self, graph, above, beside, name):
        up = write_doubled(graph, self.above.write(graph, above, f"{name}.above"), f"{name}.resize")
        total = graph.add("Add", [up, self.beside.write(graph, beside, f"{name}.beside")], f"{name}.add")
        return graph.add("Relu", [total], f"{name}.relu")


def doubled(x):
    """Nearest neighbour, [B,C,H,W] to [B,C,2H,2W]."""
    b, c, h, w = x.shape
    # Not F.interpolate: its gradient is not the same twice on a GPU.
    return x[:, :, :, None, :, None].expand(b, c, h, 2, w, 2).reshape(b, c, 2 * h, 2 * w)


def write_doubled(graph, x, name):
    sizes = graph.constant(np.array([1, 1, 2, 2], np.float32))
    return graph.add(
        "Resize", [x, "", sizes], name, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )


def separable(channels, out, act="relu"):
    """Depthwise 3x3 and pointwise 1x1."""
    return Chain(Conv(channels, channels, 3, groups=channels, act=act), Conv(channels, out, 1, act=act))


@torch.no_grad()
def with_batch_norm(net, pictures):
    """Adds batch normalisation to every convolution but the last of each head, so that no output changes.

    `pictures`: list of uint8 [B,S,S,3]; their statistics become the running ones, and the affine part undoes them.
    """
    convs = [m for m in net.modules() if isinstance(m, Conv) and m not in net.outputs()]
    for conv in convs:
        conv.norm = Statistics()
    for batch in pictures:
        net(batch)
    for conv in convs:
        mean, var = (torch.stack(found).mean(0) for found in zip(*conv.norm.seen, strict=True))
        norm = nn.BatchNorm2d(len(mean), momentum=0.03).to(mean.device)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(var)
        norm.weight.copy_(torch.sqrt(var + norm.eps))
        norm.bias.copy_(mean)
        conv.norm = norm
    return net


def add_empty_batch_norm(net):
    """The same modules, to be filled by a checkpoint."""
    for conv in [m for m in net.modules() if isinstance(m, Conv) and m not in net.outputs()]:
        conv.norm = nn.BatchNorm2d(conv.conv.out_channels, momentum=0.03)
    return net


class Statistics(nn.Module):
    """Notes mean and variance of each channel of what passes, and changes nothing."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append((x.mean((0, 2, 3)), x.var((0, 2, 3))))
        return x
