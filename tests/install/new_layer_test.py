"""From `moka new-layer` to a training that uses the layer, against an installed Moka: the four commands that it prints,
for each kind of layer, with and without parameters. Nothing in the projects is changed."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time
import unittest

from installed import author, run

BUILD_DIR = pathlib.Path(os.environ["MOKA_BINARY_DIR"])
PARAMS = r'--params=beta:float=1.25,count:int=2,mode:string=a"b\,on:bool,d:double=1e-7,u:uint64=7'


class NewLayer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The same folder each time, and so the same commands: ccache knows what comes of them.
        cls.folder = BUILD_DIR / "new_layer_projects"
        shutil.rmtree(cls.folder, ignore_errors=True)
        cls.folder.mkdir()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.prefix = cls.folder / "moka"
        run("cmake", "--install", BUILD_DIR, "--prefix", cls.prefix)
        cls.environment = author(cls.folder, CMAKE_BUILD_PARALLEL_LEVEL="2")

    def run_here(self, *words):
        return run(*words, cwd=self.folder, env=self.environment)

    def four_commands(self, name, *flags):
        """Makes the project, runs what the command prints; returns the log of the training."""
        start = time.monotonic()
        printed = self.run_here("moka/bin/moka", "new-layer", name, *flags)
        commands = [shlex.split(line) for line in printed.splitlines()
                    if line.startswith(("  cmake ", "  moka/bin/moka "))]
        self.assertEqual([command[0] for command in commands], ["cmake", "cmake", "moka/bin/moka"])
        outputs = [self.run_here(*command) for command in commands]
        print(f"{name}: 4 commands, {time.monotonic() - start:.1f} s")
        self.assertNotIn("warning", outputs[1])
        return outputs[2]

    def check(self, name, *flags):
        log = self.four_commands(name, *flags)
        losses = [float(loss) for loss in re.findall(r"Iteration \d+.*, loss = (\S+)", log)]
        self.assertEqual(len(losses), 11, log)
        self.assertLess(losses[-1], losses[0] / 10)
        build = self.folder / name.lower() / "build"
        self.assertIn("100% tests passed, 0 tests failed out of 1",
                      self.run_here("ctest", "--test-dir", build))
        plugin = build / f"lib{name.lower()}.so"
        self.assertRegex(self.run_here("moka/bin/moka", "layers", name, "--plugin", plugin),
                         rf"\n{name.lower()}_param {{ }}  # (y|y\(n,c,i\)|loss) = ")
        self.assertEqual([path.name for path in self.folder.glob("*_iter_*")], [])
        return build

    def test_elementwise(self):
        build = self.check("Plain")
        self.run_here("cmake", "--install", build, "--prefix", self.prefix)
        installed = self.prefix / "lib" / "moka" / "plugins" / "libplain.so"
        self.assertTrue(installed.exists())
        installed.unlink()  # the other tests load theirs by name

    def test_elementwise_with_parameters(self):
        self.check("Plainparams", "--elementwise", PARAMS)

    def test_with_weights(self):
        self.check("Weights", "--with-weights")

    def test_with_weights_and_parameters(self):
        self.check("Weightsparams", "--with-weights", PARAMS)

    def test_loss(self):
        self.check("Distance", "--loss")

    def test_loss_with_parameters(self):
        self.check("Distanceparams", "--loss", PARAMS)

    def test_code_is_optimised_as_that_of_built_in_layers(self):
        """Whatever the project does not say. Looks at the commands, builds nothing."""
        self.run_here("moka/bin/moka", "new-layer", "Flags")

        def flags(*options):
            build = self.folder / "flags" / ("build" + "".join(options))
            self.run_here("cmake", "-S", "flags", "-B", build, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
                          f"-DCMAKE_PREFIX_PATH={self.prefix}", *options)
            commands = (build / "compile_commands.json").read_text()
            return re.search(r'"command": "(.*flags\.cpp)"', commands)[1].split()

        plain = flags()
        for flag in ("-O3", "-DNDEBUG", "-std=c++20", "-fno-math-errno", "-fno-trapping-math"):
            self.assertIn(flag, plain)
        debug = flags("-DCMAKE_BUILD_TYPE=Debug")
        self.assertNotIn("-O3", debug)
        self.assertNotIn("-DNDEBUG", debug)
        self.assertNotIn("-O3", flags("-DCMAKE_CXX_FLAGS=-O1"))


if __name__ == "__main__":
    unittest.main()
