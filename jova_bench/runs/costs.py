"""Aggregates what clips cost: seconds, memory and function evaluations of one model, and a price that the user says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any, NamedTuple

from jova_bench.records import LARGEST_VALUE, Sample
from jova_bench.summary import Cost

CURRENCY = r"^[\w$€£¥₩₹ .-]{1,20}$"
"""What names a currency: plots read signs of HTML in their titles."""


class Price(NamedTuple):
    """Price of one clip, as the user says."""

    amount: float
    currency: str


def price_in(settings: Mapping[str, Any]) -> Price | None:
    """Returns the price in a model's settings; None where nothing was said, or nothing that is one."""
    amount, currency = settings.get("price_as_the_user_says"), settings.get("currency")
    if not isinstance(amount, int | float) or isinstance(amount, bool) or not isinstance(currency, str):
        return None
    fits = 0 <= amount <= LARGEST_VALUE and re.fullmatch(CURRENCY, currency)
    return Price(float(amount), currency) if fits else None


def costs(models: Sequence[str], samples: Sequence[Sample]) -> tuple[Cost, ...]:
    """Returns what each model's clips cost: medians of the times, because the first batch also loads the weights."""
    found = []
    for model in models:
        made = [sample for sample in samples if sample.model == model and sample.status == "ok"]
        timed = [(s.generate_s, s.clip_s) for s in made if s.generate_s is not None and s.clip_s]
        peaks = [s.peak_memory_bytes for s in made if s.peak_memory_bytes is not None]
        evals = _measures(s.function_evals for s in made if s.function_evals is not None)
        found.append(
            Cost(
                model=model,
                seconds_per_clip=_median(taken for taken, _ in timed),
                real_time_factor=_median(taken / length for taken, length in timed),
                peak_memory_bytes=max(peaks, default=None),
                function_evals=mean(evals) if evals else None,
            )
        )
    return tuple(found)


def _median(values: Iterable[float]) -> float | None:
    found = _measures(values)
    return median(found) if found else None


def _measures(values: Iterable[float]) -> list[float]:
    """Returns the values that a model can have measured: of larger ones, as it may state them, means overflow."""
    return [value for value in values if value <= LARGEST_VALUE]
