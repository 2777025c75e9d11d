"""header_tiers.py finds each kind of breach."""
import pathlib
import tempfile
import unittest

import header_tiers

PAGE = """# Headers
| `before.h` | no table of a tier |
## What a layer or plugin needs
| `layer.h` | a layer |
| `version.h` | made |
## What an application needs as well
| `net.h` | a net |
## A program
| `after.h` | no table of a tier |
"""


def found(page=PAGE, layer="", net="", more=()):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        (root / "docs/headers.md").write_text(page)
        (root / "include/moka").mkdir(parents=True)
        for name, text in [("layer.h", layer), ("net.h", net), ("version.h.in", ""),
                           *((name, "") for name in more)]:
            (root / "include/moka" / name).write_text(text)
        return header_tiers.breaches(root)


class HeaderTiers(unittest.TestCase):
    def test_nothing_is_wrong_with_lists_that_fit(self):
        self.assertEqual(found(layer='#include "moka/version.h"\n#include "moka/filler.pb.h"\n'
                                     "#include <vector>\n", net='#include "moka/layer.h"\n'), [])

    def test_a_header_for_plugins_includes_none_for_applications(self):
        self.assertEqual(
            found(layer='// A layer.\n#include "moka/net.h"\n'),
            ['include/moka/layer.h:2: #include "moka/net.h": '
             "a header for plugins includes headers for plugins only"])

    def test_each_header_is_listed(self):
        self.assertEqual(found(more=["new.h"]), [
            "docs/headers.md: new.h is listed 0 times; each header is in one tier"])

    def test_no_header_is_listed_twice(self):
        self.assertEqual(found(page=PAGE.replace("`net.h`", "`layer.h`")), [
            "docs/headers.md: layer.h is listed 2 times; each header is in one tier",
            "docs/headers.md: net.h is listed 0 times; each header is in one tier"])

    def test_what_is_listed_is_there(self):
        self.assertEqual(found(page=PAGE.replace("| `net.h`", "| `old.h` | old |\n| `net.h`")), [
            "docs/headers.md: old.h is listed, but not in include/moka"])


if __name__ == "__main__":
    unittest.main()
