"""Says what two sides were asked differently: prompts, seeds, evaluators, and the generation cards of their suites."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jova_bench.comparison.pairing import Sides
from jova_bench.comparison.results import Results
from jova_bench.formatting.text import escaped
from jova_bench.records import MetricSpec

NO_CARD = "none"


def differ(left: Results, right: Results, models: tuple[str, str], sides: Sides) -> str | None:
    """Returns the reason why the two models cannot be compared, or empty."""
    if left.prompts_digest != right.prompts_digest:
        return f"another suite: {left.suite} ({left.prompts_digest[:8]}) and {right.suite} ({right.prompts_digest[:8]})"
    a, b = left.cells(models[0]), right.cells(models[1])
    for what, first, second in (
        ("prompts", {i for i, _ in a}, {i for i, _ in b}),
        ("seeds", {s for _, s in a}, {s for _, s in b}),
    ):
        if first != second:
            alone = f"{_some(first - second)} in {sides.a} alone, {_some(second - first)} in {sides.b} alone"
            return f"other {what}: {alone}"
    return None if a == b else "other prompts and seeds: the same of each, in other combinations"


def another(spec: MetricSpec, right: Results, model: str, sides: Sides) -> str:
    """Returns the metric that b measured instead."""
    same = [i for i in right.identities(model) if i.select == spec.identity.select]
    return f"another evaluator: {same[0]}, not {spec.identity}" if same else f"not measured in {sides.b}"


def other_cards(left: Results, right: Results) -> tuple[str, str] | None:
    """Returns the generation cards of two runs in words; None where they are the same, or a frozen file has none."""
    if None in (left.card, right.card) or left.card == right.card:
        return None
    return left.card or NO_CARD, right.card or NO_CARD


def about_cards(cards: tuple[str, str] | None, sides: Sides) -> str:
    """Formats that cards differ; empty where they do not."""
    if cards is None:
        return ""
    texts = ", ".join(f"{side} {escaped(card)}" for side, card in zip(sides, cards, strict=True))
    return f" The generation cards of their suites differ, so that clips may answer other questions: {texts}."


def _some(values: Collection[Any]) -> str:
    shown = [str(value) for value in sorted(values)[:3]]
    return ", ".join(shown) + f" and {len(values) - 3} more" * (len(values) > 3) if shown else "none"
