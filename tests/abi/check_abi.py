#!/usr/bin/env python3
"""What of the binary interface for plugins changed since it was kept, as abidiff sees it.

usage: check_abi.py [--refresh] LIBRARY HEADERS...

LIBRARY: a libmoka.so with debug information (preset dev). HEADERS: the folders that have
moka/*.h. Compares with tests/abi/plugin_api_MAJOR.MINOR.abi. Exit status 1 if something that
plugins rely on is gone or different and the major is not higher, or if the kept file is of another
version than include/moka/version.h.in. --refresh writes the kept file anew: after additions, and
in the commit that raises the version.

Part of the interface is what the headers for plugins (docs/headers.md) mark MOKA_EXPORT, with all
types that can be reached from there, generated messages included. Types of other libraries are
left out; a member of such a type is seen by its offset and the size of what holds it. Not seen: a
result of such a type that becomes another such type.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import header_tiers  # noqa: E402

VERSION = re.compile(r"#define MOKA_PLUGIN_API_(MAJOR|MINOR) (\d+)")
CLASS = re.compile(r"\b(?:class|struct)\s+MOKA_EXPORT\s+(\w+)")
FUNCTION = re.compile(r"(?<!class )(?<!struct )\bMOKA_EXPORT\s+[^;{()]*?"
                      r"(operator\s*[^\s\w]+|\b\w+)\s*\(")
SYMBOL = re.compile(r"(?:(?:vtable|typeinfo|typeinfo name|VTT) for )?moka::"
                    r"(operator\W+|\w+)(?:\[abi:\w+\])*(.?)")
CHANGES = re.compile(r"(\d+) (?:\(\d+ filtered out\) )?(Removed|Changed|Added)")
VERSION_FILE = "include/moka/version.h.in"


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode and not options.get("input") and command[0] != "abidiff":
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")
    return done


def declared(paths):
    """(classes, functions) that the headers export."""
    classes, functions = set(), set()
    for path in paths:
        text = re.sub(r"//.*", "", path.read_text())
        classes.update(CLASS.findall(text))
        functions.update(re.sub(r"\s", "", name) for name in FUNCTION.findall(text))
    return classes, functions


def symbols(library, classes, functions):
    """The mangled names in the library of what the headers export."""
    lines = run("nm", "-D", "--defined-only", str(library)).stdout.splitlines()
    names = [line.split()[-1].split("@")[0] for line in lines]
    plain = run("c++filt", input="\n".join(names)).stdout.splitlines()
    kept = set()
    for name, text in zip(names, plain):
        match = SYMBOL.match(text)
        if match and (match[1] in classes or (match[1] in functions and match[2] == "(")):
            kept.add(name)
    return kept


def suppressions(classes, functions, headers):
    """What abidw is to leave out."""
    files = "|".join(re.escape(name) for name in [*headers, "PB"]).replace("PB", r"[a-z_]+\.pb\.h")
    ours = "|".join([f"({'|'.join(sorted(classes))})::.*",
                     *(re.escape(name) for name in sorted(functions))])
    return f"""[suppress_type]
  name_regexp = ^(std|google|fmt|__gnu_cxx|__cxxabiv1)::
  drop = yes
[suppress_type]
  source_location_not_regexp = (^|/)moka/({files})$
  drop = yes
[suppress_function]
  name_not_regexp = ^moka::({ours})$
  drop = yes
