"""Trains a network: `python train.py RUN --network imagenet-256+s8 --steps 20000`. Given again, it goes on where it was.

Writes to `$VEDETTE_TRAINING/runs/RUN`: `log.jsonl` (a line a step: loss, parts, rate), `last.pt` (everything to go on with). The
same seed on the CPU gives the same log; on a GPU nearly. Batches are made by (seed, step), so a restart changes nothing.
"""
import argparse
import json
import math
import time

import torch

from augment import Batches
from layers import add_empty_batch_norm, with_batch_norm
from loss import loss_of
from networks import network, resized
from paths import CLASSES, WORK
from start_weights import NANO_STARTS, released_name, started

# Not part of what a run is: may differ when it goes on.
PASSING = ("run", "workers", "threads", "stop_after", "save_every", "minutes")


def options_of(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--network", default="imagenet-256+s8", help="see networks.py")
    parser.add_argument("--start", default="yolo-nano", choices=[*NANO_STARTS, "released", "random"], help="weights of a nano network")
    parser.add_argument("--after", default=None, metavar="RUN", help="begin with the averaged weights of this run, of the same network")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=None, help="the schedule ends with them at the latest; not repeatable")
    parser.add_argument("--stop-after", type=int, default=None, help="stop at this step, the schedule unchanged")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3, help="of AdamW, for the head")
    parser.add_argument("--backbone-lr", type=float, default=0.3, help="share of it for the backbone")
    parser.add_argument("--fixed", type=int, default=0, help="blocks at the beginning of the backbone that stay as they are")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("--batch-norm", default="folded", choices=["folded", "frozen", "train"],
                        help="none; present with fixed statistics; present and learning")
    parser.add_argument("--half", action="store_true", help="compute convolutions in bfloat16, weights stay float")
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--unknown-weight", type=float, default=0.25, help="of the absence of a class that a set does not label")
    parser.add_argument("--box-weight", type=float, default=2.0, help="of where the boxes are, beside classes and objectness")
    parser.add_argument("--recall", type=int, default=0, help="pictures of a batch that are of COCO and for which the answers of other weights are targets too")
    parser.add_argument("--asked", default="yolo-nano", choices=["yolo-nano", "both"],
                        help="who is asked: YOLO-Nano, or the mean of it and the released weights")
    parser.add_argument("--recall-weight", type=float, default=0.6, help="of these answers against the labels")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches; 0: this one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=500)
    return parser.parse_args(arguments)


def groups_of(net, options):
    """Parameters by rate and decay: biases and norms are not decayed."""
    groups = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        key = (name.startswith("backbone."), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "share": options.backbone_lr if back else 1.0,
         "weight_decay": options.weight_decay if decayed else 0.0}
        for (back, decayed), parameters in groups.items()
    ]


def checkpoint_of(run, device):
    """Everything that a run has left, or None."""
    file = WORK / "runs" / run / "last.pt"
    return torch.load(file, map_location=device, weights_only=True) if file.exists() else None


def built(options, device, empty=False):
    """The network of a run with its first weights; `empty`: a checkpoint fills it anyway."""
    after = None if empty or options.after is None else checkpoint_of(options.after, "cpu")
    if options.after and not empty and after is None:
        raise SystemExit(f"there is no run '{options.after}' to begin after")
    if after and any(after["options"][k] != getattr(options, k) for k in ("network", "batch_norm")):
        raise SystemExit(f"run '{options.after}' has another network or batch normalisation")
    empty = empty or after is not None
    net = network(options.network) if empty else started(options.network, options.start, options.seed)
    if options.batch_norm != "folded":
        if empty:
            add_empty_batch_norm(net)
        else:
            batches = Batches(WORK / "cache", (net.width, net.height), options.batch, options.seed + 1, 8)
            with_batch_norm(net, [batches[k]["image"] for k in range(8)])
    if after:
        net.load_state_dict(after["average"])
    for part in [net.backbone.stem, *net.backbone.blocks][: options.fixed + 1 if options.fixed else 0]:
        part.requires_grad_(False)
    net = net.to(device, memory_format=torch.channels_last)
    net.places = tuple(v.to(device) for v in net.cells())
    return net


