"""tools/bench_peers.sh and tests/bench/roofline.py, as far as they go without the peers."""
import json
import os
import subprocess
import sys
import unittest

from moka import MOKA, SOURCE_DIR, MokaTest

SCRIPT = SOURCE_DIR / "tools" / "bench_peers.sh"
MACHINE = {"cpu": "Any", "family": "26", "model": "2", "cores": 2, "memory_gib": 8.0, "kernel": "6.1",
           "moka": "abc", "torch": "1.13", "opencv": "4.6", "avx512": True}


def record(round_, side, **more):
    return {"run": 1, "round": round_, "net": "lenet", "mode": "train", "threads": 2, "side": side,
            "load": 1.5, "machine": MACHINE, **more}


def moka(round_, ms):
    return record(round_, "moka", ms=ms, batch=64, percent_of_peak=50, peak_gflops=221, peak_mib=30,
                  beyond_mib=25)


def torch(round_, side, ms):
    return record(round_, side, ms=ms, peak_mib=260, beyond_mib=255, start_mib=228)


@unittest.skipUnless(os.access("/usr/bin/python3", os.X_OK), "needs /usr/bin/python3")
class BenchPeers(MokaTest):
    def peers(self, status, *words):
        run = subprocess.run([SCRIPT, *words], cwd=self.folder, capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def test_wrong_options(self):
        for words, text in [
                ([], "error: name a net: caffenet, cifar10_full, cifar10_quick, googlenet, lenet, mlp, "
                     "mobilenet, resnet50, squeezenet, vgg16 or all\n"),
                (["lnet"], 'there is no net "lnet" in '), (["lenet", "--rounds=0"], "--rounds must be"),
                (["lenet", "--mode=fast"], "invalid choice: 'fast'"),
                (["lenet", "--budget=0"], "--budget must be above 0"), (["--no-such"], "unrecognized")]:
            with self.subTest(words):
                self.assertIn(text, self.peers(2, *words).stderr)

    def test_what_is_missing_is_told(self):
        error = self.peers(1, "lenet", "--moka=nowhere").stderr
        self.assertRegex(error, r"^bench_peers.sh: (the peers need packages that are not installed: "
                                r"apt-get install [\w -]+|there is no nowhere; build it .*)\n$")
        self.assertEqual(self.peers(1, "--table=none").stderr,
                         "bench_peers.sh: none: No such file or directory\n")

    def test_ratios_are_taken_within_a_round_and_against_the_best_peer(self):
        one, two = "PyTorch NCHW, 1 thread", "PyTorch NCHW, 2 threads"
        records = [moka(0, 4), torch(0, one, 5), torch(0, two, 6), moka(1, 2), torch(1, one, 10),
                   torch(1, two, 3), moka(2, 3), torch(2, one, 9), torch(2, two, 9),
                   record(0, "OpenCV", error="no")]
        self.write("out", "".join(json.dumps(each) + "\n" for each in records))
        lines = self.peers(0, "--table=out").stdout.splitlines()
        self.assertEqual(lines[0], "Any (family 26, model 2), 2 cores, 8.0 GiB, Linux 6.1; Moka abc, "
                                   "PyTorch 1.13, OpenCV 4.6")
        # the medians are 9 and 6; of 6/4, 3/2, 9/3 it is 1.5
        self.assertEqual(lines[5], "| lenet (64) | train | 2 | 3.00 | 50 % | 6.00 | "
                                   "PyTorch NCHW, 2 threads | 1.50 | 1.50 to 3.00 | 30 | 260 | 25 | "
                                   "255 | 228 |")
        self.assertEqual(lines[7:], ["OpenCV cannot run lenet (train): no"])


class Roofline(MokaTest):
    def test_a_table_of_chosen_layers(self):
        script = SOURCE_DIR / "tests" / "bench" / "roofline.py"
        run = subprocess.run([sys.executable, "-B", script, f"--moka={MOKA}", "--iterations=1",
                              "--only=^LeNet (ip1|conv1|pool1)"], capture_output=True, text=True,
                             check=True)
        rows = [line.split(" | ")[:2] for line in run.stdout.splitlines() if line.startswith("| LeNet")]
        self.assertEqual(rows, [["| LeNet conv1 5x5", "forward"], ["| LeNet conv1 5x5", "backward data"],
                                ["| LeNet conv1 5x5", "backward weights"], ["| LeNet ip1", "forward"],
                                ["| LeNet ip1", "backward"], ["| LeNet pool1, max 2x2", "forward"],
                                ["| LeNet pool1, max 2x2", "backward"]])


if __name__ == "__main__":
    unittest.main()
