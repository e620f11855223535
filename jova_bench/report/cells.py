"""Arranges the columns of a leaderboard and formats its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jova_bench.formatting.text import code, decimals, escaped, number, with_interval
from jova_bench.identity import CLEAN, Identity
from jova_bench.metrics.labels import labelled
from jova_bench.records import Direction
from jova_bench.report.notes import Notes
from jova_bench.summary import Estimate, Summary


@dataclass(frozen=True)
class Column:
    """Holds the estimates of one metric identity for all models."""

    label: str
    """Display name, unique in the leaderboard; ends in `(embedded)` for evaluators of the embedded profile."""
    family: str
    identity: Identity
    direction: Direction
    cells: Mapping[str, Estimate]
    """Estimates by model; a model that was not measured is missing."""


def columns(summary: Summary, of_slice: str | None = None) -> tuple[Column, ...]:
    """Returns one column per identity, in the order of `labels.families`, then in the order of the summary.

    Args:
        summary: estimates of the run.
        of_slice: `tag=value`, or None for all prompts.
    """
    directions = {e.identity: e.direction for e in reversed(summary.estimates)}
    labels = labelled(e.identity for e in summary.estimates)
    empty = tuple(Column(one.text, one.family, one.identity, directions[one.identity], {}) for one in labels)
    return recut(empty, summary, of_slice)


def recut(shown: Sequence[Column], summary: Summary, of_slice: str | None = None) -> tuple[Column, ...]:
    """Returns the same columns, in their order and under their labels, with the estimates of a summary or a slice."""
    by_identity: dict[Identity, dict[str, Estimate]] = {}
    for estimate in summary.estimates:
        if estimate.slice == of_slice:
            by_identity.setdefault(estimate.identity, {})[estimate.model] = estimate
    return tuple(replace(column, cells=by_identity.get(column.identity, {})) for column in shown)


def cell(estimate: Estimate | None, notes: Notes) -> str:
    """Formats `mean [lo, hi] (n)`, with `(ok/undefined/failed)` when some clips have no value, or the status of all.

    Args:
        estimate: of one model; None when it was not measured.
        notes: footnotes so far; reasons are added to them.
    """
    if estimate is None:
        return "not measured"
    number_of_note = notes.number(estimate.reasons)
    mark = "" if number_of_note is None else f"[^{number_of_note}]"
    if estimate.value is None:
        return f"{no_value(estimate)}{mark}"
    counts = (estimate.n_ok, estimate.n_undefined, estimate.n_failed)
    coverage = str(estimate.n_ok) if not any(counts[1:]) else "/".join(map(str, counts))
    return f"{with_interval(estimate.value, estimate.ci)} ({coverage}){mark}"


def no_value(estimate: Estimate) -> str:
    """Formats `undefined`, `failed`, or both."""
    words = [word for word, n in (("undefined", estimate.n_undefined), ("failed", estimate.n_failed)) if n]
    return " and ".join(words) or "undefined"


def extrapolated(estimate: Estimate | None) -> str:
    """Formats the distance extrapolated to infinitely many clips, and the fit of the line in 1/n."""
    if estimate is None or estimate.value is None or "n_to_infinity" not in estimate.extra:
        return ""
    text = number(estimate.extra["n_to_infinity"], decimals(estimate.value, estimate.ci))
    fit = estimate.extra.get("n_to_infinity_r2")
    return text if fit is None else f"{text} (R² {fit:.2f})"


def identity_line(column: Column) -> str:
    """Formats what measured a column: its identity, the bench that it follows, and the sizes of its sets."""
    sets = next((e.extra for e in column.cells.values() if "d" in e.extra), {})
    size = "".join(f", {key} = {sets[key]:g}" for key in ("n", "d") if key in sets)
    followed = column.identity.protocol
    compat = "" if followed == CLEAN else f", as {escaped(followed)} computes it"
    return f"- {escaped(column.label)}: {code(column.identity)}{compat}{size}{_agreement(column)}"


def _agreement(column: Column) -> str:
    """Formats how far a judge's repeats agree, by model; empty for other metrics."""
    alphas = [f"{escaped(model)} {e.extra['alpha']:.2f}" for model, e in column.cells.items() if "alpha" in e.extra]
    return f", alpha of its repeats: {', '.join(alphas)}" if alphas else ""
