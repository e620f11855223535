"""Formats what `score` measured of one clip: a row for each metric with a value, and why the others have none."""

from __future__ import annotations

from jova_bench.formatting.text import counted, decimals, escaped, number, table
from jova_bench.metrics.labels import ARROWS
from jova_bench.report.cells import columns, no_value
from jova_bench.report.notes import Notes
from jova_bench.summary import Summary

ABOUT = (
    "Values of one clip: they have no interval. Distances between sets of clips need a folder, and some metrics "
    "the clip's prompt, which a suite has. ↑ more is better, ↓ less is better, → real: should match real clips."
)


def clip_markdown(summary: Summary) -> str:
    """Formats the values as a table, then the metrics without one, a line for each reason."""
    values, notes, lacking = [], Notes(), dict[tuple[str, int | None], list[str]]()
    for column in columns(summary):
        for one in column.cells.values():
            label = escaped(column.label)
            if one.value is None:
                lacking.setdefault((no_value(one), notes.number(one.reasons)), []).append(label)
                continue
            value = number(one.value, decimals(one.value, None))
            values.append([f"{label} {ARROWS[column.direction]}", value, escaped(one.unit), column.family])
    parts = [f"# {escaped(summary.suite)}", ABOUT]
    parts.append(table(["Metric", "Value", "Unit", "About"], values) if values else "No metric has a value.")
    if lacking:
        texts = notes.lines()
        lines = [
            f"- **{status}**: {', '.join(names)}{'' if note is None else f': {escaped(texts[note - 1])}'}"
            for (status, note), names in lacking.items()
        ]
        parts += [f"{counted(sum(map(len, lacking.values())), 'metric')} without a value:", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"
