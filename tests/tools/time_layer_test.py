"""moka time --layer: one layer alone."""
import json
import unittest

from moka import BINARY_DIR, MokaTest

HELP = "`moka help time` lists its flags.\n"
NUMBER = r"\d+\.\d+"


def no_size(text, part):
    return (f'--shape="{text}": "{part}" is no size; a shape is positive whole numbers with an x '
            "between them, such as 64x3x28x28")


# Words after moka time, and what stands on stderr after "moka: ".
WRONG = [
    (["--layer=type: 'ReLU'", "--model=x"], "--model and --layer exclude one another"),
    (["--model=x", "--shape=3"],
     "--shape goes with --layer: the inputs of a net have shapes of their own"),
    (["--layer=type: 'ReLU'"], "ReLU has 1 bottom, but there are 0 --shape: give one for each"),
    (["--layer=type: 'ReLU'", "--shape=3", "--shape=3"],
     "ReLU has 1 bottom, but there are 2 --shape: give one for each"),
    (["--layer=type: 'Concat'"],
     "Concat has 1 or more bottoms, but there are 0 --shape: give one for each"),
    (["--layer=type: 'ReLU' bottom: 'a' bottom: 'b'", "--shape=3"],
     "--layer names 2 bottoms, but there are 1 --shape"),
    (["--layer=type: 'ReLU'", "--shape=64x0"], no_size("64x0", "0")),
    (["--layer=type: 'ReLU'", "--shape=64x-1"], no_size("64x-1", "-1")),
    (["--layer=type: 'ReLU'", "--shape=64x"], no_size("64x", "")),
    (["--layer=type: 'ReLU'", "--shape=64X3"], no_size("64X3", "64X3")),
    (["--layer=type: 'ReLU'", "--shape=1x1x1x1x1x1x1x1x1"],
     '--shape="1x1x1x1x1x1x1x1x1": shape 1x1x1x1x1x1x1x1x1 has 9 axes; at most 8 are possible'),
    (["--layer=type: 'ReLU'", "--shape=3", "--iterations=0"],
     "--iterations must be at least 1, not 0"),
    (["--layer=type: 'ReLU'", "--shape=3", "--batch=2"],
     "--batch goes with --model: with --layer, --shape says it"),
    (["--model=x", "--batch=-1"], "--batch must be at least 1, not -1"),
    (["--model=x", "--batch=0"], "--batch must be at least 1, not 0"),
]


