"""The memory that moka summary tells of a net, against what a process takes that trains it."""
import os
import re
import unittest

from moka import MokaTest


def net(batch, size, channels):
    """Two convolutions and what stands between: values of batch x channels x size x size."""
    return f'''
        layer {{ name: "in" type: "Input" top: "x" top: "t" input_param {{
          shape {{ dim: {batch} dim: 3 dim: {size} dim: {size} }} shape {{ dim: {batch} }} }} }}
        layer {{ name: "c1" type: "Convolution" bottom: "x" top: "c1" convolution_param {{
          num_output: {channels} kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }} }} }}
        layer {{ name: "r1" type: "TanH" bottom: "c1" top: "r1" }}
        layer {{ name: "c2" type: "Convolution" bottom: "r1" top: "c2" convolution_param {{
          num_output: {channels} kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }} }} }}
        layer {{ name: "p" type: "Pooling" bottom: "c2" top: "p" pooling_param {{
          pool: MAX kernel_size: 2 stride: 2 }} }}
        layer {{ name: "ip" type: "InnerProduct" bottom: "p" top: "ip" inner_product_param {{
          num_output: 100 weight_filler {{ type: "xavier" }} }} }}
        layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "t" top: "loss" }}'''


class MemoryClaim(MokaTest):
    def megabytes(self, text, name):
        value, unit = re.search(rf"([\d.]+) (kB|MB) {name}", text).groups()
        return float(value) * (1 if unit == "MB" else 1e-3)

    def peak(self, *words):
        """Of a process that ends well, in MB."""
        process = self.start(*words)
        process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close(), process.stderr.close()
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss * 1024 / 1e6

    def check_claim(self, phase):
        self.write("tiny.prototxt", net(1, 4, 1))
        self.write("large.prototxt", net(8, 128, 32))
        words = ["--iterations=1", "--threads=2", f"--phase={phase}"]
        tiny = self.peak("time", "--model=tiny.prototxt", *words)
        large = self.peak("time", "--model=large.prototxt", *words)
        text = self.check(0, "summary", "large.prototxt", f"--phase={phase}").stdout
        activations = self.megabytes(text, "of activations and workspace")
        beside = self.megabytes(text, "beside")
        self.assertLessEqual(large, tiny + 1.1 * activations + beside, text)
        self.assertGreaterEqual(large, 0.9 * (activations + beside), text)  # no idle claim
        return activations + beside

    def test_of_a_training_step(self):
        self.assertGreater(self.check_claim("TRAIN"), 100)

    def test_of_inference(self):
        self.assertGreater(self.check_claim("TEST"), 30)


if __name__ == "__main__":
    unittest.main()
