"""moka train and moka test with --weights: the table of what became of each layer, refusals; and
numbers that are not finite, in weights, data and training."""
import re
import struct
import unittest

from moka import NET, MokaTest

# Three layers with weights, the last of `classes` outputs.
BODY = """\
layer {
  name: "conv" type: "InnerProduct" bottom: "x" top: "h"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } }
}
layer {
  name: "a_layer_with_a_long_name" type: "InnerProduct" bottom: "h" top: "h2"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } }
}
layer {
  name: "%s" type: "InnerProduct" bottom: "h2" top: "y"
  inner_product_param { num_output: %d weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }
"""
DATA = NET[:NET.index('layer {\n  name: "ip"')]
WAYS_OUT = ("give the layer another name to start it afresh, keep its initial values with "
            "--on_mismatch=skip, or make its shape that of the file (num_output, for example)")


def net(last="last", classes=2):
    return DATA.replace("dim: 4 dim: 2", f"dim: 4 dim: {classes}") + BODY % (last, classes)


class FineTuning(MokaTest):
    def setUp(self):
        super().setUp()
        self.write_training(net(), display=0, test_interval=1000)
        self.check(0, "train", "--solver=solver.prototxt")
        (self.folder / "small_iter_20.caffemodel").rename(self.folder / "a.caffemodel")

    def write_net(self, last="last", classes=2, **changes):
        self.write_training(net(last, classes), display=0, test_interval=1000, **changes)

    def rows(self, run):
        """The lines of the table, and the warnings behind them."""
        lines = [re.sub(r"^[IW].*?\] ", "", line) for line in run.stderr.splitlines()
                 if re.search(r"(weights_table|/?test)\.cpp:\d+\] ", line)]
        return [line for line in lines if not line.startswith("Batch ")]

    def train(self, status, *flags):
        return self.check(status, "train", "--solver=solver.prototxt", *flags)

    def test_a_table_says_what_became_of_each_layer(self):
        self.write_net("new_last", 3)
        run = self.train(0, "--weights=a.caffemodel")
        self.assertEqual(self.rows(run), [
            "  layer                     shapes  what became of it",
            "  conv                      4x3, 4  loaded from a.caffemodel",
            "  a_layer_with_a_long_name  4x4, 4  loaded from a.caffemodel",
            "  new_last                  3x4, 3  left at its initial values",
            "  last                      2x4, 2  ignored: only in a.caffemodel",
            "Weights: 2 layers loaded, 1 left at initial values, 0 skipped, 1 ignored"])
        test = self.check(0, "test", "--model=net.prototxt", "--weights=a.caffemodel",
                          "--iterations=1")
        self.assertEqual(self.rows(test)[:-1], self.rows(run))
        self.assertEqual(self.rows(test)[-1],
                         "what is tested has initial values, no trained ones, in new_last")

    def test_later_files_win(self):
        self.write_net("new_last")
        self.check(0, "train", "--solver=solver.prototxt", "--weights=a.caffemodel")
        (self.folder / "small_iter_20.caffemodel").rename(self.folder / "b.caffemodel")
        self.write_net()
        table = self.rows(self.train(0, "--weights=b.caffemodel,a.caffemodel"))
        self.assertEqual([line.split()[-1] for line in table[1:5]],
                         ["a.caffemodel", "a.caffemodel", "a.caffemodel", "b.caffemodel"])
        table = self.rows(self.train(0, "--weights=a.caffemodel,b.caffemodel"))
        self.assertEqual(table[-2:], [
            "  new_last                  2x4, 2  ignored: only in b.caffemodel",
            "Weights: 3 layers loaded (2 from b.caffemodel, 1 from a.caffemodel), 0 left at "
            "initial values, 0 skipped, 1 ignored"])

    def test_the_solver_file_names_weights_too(self):
        self.write_net(weights='"a.caffemodel,a.caffemodel"')
        self.assertEqual(self.rows(self.train(0))[-1],
                         "Weights: 3 layers loaded, 0 left at initial values, 0 skipped, 0 ignored")

    def test_a_layer_that_does_not_fit_is_refused_with_the_ways_out(self):
        self.write_net("last", 3)
        error = ('layer "last": blob 0 is 2x4 in a.caffemodel, 3x4 in the net; blob 1 is 2 in '
                 f"a.caffemodel, 3 in the net; {WAYS_OUT}")
        run = self.train(1, "--weights=a.caffemodel")
        self.assertEqual(run.stderr.splitlines()[-1], error)
        run = self.check(1, "test", "--model=net.prototxt", "--weights=a.caffemodel")
        self.assertEqual(run.stderr, error + "\n")

    def test_or_skipped(self):
        self.write_net("last", 3)
        run = self.train(0, "--weights=a.caffemodel", "--on_mismatch=skip")
        self.assertEqual(self.rows(run)[3:], [
            "  last                      3x4, 3  skipped: 2x4, 2 in a.caffemodel",
            "Weights: 2 layers loaded, 0 left at initial values, 1 skipped, 0 ignored"])
        run = self.check(0, "test", "--model=net.prototxt", "--weights=a.caffemodel",
                         "--on-mismatch", "skip", "--iterations=1")
        self.assertEqual(self.rows(run)[-1],
                         "what is tested has initial values, no trained ones, in last")

    def test_skipping_all_is_an_error(self):
        self.write_net("last", 3)
        self.write("net.prototxt", net("last", 3).replace("num_output: 4", "num_output: 5"))
        run = self.train(1, "--weights=a.caffemodel", "--on_mismatch=skip")
        self.assertEqual(run.stderr.splitlines()[-4:], [
            "a.caffemodel: none of the layers that the net has too fits; are these the weights of "
            "another net?",
            'layer "conv": blob 0 is 4x3 in a.caffemodel, 5x3 in the net; blob 1 is 4 in '
            "a.caffemodel, 5 in the net",
            'layer "a_layer_with_a_long_name": blob 0 is 4x4 in a.caffemodel, 5x5 in the net; blob '
            "1 is 4 in a.caffemodel, 5 in the net",
            'layer "last": blob 0 is 2x4 in a.caffemodel, 3x5 in the net; blob 1 is 2 in '
            "a.caffemodel, 3 in the net"])

    def test_wrong_words(self):
        for command in [["train", "--solver=solver.prototxt"], ["test", "--model=net.prototxt"]]:
            run = self.check(2, *command, "--weights=a.caffemodel", "--on_mismatch=warn")
            self.assertEqual(run.stderr.splitlines()[0],
                             'moka: --on_mismatch wants error or skip, not "warn"')
        for flag in ["--snapshot", "--resume"]:
            run = self.train(2, f"{flag}=small_iter_20.solverstate", "--on_mismatch=skip")
            self.assertEqual(run.stderr.splitlines()[0], "moka: --on_mismatch=skip is for "
                             "--weights; a snapshot fits as a whole or not")