def recaller(options, net, device):
    """A function from images to what other weights say of the first of them (`loss_of`), or to None."""
    if options.recall == 0:
        return lambda _images: None
    names = {resized("nano-320", net): "yolo-nano"}
    if options.asked == "both":
        names[resized(released_name(), net)] = "released"
    asked = [started(name, start).requires_grad_(False).to(device, memory_format=torch.channels_last) for name, start in names.items()]
    # Of motorcycles YOLO-Nano knows nothing.
    told = torch.tensor([[name != "motorcycle" for name in CLASSES], [True] * len(CLASSES)], device=device).float()[: len(asked)]

    @torch.no_grad()
    def recall(images):
        with torch.autocast(device.type, torch.bfloat16, enabled=options.half):
            answers = [net(images[: options.recall]) for net in asked]
        boxes, classes, seen = (torch.stack([answer[k].float() for answer in answers]) for k in range(3))
        seen = torch.sigmoid(seen)
        # Who sees more there has more to say of what it is and where.
        heed = (seen + 1e-4)[..., None]
        said = heed * told[:, None, None]
        classes = (torch.sigmoid(classes) * said).sum(0) / said.sum(0).clamp(min=1e-6)
        return (boxes * heed).sum(0) / heed.sum(0), classes, seen.mean(0), told.amax(0)

    return recall


class Average:
    """Exponential moving average of weights and statistics."""

    def __init__(self, net, decay):
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        for k, v in net.state_dict().items():
            if v.dtype.is_floating_point:
                self.state[k].lerp_(v, 1 - decay)
            else:
                self.state[k].copy_(v)


def rate(step, progress, warm_up):
    """Share of the rate: up in a line, down in half a cosine to a fiftieth."""
    return min(1.0, (step + 1) / warm_up) * (0.02 + 0.98 * (1 + math.cos(math.pi * min(1.0, progress))) / 2)


def train(options):
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    # Nothing reads memory that was not written; filling it first costs 8 % of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    folder = WORK / "runs" / options.run
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "last.pt"
    kept = checkpoint_of(options.run, device)
    what = {k: v for k, v in vars(options).items() if k not in PASSING}
    if kept and kept["options"] != what:
        changed = [k for k in what if kept["options"].get(k) != what[k]]
        raise SystemExit(f"run '{options.run}' was begun with other {', '.join(changed)}: take another name")
    net = built(options, device, empty=kept is not None)
    recall = recaller(options, net, device)
    optimizer = torch.optim.AdamW(groups_of(net, options), lr=options.lr)
    average, step, spent = Average(net, options.ema), 0, 0.0
    if kept:
        net.load_state_dict(kept["net"])
        optimizer.load_state_dict(kept["optimizer"])
        average.state, step, spent = kept["average"], kept["step"], kept["seconds"]
    else:
        torch.save(net.state_dict(), folder / "start.pt")
    batches = Batches(WORK / "cache", (net.width, net.height), options.batch, options.seed, options.steps, recalled=options.recall)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.Subset(batches, range(step, options.steps)), batch_size=None, num_workers=options.workers,
        persistent_workers=False, prefetch_factor=4 if options.workers else None)

    def save():
        state = {"net": net.state_dict(), "average": average.state, "optimizer": optimizer.state_dict(), "step": step,
                 "seconds": spent, "options": what}
        torch.save(state, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)

    # Lines behind the checkpoint belong to a run that was cut off.
    log_file = folder / "log.jsonl"
    old = log_file.read_text().splitlines()[:step] if kept and log_file.exists() else []
    log_file.write_text("".join(line + "\n" for line in old))
    net.train(options.batch_norm != "frozen")
    last = time.monotonic()
    with log_file.open("a") as log:
        for batch in loader:
            progress = step / options.steps
            if options.minutes:
                progress = max(progress, spent / 60 / options.minutes)
            if progress >= 1 or step == options.stop_after:
                break
            share = rate(step, progress, options.warm_up)
            for group in optimizer.param_groups:
                group["lr"] = options.lr * share * group["share"]
            batch = {k: v.to(device, non_blocking=True) for k, v in batch.items()}
            with torch.autocast(device.type, torch.bfloat16, enabled=options.half):
                output = net(batch["image"])
            loss, parts = loss_of(net, output, batch, options.unknown_weight, recall(batch["image"]), options.box_weight,
                                  options.recall_weight)
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
            optimizer.step()
            average.update(net, step)
            now = time.monotonic()
            spent, last = spent + now - last, now
            line = {"step": step, "loss": round(loss.item(), 6), **{k: round(v, 6) for k, v in parts.items()},
                    "norm": round(norm.item(), 4), "lr": round(options.lr * share, 8)}
            log.write(json.dumps(line) + "\n")
            step += 1
            if step % 20 == 0:
                log.flush()
                print(f"step {step}/{options.steps} loss {line['loss']:.3f} {spent / step:.3f} s a step", flush=True)
            if step % options.save_every == 0:
                save()
    save()
    print(f"{step} steps in {spent / 60:.1f} minutes, {spent / max(step, 1):.3f} s a step; {checkpoint}")


if __name__ == "__main__":
    train(options_of())
