"""docs/layers.md is what `moka layers --markdown` prints."""
import os
import pathlib
import subprocess
import unittest

MOKA = os.environ["MOKA_COMMAND"]
PAGE = pathlib.Path(os.environ["MOKA_SOURCE_DIR"]) / "docs/layers.md"


class LayersPage(unittest.TestCase):
    def setUp(self):
        environment = {k: v for k, v in os.environ.items() if k != "MOKA_PLUGIN_PATH"}
        run = subprocess.run([MOKA, "layers", "--markdown"], capture_output=True, text=True,
                             env=environment, check=True)
        self.made = run.stdout

    def test_is_up_to_date(self):
        self.assertTrue(PAGE.read_text() == self.made,
                        "docs/layers.md is out of date: ninja -C build/dev layers_page")

    def test_has_a_formula_for_every_layer(self):
        for line in self.made.splitlines():
            if line.startswith("- [") and "](#" in line:
                self.assertIn("): ", line)

    def test_explains_every_field(self):
        for line in self.made.splitlines():
            if line.startswith("| `"):
                self.assertFalse(line.endswith("|  |"), line)


if __name__ == "__main__":
    unittest.main()
