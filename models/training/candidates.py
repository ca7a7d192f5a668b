"""Which network may be trained: multiply-adds, parameters, int8 bytes and int8 time of candidates beside vedette-nano.

`python candidates.py nano-320 imagenet-224*0.5 …` (needs `npm ci` done). Weights are by chance: time does not depend on them.
"""
import argparse
import json
import subprocess

import torch

from networks import multiply_adds, network
from paths import ROOT, TRAINING, WORK

DEFAULT = ["nano-320", "nano-320+s8", "nano-288+s8", "imagenet-224", "imagenet-256", "imagenet-288", "imagenet-256*0.5",
           "imagenet-288*0.5", "imagenet-320*0.33"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = WORK / "candidates"
    folder.mkdir(parents=True, exist_ok=True)
    facts, files = {}, []
    for name in options.networks:
        net = network(name).eval()
        file = folder / (name.replace("*", "x") + ".onnx")
        file.write_bytes(net.onnx().SerializeToString())
        facts[file.stem] = (name, multiply_adds(net), sum(p.numel() for p in net.parameters()))
        files.append(str(file))
    command = [str(ROOT / "node_modules/.bin/node"), str(ROOT / "scripts/candidate-times.ts"), str(TRAINING / "coco/val"),
               str(options.rounds), *files]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    print("| network | multiply-adds, M | parameters, k | int8 file, kB | ms, median (fastest) | time against vedette-nano |")
    print("| --- | --- | --- | --- | --- | --- |")
    for line in map(json.loads, lines):
        name, adds, parameters = facts.get(line["name"], (line["name"], 0, 0))
        sizes = f"{adds / 1e6:.0f} | {parameters / 1e3:.0f}" if adds else "- | -"
        print(f"| {name} | {sizes} | {line['bytes'] / 1e3:.0f} | {line['ms']:.1f} ({line['fastest']:.1f}) | {line['ratio']:.2f} |")


if __name__ == "__main__":
    main()
