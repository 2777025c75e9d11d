"""check_abi.py tells what breaks plugins from what does not, for changes of a small library."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import check_abi

HEADER = """
#pragma once
#define MOKA_EXPORT __attribute__((visibility("default")))
namespace moka {
class MOKA_EXPORT Box {
 public:
  long size() const { return size_; }
  void Grow();
 private:
  long size_ = 0;
};
class MOKA_EXPORT Base {
 public:
  virtual ~Base();
  virtual void First(Box& box) = 0;
  virtual const void* Interface(int version) const;
};
MOKA_EXPORT int Count(const Base& base, const Box& box);
}
"""
SOURCE = """
#include "moka/box.h"
namespace moka {
Base::~Base() {}
const void* Base::Interface(int) const { return nullptr; }
void Box::Grow() { ++size_; }
int Count(const Base&, const Box& box) { return static_cast<int>(box.size()); }
__attribute__((visibility("default"))) int Other() { return 1; }  // no header for plugins has it
}
"""


def describe(folder, header=HEADER, source=SOURCE):
    """The interface of a library that is built from these."""
    (folder / "moka").mkdir(exist_ok=True)
    (folder / "moka/box.h").write_text(header)
    (folder / "box.cpp").write_text(source)
    subprocess.run(["g++", "-std=c++20", "-g", "-shared", "-fPIC", "-fvisibility=hidden", "-I.",
                    "-o", "libbox.so", "box.cpp"], cwd=folder, check=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".abi", delete=False) as file:
        out = pathlib.Path(file.name)
    check_abi.describe(folder / "libbox.so", [folder / "moka/box.h"], out)
    return out


@unittest.skipUnless(shutil.which("abidiff"), "needs abidiff (Debian: abigail-tools)")
class CheckAbi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.kept = describe(pathlib.Path(cls.folder.name))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def changed(self, *replacements):
        """(report, broken, added) after replacements in header and source."""
        header, source = HEADER, SOURCE
        for old, new in replacements:
            self.assertIn(old, header + source)
            header, source = header.replace(old, new), source.replace(old, new)
        with tempfile.TemporaryDirectory() as folder:
            return check_abi.compare(self.kept, describe(pathlib.Path(folder), header, source))

    def assertBreaks(self, text, *replacements):
        report, broken, _ = self.changed(*replacements)
        self.assertIn(text, report)
        self.assertTrue(broken)

    def test_the_same_library_has_the_same_interface(self):
        self.assertEqual(self.changed(), ("", False, False))

    def test_what_no_header_declares_may_go(self):
        self.assertEqual(self.changed(("int Other()", "int Another()")), ("", False, False))

    def test_a_function_that_is_gone_breaks(self):
        self.assertBreaks("[D] 'function int moka::Count",
                          ("MOKA_EXPORT int Count(const Base& base, const Box& box);", ""))

    def test_a_virtual_function_in_the_middle_breaks(self):
        self.assertBreaks("vtable", ("  virtual const void*",
                                     "  virtual void Second() = 0;\n  virtual const void*"))

    def test_a_virtual_function_at_the_end_breaks(self):
        self.assertBreaks("Last", ("Interface(int version) const;",
                                   "Interface(int version) const;\n  virtual void Last() = 0;"))

    def test_another_parameter_of_a_pure_virtual_function_breaks(self):
        self.assertBreaks("First", ("First(Box& box)", "First(Box& box, int more)"))

    def test_a_member_more_breaks(self):
        self.assertBreaks("type size changed from 64 to 128",
                          ("long size_ = 0;", "long size_ = 0;\n  long more_ = 0;"))

    def test_another_result_of_a_function_breaks(self):
        self.assertBreaks("return type changed", ("int Count(", "long Count("))

    def test_a_function_more_is_an_addition(self):
        report, broken, added = self.changed(
            ("MOKA_EXPORT int Count", "MOKA_EXPORT int New();\nMOKA_EXPORT int Count"),
            ("int Count(const Base&, const", "int New() { return 1; }\n"
             "int Count(const Base&, const"))
        self.assertIn("[A] 'function int moka::New()'", report)
        self.assertFalse(broken)
        self.assertTrue(added)

    def test_a_class_with_virtual_functions_more_is_an_addition(self):
        report, broken, added = self.changed(
            ("MOKA_EXPORT int Count", "class MOKA_EXPORT More {\n public:\n  virtual ~More();\n"
             "  virtual void Pure(int) = 0;\n};\nMOKA_EXPORT int Count"),
            ("Base::~Base() {}", "Base::~Base() {}\nMore::~More() {}"))
        self.assertIn("moka::More", report)
        self.assertFalse(broken)
        self.assertTrue(added)

    def test_a_library_without_debug_information_is_refused(self):
        with tempfile.TemporaryDirectory() as name, self.assertRaises(SystemExit) as exit_:
            folder = pathlib.Path(name)
            describe(folder)
            subprocess.run(["strip", "-g", "libbox.so"], cwd=folder, check=True)
            check_abi.describe(folder / "libbox.so", [folder / "moka/box.h"], folder / "out.abi")
        self.assertIn("no types in its debug information; the preset dev has them",
                      str(exit_.exception))


class Verdict(unittest.TestCase):
    def test_a_break_needs_a_higher_major(self):
        self.assertEqual(
            check_abi.verdict((2, 1), (2, 2), broken=True, added=False),
            ("plugins that were built for API 2.1 break: take the change back, or raise "
             "MOKA_PLUGIN_API_MAJOR in include/moka/version.h.in", False))

    def test_a_higher_version_needs_its_own_kept_file(self):
        text = "the kept file is of API 2.1, this is {}: run this with --refresh"
        self.assertEqual(check_abi.verdict((2, 1), (3, 0), broken=True, added=False),
                         (text.format("3.0"), False))
        self.assertEqual(check_abi.verdict((2, 1), (2, 2), broken=False, added=True),
                         (text.format("2.2"), False))

    def test_an_addition_passes_and_is_told(self):
        self.assertEqual(
            check_abi.verdict((2, 1), (2, 1), broken=False, added=True),
            ("something was added; if 2.1 has been released, raise MOKA_PLUGIN_API_MINOR in "
             "include/moka/version.h.in; then run this with --refresh", True))

    def test_nothing_new_is_fine(self):
        self.assertEqual(check_abi.verdict((2, 1), (2, 1), broken=False, added=False),
                         ("the interface for plugins is that of API 2.1", True))


if __name__ == "__main__":
    unittest.main()
