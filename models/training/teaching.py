"""Teaches the first layers of a network that has fewer of them what those of a whole one say (Romero et al. 2015, FitNets): first
weights for a bare one. No labels are wanted. The same seed gives the same weights.
"""
import math

import torch

# Blocks of the whole network: those up to the first learn, the outputs of all of these are compared. An error counts by what the
# layers behind, which do not learn, make of it.
LAST_PUPIL, COMPARED = 6, (3, 5, 9, 12)
# Pictures are cut to this many pixels: what is learnt is local. At the edge of a cut is its padding.
CUT, EDGE = 224, 1
RATE, WARM_UP = 4e-3, 50


def unlike(mine, theirs):
    """Share of the variance of `theirs` [B,C,H,W] that `mine` has not."""
    mine, theirs = (v[..., EDGE:-EDGE, EDGE:-EDGE] for v in (mine, theirs))
    return ((mine - theirs) ** 2).sum() / ((theirs - theirs.mean((0, 2, 3), keepdim=True)) ** 2).sum()


def compared(x, stem, blocks, gap=0):
    """Outputs of the blocks COMPARED, where the first `gap` blocks are not there."""
    x, found = stem(x), []
    for k, block in enumerate(blocks[: COMPARED[-1] + 1 - gap], gap):
        x = block(x)[0]
        if k in COMPARED:
            found.append(x)
    return found


def taught(net, whole, batches):
    """`net` with the weights of `whole`, of which its backbone lacks blocks at the beginning; those around the gap learn from
    `batches` (a dictionary with `image` uint8 [B,H,W,3] each). Prints what is lost."""
    given(net, whole)
    mine, theirs = net.backbone, whole.backbone.requires_grad_(False)
    gap = len(theirs.blocks) - len(mine.blocks)
    learns = [mine.stem, *mine.blocks[: LAST_PUPIL + 1 - gap]]
    optimizer = torch.optim.AdamW([p for part in learns for p in part.parameters()], lr=RATE, weight_decay=1e-4)
    mean = torch.zeros(len(COMPARED))
    for step, batch in enumerate(batches):
        share = min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * (1 + math.cos(math.pi * step / len(batches))) / 2)
        for group in optimizer.param_groups:
            group["lr"] = RATE * share
        x = net.pixels(cut(batch["image"], step)).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            wanted = compared(x, theirs.stem, theirs.blocks)
        lost = torch.stack([unlike(a, b) for a, b in zip(compared(x, mine.stem, mine.blocks, gap), wanted, strict=True)])
        optimizer.zero_grad()
        lost.sum().backward()
        optimizer.step()
        mean.lerp_(lost.detach(), 0.01 if step > 100 else 1 / (step + 1))
        if (step + 1) % 200 == 0:
            shares = ", ".join(f"{100 * v:.1f} %" for v in mean.tolist())
            print(f"taught {step + 1}/{len(batches)}: of the variance behind blocks {COMPARED} differ {shares}", flush=True)
    return net


def given(net, whole):
    """Weights of `whole` to what `net` has of it: blocks are counted from the end."""
    gap = len(whole.backbone.blocks) - len(net.backbone.blocks)
    weights = {}
    for key, value in whole.state_dict().items():
        parts = key.split(".")
        if parts[:2] == ["backbone", "blocks"]:
            if int(parts[2]) < gap:
                continue
            parts[2] = str(int(parts[2]) - gap)
        weights[".".join(parts)] = value
    net.load_state_dict(weights)


def cut(images, step):
    """A window of CUT pixels, another one each step, on whole cells of all strides."""
    y, x = (32 * ((step * k) % ((side - CUT) // 32 + 1)) for k, side in zip((3, 5), images.shape[1:3], strict=True))
    return images[:, y : y + CUT, x : x + CUT]
