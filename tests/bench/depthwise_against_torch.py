#!/usr/bin/env python3
"""Depthwise 3x3 convolution of Moka against PyTorch's, in one interleaved run on one machine.

    depthwise_against_torch.py --bench build/bench/bin/depthwise_bench [--threads 2] [--rounds 7] [--batch 8 --batch 32] [SHAPE...]

A step is forward and backward of data, weights and bias, float32, at the 3x3 depthwise layers of MobileNet v1 (or at the SHAPEs, such
as 512@14_s1_k3, which depthwise_bench must know). In each round and for each shape the sides take turns, a fraction of a second each:
Moka (depthwise_bench), PyTorch in NCHW, PyTorch in channels-last. PyTorch runs through aten.convolution and aten.convolution_backward,
without Python's part of autograd, and with a malloc that keeps its memory and asks for huge pages, as Moka does (with fresh pages for
each result it was slower). Prints, for each
shape, the medians over the rounds, the ratio of Moka to the better of PyTorch's layouts (above 1: Moka is faster), that of the minima,
and the geometric means. Needs Debian's python3-torch; /usr/bin/python3 runs it.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys

MOBILENET = ["32@112_s1_k3", "64@112_s2_k3", "128@56_s1_k3", "128@56_s2_k3", "256@28_s1_k3", "256@28_s2_k3", "512@14_s1_k3",
             "512@14_s2_k3", "1024@7_s1_k3"]
PARTS = 15  # of the time of a side in a round; the best one counts, as other programs only ever slow it down


def serve_torch(threads, cpu):
    """Answers lines "SHAPE BATCH LAYOUT SECONDS" with the milliseconds of a step."""
    import time
    import torch
    clock = time.process_time if cpu else time.perf_counter
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    ready = {}

    def prepare(name, batch, layout):
        channels, size, stride, kernel, multiplier = map(
            int, re.fullmatch(r"(\d+)@(\d+)_s(\d+)_k(\d+)(?:_m(\d+))?", name).groups(default=1))
        memory = torch.channels_last if layout == "channels-last" else torch.contiguous_format
        x = torch.rand(batch, channels, size, size).sub(0.5).contiguous(memory_format=memory)
        w = torch.rand(channels * multiplier, 1, kernel, kernel).sub(0.5).contiguous(memory_format=memory)
        b = torch.rand(channels * multiplier)
        args = [stride] * 2, [kernel // 2] * 2, [1, 1], False, [0, 0], channels
        dy = torch.ops.aten.convolution(x, w, b, *args).mul(0.5).contiguous(memory_format=memory)

        def step():
            y = torch.ops.aten.convolution(x, w, b, *args)  # lives on, as in a net
            return torch.ops.aten.convolution_backward(dy, x, w, [len(b)], *args, [True, True, True]), y
        return step

    for line in sys.stdin:
        name, batch, layout, seconds = line.split()
        key = name, batch, layout
        if key not in ready:
            ready.clear()
            ready[key] = prepare(name, int(batch), layout)
        step = ready[key]
        step()
        best = float("inf")
        for _ in range(PARTS):
            step()
            start = clock()
            count = 0
            while count < 2 or clock() - start < float(seconds) / PARTS:
                step()
                count += 1
            best = min(best, (clock() - start) / count)
        print(best * 1e3, flush=True)


def clean_environment():
    environment = dict(os.environ)
    for name in "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "MKL_NUM_THREADS":
        environment.pop(name, None)
    return environment


class Torch:
    def __init__(self, threads, cpu):
        environment = clean_environment() | {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
                                             "MALLOC_TOP_PAD_": str(64 << 20), "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
        self.process = subprocess.Popen(["/usr/bin/python3", "-B", __file__, "--serve", f"--threads={threads}"] + ["--cpu"] * cpu, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def step(self, name, batch, layout, seconds):
        print(name, batch, layout, seconds, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def moka_step(bench, name, batch, threads, seconds, cpu):
    command = [bench, f"--benchmark_filter=^step/{name}/batch:{batch}/threads:{threads}/", f"--benchmark_min_time={seconds / PARTS}",
               f"--benchmark_repetitions={PARTS}", "--benchmark_format=json"]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment()).stdout
    return min(run["cpu_time" if cpu else "real_time"] for run in json.loads(out)["benchmarks"] if run["run_type"] == "iteration")


def geometric_mean(values):
    return math.exp(statistics.mean(map(math.log, values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE")
    parser.add_argument("--bench", default="build/bench/bin/depthwise_bench")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each side, shape and round")
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--cpu", action="store_true", help="count the processor's time, with 1 thread: what else runs disturbs it less")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve_torch(args.threads, args.cpu)
    if args.cpu and args.threads > 1:
        parser.error("--cpu needs --threads 1: threads that wait for others use the processor, too")

    torch = Torch(args.threads, args.cpu)
    cases = [(name, batch) for batch in args.batch or [8, 32] for name in args.shapes or MOBILENET]
    sides = {
        "Moka": lambda name, batch: moka_step(args.bench, name, batch, args.threads, args.seconds, args.cpu),
        "NCHW": lambda name, batch: torch.step(name, batch, "NCHW", args.seconds),
        "channels-last": lambda name, batch: torch.step(name, batch, "channels-last", args.seconds),
    }
    times = {(case, side): [] for case in cases for side in sides}
    for round_ in range(args.rounds):
        for case in cases:
            for side in list(sides) if round_ % 2 == 0 else reversed(list(sides)):
                times[case, side].append(sides[side](*case))

    print(f"load average {os.getloadavg()[0]:.1f} (this run alone makes it up to {args.threads})")
    print(f"ms for a step, {args.threads} threads, median of {args.rounds} rounds (minimum)")
    print(f"{'':24}{'Moka':>18}{'PyTorch NCHW':>20}{'channels-last':>20}   ratio (of minima)")
    medians, minima = [], []
    for name, batch in cases:
        text = f"{name + ', batch ' + str(batch):24}"
        best = {}
        for side in sides:
            values = times[(name, batch), side]
            best[side] = statistics.median(values), min(values)
            text += f"{best[side][0]:>{10 if side == 'Moka' else 12}.3f} ({best[side][1]:.3f})"
        ratio, ratio_min = (min(best["NCHW"][i], best["channels-last"][i]) / best["Moka"][i] for i in (0, 1))
        medians.append(ratio), minima.append(ratio_min)
        print(f"{text}   {ratio:.2f} ({ratio_min:.2f})")
    print(f"geometric mean of the ratios: {geometric_mean(medians):.2f} ({geometric_mean(minima):.2f}); least {min(medians):.2f}")


main()
