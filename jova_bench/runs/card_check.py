"""Compares what models plan with their suite's generation card: what is not as it says, and what is not stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from jova_bench.models.base import Generator, settings_of
from jova_bench.runs.manifest import AnyPlan, PlanRecord
from jova_bench.runs.plan_check import SECONDS_OFF
from jova_bench.suites.card import Card

ENHANCER = "prompt_enhancer"
"""Setting of a model or a plan that says whether a language model rewrites its prompts: true or false."""
MEETS = "as the card says"


def off_card(card: Card, plans: Mapping[str, AnyPlan], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what of a model's plans is not as the card says, or not stated, each with its number of prompts.

    Args:
        card: of the suite.
        plans: of one model, by prompt; what it cannot do has no format.
        settings: what it states of all its clips.
    """
    made = [plan for plan in plans.values() if isinstance(plan, PlanRecord)]
    found = Counter(fault for plan in made for fault in _faults(card, plan, settings))
    return tuple(
        fault if count == len(made) else f"{fault} ({count} of {len(made)} prompts)" for fault, count in found.items()
    )


def card_line(card: Card, model: Generator, plans: Mapping[str, AnyPlan]) -> str | None:
    """Returns what says before a run where a model's plans are not as the card says; None if they are."""
    found = off_card(card, plans, settings_of(model))
    return f"not as the suite's card says ({card}): {'; '.join(found)}" if found else None


def _faults(card: Card, plan: PlanRecord, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yields what of one plan is not as the card says."""
    if card.width is not None:
        size = (plan.width, plan.height)
        if None in size:
            yield "size not stated"
        elif size != (card.width, card.height):
            yield f"{plan.width}x{plan.height}"
    if card.fps is not None:
        if plan.fps is None:
            yield "frame rate not stated"
        elif abs(plan.fps - card.fps) > 0.01:
            yield f"{plan.fps:g} fps"
    if card.range_s is not None:
        (low, high), seconds = card.range_s, _seconds(plan)
        if seconds is None:
            yield "length not stated"
        elif not low - SECONDS_OFF <= seconds <= high + SECONDS_OFF:
            yield f"{seconds:.2f} s"
    stated = {**settings, **(plan.settings or {})}.get(ENHANCER)
    if card.enhancer is False and stated is not False:
        yield f"prompt enhancer {'not stated' if stated is None else 'on'}"


def _seconds(plan: PlanRecord) -> float | None:
    """Returns the length that a plan promises, of its frames where it states none."""
    return plan.frames / plan.fps if plan.seconds is None and plan.frames and plan.fps else plan.seconds
