#!/usr/bin/env python3
"""A training step of Moka against PyTorch's, in one interleaved run on one machine.

    against_torch.py --moka build/release/bin/moka --bench DIR [--threads 2] [--rounds 5] NET...

DIR holds torch_bench.py and nets/NET_train.prototxt, which both sides read. PyTorch (Debian: python3-torch,
libopenblas0-openmp) runs in each round in both layouts and with 1 thread and all threads; its figure is the best of these
medians. Both sides compute on random data: forward, backward and an SGD update with momentum and weight decay. Prints, for
each net, the medians over the rounds and their ratio (above 1: Moka is faster).
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("nets", nargs="+", metavar="NET")
parser.add_argument("--moka", required=True)
parser.add_argument("--bench", required=True)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--iterations", type=int, default=60)
args = parser.parse_args()

OPENMP_BLAS = "/usr/lib/x86_64-linux-gnu/openblas-openmp"


def moka_step(net):
    command = [args.moka, "time", f"--model={args.bench}/nets/{net}_train.prototxt", f"--threads={args.threads}",
               f"--iterations={args.iterations}"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.search(r"training step.*: ([\d.]+) ms", out).group(1))


def torch_step(net, threads, channels_last):
    environment = dict(os.environ, LD_LIBRARY_PATH=OPENMP_BLAS, ATEN_CPU_CAPABILITY="avx512")
    command = ["/usr/bin/python3", f"{args.bench}/torch_bench.py", net, str(threads), "--budget", "3"]
    command += ["--channels-last"] if channels_last else []
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    return json.loads(out.strip().splitlines()[-1])["step_ms"]


for net in args.nets:
    ours, theirs = [], {}
    for _ in range(args.rounds):
        ours.append(moka_step(net))
        for threads in sorted({1, args.threads}):
            for channels_last in (False, True):
                name = f"{threads} threads, {'channels-last' if channels_last else 'NCHW'}"
                theirs.setdefault(name, []).append(torch_step(net, threads, channels_last))
    best = min(theirs, key=lambda name: statistics.median(theirs[name]))
    mine, other = statistics.median(ours), statistics.median(theirs[best])
    print(f"{net}: Moka {mine:.2f} ms ({args.threads} threads), PyTorch {other:.2f} ms ({best}), ratio {other / mine:.2f}")
    sys.stdout.flush()
