"""What the pages show: fenced code, commands, and the files of an example."""

import re
import shlex
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
OURS = ("jova-bench", "python", "torchrun")
"""Programs that run our code."""
OTHERS = (
    "cp", "ct2-transformers-converter", "export", "git", "make", "mkdir", "pip", "sglang", "tensorboard", "vllm",
)  # fmt: skip
"""Programs of others that a line may run."""


def blocks(path, language):
    """The fenced code of a page."""
    return fenced(path.read_text(encoding="utf-8"), language)


def fenced(text, language):
    """The fenced code of a text."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Command(NamedTuple):
    """What a user can type: a line of a fence, or of a sentence."""

    page: str
    kind: str
    """`sh` (runs), `text` (does not run here) or `inline` (may be a part of a command)."""
    words: list[str]
    out: list[str]
    """Where its output goes: `>` or `>>` and a file, or nothing."""


def commands(path):
    """All commands of a page."""
    return commands_of(path.read_text(encoding="utf-8"), path.name)


def commands_of(text, page):
    """All commands of a page's text."""
    found = [(kind, block) for kind in ("sh", "text") for block in fenced(text, kind)]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for kind, block in [*found, *(("inline", one) for one in re.findall(r"`([^`]+)`", prose))]:
        lines = [" ".join(block.split())] if kind == "inline" else block.replace("\\\n", "").splitlines()
        first = dict(re.findall(r"for (\w+) in (\S+)", block))  # A loop is its first turn.
        for line in lines:
            line = re.sub(r"\$(\w+)", lambda found, known=first: known.get(found[1], found[0]), line)
            line = line.strip().removeprefix("$ ")
            if line.startswith("for ") or line.partition(" ")[0] in (*OURS, *OTHERS):
                yield from (Command(page, kind, *one) for one in _simple(line))


def _simple(line):
    """Words and redirection of each command of a line; what a shell would put in is 1."""
    line = re.sub(r"(?:^|\s)#(?!!).*", "", re.sub(r"\$\(.*\)|\$\w+|\$\{[^}]*\}", "1", line))
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    for ends, words in groupby(lexer, lambda word: word in (";", "|", "&&")):
        words = [word for word in words if word not in ("do", "then")]
        if not ends and words and words[0] in (*OURS, *OTHERS):
            start = next((k for k, word in enumerate(words) if word in (">", ">>")), len(words))
            yield words[:start], words[start:]


def files(path, heading):
    """The files that a section shows: text by name, each fence below a line that begins with `its name`."""
    section = path.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^`([^`\n]+)`[^\n]*\n\n```\w*\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def written(folder, found):
    """Writes files by name below a folder."""
    for name, text in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def installed(site, *projects):
    """The packages of projects in a folder for the path, made by pip without any network."""
    import subprocess
    import sys

    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(site), *map(str, projects)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return site
