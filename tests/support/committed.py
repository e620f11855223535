"""What is committed of results and pages."""

import json

from support.shown import ROOT

RESULTS = ROOT / "results"


def data(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def rows(page):
    """Cells of every line of a table, without emphasis."""
    return [[cell.strip().strip("*`") for cell in line.strip("|").split("|")] for line in page.splitlines()
            if line.startswith("|")]  # fmt: skip
