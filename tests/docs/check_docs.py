#!/usr/bin/env python3
"""Proves what the documents say. In README.md and docs/, a comment before a fenced block says what it is:

    <!-- file: PATH -->       the block is that file, word for word
      file: PATH, saved as X  and the reader writes it to X
    <!-- part of: PATH -->    the block stands in that file
    <!-- run -->              commands ("$ ...") and what they print, both streams, without glog's
                              prefix; "..." is any number of lines. Nothing printed: not looked at
      run, status 1           the exit status of the last command, 0 unless said
      run, numbers vary       any number stands for any other

Other blocks hold no "$ " commands. Links lead somewhere, every public header is explained, every model has a README.

usage: check_docs.py [--fill] [PAGE...]     --fill writes the files into their blocks, runs nothing
Commands run in a home of their own, where ~/moka looks like this project, built in build/release.
Environment: MOKA_COMMAND, MOKA_BINARY_DIR; MOKA_SOURCE_DIR unless it is this project.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

SOURCE_DIR = pathlib.Path(os.environ.get("MOKA_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
MARKER = re.compile(r"<!-- (file|part of|run)(?:: ([^,]+?))?(?:, (.+?))? -->\n```(\w*)\n", re.M)
PREFIX = re.compile(r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.]+:\d+\] ", re.M)
NUMBER = re.compile(r"(?<![\w.])-?(\d+(,\d{3})*(\.\d+)?(e[-+]\d+)?|nan\b|inf\b)")


class Block:
    def __init__(self, page, text, match):
        end = text.index("\n```", match.end() - 1) + 1
        self.kind, self.path, options, self.language = match.groups()
        self.page, self.span, self.text = page, (match.end(), end), text[match.end():end]
        self.line = text.count("\n", 0, match.end()) + 1
        self.options = [option.strip() for option in (options or "").split(",") if option]

    def option(self, name):
        """What follows the name of an option, or ""."""
        return next((option.removeprefix(name).strip() for option in self.options
                     if option.startswith(name)), "")

    def steps(self):
        """(command, expected lines) in order."""
        steps = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            elif steps:
                steps[-1][1].append(line)
        return steps


def blocks(page):
    text = page.read_text()
    return [Block(page, text, match) for match in MARKER.finditer(text)]


def plain(line, vary):
    """A line as it is compared."""
    return re.sub(r"\s+", " ", NUMBER.sub("0", line)).strip() if vary else line.rstrip()


def agrees(expected, got):
    """Whether the lines are those expected, where "..." is any number of lines."""
    if not expected:
        return not got
    if expected[0] == "...":
        return any(agrees(expected[1:], got[skip:]) for skip in range(len(got) + 1))
    return bool(got) and expected[0] == got[0] and agrees(expected[1:], got[1:])


class Home:
    """Where the commands of all pages run: a home folder, in which moka/ looks like the project."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="moka_docs_"))
        project = self.folder / "moka"
        (project / "build").mkdir(parents=True)
        for path in SOURCE_DIR.iterdir():
            if path.name not in ("build", ".git"):
                (project / path.name).symlink_to(path)
        if "MOKA_BINARY_DIR" in os.environ:
            (project / "build" / "release").symlink_to(os.environ["MOKA_BINARY_DIR"])

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def open_page(self):
        """A new shell, in the project."""
        path = pathlib.Path(os.environ.get("MOKA_COMMAND", "moka")).parent
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("MOKA_", "GLOG_"))}
        variables = dict(kept, HOME=str(self.folder), PATH=f"{path}:{kept['PATH']}", LC_ALL="C.UTF-8")
        state = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()
                        if re.fullmatch(r"\w+", name))
        (self.folder / ".state").write_text(state + f"cd {shlex.quote(str(self.folder / 'moka'))}\n")

    def run(self, command):
        """(exit status, output); folder and exported variables stay for the next command."""
        state = self.folder / ".state"
        script = (f"source {state}\n{command}\nstatus=$?\n"
                  f"{{ export -p; echo cd \"$(printf %q \"$PWD\")\"; }} > {state}\nexit $status\n")
        done = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500)
        return done.returncode, PREFIX.sub("", done.stdout)

    def save(self, path, text):
        _, here = self.run("pwd")
        (pathlib.Path(here.strip()) / path).write_text(text)


