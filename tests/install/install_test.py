"""The installed tree, moved elsewhere, as a stranger uses it: the command, a plugin, a program."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from installed import run

BUILD_DIR = pathlib.Path(os.environ["MOKA_BINARY_DIR"])
SOURCE_DIR = pathlib.Path(os.environ["MOKA_SOURCE_DIR"])
SNAKE = SOURCE_DIR / "docs" / "plugins" / "snake"


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="moka_install_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run("cmake", "--install", BUILD_DIR, "--prefix", cls.folder / "first")
        cls.prefix = (cls.folder / "first").rename(cls.folder / "second")
        cls.moka = cls.prefix / "bin" / "moka"

    def build(self, source):
        """Configures and builds a project of somebody else's; returns its build folder."""
        build = self.folder / source.name
        run("cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        return build

    def test_the_command_finds_its_library(self):
        self.assertRegex(run(self.moka, "--version"), r"^moka \d")
        libraries = run("ldd", self.moka)
        self.assertIn(f"{self.prefix}/bin/../lib/libmoka.so", libraries)
        self.assertNotIn(str(BUILD_DIR), libraries)

    def test_nothing_points_to_where_it_was_built(self):
        files = list((self.prefix / "lib").rglob("*.cmake"))
        self.assertGreater(len(files), 3)
        for file in files:
            text = file.read_text()
            self.assertNotIn(str(SOURCE_DIR), text, file)
            self.assertNotIn(str(self.folder), text, file)

    def test_all_headers_are_there(self):
        headers = sorted(path.name for path in (self.prefix / "include" / "moka").glob("*.h"))
        self.assertIn("net.h", headers)
        self.assertIn("layer.pb.h", headers)
        source = self.folder / "headers.cpp"
        source.write_text("".join(f'#include "moka/{header}"\n' for header in headers))
        run("c++", "-std=c++20", "-fsyntax-only", "-Wall", f"-I{self.prefix}/include", source)

    def test_a_plugin_is_built_and_used(self):
        plugin = self.build(SNAKE) / "libsnake.so"
        explained = run(self.moka, "layers", "Snake", "--plugin", plugin)
        self.assertRegex(explained, r"^Snake \(.*libsnake\.so\)\n  y = x \+ .*\n\n  1 bottom, 1 top\n")
        self.assertRegex(explained, r"\n  alpha +float = 1\n")
        data = SOURCE_DIR / "models" / "data" / "mnist_sample"
        summary = run(self.moka, "summary", f"--plugin={plugin}", SNAKE / "net.prototxt",
                      env=dict(os.environ, MOKA_DATA=str(data)))
        self.assertRegex(summary, r"\nsnake +Snake +64x100")

    def test_a_plugin_in_the_install_directory_is_loaded_by_itself(self):
        build = self.build(SNAKE)
        run("cmake", "--install", build, "--prefix", self.prefix)
        plugin = self.prefix / "lib" / "moka" / "plugins" / "libsnake.so"
        self.addCleanup(plugin.unlink)
        self.assertIn(f"Snake ({plugin})\n", run(self.moka, "layers", "Snake"))

    def test_the_plugins_that_ship_are_there_and_need_not_be_tried_again(self):
        plugin = self.prefix / "lib" / "moka" / "plugins" / "libmoka_ssd.so"
        self.hide_the_probe()
        self.assertIn(f"PriorBox ({plugin})\n", run(self.moka, "layers", "PriorBox"))

    def test_a_shipped_plugin_that_is_not_the_one_that_was_tried_is_tried(self):
        plugin = self.prefix / "lib" / "moka" / "plugins" / "libmoka_ssd.so"
        note = plugin.with_name(plugin.name + ".tried")
        whole, text = plugin.read_bytes(), note.read_text()
        self.addCleanup(note.write_text, text)
        self.addCleanup(plugin.write_bytes, whole)
        self.hide_the_probe()
        other_library = text.replace("libmoka ", "libmoka 0")
        for what, changes in {
                "no note": lambda: note.unlink(),
                "a note of another library": lambda: note.write_text(other_library),
                "a changed byte": lambda: plugin.write_bytes(
                    whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:]),
                "a note of nothing": lambda: note.write_text("")}.items():
            with self.subTest(what):
                note.write_text(text)
                plugin.write_bytes(whole)
                changes()
                done = subprocess.run([self.moka, "layers"], capture_output=True, text=True)
                self.assertIn(f"plugin {plugin}: cannot be tried before it is loaded", done.stderr)
                self.assertEqual(done.returncode, 1)

    def test_a_shipped_plugin_that_was_damaged_does_not_end_the_command(self):
        plugin = self.prefix / "lib" / "moka" / "plugins" / "libmoka_ssd.so"
        whole = plugin.read_bytes()
        self.addCleanup(plugin.write_bytes, whole)
        plugin.write_bytes(whole[:4096] + bytes(len(whole) - 8192) + whole[-4096:])
        done = subprocess.run([self.moka, "layers"], capture_output=True, text=True)
        self.assertRegex(done.stderr, f"^plugin {plugin}: .+\n$")
        self.assertEqual(done.returncode, 1)

    def test_a_shipped_plugin_finds_the_library_beside_it(self):
        libraries = run("ldd", self.prefix / "lib" / "moka" / "plugins" / "libmoka_ssd.so")
        self.assertIn(f"{self.prefix}/lib/moka/plugins/../../libmoka.so", libraries)

    def hide_the_probe(self):
        probe = self.prefix / "libexec" / "moka" / "moka-probe"
        away = probe.rename(probe.with_name("away"))
        self.addCleanup(away.rename, probe)

    def test_a_missing_probe_is_told(self):
        plugin = self.build(SNAKE) / "libsnake.so"
        probe = self.prefix / "libexec" / "moka" / "moka-probe"
        away = probe.rename(probe.with_name("away"))
        self.addCleanup(away.rename, probe)
        done = subprocess.run([self.moka, "layers", "--plugin", plugin],
                              capture_output=True, text=True)
        self.assertEqual(done.stderr,
                         f"plugin {plugin}: cannot be tried before it is loaded: {probe}: No such "
                         "file or directory; it is a part of Moka, is the installation whole?\n")
        self.assertEqual(done.returncode, 1)

    def test_a_probe_that_fails_is_told(self):
        plugin = self.build(SNAKE) / "libsnake.so"
        probe = self.prefix / "libexec" / "moka" / "moka-probe"
        away = probe.rename(probe.with_name("away"))
        self.addCleanup(away.replace, probe)
        probe.write_text("#!/bin/sh\necho no luck >&2\n")
        probe.chmod(0o755)
        done = subprocess.run([self.moka, "layers", "--plugin", plugin],
                              capture_output=True, text=True)
        self.assertEqual(done.stderr,
                         f"plugin {plugin}: cannot be tried before it is loaded: {probe} failed; the "
                         "last it printed: no luck\n")
        self.assertEqual(done.returncode, 1)

    def test_the_probe_finds_its_library(self):
        libraries = run("ldd", self.prefix / "libexec" / "moka" / "moka-probe")
        self.assertIn(f"{self.prefix}/libexec/moka/../../lib/libmoka.so", libraries)

    def test_a_plugin_that_is_not_given_is_missed(self):
        done = subprocess.run([self.moka, "summary", SNAKE / "net.prototxt"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r'net\.prototxt:13:68: unknown field "snake_param".*'
                         r"the net requires the plugin snake: load it with --plugin FILE")

    def test_a_program_is_built_and_runs(self):
        program = self.build(SOURCE_DIR / "tests" / "install" / "consumer") / "consumer"
        self.assertRegex(run(program), r"^Moka [\d.]+: 1\.5 1\.5 1\.5\n$")


if __name__ == "__main__":
    unittest.main()
