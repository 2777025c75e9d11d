#!/usr/bin/python3
"""Moka against PyTorch and OpenCV on the same nets, in turn on one machine.

    tools/bench_peers.sh [options] NET...

Each side reads NET_train.prototxt or NET_deploy.prototxt and computes on random data. train: forward, backward and an SGD
update with momentum and weight decay; PyTorch's figure is the best of {NCHW, channels-last} x {1 thread, all threads}.
infer: forward alone; the peers' figure is the best of PyTorch, eager and traced, in both layouts, and of OpenCV's DNN module.
In each round the sides take turns, and the ratio is taken within the round: peer / Moka, above 1 where Moka is faster. The
table has medians over the rounds. What takes more than twice the best peer's time in a first round is left out in the others.

Variables of the environment that steer OpenBLAS, OpenMP or PyTorch are cleared for all sides. PyTorch gets OpenBLAS's OpenMP
build, since with the other one its two thread pools fight for the cores, and AVX-512 where the machine has it.

Memory is the peak of the process in MiB; "beyond" is without weights, gradients and momentum (infer: without weights), "start"
what the peer's process had before it made the net (Python and libraries).

The figures mean something on a machine that does nothing else. Exit status: 1 if something is missing, 2 for wrong options.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

from peers_table import table

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHON = "/usr/bin/python3"  # where Debian's packages are
OPENMP_BLAS = pathlib.Path("/usr/lib/x86_64-linux-gnu/openblas-openmp")
TOO_SLOW = 2.0


class Missing(Exception):
    """Something is not installed or not built."""


# --- The sides ---

def clean_environment():
    steering = ("OPENBLAS_", "OMP_", "GOMP_", "MKL_", "ATEN_", "KMP_", "MOKA_", "LD_LIBRARY_PATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(steering)}


def torch_environment():
    environment = dict(clean_environment(), LD_LIBRARY_PATH=str(OPENMP_BLAS))
    if "avx512" in cpu_info().get("flags", ""):
        environment["ATEN_CPU_CAPABILITY"] = "avx512"
    return environment


def run(command, environment):
    """The JSON object on the last line of stdout. Throws RuntimeError with the last line of stderr."""
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or f"status {done.returncode}").splitlines()[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def moka_run(args, net, mode):
    """Moka's figures. As many iterations as the budget allows, by one run of a single one."""
    def call(iterations, output):
        path = args.nets / f"{net}_{'train' if mode == 'train' else 'deploy'}.prototxt"
        command = [args.moka, "time", f"--model={path}", f"--threads={args.threads}", f"--iterations={iterations}",
                   "--json"] + (["--phase=TEST"] if mode == "infer" else [])
        command += [f"--batch={args.batch}"] if args.batch else []
        report = run([PYTHON, "-c", PEAK_OF, output, *command], clean_environment())
        with open(output, encoding="utf-8") as file:
            return json.load(file), report["peak_mib"]

    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/report.json"
        report, _ = call(1, output)
        each = report["forward_ms"] * 2
        if mode == "train":
            each += report["forward_backward_ms"] + report["step_ms"]
        report, peak = call(int(max(3, min(400, args.budget * 1e3 / each))), output)
    memory = report["memory"]
    resident = memory["weight_bytes"] + (memory["gradient_bytes"] + memory["history_bytes"] if mode == "train" else 0)
    layers = sorted(report["layers"], key=lambda l: -(l["forward_ms"] + l.get("backward_ms", 0)))
    return {"ms": report["step_ms"] if mode == "train" else report["forward_ms"], "forward_ms": report["forward_ms"],
            "forward_backward_ms": report["forward_backward_ms"], "batch": report["batch"],
            "images_per_second": report["images_per_second"], "peak_gflops": report["peak_gflops"],
            "percent_of_peak": report["step_percent_of_peak" if mode == "train" else "forward_percent_of_peak"],
            "peak_mib": peak, "beyond_mib": peak - resident / 2**20,
            "planned_mib": (memory["plan_bytes"] + memory["kept_bytes"]) / 2**20,
            "slowest": [[l["name"], l["type"], l["forward_ms"], l.get("backward_ms"), l["forward_percent_of_peak"],
                         l.get("backward_percent_of_peak")] for l in layers[:5]]}


