"""Formats one comparison: its numbers, its verdict, its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from jova_bench.comparison.pairing import Sides
from jova_bench.comparison.verdicts import Comparison
from jova_bench.formatting.text import decimals, escaped, number, signed
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS, labelled
from jova_bench.summary import ABOUT_ATTEMPTS, AttemptCounts, attempts_text


def metric_names(rows: Sequence[Comparison]) -> dict[Identity, str]:
    """Returns the display names of metrics by identity, with the direction of improvement."""
    arrows = {row.spec.identity: ARROWS["down"] if row.from_real else ARROWS[row.spec.direction] for row in rows}
    distance = {row.spec.identity for row in rows if row.from_real}
    return {
        one.identity: f"{escaped(one.text)}{', distance from real' * (one.identity in distance)} {arrows[one.identity]}"
        for one in labelled(row.spec.identity for row in rows)
    }


def numbers(row: Comparison) -> list[str]:
    """Formats a, b, the difference with its interval, and p; empty where there was no test."""
    if row.a is None or row.b is None or row.delta is None or row.p_holm is None:
        return [""] * 4
    places = _places(row)
    delta = signed(row.delta, places)
    if row.ci is not None:
        delta += f" [{signed(row.ci[0], places)}, {signed(row.ci[1], places)}]"
    return [number(row.a, places), number(row.b, places), delta, f"{row.p_holm:.2g}" if row.p_holm < 0.995 else "1"]


def detectable(row: Comparison) -> str:
    """Formats the minimum detectable effect; empty where there is none."""
    return "" if row.min_detectable is None else number(row.min_detectable, _places(row))


def _places(row: Comparison) -> int:
    """Returns the decimals by the interval of the difference, or by the values where it has no width."""
    width = row.ci is not None and row.ci[1] > row.ci[0]
    return decimals(max(abs(row.a or 0.0), abs(row.b or 0.0)), row.ci if width else None)


def verdict_text(row: Comparison) -> str:
    """Formats the verdict with its reason."""
    return row.verdict if row.reason is None else f"{row.verdict}: {escaped(row.reason)}"


def about_attempts(attempts: Mapping[str, Sequence[AttemptCounts]], sides: Sides) -> str:
    """Formats what readers have to know of attempts, by side `a` or `b`; empty where there is nothing."""
    told = "".join(
        f" In all of {side}: {escaped(attempts_text(attempts[key]))}."
        for key, side in zip("ab", sides, strict=True)
        if key in attempts
    )
    return f" {ABOUT_ATTEMPTS}{told}" if told else ""


def record(row: Comparison) -> dict[str, Any]:
    """Returns the fields of a comparison, as JSON and tables show them."""
    fields = {key: value for key, value in asdict(row).items() if key != "spec"}
    spec = row.spec
    about = {"metric": spec.name, "identity": spec.identity, "direction": spec.direction, "unit": spec.unit}
    return {"model": fields.pop("model"), **about, **fields}
