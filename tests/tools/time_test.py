"""moka time --model: how long the layers of a net take, and how near they come to the machine."""
import json
import resource
import unittest

from moka import NET, SOURCE_DIR, MokaTest

NUMBER = r"\d+\.\d+"
RATES = rf" +(-|{NUMBER}) +(-|{NUMBER}) +(-|{NUMBER})"
LENET = SOURCE_DIR / "tests/bench/nets/lenet_train.prototxt"
DEPLOY = '''
    layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
            inner_product_param { num_output: 2 } }'''


class Time(MokaTest):
    def report(self, *words):
        return json.loads(self.check(0, "time", *words, "--iterations=2", "--json").stdout)

    def test_times_each_layer(self):
        self.write("net.prototxt", NET)
        run = self.check(0, "time", "--model=net.prototxt", "--iterations=3")
        self.assertRegex(run.stdout, rf"\nip +InnerProduct +{NUMBER}{RATES} +{NUMBER}{RATES}\n")
        self.assertRegex(run.stdout, r"\ndata +DummyData +[\d.]+ +- +- +(-|[\d.]+) +- +- +- +-\n")
        for line in [f"Average Forward pass: {NUMBER} ms.", f"Average Backward pass: -?{NUMBER} ms.",
                     f"Average Forward-Backward: {NUMBER} ms.",
                     f"Average training step, with SGD update: {NUMBER} ms.",
                     # 4 3 2 products forward and, since nothing wants the data's gradient, backward
                     rf"Forward pass: 4\.8e-08 GFLOP, {NUMBER} GFLOP/s, {NUMBER} % of the peak",
                     rf"Training step: 9\.6e-08 GFLOP, {NUMBER} GFLOP/s, {NUMBER} % of the peak",
                     rf"\(\d+ threads; medians of 3; peak {NUMBER} GFLOP/s, measured\)"]:
            self.assertRegex(run.stdout, rf"\n{line}\n")

    def test_times_a_net_without_a_loss_forward_only(self):
        self.write("deploy.prototxt", DEPLOY)
        run = self.check(0, "time", "--model=deploy.prototxt", "--iterations=3")
        self.assertRegex(run.stdout, rf"\nip +InnerProduct +{NUMBER}{RATES} +- +- +- +-\n")
        self.assertIn("Average Forward pass: ", run.stdout)
        self.assertNotIn("step", run.stdout)

    def test_as_json(self):
        report = self.report(f"--model={LENET}")
        self.assertEqual((report["net"], report["phase"], report["batch"]), ("LeNet", "TRAIN", 64))
        layers = {layer["name"]: layer for layer in report["layers"]}
        conv1, conv2, pool1 = layers["conv1"], layers["conv2"], layers["pool1"]
        # 64 images of 20 24 24 outputs of 25 products; the data want no gradient
        self.assertEqual((conv1["forward_flops"], conv1["backward_flops"]), (36864000, 36864000))
        self.assertEqual((conv2["forward_flops"], conv2["backward_flops"]), (204800000, 409600000))
        self.assertEqual((pool1["forward_flops"], pool1["forward_gflops"]), (0, None))
        self.assertAlmostEqual(conv2["forward_gflops"] * conv2["forward_ms"] / 204.8, 1, places=4)
        self.assertAlmostEqual(conv2["forward_percent_of_peak"],
                               100 * conv2["forward_gflops"] / report["peak_gflops"], delta=0.01)
        self.assertAlmostEqual(report["images_per_second"] * report["step_ms"] / 64e3, 1, places=4)
        memory = report["memory"]
        self.assertEqual([memory[f"{of}_bytes"] // 1000 for of in ("weight", "gradient", "history")],
                         [1724, 1724, 1724])
        self.assertGreater(memory["plan_bytes"], 1000000)

    def test_inference_has_no_way_back(self):
        report = self.report(f"--model={LENET}", "--phase=TEST")
        self.assertEqual(report["phase"], "TEST")
        self.assertIsNone(report["step_ms"])
        self.assertNotIn("backward_ms", report["layers"][1])
        self.assertEqual((report["memory"]["gradient_bytes"], report["memory"]["history_bytes"]),
                         (0, 0))
        self.assertAlmostEqual(report["images_per_second"] * report["forward_ms"] / 64e3, 1, places=4)

    def test_json_holds_any_name(self):
        self.write("net.prototxt", DEPLOY.replace('"ip"', r'"a\"\\\n\t\001\303\274\360\237\230\200"'))
        self.assertEqual(self.report("--model=net.prototxt")["layers"][1]["name"],
                         'a"\\\n\t\x01\u00fc\U0001f600')

    def test_another_batch_size(self):
        report = self.report(f"--model={LENET}", "--batch=3")
        self.assertEqual(report["batch"], 3)
        self.assertEqual(report["layers"][1]["forward_flops"], 36864000 * 3 / 64)

    def test_a_batch_size_that_no_input_takes(self):
        self.write("net.prototxt", NET)
        run = self.check(1, "time", "--model=net.prototxt", "--batch=3")
        self.assertEqual(run.stderr, "net.prototxt: --batch: the net has no Input layer; its data "
                                     "layers say the batch size\n")
        self.write("net.prototxt", 'layer { name: "in" type: "Input" top: "x" input_param { '
                                   'shape { } } }')
        run = self.check(1, "time", "--model=net.prototxt", "--batch=3")
        self.assertEqual(run.stderr,
                         'net.prototxt: --batch: layer "in" feeds a single number\n')

    @unittest.skipIf(resource.getrlimit(resource.RLIMIT_STACK)[1] != resource.RLIM_INFINITY,
                     "stacks are limited for good")
    def test_threads_that_the_system_does_not_give_are_an_error(self):
        def want_huge_stacks():  # a thread's stack is as large as this limit
            resource.setrlimit(resource.RLIMIT_STACK, (1 << 46, resource.RLIM_INFINITY))

        self.write("net.prototxt", NET)
        # OpenBLAS starts its threads on its own, before anybody can say that it should not.
        run = self.check(1, "time", "--model=net.prototxt", "--threads=3",
                         preexec_fn=want_huge_stacks,
                         env=dict(self.environment(), OPENBLAS_NUM_THREADS="1"))
        self.assertRegex(run.stderr, r"^cannot start thread [23] of 3: Resource temporarily "
                                     r"unavailable\n$")


if __name__ == "__main__":
    unittest.main()