# Runs a command with its output in a file, and prints its peak memory: that of a child that is waited for.
PEAK_OF = """
import json, resource, subprocess, sys
with open(sys.argv[1], "wb") as out: status = subprocess.run(sys.argv[2:], stdout=out).returncode
print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))
sys.exit(status)
"""


def torch_run(args, net, mode, threads, layout, jit):
    path = args.nets / f"{net}_{'train' if mode == 'train' else 'deploy'}.prototxt"
    command = [PYTHON, "-B", HERE / "torch_bench.py", path, threads, "--mode", mode, "--budget", args.budget]
    command += ["--channels-last"] * (layout == "channels-last") + ["--jit"] * jit
    command += ["--batch", args.batch] if args.batch else []
    result = run(command, torch_environment())
    copies = 3 if mode == "train" else 1
    return dict(result, beyond_mib=result["peak_mib"] - copies * result["weights_mib"])


def opencv_run(args, net, shape):
    path = args.nets / f"{net}_deploy.prototxt"
    with tempfile.TemporaryDirectory() as folder:
        weights = f"{folder}/{net}.caffemodel"
        subprocess.run([PYTHON, "-B", HERE / "torch_net.py", path, weights], env=torch_environment(), check=True)
        weights_mib = os.path.getsize(weights) / 2**20
        result = run([PYTHON, "-B", HERE / "opencv_bench.py", path, weights, args.threads, "--shape", shape, "--budget",
                      args.budget], clean_environment())
    return dict(result, beyond_mib=result["peak_mib"] - weights_mib)


def sides_of(args, net, mode):
    """Name -> function that measures it."""
    sides = {"moka": lambda: moka_run(args, net, mode)}
    for threads in sorted({1, args.threads}) if mode == "train" else [args.threads]:
        for layout in "NCHW", "channels-last":
            for jit in [False] if mode == "train" else [False, True]:
                name = f"PyTorch {layout}{', traced' if jit else ''}, {threads} thread{'s'[:threads > 1]}"
                sides[name] = lambda t=threads, l=layout, j=jit: torch_run(args, net, mode, t, l, j)
    if mode == "infer" and not args.no_opencv:
        shape = input_shape(args, net)
        sides[f"OpenCV, {args.threads} thread{'s'[:args.threads > 1]}"] = lambda: opencv_run(args, net, shape)
    return sides


def input_shape(args, net):
    text = (args.nets / f"{net}_deploy.prototxt").read_text()
    sizes = [word for word in text[text.index("input_param"):].replace("dim:", " ").split("}")[0].split()
             if word.isdigit()]
    return "x".join([str(args.batch or sizes[0])] + sizes[1:])


# --- The machine ---

def cpu_info():
    info = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        info.setdefault(name.strip(), value.strip())
    return info


def machine(args):
    def output(*command):
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False).stdout.strip()
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    versions = output(PYTHON, "-c", "import torch; print(torch.__version__)")
    opencv = output(PYTHON, "-c", "import cv2; print(cv2.__version__)")
    cpu = cpu_info()
    return {"cpu": cpu.get("model name", platform.machine()), "family": cpu.get("cpu family"), "model": cpu.get("model"),
            "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
            "moka": output("git", "-C", ROOT, "describe", "--always", "--dirty"), "torch": versions, "opencv": opencv,
            "avx512": "avx512" in cpu.get("flags", "")}