class TimeLayer(MokaTest):
    def time(self, layer, *words):
        run = self.check(0, "time", "--layer", layer, *words, "--iterations=2")
        self.assertEqual(run.stderr, "")
        return run.stdout

    def test_forward_and_backward(self):
        out = self.time('type: "Pooling" pooling_param { pool: MAX kernel_size: 3 stride: 2 }',
                        "--shape=2x16x28x28")
        # (2 16 28 28 + 2 16 14 14) floats of 4 bytes: 125440
        self.assertRegex(
            out, r"^Pooling: 2x16x28x28 -> 2x16x14x14\n"
                 r" +median ms +MB moved +GB/s\n"
                 rf"forward +{NUMBER} +0\.125 +{NUMBER}\nbackward +{NUMBER} +0\.125 +{NUMBER}\n"
                 r"\(\d+ threads; medians of 2\)\n"
                 rf"\(the machine at most: {NUMBER} GFLOP/s of multiply-adds, "
                 rf"{NUMBER} GB/s of a copy\)\n$")

    def test_work_is_told_where_it_is_known(self):
        out = self.time('type: "InnerProduct" inner_product_param { num_output: 100 }',
                        "--shape=50x200")
        # forward: x 10000, y 5000, params 20100; backward: x, dx 10000 each, dy, params twice
        self.assertRegex(
            out, r"^InnerProduct: 50x200 -> 50x100, 20100 parameters\n"
                 r" +median ms +MB moved +GB/s +GFLOP/s +% of peak\n"
                 rf"forward +{NUMBER} +0\.140 +{NUMBER} +{NUMBER} +{NUMBER}\n"
                 rf"backward +{NUMBER} +0\.261 +{NUMBER} +{NUMBER} +{NUMBER}\n")

    def work(self, layer):
        """Forward's and backward's floating-point operations and bytes, of 50 x 200 numbers."""
        run = self.check(0, "time", "--layer", layer, "--shape=50x200", "--iterations=1", "--json")
        layer, = json.loads(run.stdout)["layers"]
        return [layer[f"{way}_{what}"] for way in ("forward", "backward")
                for what in ("flops", "bytes")]

    def test_backward_does_only_what_is_wanted(self):
        product = 'type: "InnerProduct" inner_product_param { num_output: 100 } '
        x, y, w, flops = 50 * 200, 50 * 100, 200 * 100 + 100, 2 * 50 * 200 * 100
        forward = [flops, 4 * (x + y + w)]
        self.assertEqual(self.work(product), forward + [2 * flops, 4 * (x + x + y + 2 * w)])
        self.assertEqual(self.work(product + "param { lr_mult: 0 } param { lr_mult: 0 }"),
                         forward + [flops, 4 * (x + y + w)])
        self.assertEqual(self.work(product + "propagate_down: false"),
                         forward + [flops, 4 * (x + y + w)])

    def test_as_json_with_what_the_machine_can(self):
        run = self.check(0, "time", "--layer", 'type: "ReLU"', "--shape=4x5", "--json")
        report = json.loads(run.stdout)
        self.assertEqual((report["net"], report["batch"], report["layers"][0]["type"]),
                         ("layer", 4, "ReLU"))
        self.assertGreater(report["peak_gflops"], 0.1)
        self.assertGreater(report["copy_gbs"], 0.01)
        self.assertIsNone(report["step_ms"])

    def test_a_limit_of_memory_leaves_out_the_copy(self):
        run = self.check(0, "time", "--layer", 'type: "ReLU"', "--shape=4x5", "--json",
                         "--max_memory=10M")
        self.assertIsNone(json.loads(run.stdout)["copy_gbs"])

    def test_labels_are_classes(self):
        out = self.time('type: "SoftmaxWithLoss"', "--shape=64x10", "--shape=64")
        self.assertRegex(out, r"^SoftmaxWithLoss: 64x10, 64 -> \(\)\n(.*\n)+backward ")

    def test_without_gradient_forward_alone(self):
        out = self.time('type: "Accuracy"', "--shape=64x10", "--shape=64")
        self.assertIn("\nforward ", out)
        self.assertNotIn("backward", out)

    def test_in_the_test_phase_forward_alone(self):
        self.assertNotIn("backward", self.time('type: "TanH"', "--shape=64", "--phase=TEST"))

    def test_a_layer_that_has_no_bottoms(self):
        self.assertIn("DummyData:  -> 3x2\n",
                      self.time('type: "DummyData" dummy_data_param { shape { dim: 3 dim: 2 } }'))

    def test_names_and_rules_of_the_text_do_not_matter(self):
        out = self.time('name: "r" type: "ReLU" bottom: "x" top: "x" include { phase: TEST }',
                        "--shape=4x5")
        self.assertIn("ReLU: 4x5 -> 4x5\n", out)

    def test_a_layer_of_a_plugin(self):
        out = self.time('type: "Snake" snake_param { alpha: 2 }', "--shape=4x5",
                        f"--plugin={BINARY_DIR}/lib/libsnake.so")
        self.assertRegex(out, r"^Snake: 4x5 -> 4x5\n(.*\n)+backward ")

    def test_wrong_command_lines(self):
        for words, text in WRONG:
            with self.subTest(words):
                run = self.check(2, "time", *words)
                self.assertEqual(run.stderr, f"moka: {text}\n{HELP}")
                self.assertEqual(run.stdout, "")

    def test_errors_have_their_place_in_the_text(self):
        for layer, text in [
                ('name: "a" type: "Poling"',
                 'layer "a" (Poling): unknown type "Poling"; did you mean "Pooling"?'),
                ('name: "a"', 'layer "a": has no type'),
                ('type: "Pooling" pooling_param { kernel_size: 99 }',
                 'layer "layer" (Pooling): kernel_size 99 is larger than the padded input, 28'),
                ('type: "Pooling" pooling_param { pol: MAX }',
                 'unknown field "pol" in pooling_param; did you mean "pool"?')]:
            with self.subTest(layer):
                run = self.check(1, "time", "--layer", layer, "--shape=1x1x28x28")
                place, _, message = run.stderr.partition(": ")
                self.assertEqual(message, text + "\n")
                self.assertEqual(place.split(":")[:2], ["--layer", "1"])
        self.assertEqual(place, "--layer:1:33")


if __name__ == "__main__":
    unittest.main()
