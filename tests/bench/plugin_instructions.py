#!/usr/bin/env python3
"""Whether a layer in a plugin executes as many instructions as the same layer built in.

usage: plugin_instructions.py BUILD      a folder of a build with the tests, such as build/dev

Runs the layer's Forward and Backward under valgrind's callgrind, once from the library and once
from the plugin, and compares the instructions between their first and last one, with all that they
call. Instructions that are executed once (the first pass) count as little as they do. Exit status 1
if they differ by more than 0.5 %. No clocks.
"""
import pathlib
import re
import shutil
import subprocess
import sys

MOST = 0.005
PASSES = 20
# type, what stands in `layer { }`, bottom, plugin
LAYERS = [
    ("ReLU", "type: 'ReLU'", "64 1000", "librelu_plugin.so"),
    ("ReLU, leaky", "type: 'ReLU' relu_param { negative_slope: 0.1 }", "64 1000",
     "librelu_plugin.so"),
    ("TanH", "type: 'TanH'", "64 1000", "libtanh_plugin.so"),
    ("InnerProduct", "type: 'InnerProduct' inner_product_param { num_output: 50 "
     "weight_filler { type: 'xavier' } }", "64 200", "libinner_product_plugin.so"),
]
COUNT = re.compile(r"Collected *: (\d+)")


def instructions(build, text, bottom, plugin):
    """(how many, what the program says of the layer)"""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               "--toggle-collect=moka::*::Forward(moka::ForwardPass&)",
               "--toggle-collect=moka::*::Backward(moka::BackwardPass&)",
               str(build / "bin/count_instructions"), text, bottom, str(PASSES), *plugin]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = COUNT.search(done.stderr)
    if done.returncode or not found:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return int(found[1]), done.stdout.strip()


def main():
    if len(sys.argv) != 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    if not shutil.which("valgrind"):
        print("skipped: needs valgrind (Debian: valgrind)")
        return 0
    build, worst = pathlib.Path(sys.argv[1]), 0
    print(f"{'layer':14} {'built in':>12} {'plugin':>12} {'more':>9}")
    for name, text, bottom, plugin in LAYERS:
        path = str(build / "lib" / plugin)
        inside, said = instructions(build, text, bottom, [])
        outside, said_of_plugin = instructions(build, text, bottom, [path])
        if said != "built in" or said_of_plugin != path:
            sys.exit(f"{name}: ran that of {said} and of {said_of_plugin}")
        more = outside / inside - 1
        worst = max(worst, abs(more))
        print(f"{name:14} {inside:12} {outside:12} {more:9.4%}")
    print(f"{'within' if worst <= MOST else 'not within'} {MOST:.1%}")
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
