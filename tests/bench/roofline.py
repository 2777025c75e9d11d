#!/usr/bin/env python3
"""How near single layers come to what the machine can do: a table in Markdown.

    roofline.py [--moka build/release/bin/moka] [--threads 2] [--iterations 20] [--rounds 1] [--only REGEX]

The roof of a pass is min(peak, intensity x bandwidth): peak is the speed of multiply-adds in registers, bandwidth that of a
copy beyond the caches, both measured beside each layer (`moka time --layer --json`), the best of them all; intensity is FLOPs
for each byte that must be moved (each blob, param and gradient once). Passes without counted operations (pooling, BatchNorm)
have the bandwidth as roof. Above 100 %: the layer's blobs fit into a cache, which is faster than memory.

Shapes and batches are those of tests/bench/nets. A convolution's backward pass is timed in two parts: "data" with weights that
learn nothing (lr_mult: 0), "weights" without a gradient of the bottom (propagate_down: false).
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX3 = "pooling_param { pool: MAX kernel_size: 3 stride: 2 }"


def conv(outputs, kernel, stride=1, pad=0, more=""):
    return (f'type: "Convolution" convolution_param {{ num_output: {outputs} kernel_size: {kernel} stride: {stride} '
            f'pad: {pad} {more} weight_filler {{ type: "msra" }} }}')


def product(outputs):
    return f'type: "InnerProduct" inner_product_param {{ num_output: {outputs} weight_filler {{ type: "xavier" }} }}'


def depthwise(channels, stride):
    return conv(channels, 3, stride, 1, f"group: {channels} bias_term: false")


# Name, what stands inside `layer { }`, the shapes of its bottoms.
LAYERS = [
    ("LeNet conv1 5x5", conv(20, 5), "64x1x28x28"),
    ("LeNet conv2 5x5", conv(50, 5), "64x20x12x12"),
    ("CIFAR10-quick conv1 5x5", conv(32, 5, 1, 2), "100x3x32x32"),
    ("CIFAR10-quick conv2 5x5", conv(32, 5, 1, 2), "100x32x16x16"),
    ("CIFAR10-quick conv3 5x5", conv(64, 5, 1, 2), "100x32x8x8"),
    ("VGG16 conv1_2 3x3", conv(64, 3, 1, 1), "4x64x224x224"),
    ("VGG16 conv3_2 3x3", conv(256, 3, 1, 1), "4x256x56x56"),
    ("VGG16 conv5_1 3x3", conv(512, 3, 1, 1), "4x512x14x14"),
    ("ResNet-50 conv1 7x7/2", conv(64, 7, 2, 3), "8x3x224x224"),
    ("ResNet-50 res2 1x1", conv(256, 1), "8x64x56x56"),
    ("ResNet-50 res2 3x3", conv(64, 3, 1, 1), "8x64x56x56"),
    ("ResNet-50 res3 1x1/2", conv(512, 1, 2), "8x256x56x56"),
    ("ResNet-50 res4 3x3", conv(256, 3, 1, 1), "8x256x14x14"),
    ("ResNet-50 res5 1x1", conv(2048, 1), "8x512x7x7"),
    ("GoogLeNet conv2 3x3", conv(192, 3, 1, 1), "16x64x56x56"),
    ("GoogLeNet 3a 1x1", conv(64, 1), "16x192x28x28"),
    ("GoogLeNet 4e 5x5", conv(128, 5, 1, 2), "16x32x14x14"),
    ("SqueezeNet conv1 3x3/2", conv(64, 3, 2), "16x3x227x227"),
    ("SqueezeNet fire2 squeeze 1x1", conv(16, 1), "16x64x56x56"),
    ("SqueezeNet fire9 expand 3x3", conv(256, 3, 1, 1), "16x64x14x14"),
    ("MobileNet conv1 3x3/2", conv(32, 3, 2, 1), "8x3x224x224"),
    ("MobileNet conv2 depthwise", depthwise(32, 1), "8x32x112x112"),
    ("MobileNet conv3 depthwise/2", depthwise(64, 2), "8x64x112x112"),
    ("MobileNet conv2 1x1", conv(64, 1), "8x32x112x112"),
    ("MobileNet conv6 1x1", conv(512, 1), "8x256x14x14"),
    ("LeNet ip1", product(500), "64x50x4x4"),
    ("VGG16 fc6", product(4096), "4x512x7x7"),
    ("ResNet-50 fc1000", product(1000), "8x2048"),
    ("LeNet pool1, max 2x2", 'type: "Pooling" pooling_param { pool: MAX kernel_size: 2 stride: 2 }', "64x20x24x24"),
    ("GoogLeNet pool1, max 3x3/2", f'type: "Pooling" {MAX3}', "16x64x112x112"),
    ("CIFAR10-quick pool2, average 3x3/2", 'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 }',
     "100x32x16x16"),
    ("GoogLeNet norm1, LRN", 'type: "LRN" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }', "16x64x56x56"),
    ("ResNet-50 res2, BatchNorm", 'type: "BatchNorm"', "8x256x56x56"),
    ("ResNet-50 res2, Scale", 'type: "Scale" scale_param { bias_term: true }', "8x256x56x56"),
    ("ResNet-50 res2, Eltwise", 'type: "Eltwise"', "8x256x56x56,8x256x56x56"),
    ("ResNet-50 res2, ReLU", 'type: "ReLU"', "8x256x56x56"),
]


def time_layer(args, text, shapes):
    command = [args.moka, "time", "--layer", text, f"--shape={shapes}", f"--threads={args.threads}",
               f"--iterations={args.iterations}", "--json", "--seed=1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "OMP_", "MOKA_"))}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        sys.exit(f"roofline.py: moka time --layer '{text}': {done.stderr.strip()}")
    return json.loads(done.stdout)


def passes(args, text, shapes, machine):
    """Name -> (ms, FLOPs, bytes) of each pass of a layer."""
    parts = [("", text)]
    if "Convolution" in text:
        learned = 1 if "bias_term: false" in text else 2
        parts = [(" data", text + " param { lr_mult: 0 }" * learned), (" weights", text + " propagate_down: false")]
    found = {}
    for part, layer_text in parts:
        report = time_layer(args, layer_text, shapes)
        machine["peak"].append(report["peak_gflops"])
        machine["copy"].append(report["copy_gbs"])
        layer, = report["layers"]
        for way, name in ("forward", "forward"), ("backward", "backward" + part):
            found.setdefault(name, [layer[f"{way}_ms"], layer[f"{way}_flops"], layer[f"{way}_bytes"]])
    return found


def row(name, pass_name, ms, flops, size, peak, copy):
    roof = min(peak, flops / size * copy) if flops else 0
    gflops = flops / ms / 1e6
    share = gflops / roof if flops else size / ms / 1e6 / copy
    bound = "memory" if roof < peak else "peak"
    cells = [name, pass_name, f"{ms:.3f}", f"{flops / 1e9:.3f}" if flops else "-", f"{size / 1e6:.2f}",
             f"{flops / size:.1f}" if flops else "-", f"{gflops:.1f}" if flops else "-", f"{size / ms / 1e6:.1f}",
             f"{100 * gflops / peak:.0f} %" if flops else "-", bound, f"{100 * share:.0f} %"]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moka", default=ROOT / "build/release/bin/moka")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1, help="how often; the best median counts (1)")
    parser.add_argument("--only", default="", metavar="REGEX", help="layers whose names match")
    args = parser.parse_args()
    if not os.access(args.moka, os.X_OK):
        sys.exit(f"roofline.py: there is no {args.moka}; name another with --moka")
    chosen = [layer for layer in LAYERS if re.search(args.only, layer[0])]
    machine, times = {"peak": [], "copy": []}, {}
    for _ in range(args.rounds):
        for name, text, shapes in chosen:
            for pass_name, (ms, flops, size) in passes(args, text, shapes, machine).items():
                times.setdefault((name, pass_name, flops, size), []).append(ms)
    if not times:
        parser.error(f"no layer matches \"{args.only}\"")
    peak, copy = max(machine["peak"]), max(machine["copy"])
    print(f"Peak {peak:.0f} GFLOP/s, copy {copy:.1f} GB/s, {args.threads} threads, load average {os.getloadavg()[0]:.1f}\n")
    print("| layer | pass | ms | GFLOP | MB | FLOP/byte | GFLOP/s | GB/s | of peak | bound by | of roof |\n" + "|---" * 11 + "|")
    for (name, pass_name, flops, size), each in times.items():
        print(row(name, pass_name, min(each), flops, size, peak, copy))


main()
