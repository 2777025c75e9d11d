"""moka summary, layers and time: what they print about nets and layers."""
import unittest

from moka import BINARY_DIR, NET, SOURCE_DIR, MokaTest

BUILT = BINARY_DIR / "lib"
LENET = SOURCE_DIR / "models" / "lenet" / "train.prototxt"


class Summary(MokaTest):
    def test_lenet(self):
        run = self.check(0, "summary", LENET, "--stage=sample")
        lines = [line.split() for line in run.stdout.splitlines()]
        self.assertEqual(run.stdout.splitlines()[0], "LeNet (TRAIN phase)")
        # parameters: 20 5 5 + 20; multiply-adds: 64 images of 20 24 24 outputs of 25 products
        self.assertIn(["conv1", "Convolution", "64x20x24x24", "520", "18,432,000"], lines)
        self.assertIn(["ip1", "InnerProduct", "64x500", "400,500", "25,600,000"], lines)
        self.assertIn(["total", "431,080", "146,752,000"], lines)
        self.assertIn(["relu1", "ReLU", "64x500", "runs", "in", "ip1"], lines)
        self.assertRegex(run.stdout, r"Memory: [\d.]+ MB for values")
        self.assertIn("1.72 MB for parameters, 1.72 MB for their gradients, "
                      "1.72 MB for SGD's momentum", run.stdout)
        self.assertRegex(run.stdout, r"\nTotal:  [\d.]+ MB for a training step: [\d.]+ MB of "
                                     r"activations and workspace, 5\.17 MB beside\n")
        self.assertEqual(run.stderr, "")

    def test_of_the_test_phase(self):
        run = self.check(0, "summary", LENET, "--stage=sample", "--phase=TEST")
        self.assertIn("LeNet (TEST phase)", run.stdout)
        self.assertIn("\naccuracy ", run.stdout)
        self.assertNotIn("momentum", run.stdout)
        self.assertRegex(run.stdout, r"\nTotal: .* for a forward pass: .*, 1\.72 MB beside\n")


class Layers(MokaTest):
    def test_lists_types_by_origin_with_their_fields(self):
        run = self.check(0, "layers")
        self.assertTrue(run.stdout.startswith("built in:\n"))
        self.assertIn("\n  Convolution              convolution_param\n", run.stdout)

    def test_explains_a_type(self):
        run = self.check(0, "layers", "Convolution")
        self.assertIn("\nconvolution_param { }", run.stdout)
        self.assertRegex(run.stdout, r"\n  num_output +uint32\n +\w+")
        self.assertRegex(run.stdout, r"\n  bias_term +bool = true\n")

    def test_every_type_is_explained(self):
        layers, _ = self.check(0, "layers").stdout.split("\n\n")  # the other kinds follow
        origins = dict.fromkeys(line[:-1] for line in layers.splitlines() if line[0] != " ")
        self.assertEqual(list(origins)[0], "built in")
        self.assertRegex(" ".join(list(origins)[1:]), r"^\S+/lib/moka/plugins/libmoka_ssd\.so$")
        names = {}
        for line in layers.splitlines():
            if line.startswith(" "):
                names[line.split()[0]] = origin
            else:
                origin = line[:-1]
        self.assertEqual(names["ReLU"], "built in")
        self.assertEqual(names["PriorBox"], list(origins)[1])
        self.assertGreater(len(names), 80)
        for name, origin in names.items():
            self.assertTrue(self.check(0, "layers", name).stdout.startswith(f"{name} ({origin})\n"))


class Plugins(MokaTest):
    """More about loading is in tests/plugins; a whole project with one in tests/install."""

    def refusal(self, path):
        return self.check(1, "layers", f"--plugin={path}").stderr

    def test_a_missing_file(self):
        self.assertIn("plugin nope.so: No such file or directory", self.refusal("nope.so"))

    def test_a_text_file(self):
        self.write("text.so", "Not a library.\n")
        self.assertIn("plugin text.so: not a shared library", self.refusal("text.so"))

    def test_a_type_that_is_there_already(self):
        error = self.refusal(BUILT / "librelu_plugin.so")
        self.assertRegex(error, r'^plugin .*librelu_plugin\.so: type "ReLU" .* exists already')

    def test_another_api_version(self):
        error = self.refusal(BUILT / "libhostile_1.so")
        self.assertIn("rebuild it with this version's headers", error)

    def test_two_with_the_same_file_and_message_names(self):
        run = self.check(0, "layers", "--plugin", BUILT / "libtwin_a.so",
                         "--plugin", BUILT / "libtwin_b.so")
        self.assertRegex(run.stdout, r"libtwin_a\.so:\n +TwinA ")
        self.assertRegex(run.stdout, r"libtwin_b\.so:\n +TwinB ")

    def test_several_are_separated_by_commas(self):
        self.write("text.so", "Not a library.\n")
        run = self.check(1, "layers", "--plugin=text.so,nope.so", "--plugin", "third.so")
        self.assertIn("plugin text.so", run.stderr)


if __name__ == "__main__":
    unittest.main()
