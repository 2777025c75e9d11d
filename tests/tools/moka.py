"""Runs the built moka command: what the tests beside this file share."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

MOKA = os.environ["MOKA_COMMAND"]
BINARY_DIR = pathlib.Path(os.environ["MOKA_BINARY_DIR"])
SOURCE_DIR = pathlib.Path(os.environ["MOKA_SOURCE_DIR"])

# A regression that is trained in a moment: t = 1 whatever x is.
NET = """\
name: "small"
layer {
  name: "data"
  type: "DummyData"
  top: "x"
  top: "t"
  dummy_data_param {
    shape { dim: 4 dim: 3 }
    shape { dim: 4 dim: 2 }
    data_filler { type: "gaussian" std: 1 }
    data_filler { type: "constant" value: 1 }
  }
}
layer {
  name: "ip"
  type: "InnerProduct"
  bottom: "x"
  top: "y"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }
"""

SOLVER = """\
net: "net.prototxt"
test_iter: 2
test_interval: 10
base_lr: 0.1
lr_policy: "fixed"
display: 5
max_iter: 20
snapshot_prefix: "small"
random_seed: 3
"""


class MokaTest(unittest.TestCase):
    """Each test has an empty folder of its own, in which moka runs."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="moka_test_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write_training(self, net=NET, **changes):
        """net.prototxt and solver.prototxt; changes replace a field of the solver or, with None,
        remove it."""
        solver = SOLVER
        for field, value in changes.items():
            solver = re.sub(rf"^{field}:.*\n", "", solver, flags=re.MULTILINE)
            solver += "" if value is None else f"{field}: {value}\n"
        self.write("net.prototxt", net)
        self.write("solver.prototxt", solver)

    def environment(self):
        """The tests' own, without what changes what moka does."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("MOKA_", "GLOG_"))}
        return dict(kept, LC_ALL="C.UTF-8")

    def start(self, *words, **options):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([MOKA, *map(str, words)], cwd=self.folder,
                                **{**pipes, "text": True, "env": self.environment(), **options})

    def moka(self, *words, **options):
        """The finished process: .returncode, .stdout, .stderr."""
        process = self.start(*words, **options)
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def check(self, status, *words, **options):
        """Runs moka and expects this exit status."""
        run = self.moka(*words, **options)
        self.assertEqual(run.returncode, status,
                         f"moka {' '.join(map(str, words))}\n{run.stdout}{run.stderr}")
        return run

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())