def check_run(block, home):
    vary = "numbers vary" in block.options
    steps = block.steps()
    for number, (command, expected) in enumerate(steps):
        status, output = home.run(command)
        wanted = int(block.option("status") or 0) if number == len(steps) - 1 else 0
        got = output.splitlines()
        if status != wanted:
            return [f"$ {command}\ngave {status}, not {wanted}:\n{output}"]
        while expected and not expected[-1]:
            expected.pop()
        if expected and not agrees([plain(line, vary) for line in expected],
                                   [plain(line, vary) for line in got]):
            return [f"$ {command}\nprinted other lines:\n{output}"]
    return []


def check_block(block, home):
    """What is wrong with a block, in words."""
    if block.kind == "run":
        return check_run(block, home)
    if block.option("saved as"):
        home.save(block.option("saved as"), block.text)
    path = SOURCE_DIR / block.path
    if not path.is_file():
        return [f"there is no file {block.path}"]
    if block.kind == "file" and block.text != path.read_text():
        return [f"is not {block.path}"]
    if block.kind == "part of" and block.text not in path.read_text():
        return [f"does not stand in {block.path}"]
    return []


def anchors(page):
    """GitHub's names for the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\[[^\]]*\]\(([^)]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists():
            yield f"links to {target}, which is not there"
        elif anchor and anchor not in anchors(goal):
            yield f"links to {target}; there is no such heading"


def omissions():
    """What some page should say and does not."""
    page = SOURCE_DIR / "docs" / "headers.md"
    text = page.read_text() if page.exists() else ""
    for header in sorted((SOURCE_DIR / "include" / "moka").iterdir()):
        name = header.name.removesuffix(".in")
        if f"`{name}`" not in text:
            yield f"docs/headers.md does not explain {name}"
    for folder in sorted((SOURCE_DIR / "models").iterdir()):
        if folder.is_dir() and not (folder / "README.md").exists():
            yield f"{folder.relative_to(SOURCE_DIR)} has no README.md"
    for folder in ("docs", "docs/decisions", "docs/plugins"):
        index = SOURCE_DIR / folder / "README.md"
        for page in sorted((SOURCE_DIR / folder).glob("*.md")):
            if page != index and (not index.exists() or f"({page.name})" not in index.read_text()):
                yield f"{folder}/README.md does not link to {page.name}"


def pages():
    """README.md first, since it builds what later pages use."""
    found = [SOURCE_DIR / "README.md"]
    for folder in ("docs", "models"):
        found += sorted((SOURCE_DIR / folder).rglob("*.md"))
    return found + [SOURCE_DIR / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")]


def check(page, home):
    """One line, or more, for each thing that is wrong with a page."""
    name = page.relative_to(SOURCE_DIR)
    if not page.exists():
        return [f"{name}: is missing"]
    wrong = [f"{name}: {words}" for words in broken_links(page)]
    known = len(re.findall(r"^<!-- ", page.read_text(), re.M))
    found = blocks(page)
    if known != len(found):
        wrong.append(f"{name}: {known} comments, of which {len(found)} are understood")
    starts = {block.span[0] for block in found}
    for fence in re.finditer(r"^```\w*\n(.*?)^```$", page.read_text(), re.M | re.S):
        if fence.start(1) not in starts and re.search(r"^\$ ", fence[1], re.M):
            line = page.read_text().count("\n", 0, fence.start(1)) + 1
            wrong.append(f"{name}:{line}: has commands, but is not marked as run")
    home.open_page()
    for block in found:
        wrong += [f"{name}:{block.line}: {words}" for words in check_block(block, home)]
    return wrong


def fill(page):
    text = page.read_text()
    for block in reversed(blocks(page)):
        if block.kind == "file":
            begin, end = block.span
            text = text[:begin] + (SOURCE_DIR / block.path).read_text() + text[end:]
    page.write_text(text)


def main(words):
    chosen = [pathlib.Path(word).resolve() for word in words if word != "--fill"] or pages()
    if "--fill" in words:
        for page in chosen:
            fill(page)
        return 0
    wrong = list(omissions())
    home = Home()
    try:
        for page in chosen:
            wrong += check(page, home)
    finally:
        home.remove()
    print("\n".join(wrong) or f"{len(chosen)} pages are true")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
