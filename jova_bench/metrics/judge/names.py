"""Names judges: what a user types for a rubric, and the columns of its questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import suggest
from jova_bench.metrics.entry import Family, MetricEntry
from jova_bench.records import Profile

SELECT = "judge:"
"""Begins a selection: `judge:RUBRIC` for all questions of a rubric, `judge:RUBRIC#QUESTION` for one."""
PREFIX = "judge_"
"""Begins the name of each column."""
JUDGES = "judge:RUBRIC asks the questions of a rubric: the name of one that ships, or a .toml file"
PROFILE: Profile = "standard"


def is_judge(name: str) -> bool:
    """Returns whether a column is a judge's."""
    return name.startswith(PREFIX)


def title(name: str) -> str:
    """Returns what tables call a judge's column."""
    return f"Judge: {name.removeprefix(PREFIX).replace('_', ' ')}"


def judges(names: Iterable[str]) -> tuple[list[MetricEntry], Mapping[str, BenchError]]:
    """Returns an entry for each question that names select, and what is wrong with the other rubrics, by name."""
    found: list[MetricEntry] = []
    refused: dict[str, BenchError] = {}
    for name in names:
        if name.startswith(SELECT):
            try:
                found += _entries(name)
            except BenchError as error:
                refused[name] = error
    return found, refused


def _entries(name: str) -> list[MetricEntry]:
    from jova_bench.metrics.judge.rubric import read_rubric  # It reads what few runs need.

    rubric, _, wanted = name.removeprefix(SELECT).partition("#")
    ids = [one.id for one in read_rubric(rubric).questions]
    if wanted and wanted not in ids:
        raise BenchError(f"expected a question of the rubric {rubric}, got {wanted!r}; {suggest(wanted, ids)}")
    return [
        MetricEntry(
            name,
            title(f"{PREFIX}{question}"),
            Family.JUDGE,
            PROFILE,
            "jova_bench.metrics.judge.metric:build",
            {"rubric": rubric, "question": question},
            default=False,
        )
        for question in ([wanted] if wanted else ids)
    ]
