"""The projects of docs/plugins against an installed Moka: each is built, passes its test, and trains.

One project that holds them all builds them, so that CMake looks for Moka and the compiler only once."""
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from installed import author, run

BUILD_DIR = pathlib.Path(os.environ["MOKA_BINARY_DIR"])
SOURCE_DIR = pathlib.Path(os.environ["MOKA_SOURCE_DIR"])
EXAMPLES = SOURCE_DIR / "docs" / "plugins"


def line_count(path):
    return len(path.read_text().splitlines())


class PluginExamples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The same folder each time, and so the same commands: ccache knows what comes of them.
        cls.folder = BUILD_DIR / "plugin_examples"
        shutil.rmtree(cls.folder, ignore_errors=True)
        cls.folder.mkdir()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.prefix = cls.folder / "prefix"
        run("cmake", "--install", BUILD_DIR, "--prefix", cls.prefix)
        shutil.copytree(EXAMPLES, cls.folder / "examples")
        cls.names = sorted(path.parent.name for path in EXAMPLES.glob("*/CMakeLists.txt"))
        (cls.folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(examples LANGUAGES CXX)\nenable_testing()\n"
            + "".join(f"add_subdirectory(examples/{name} {name})\n" for name in cls.names))
        cls.environment = author(
            cls.folder, MOKA_DATA=str(SOURCE_DIR / "models" / "data" / "mnist_sample"))
        cls.build = cls.folder / "build"
        # Without a build type: moka_add_plugin optimises the plugins, and the tests compile faster.
        run("cmake", "-S", cls.folder, "-B", cls.build, "-G", "Ninja",
            f"-DCMAKE_PREFIX_PATH={cls.prefix}", env=cls.environment)
        cls.log = run("cmake", "--build", cls.build, "--parallel", "2", env=cls.environment)

    def test_there_is_one_of_each_kind(self):
        for name in ("snake", "low_rank", "poly_loss", "glu", "training"):
            self.assertIn(name, self.names)

    def test_the_compiler_has_nothing_to_say(self):
        self.assertNotIn("warning", self.log)

    def test_each_passes_its_test(self):
        self.assertIn(f"100% tests passed, 0 tests failed out of {len(self.names)}",
                      run("ctest", "--output-on-failure", "--test-dir", self.build, env=self.environment))

    def test_each_trains(self):
        for name in self.names:
            with self.subTest(name):
                log = run(self.prefix / "bin" / "moka", "train", "--solver=solver.prototxt",
                          f"--plugin={self.build / name / f'lib{name}.so'}",
                          cwd=self.folder / "examples" / name, env=self.environment)
                losses = [float(loss) for loss in re.findall(r"Iteration \d+.*, loss = (\S+)", log)]
                self.assertGreater(len(losses), 5, log)
                self.assertLess(losses[-1], losses[0] / 3)

    def test_comments_of_parameters_are_told(self):
        explained = run(self.prefix / "bin" / "moka", "layers", "LowRank", "--plugin",
                        self.build / "low_rank" / "liblow_rank.so")
        self.assertRegex(explained, r"\n  rank +uint32\n +how many numbers lie between; must be given")

    def test_each_explains_all_parameters(self):
        """Each field of each message has a comment, and so has the message."""
        for proto in EXAMPLES.glob("*/*.proto"):
            with self.subTest(proto.name):
                self.assertNotRegex(proto.read_text(), r"(?m)^  .*;\s*$")
                self.assertRegex(proto.read_text(), r"(?m)^// .+\nmessage ")

    def test_the_activation_is_small(self):
        self.assertLessEqual(line_count(EXAMPLES / "snake" / "snake.cpp"), 45)
        self.assertLessEqual(line_count(EXAMPLES / "snake" / "snake.proto"), 6)


if __name__ == "__main__":
    unittest.main()