"""


def describe(library, headers, out):
    """Writes the interface of the library to a file."""
    classes, functions = declared(headers)
    kept = symbols(library, classes, functions)
    if not kept:
        sys.exit(f"{library}: nothing in it is for plugins")
    with tempfile.NamedTemporaryFile("w", suffix=".suppr") as file:
        file.write(suppressions(classes, functions, [path.name for path in headers]))
        file.flush()
        run("abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed",
            "--no-parameter-names", "--suppressions", file.name, "--out-file", str(out),
            str(library))
    tree = ElementTree.parse(out)
    for part in tree.getroot():
        if part.tag == "abi-instr":
            part.set("path", re.sub(r"^(\.\./)*", "", part.get("path", "")))
        # abidw knows which types to leave out, but not which symbols.
        for one in list(part):
            symbol = one.get("name" if one.tag == "elf-symbol" else "elf-symbol-id")
            if one.tag in ("elf-symbol", "function-decl", "var-decl") and symbol not in kept:
                part.remove(one)
    if not any(one.get("size-in-bits") for one in tree.iter("class-decl")):
        sys.exit(f"{library}: no types in its debug information; the preset dev has them")
    tree.write(out)


def virtual_functions(abi):
    """(class, place) -> mangled name."""
    found = {}
    for one in ElementTree.parse(abi).iter("class-decl"):
        for member in one.iter("member-function"):
            place = int(member.get("vtable-offset", -1))
            if place >= 0:
                found[one.get("name"), place] = member.find("function-decl").get("mangled-name")
    return found


def virtual_changes(old, new):
    """A line for each virtual function that is another one now, in a class that was there before;
    abidiff says nothing of the parameters of pure ones."""
    was, now = virtual_functions(old), virtual_functions(new)
    classes = {name for name, _ in was}
    return [f"[V] virtual function {place} of {name} was {was.get((name, place), 'none')}, "
            f"is {now.get((name, place), 'none')}"
            for name, place in sorted({*was, *now})
            if name in classes and was.get((name, place)) != now.get((name, place))]


def version():
    numbers = dict(VERSION.findall((ROOT / VERSION_FILE).read_text()))
    return int(numbers["MAJOR"]), int(numbers["MINOR"])


def kept_file(folder):
    """(path, major, minor), or None."""
    for path in sorted(folder.glob("plugin_api_*.abi")):
        major, minor = path.stem.removeprefix("plugin_api_").split(".")
        return path, int(major), int(minor)
    return None


def compare(old, new):
    """(abidiff's report, whether something is gone or different, whether something was added)"""
    done = run("abidiff", "--no-show-locs", "--no-corpus-path", str(old), str(new))
    if done.returncode & 3:
        sys.exit(f"abidiff: {done.stderr.strip() or done.returncode}")
    counts = {"Removed": 0, "Changed": 0, "Added": 0}
    for count, kind in CHANGES.findall(done.stdout):
        counts[kind] += int(count)
    broken = counts["Removed"] + counts["Changed"] > 0 or bool(done.returncode & 8)
    virtual = virtual_changes(old, new)
    report = "\n".join([done.stdout.strip(), *virtual]).strip()
    return report, broken or bool(virtual), counts["Added"] > 0


def verdict(kept, now, broken, added):
    """(text, whether it is fine)"""
    was, is_now = "%d.%d" % kept, "%d.%d" % now
    if broken and now[0] <= kept[0]:
        return (f"plugins that were built for API {was} break: take the change back, or raise "
                f"MOKA_PLUGIN_API_MAJOR in {VERSION_FILE}", False)
    if now != kept:
        return f"the kept file is of API {was}, this is {is_now}: run this with --refresh", False
    if added:
        return (f"something was added; if {is_now} has been released, raise MOKA_PLUGIN_API_MINOR "
                f"in {VERSION_FILE}; then run this with --refresh", True)
    return f"the interface for plugins is that of API {is_now}", True


def main():
    parser = argparse.ArgumentParser(usage="check_abi.py [--refresh] LIBRARY HEADERS...")
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("headers", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    if not shutil.which("abidiff"):
        print("skipped: needs abidiff (Debian: abigail-tools)")
        return 0
    tier = header_tiers.listed(ROOT, header_tiers.PLUGIN)
    paths = [folder / "moka" / name for name in tier for folder in arguments.headers
             if (folder / "moka" / name).exists()]
    folder = pathlib.Path(__file__).parent
    kept, now = kept_file(folder), version()
    with tempfile.TemporaryDirectory() as work:
        new = pathlib.Path(work) / "new.abi"
        describe(arguments.library, paths, new)
        report, broken, added = compare(kept[0], new) if kept else ("", False, False)
        if report:
            print(report)
        text, fine = verdict(kept[1:], now, broken, added) if kept else ("nothing is kept", False)
        if not arguments.refresh or (broken and now[0] <= kept[1]):
            print(text)
            return 0 if fine else 1
        if kept:
            kept[0].unlink()
        path = folder / f"plugin_api_{now[0]}.{now[1]}.abi"
        path.write_text(new.read_text())
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
