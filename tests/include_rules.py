#!/usr/bin/env python3
"""Who may include what: reads every #include and fails on a breach.

    include/moka  <-  src/{ core < math < layer < net < solver < check ; io beside core }
          ^    ^
      layers  tools

Layers may share headers of other folders in layers/.

usage: include_rules.py [ROOT]      exit status 1 and one line for each breach
"""
import pathlib
import re
import sys

# Which folders of src/ a folder of src/ may include, besides itself.
PARTS = {
    "core": [],
    "io": ["core"],
    "math": ["core"],
    "layer": ["core", "math", "io"],
    "net": ["core", "math", "io", "layer"],
    "solver": ["core", "math", "io", "layer", "net"],
    "check": ["core", "math", "io", "layer", "net", "solver"],
}
OURS = {"moka", "layers", "tools", *PARTS}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
SUFFIXES = {".cpp", ".h", ".in"}


def is_public(name):
    """Public headers: our own, and messages generated from proto/moka."""
    return name.startswith("moka/")


def is_neighbour(root, path, name):
    """A header in the same folder, or of a proto in layers/: their names are all in one place."""
    if "/" in name or name.startswith("."):
        return False
    return (path.parent / name).exists() or (
        name.endswith(".pb.h") and any((root / "layers").rglob(name.replace(".pb.h", ".proto"))))


def is_of_another_layer(root, path, name):
    """A header that layers of several folders share: "../normalization/channels.h"."""
    return bool(re.fullmatch(r"\.\./\w+/\w+\.h", name)) and (
        path.parent.parent == root / "layers" and (path.parent / name).exists())


def own_breach(root, path, name):
    """Why the file at `path` must not #include "name", or ""."""
    top, *folders = path.relative_to(root).parts
    if "/../" in name:
        return "no way out of a folder"
    if top == "include":
        return "" if is_public(name) else "a public header includes public headers only"
    if top in ("layers", "tools"):
        if is_public(name) or is_neighbour(root, path, name):
            return ""
        if top == "layers" and is_of_another_layer(root, path, name):
            return ""
        return f"{top}/ sees include/ only, as an outsider does"
    part, other = folders[0], name.split("/")[0]
    if is_public(name):
        return ""
    if "/" not in name or name.startswith("."):
        return "src/ names its headers from src/ on, as in \"core/shape.h\""
    if part not in PARTS:
        return f"src/{part} has no place in the order; give it one in {pathlib.Path(__file__).name}"
    if other == part or other in PARTS[part]:
        return ""
    if other in PARTS:
        return f"src/{part} comes before src/{other}"
    return "src/ includes src/ and include/moka only"


# Libraries that one place hides from all others: a pattern of the header, who may, and why.
GRAMMAR = ("src/net/", "src/layer/", "src/io/")
LIBRARIES = [
    (re.compile(r"cblas|openblas|f77blas"), lambda p: p == "src/math/blas.cpp",
     "BLAS is for src/math/blas.cpp"),
    (re.compile(r"glog/|gflags/"), lambda p: p.startswith("tools/"),
     "glog and gflags are for tools/"),
    (re.compile(r"fmt/"), lambda p: p.endswith(".cpp"), "fmt is for .cpp files"),
    (re.compile(r"z(lib|conf)\.h"), lambda p: p.startswith("src/io/"), "zlib is for src/io/"),
    (re.compile(r"google/protobuf/(descriptor|dynamic_message|text_format|compiler)"),
     lambda p: p.startswith(GRAMMAR),
     "messages are lite; descriptors are for the grammar"),
    (re.compile(r"hdf5"), lambda p: p == "src/io/hdf5_file.h", "HDF5 is for src/io/hdf5_file.h"),
    (re.compile(r"(gtest|gmock|benchmark)/"), lambda p: False, "tests are in tests/"),
]


def library_breach(root, path, name):
    place = path.relative_to(root).as_posix()
    for header, allowed, reason in LIBRARIES:
        if header.match(name) and not allowed(place):
            return reason
    return ""


def breaches(root):
    """(lines, how many files were read)"""
    found, count = [], 0
    templates = root / "tools" / "templates"
    for top in ("include", "src", "layers", "tools"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in SUFFIXES or not path.is_file():
                continue
            if templates in path.parents:  # texts of other projects
                continue
            count += 1
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                name = match[1] or match[2]
                own = match[1] or name.split("/")[0] in OURS
                reason = own_breach(root, path, name) if own else library_breach(root, path, name)
                if reason:
                    found.append(f"{path.relative_to(root)}:{number}: {line.strip()}: {reason}")
    return found, count


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    found, count = breaches(pathlib.Path(root).resolve())
    if not count:
        found = [f"{root}: no sources here"]
    print("\n".join(found) or f"{count} files keep the rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
