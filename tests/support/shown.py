"""What the pages show: fenced code, and the files of an example."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def blocks(path, language):
    """The fenced code of a page."""
    return fenced(path.read_text(encoding="utf-8"), language)


def fenced(text, language):
    """The fenced code of a text."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


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


def installed(project, site):
    """A project's package in a folder for the path, made by pip without any network."""
    import subprocess
    import sys

    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(site), str(project)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return site
