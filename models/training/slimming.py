"""Takes channels out of a filled network, so that what reads them changes least: first weights for a slim one.

Optimal brain surgeon (Hassibi and Stork 1993) on a layer's inputs: with the inverse of their second moments, what is lost with an
input is known, and so is what the others must carry in its place. Nothing here is left to chance.
"""
import torch

from layers import Conv

# Added to the second moments, as a share of their mean diagonal, so that the inverse exists.
RIDGE = 1e-4


class Moments:
    """Second moments of what goes into a 1x1 convolution, the constant 1 last, [C+1,C+1]."""

    def __init__(self, conv):
        self.total, self.count = None, 0
        self._hook = conv.register_forward_pre_hook(self._add)

    def _add(self, _module, inputs):
        x = inputs[0].transpose(0, 1).flatten(1).double()
        x = torch.cat([x, torch.ones_like(x[:1])])
        self.total = x @ x.T if self.total is None else self.total + x @ x.T
        self.count += x.shape[1]

    def mean(self):
        self._hook.remove()
        return self.total / self.count


def without(weight, bias, moments, keep):
    """(rows kept, weight [out,keep], bias [out], share of the variance that is lost) of a 1x1 convolution that reads fewer channels."""
    w = torch.cat([weight.double(), bias.double()[:, None]], 1)
    before = torch.einsum("oi,ij,oj->", w, moments, w) - ((w @ moments[:, -1]) ** 2).sum()
    first, ridge = w.clone(), RIDGE * moments.diagonal()[:-1].mean()
    inverse = torch.linalg.inv(moments + ridge * torch.eye(len(moments)))
    rows = list(range(weight.shape[1]))
    while len(rows) > keep:
        diagonal = inverse.diagonal()
        loss = (w[:, :-1] ** 2).sum(0) / diagonal[:-1]
        at = int(loss.argmin())
        w = w - w[:, at : at + 1] / diagonal[at] * inverse[at]
        inverse = inverse - torch.outer(inverse[:, at], inverse[at]) / diagonal[at]
        stay = [k for k in range(len(w[0])) if k != at]
        w, inverse = w[:, stay], inverse[stay][:, stay]
        del rows[at]
    now = torch.zeros_like(first)
    now[:, [*rows, -1]] = w
    lost = torch.einsum("oi,ij,oj->", now - first, moments, now - first) / before
    return rows, w[:, :-1].float(), w[:, -1].float(), float(lost)


@torch.no_grad()
def narrowed(net, makers, reader, keep, pictures):
    """Keeps `keep` of the channels that `makers` (a convolution and the depthwise ones behind it) give to `reader`, a 1x1 one.
    `pictures`: list of uint8 [B,H,W,3]. Returns the share of the variance of the reader's output that is lost."""
    moments = Moments(reader)
    for batch in pictures:
        net(batch)
    weight, bias = reader.conv.weight[..., 0, 0], reader.conv.bias
    rows, weight, bias, lost = without(weight, bias, moments.mean(), keep)
    for conv in makers:
        conv.conv.weight.data, conv.conv.bias.data = conv.conv.weight[rows].contiguous(), conv.conv.bias[rows].contiguous()
        if conv.conv.groups > 1:
            conv.conv.groups = conv.conv.in_channels = keep
        conv.conv.out_channels = keep
    reader.conv.weight.data, reader.conv.bias.data, reader.conv.in_channels = weight[..., None, None], bias, keep
    return lost


def slimmed(net, plan, pictures):
    """`net` with the channels of `plan`, rows ([makers], reader, keep), narrowed one after the other. Prints what each lost."""
    net.eval()
    for makers, reader, keep in plan:
        assert all(isinstance(conv, Conv) for conv in (*makers, reader))
        lost = narrowed(net, makers, reader, keep, pictures)
        print(f"{makers[0].conv.out_channels} channels kept, {100 * lost:.2f} % of the variance lost", flush=True)
    return net