class BadNumbers(MokaTest):
    def test_in_weights_they_are_named_before_training(self):
        self.write_training()
        self.check(0, "train", "--solver=solver.prototxt")
        path = self.folder / "small_iter_20.caffemodel"
        model = path.read_bytes()[4:-11]  # as Caffe writes them, without a checksum
        # BlobProto: shape { dim: 2 dim: 3 }, then data, 24 bytes.
        at = model.index(b"\x3a\x04\x0a\x02\x02\x03\x2a\x18") + 8
        path.write_bytes(model[:at + 16] + struct.pack("<f", float("nan")) + model[at + 20:])
        blob = ('layer "ip", blob 0 of small_iter_20.caffemodel: 1 of 6 values are not finite, '
                "the first nan at [1, 1]")
        run = self.check(3, "train", "--solver=solver.prototxt", f"--weights={path.name}")
        self.assertEqual(run.stderr.splitlines()[-1], "before training: " + blob)
        self.assertNotIn("Solving", run.stderr)
        run = self.check(0, "test", "--model=net.prototxt", f"--weights={path.name}",
                         "--iterations=1")
        self.assertIn("] " + blob + "\n", run.stderr)

    def test_in_data_they_are_the_data_layers(self):
        (self.folder / "x").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3]) +
                                        bytes([1, 2, 3, 4, 0, 6]))
        (self.folder / "t").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]))
        data = """layer { name: "images" type: "Data" top: "x" top: "t"
                    data_param { source: "x" labels: "t" batch_size: 2 }
                    transform_param { scale: inf } }
                  layer { name: "relu" type: "ReLU" bottom: "x" top: "r" }\n"""
        rest = NET[NET.index('layer {\n  name: "ip"'):].replace('"x"', '"r"').replace(
            "num_output: 2", "num_output: 1")
        self.write_training(data + rest, test_interval=None, test_iter=None)
        for flags, pass_, first in [
                ([], "loss is -?nan; first bad: ", ""),
                (["--check_numerics"], "forward: ", ", the first inf at [0, 0, 0, 0]")]:
            run = self.check(3, "train", "--solver=solver.prototxt", *flags)
            self.assertRegex(run.stderr.splitlines()[-1],
                             "^iteration 0, learning rate 0.1: " + pass_ +
                             re.escape('layer "images" (Data), top "x": 6 of 6 values are not '
                                       "finite" + first) + "$")

    def test_the_last_snapshot_is_kept_and_named(self):
        self.write_training(lr_policy='"multistep"', stepvalue=12, gamma="1e35", snapshot=5,
                            display=0, test_interval=1000)
        run = self.check(3, "train", "--solver=solver.prototxt")
        self.assertRegex(run.stderr.splitlines()[-1],
                         r"^iteration 1\d, learning rate 1e\+34: .*; first bad: layer \".*; the "
                         r"last snapshot is small_iter_10.solverstate$")
        self.assertIn("small_iter_10.caffemodel", self.files())

    def test_each_number_is_looked_at_when_asked(self):
        self.write_training(base_lr="1e30", display=0, test_interval=1000)
        run = self.check(3, "train", "--solver=solver.prototxt", "--check-numerics")
        self.assertRegex(run.stderr.splitlines()[-1],
                         r"^iteration \d, learning rate 1e\+30: (forward|backward): layer \".+\" "
                         r"\(.+\), .* values? are not finite, .*(inf|nan)")
        self.write_training()
        plain = self.check(0, "train", "--solver=solver.prototxt")
        model = (self.folder / "small_iter_20.caffemodel").read_bytes()
        (self.folder / "small_iter_20.solverstate").unlink()  # or the second is warned
        checked = self.check(0, "train", "--solver=solver.prototxt", "--check_numerics")
        self.assertEqual((self.folder / "small_iter_20.caffemodel").read_bytes(), model)
        self.assertEqual(len(plain.stderr.splitlines()), len(checked.stderr.splitlines()))


if __name__ == "__main__":
    unittest.main()