def check_installed(args):
    missing = []
    for module, package, needed in [("torch", "python3-torch", True), ("numpy", "python3-numpy", True),
                                    ("cv2", "python3-opencv", args.mode != "train" and not args.no_opencv)]:
        if needed and subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, check=False).returncode:
            missing.append(package)
    if not OPENMP_BLAS.is_dir():
        missing.append("libopenblas0-openmp")
    if missing:
        raise Missing(f"the peers need packages that are not installed: apt-get install {' '.join(missing)}")
    if not os.access(args.moka, os.X_OK):
        raise Missing(f"there is no {args.moka}; build it (cmake --preset release && cmake --build --preset release) or "
                      "name another with --moka")


# --- Measuring ---

def measure(args, net, mode, records, description):
    run_id = int(time.time() * 1e3)
    best, skipped = {}, set()
    for round_ in range(args.rounds):
        sides = sides_of(args, net, mode)
        for side in list(sides) if round_ % 2 == 0 else reversed(list(sides)):
            if side in skipped:
                continue
            record = {"run": run_id, "round": round_, "net": net, "mode": mode, "threads": args.threads, "side": side,
                      "load": round(os.getloadavg()[0], 2), "machine": description}
            try:
                record.update(sides[side]())
                best[side] = min(record["ms"], best.get(side, record["ms"]))
                text = f"{record['ms']:.2f} ms"
            except RuntimeError as error:
                if side == "moka":
                    raise Missing(f"moka time fails on {net}: {error}") from error
                record["error"] = text = str(error)
                skipped.add(side)
            records.append(record)
            if args.out:
                with open(args.out, "a", encoding="utf-8") as out:
                    print(json.dumps(record), file=out)
            print(f"  {net} {mode}, round {round_ + 1} of {args.rounds}: {side}: {text}", file=sys.stderr, flush=True)
        peers = {side: ms for side, ms in best.items() if side != "moka"}
        skipped |= {side for side, ms in peers.items() if ms > TOO_SLOW * min(peers.values())}


def options():
    parser = argparse.ArgumentParser(prog="bench_peers.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net_names", nargs="*", metavar="NET", help="such as lenet; all: every net of the folder")
    parser.add_argument("--nets", type=pathlib.Path, default=HERE / "nets", metavar="DIR", help="where the nets are")
    parser.add_argument("--moka", metavar="FILE", default=ROOT / "build/release/bin/moka")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", choices=["train", "infer", "both"], default="both")
    parser.add_argument("--budget", type=float, default=3, metavar="SECONDS", help="of each side in a round, set-up apart (3)")
    parser.add_argument("--batch", type=int, metavar="N", help="another batch size")
    parser.add_argument("--no-opencv", action="store_true")
    parser.add_argument("--out", metavar="FILE", help="append each measurement to FILE, one JSON object a line")
    parser.add_argument("--table", metavar="FILE", help="measure nothing: the table of what --out wrote")
    args = parser.parse_args()
    known = sorted(path.name[:-len("_train.prototxt")] for path in args.nets.glob("*_train.prototxt"))
    if "all" in args.net_names:
        args.net_names = known
    if not args.table and not args.net_names:
        parser.error(f"name a net: {', '.join(known)} or all")
    for net in args.net_names:
        if net not in known:
            parser.error(f"there is no net \"{net}\" in {args.nets}; there are: {', '.join(known) or 'none'}")
    for name in "rounds", "threads", "batch":
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if args.budget <= 0:
        parser.error("--budget must be above 0")
    return args


def main():
    args = options()
    if args.table:
        try:
            lines = pathlib.Path(args.table).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise Missing(f"{args.table}: {error.strerror}") from error
        print(table([json.loads(line) for line in lines if line.strip()]))
        return
    check_installed(args)
    description, records = machine(args), []
    for net in args.net_names:
        for mode in ["train", "infer"] if args.mode == "both" else [args.mode]:
            measure(args, net, mode, records, description)
    print(table(records))


if __name__ == "__main__":
    try:
        main()
    except Missing as problem:
        sys.exit(f"bench_peers.sh: {problem}")
