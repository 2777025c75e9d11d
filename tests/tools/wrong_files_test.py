"""Files that are wrong end a run with status 1; the message has the place, as a compiler's has."""
import os
import unittest

from moka import NET, SOLVER, MokaTest

# A text in the file, the text that takes its place, and what stderr says after the file's name.
NETS = [
    ("num_output: 2", "num_outputs: 2",
     '19:25: unknown field "num_outputs" in inner_product_param; did you mean "num_output"?'),
    ("num_output: 2", "num_output: two",
     '19:37: inner_product_param.num_output takes a whole number, not "two"'),
    ('"xavier"', '"xavir"',
     '19:55: layer "ip" (InnerProduct): unknown filler type "xavir"; did you mean "xavier"?'),
    ('"InnerProduct"', '"InerProduct"',
     '16:3: layer "ip" (InerProduct): unknown type "InerProduct"; did you mean "InnerProduct"?'),
    ('bottom: "x"', 'bottom: "xx"',
     '17:3: layer "ip" (InnerProduct): unknown bottom blob "xx"; did you mean "x"?'),
    ('bottom: "t" ', "", '21:44: layer "loss" (EuclideanLoss): needs 2 bottoms, has 1'),
    ("num_output: 2", "num_output: 3",
     '21:1: layer "loss" (EuclideanLoss): bottom 0 is 4x3 (12 values), bottom 1 is 4x2 (8 values)'),
    ('}\nlayer {\n  name: "ip"', 'layer {\n  name: "ip"',
     '13:1: "layer" inside layer: is a } missing?'),
    ("dim: 4 dim: 3", "dim: 4 dim: -3",
     '8:5: layer "data" (DummyData): shape 4x-3 has a negative size, -3'),
    ("dim: 4 dim: 3", "dim: 4000000000 dim: 4000000000 dim: 4",
     '8:5: layer "data" (DummyData): shape 4000000000x4000000000x4 is too large'),
]
SOLVERS = [
    ("base_lr", "base_lrr", '4:1: unknown field "base_lrr" in the solver; did you mean "base_lr"?'),
    ("base_lr: 0.1\n", "", " base_lr is missing"),
    ('"fixed"', '"fix"', '5:1: unknown lr_policy "fix"'),
    ('"fixed"', '"step"', '5:1: lr_policy "step" needs gamma'),
    ("test_iter: 2\n", "", "2:1: test_iter is missing; 1 is needed"),
    ("max_iter: 20\n", "", " max_iter is missing"),
    ('"net.prototxt"', '"nett.prototxt"', '1:1: cannot find "nett.prototxt"'),
    ("random_seed: 3", "solver_mode: GPPU",
     '9:14: unknown value "GPPU" for solver_mode; did you mean "GPU"?'),
    ('"small"', '"no/such/folder/small"', "8:1: there is no folder no/such/folder for snapshots"),
]
ROWS = [("net.prototxt", *row) for row in NETS] + [("solver.prototxt", *row) for row in SOLVERS]


class WrongFiles(MokaTest):
    def test_each_of_the_tables(self):
        for file, old, new, text in ROWS:
            with self.subTest(f"{file}: {new or 'no ' + old}"):
                texts = {"net.prototxt": NET, "solver.prototxt": SOLVER}
                self.assertEqual(texts[file].count(old), 1, old)
                texts[file] = texts[file].replace(old, new)
                for name in texts:
                    self.write(name, texts[name])
                run = self.check(1, "train", "--solver=solver.prototxt")
                self.assertIn(f"{file}:{text}", run.stderr)
                self.assertNotIn("Iteration", run.stderr)
                self.assertEqual(run.stdout, "")

    def test_all_errors_of_a_file_are_shown(self):
        self.write_training(NET.replace("num_output", "numoutput").replace("std:", "sd:"))
        run = self.check(1, "train", "--solver=solver.prototxt")
        self.assertRegex(run.stderr, r'(?m)^net.prototxt:10:\d+: unknown field "sd"')
        self.assertRegex(run.stderr, r'(?m)^net.prototxt:19:\d+: unknown field "numoutput"')

    def test_a_missing_file(self):
        run = self.check(1, "train", "--solver=nowhere.prototxt")
        self.assertEqual(run.stderr, 'cannot read "nowhere.prototxt": No such file or directory\n')

    def test_a_folder_is_no_file(self):
        run = self.check(1, "summary", self.folder)
        self.assertIn("it is a directory", run.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root may read anything")
    def test_an_unreadable_file(self):
        self.write("solver.prototxt", SOLVER).chmod(0)
        run = self.check(1, "train", "--solver=solver.prototxt")
        self.assertIn("Permission denied", run.stderr)

    def test_a_net_is_no_solver(self):
        self.write_training()
        run = self.check(1, "train", "--solver=net.prototxt")
        self.assertIn('net.prototxt:1:1: unknown field "name" in the solver', run.stderr)

    def test_an_unknown_layer_type(self):
        run = self.check(1, "layers", "Convoluton")
        self.assertEqual(run.stderr, 'unknown type "Convoluton"; did you mean "Convolution"?\n')

    def test_a_net_without_data_is_not_tested(self):
        self.write("net.prototxt", """name: "fed" layer {
            name: "in" type: "Input" top: "x" input_param { shape { dim: 1 } }
        }""")
        run = self.check(1, "test", "--model=net.prototxt", "--weights=none.caffemodel")
        self.assertEqual(run.stderr, 'net.prototxt: nothing feeds the input "x"; '
                                     "this needs a data layer\n")

    def test_a_net_without_data_is_not_trained(self):
        net = NET[NET.index('layer {\n  name: "ip"'):]
        inputs = '''layer { name: "in" type: "Input" top: "x" top: "t"
                    input_param { shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 } } }\n'''
        self.write_training(inputs + net)
        run = self.check(1, "train", "--solver=solver.prototxt")
        self.assertTrue(run.stderr.endswith('net.prototxt: nothing feeds the input "x"; '
                                            "this needs a data layer\n"), run.stderr)

    def test_weights_of_another_net_are_not_tested(self):
        self.write_training()
        self.check(0, "train", "--solver=solver.prototxt")
        self.write("net.prototxt", NET.replace('"ip"', '"other"'))
        run = self.check(1, "test", "--model=net.prototxt", "--weights=small_iter_20.caffemodel")
        self.assertEqual(run.stderr, "small_iter_20.caffemodel: none of its layers is in the net, and "
                                     'they are matched by name; it has "ip", the net "other"\n')

    def test_a_pipe_is_refused_as_weights_and_as_plugin(self):
        self.write("net.prototxt", NET)
        os.mkfifo(self.folder / "pipe")
        run = self.check(1, "test", "--model=net.prototxt", "--weights=pipe")
        self.assertEqual(run.stderr, 'cannot read "pipe": it is not a regular file\n')
        run = self.check(1, "layers", "--plugin=pipe")
        self.assertEqual(run.stderr,
                         "plugin pipe: not a shared library: it is no regular file\n")

    def test_missing_data_lists_what_was_tried(self):
        self.write("data/net.prototxt", '''layer {
            name: "d" type: "Data" top: "x" top: "t"
            data_param { source: "a.gz" labels: "b.gz" batch_size: 1 }
        }''')
        run = self.check(1, "summary", "data/net.prototxt",
                         env=dict(self.environment(), MOKA_DATA="/nowhere"))
        self.assertIn('cannot find "a.gz"; tried a.gz, data/a.gz, /nowhere/a.gz', run.stderr)


if __name__ == "__main__":
    unittest.main()
