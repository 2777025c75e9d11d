"""The checker of the documents finds what is wrong with a page."""
import pathlib
import shutil
import tempfile
import textwrap
import unittest

import check_docs


class Docs(unittest.TestCase):
    def setUp(self):
        self.source = pathlib.Path(tempfile.mkdtemp(prefix="moka_docs_test_"))
        self.addCleanup(shutil.rmtree, self.source)
        self.addCleanup(setattr, check_docs, "SOURCE_DIR", check_docs.SOURCE_DIR)
        check_docs.SOURCE_DIR = self.source
        self.write("net.txt", "one\ntwo\nthree\n")
        for folder in ("include/moka", "models", "docs/decisions"):
            (self.source / folder).mkdir(parents=True)

    def write(self, name, text):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def wrong(self, text):
        page = self.write("page.md", textwrap.dedent(text))
        home = check_docs.Home()
        self.addCleanup(home.remove)
        return "\n".join(check_docs.check(page, home))

    def block(self, marker, *lines):
        return self.wrong("\n".join([f"<!-- {marker} -->", "```", *lines, "```", ""]))

    def test_a_block_is_its_file(self):
        self.assertEqual(self.block("file: net.txt", "one", "two", "three"), "")
        self.assertEqual(self.block("file: net.txt", "one", "two"), "page.md:3: is not net.txt")
        self.assertEqual(self.block("file: met.txt", "one"), "page.md:3: there is no file met.txt")

    def test_a_block_is_part_of_its_file(self):
        self.assertEqual(self.block("part of: net.txt", "two"), "")
        self.assertEqual(self.block("part of: net.txt", "one", "three"),
                         "page.md:3: does not stand in net.txt")

    def test_blocks_are_filled(self):
        page = self.write("page.md", "<!-- file: net.txt -->\n```\nold\n```\nEnd.\n")
        check_docs.fill(page)
        self.assertEqual(page.read_text(),
                         "<!-- file: net.txt -->\n```\none\ntwo\nthree\n```\nEnd.\n")

    def test_commands_print_what_is_shown(self):
        self.assertEqual(self.block("run", "$ printf 'a\\nb\\nc\\n'", "a", "...", "c"), "")
        self.assertEqual(self.block("run", "$ printf 'a\\nb\\n'", "...", "a"),
                         "page.md:3: $ printf 'a\\nb\\n'\nprinted other lines:\na\nb\n")
        self.assertEqual(self.block("run", "$ echo unseen", "$ echo b", "b"), "")

    def test_commands_end_as_is_said(self):
        self.assertEqual(self.block("run, status 3", "$ (exit 3)"), "")
        self.assertEqual(self.block("run", "$ (exit 3)"), "page.md:3: $ (exit 3)\ngave 3, not 0:\n")
        self.assertIn("gave 1, not 0", self.block("run, status 1", "$ false", "$ false"))

    def test_numbers_vary_only_if_that_is_said(self):
        shown = ["$ echo 'loss  = 2.5e-3, 1,234 of 7'", "loss = -1, 5 of 8"]
        self.assertEqual(self.block("run, numbers vary", *shown), "")
        self.assertIn("printed other lines", self.block("run", *shown))

    def test_the_time_stamps_of_the_log_are_left_out(self):
        line = "I1124 03:41:03.664281  5549 console.cpp:62] Solving digits"
        self.assertEqual(self.block("run", f"$ echo '{line}'", "Solving digits"), "")

    def test_folder_variables_and_files_stay_for_the_next_block(self):
        self.assertEqual(self.wrong("""\
            <!-- run -->
            ```
            $ mkdir ~/mine && cd ~/mine
            $ export WORD="a 'b'"
            ```
            <!-- file: net.txt, saved as my.txt -->
            ```
            one
            two
            three
            ```
            <!-- run -->
            ```
            $ echo "$WORD"; tail -n 1 ~/mine/my.txt; head -n 1 ~/moka/net.txt
            a 'b'
            three
            one
            ```
            """), "")

    def test_nothing_goes_unseen(self):
        self.assertEqual(self.block("runs", "$ true"),
                         "page.md: 1 comments, of which 0 are understood\n"
                         "page.md:3: has commands, but is not marked as run")

    def test_links_lead_somewhere(self):
        self.write("other.md", "# One `name`, twice\n")
        self.assertEqual(self.wrong("[a](other.md) [b](other.md#one-name-twice) [c](https://x.y)"), "")
        self.assertEqual(self.wrong("[a](another.md)"),
                         "page.md: links to another.md, which is not there")
        self.assertEqual(self.wrong("[a](other.md#two)"),
                         "page.md: links to other.md#two; there is no such heading")

    def test_what_must_be_told_is_told(self):
        self.write("include/moka/net.h", "")
        self.write("include/moka/version.h.in", "")
        self.write("models/lenet/train.prototxt", "")
        self.write("docs/headers.md", "`net.h`")
        self.write("docs/README.md", "")
        self.assertEqual(list(check_docs.omissions()),
                         ["docs/headers.md does not explain version.h",
                          "models/lenet has no README.md",
                          "docs/README.md does not link to headers.md"])


if __name__ == "__main__":
    unittest.main()
