"""Runs that are compared, and rows of the comparison."""

import numpy as np

from jova_bench.comparison.compare import compare
from support.made_runs import made_run

EIGHT = np.arange(8) / 8


def rng(seed=0):
    return np.random.default_rng(seed)


def row_of(found, name="score", model=None):
    (row,) = [row for row in found.rows if row.spec.name == name and model in (None, row.model)]
    return row


def two(tmp_path, a, b, metrics=None, **options):
    """Compares two runs of one model each."""
    a = made_run(tmp_path / "a", {"m": a}, metrics, **options)
    b = made_run(tmp_path / "b", {"m": b}, metrics, **options)
    return compare(a, b, metrics)


def cells(markdown, metric):
    """The cells of a metric's row."""
    lines = [line for line in markdown.splitlines() if line.startswith("|") and f" {metric} " in line]
    assert len(lines) == 1, markdown
    return [text.strip() for text in lines[0].strip("|").split(" | ")]
