#!/usr/bin/env python3
"""The two tiers of public headers, as docs/headers.md lists them.

usage: header_tiers.py [ROOT]            checks them: exit status 1 and one line for each breach
       header_tiers.py --plugin [ROOT]   prints the headers that plugins are compiled against

Each header of include/moka is in one table, and those for plugins include such headers and
generated messages (moka/*.pb.h) only.
"""
import pathlib
import re
import sys

PAGE = "docs/headers.md"
PLUGIN, APPLICATION = "What a layer or plugin needs", "What an application needs as well"
ROW = re.compile(r"^\| `([a-z0-9_]+\.h)` \|")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<](moka/[^">]+)[">]')


def listed(root, heading):
    """The headers in the table below that heading."""
    rows, inside = [], False
    for line in (root / PAGE).read_text().splitlines():
        if line.startswith("## "):
            inside = line == "## " + heading
        elif inside and ROW.match(line):
            rows.append(ROW.match(line)[1])
    return rows


def headers(root):
    """Name -> path of each public header; version.h is made from version.h.in."""
    return {path.name.removesuffix(".in"): path
            for path in sorted((root / "include/moka").iterdir())}


def breaches(root):
    plugin, application = listed(root, PLUGIN), listed(root, APPLICATION)
    paths = headers(root)
    found = []
    for name in sorted({*plugin, *application, *paths}):
        times = (plugin + application).count(name)
        if name not in paths:
            found.append(f"{PAGE}: {name} is listed, but not in include/moka")
        elif times != 1:
            found.append(f"{PAGE}: {name} is listed {times} times; each header is in one tier")
    for name in plugin:
        if name not in paths:
            continue
        for number, line in enumerate(paths[name].read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match or match[1].endswith(".pb.h"):
                continue
            if match[1].removeprefix("moka/") not in plugin:
                found.append(f"include/moka/{paths[name].name}:{number}: {line.strip()}: "
                             "a header for plugins includes headers for plugins only")
    return found


def main():
    arguments = sys.argv[1:]
    show = arguments[:1] == ["--plugin"]
    places = arguments[1:] if show else arguments
    root = pathlib.Path(places[0] if places else pathlib.Path(__file__).parent.parent).resolve()
    if show:
        print("\n".join(listed(root, PLUGIN)))
        return 0
    found = breaches(root)
    print("\n".join(found) or f"{len(headers(root))} headers keep their tiers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
