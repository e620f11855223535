"""Shows numbers as papers report them, in separate tables: they compare with nothing that is measured here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from pydantic import model_validator

from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.text import escaped, table
from jova_bench.metrics.labels import ARROWS
from jova_bench.records import Direction, Record
from jova_bench.report.latex import ARROW
from jova_bench.report.latex import escaped as tex

ABOUT = (
    "Copied from the sources named, which measured their own clips with their own evaluators. These numbers compare "
    "with nothing that this benchmark measures, nor from one table to the next."
)


class Table(Record):
    """Holds one table of one source."""

    title: str
    source: str
    """Publication that reports the numbers, and whether it was read or is cited by another."""
    metrics: Mapping[str, Direction]
    """Directions by metric, in the order of columns."""
    rows: Mapping[str, tuple[str, ...]]
    """Numbers as printed, by row name, digits included."""

    @model_validator(mode="after")
    def _rectangular(self) -> Table:
        for name, values in self.rows.items():
            if len(values) != len(self.metrics):
                raise ValueError(f"expected {len(self.metrics)} values, got {len(values)} for {name!r}")
            for value in values:
                float(value)
        return self


class Reported(Record):
    """Holds the tables of a file."""

    table: tuple[Table, ...]

    def markdown(self) -> str:
        """Formats the tables as Markdown."""
        parts = ["# As reported", ABOUT]
        for one in self.table:
            header = ["", *(f"{escaped(name)} {ARROWS[direction]}" for name, direction in one.metrics.items())]
            body = [[escaped(name), *map(escaped, values)] for name, values in one.rows.items()]
            parts += [f"## {escaped(one.title)}", table(header, body), f"Source: {escaped(one.source)}."]
        return "\n\n".join(parts) + "\n"

    def latex(self) -> str:
        """Formats the tables as LaTeX; nothing is bold, since no test can be made."""
        return "\n\n".join(["% Needs \\usepackage{booktabs}.", *map(_latex, self.table)]) + "\n"


VIEWS: Mapping[str, Callable[[Reported], str]] = {"md": Reported.markdown, "tex": Reported.latex}
"""Views by file suffix."""


def read_reported(path: str | os.PathLike[str]) -> Reported:
    """Reads a TOML file of `[[table]]` with title, source, metrics and rows.

    Raises:
        BenchError: the file is missing or holds something else.
    """
    return as_record(Reported, read_toml(path), str(path))


def _latex(one: Table) -> str:
    header = " & ".join(["", *(f"{tex(name)} {ARROW[direction]}" for name, direction in one.metrics.items())])
    rows = [" & ".join([tex(name), *map(tex, values)]) + r" \\" for name, values in one.rows.items()]
    return "\n".join([
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{tex(one.title)}, as reported: {tex(one.source)}.}}",
        rf"\begin{{tabular}}{{l{'c' * len(one.metrics)}}}",
        r"\toprule",
        rf"{header} \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ])  # fmt: skip
