"""Makes a float model of a run, in the form that Vedette reads, and with `--int8` has Vedette's own quantizer make the small one.

`python export.py RUN --name vedette-nano --share 0.6 --int8`: 0.4 parts of the first weights and 0.6 of the trained ones, which is
what kept cats and birds in vedette-nano-v0 (Wortsman et al. 2022, robust fine-tuning). Averages are taken with batch normalisation folded. Writes
`$VEDETTE_TRAINING/models/NAME` and, quantized, `$VEDETTE_TRAINING/data/models/NAME-int8`.
"""
import argparse
import hashlib
import json
import subprocess
from argparse import Namespace

import numpy as np
import torch

from data import TRAIN_SETS, read_pieces
from networks import network, resized
from paths import CLASSES, ROOT, TRAINING, WORK
from start_weights import convs_of, motorcycles, released_name, started
from train import built, checkpoint_of


# Instead of a run: the weights of the bundled model.
RELEASED = "released"


def folded(net):
    """[(weight, bias)] of all convolutions."""
    return [conv.folded() for conv in convs_of(net)]


def summed(shares, k):
    """Weight and bias of the k-th convolution, mixed; `shares`: [(share, [(weight, bias)])]."""
    return (sum(part * found[k][value] for part, found in shares) for value in (0, 1))


def exported(run, share=1.0, original=0.0, size=None, others=()):
    """ONNX of a run's averaged weights, mixed: `share` of the trained, `original` of YOLO-Nano's, shares of `others`, (run, share) that
    began with the same weights, the rest of the run's first ones. `size`: of the input, where it is another than the run's."""
    if run == RELEASED:
        name = released_name()
        return started(name if size is None else resized(name, size=size), run).onnx()
    kept = checkpoint_of(run, "cpu")
    options = Namespace(**kept["options"])
    net = built(options, torch.device("cpu"), empty=True)
    net.load_state_dict(torch.load(WORK / "runs" / run / "start.pt", map_location="cpu", weights_only=True))
    parts = [(1 - share - original - sum(part for _, part in others), folded(net))]
    for name, part in ((run, share), *others):
        net.load_state_dict(checkpoint_of(name, "cpu")["average"])
        parts.append((part, folded(net)))
    if original > 0 and getattr(net, "thin", False):
        raise SystemExit(f"run '{run}': a thin network has other channels than YOLO-Nano; nothing can be mixed")
    if original > 0:
        parts.append((original, folded(started(options.network, "yolo-nano"))))
    target = network(resized(options.network, net, size))
    new = {m for part in target.new_parts() for m in part.modules()}
    heads = target.outputs()
    for k, conv in enumerate(convs_of(target)):
        # What began by chance has nothing to be mixed with.
        shares = [(0, parts[0][1]), (1, parts[1][1])] if conv in new else parts
        conv.conv.weight.data, conv.conv.bias.data = summed(shares, k)
        if conv in heads and conv not in new and original > 0:
            rows, known = motorcycles(target), [(part / (1 - original), found) for part, found in parts[:-1]]
            for values, right in zip((conv.conv.weight.data, conv.conv.bias.data), summed(known, k), strict=True):
                values[rows] = right[rows]
    return target.onnx()


def mixed_in(names):
    """(run, share) of `RUN@SHARE`."""
    return [(run, float(share)) for run, share in (name.split("@") for name in names)]


def calibration(folder, photos, seed):
    """JPEGs to quantize with: a third from each training set, and as many renders as one of them."""
    folder.mkdir(parents=True, exist_ok=True)
    by_set = {name: [] for name in [*TRAIN_SETS, "scene"]}
    for jpeg, record in read_pieces(WORK / "pieces"):
        if record["set"] in by_set:
            by_set[record["set"]].append(jpeg)
    chance = np.random.default_rng(seed)
    for name, jpegs in by_set.items():
        for k in chance.permutation(len(jpegs))[: photos // len(by_set)]:
            (folder / f"{name.replace('/', '-')}-{k:05d}.jpg").write_bytes(jpegs[k])


def write_folder(folder, name, model):
    """A model folder as Vedette's store has them: manifest, model, card."""
    folder.mkdir(parents=True, exist_ok=True)
    data = model.SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    bundled = json.loads((ROOT / "models/vedette-nano/manifest.json").read_text())
    height, width = (model.graph.input[0].type.tensor_type.shape.dim[k].dim_value for k in (1, 2))
    manifest = {
        **bundled, "name": name, "version": "1", "file": "model.onnx", "bytes": len(data), "labels": CLASSES,
        "sha256": hashlib.sha256(data).hexdigest(), "input": {**bundled["input"], "width": width, "height": height},
        "source": "trained by the Vedette project with models/training; see CARD.md",
    }
    for measured in ("quantization", "evaluations", "origin"):
        manifest.pop(measured, None)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (folder / "CARD.md").write_text(f"# {name}\n\nNot released: made by models/training.\n")


def vedette(*arguments):
    command = [str(ROOT / "node_modules/.bin/node"), str(ROOT / "daemon/main.ts"), *map(str, arguments)]
    print(" ".join(command[1:]), flush=True)
    subprocess.run(command, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--name", default=None, help="of the model; default: of the run")
    parser.add_argument("--share", type=float, default=1.0, help="of the trained weights in the average with the first ones")
    parser.add_argument("--original", type=float, default=0.0, help="of YOLO-Nano's, for a run that began with other weights")
    parser.add_argument("--with", dest="others", metavar="RUN@SHARE", nargs="*", default=[],
                        help="mixed in as well: runs that began with the same weights")
    parser.add_argument("--size", default=None, help="of the input, 224 or 512x288; default: the run's")
    parser.add_argument("--int8", action="store_true", help="quantize and evaluate")
    parser.add_argument("--pictures", type=int, default=128, help="to quantize with")
    parser.add_argument("--method", default=None, help="of the quantizer; default: the one that it finds best")
    parser.add_argument("--force", action="store_true", help="keep the int8 model even where the quantizer refuses it")
    options = parser.parse_args()
    name = options.name or options.run
    folder = WORK / "models" / name
    write_folder(folder, name, exported(options.run, options.share, options.original, options.size, mixed_in(options.others)))
    print(f"{folder}: {(folder / 'model.onnx').stat().st_size / 1e6:.2f} MB")
    if not options.int8:
        return
    calibration(WORK / "calibration", options.pictures * 2, seed=1)
    wishes = [*(["--method", options.method] if options.method else []), *(["--force"] if options.force else [])]
    vedette("models", "quantize", folder, "--calibrate", WORK / "calibration", "--pictures", options.pictures,
            "--name", f"{name}-int8", "--data", WORK / "data", "--eval", TRAINING / "coco/val", *wishes)
    int8 = WORK / "data/models" / f"{name}-int8"
    for part in ("coco", "person-tracker", "highway"):
        vedette("models", "eval", int8, TRAINING / part / "val", "--compare", folder, "--compare", "default", "--no-store")


if __name__ == "__main__":
    main()
