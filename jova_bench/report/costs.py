"""Shows what the clips of each model cost: measured, and priced where the user says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jova_bench.formatting.text import escaped, number, table
from jova_bench.report.clip_counts import ClipCounts
from jova_bench.runs.costs import Price, price_in
from jova_bench.runs.manifest import ModelRecord
from jova_bench.summary import Cost

HEADER = ("Model", "Seconds per clip", "RTF", "Peak memory (MB)", "Function evals")


def prices_of(models: Mapping[str, ModelRecord]) -> dict[str, Price]:
    """Returns the price of a clip of each model that has one."""
    found = {model: price_in(record.settings) for model, record in models.items()}
    return {model: price for model, price in found.items() if price is not None}


def price_label(currency: str) -> str:
    """Returns the name of a column of prices."""
    return f"Price per clip, as the user says ({currency})"


def price_columns(models: Sequence[str], prices: Mapping[str, Price]) -> dict[str, list[float | None]]:
    """Returns a price of each model, None where it has none, for each currency by its label; no column without any."""
    currencies = dict.fromkeys(prices[model].currency for model in models if model in prices)
    return {
        price_label(currency): [
            prices[model].amount if model in prices and prices[model].currency == currency else None for model in models
        ]
        for currency in currencies
    }


def cost_table(
    models: Sequence[str], costs: Sequence[Cost], made: Mapping[str, ClipCounts], prices: Mapping[str, Price]
) -> str:
    """Formats seconds, real-time factor, memory and evaluations; loading and prices where any model has them."""
    by_model = {cost.model: cost for cost in costs}
    more: dict[str, list[str]] = {}
    if any(one.load_s is not None for one in made.values()):
        more["Loading (s)"] = [_cell(made[model].load_s if model in made else None, 1) for model in models]
    for label, column in price_columns(models, prices).items():
        more[escaped(label)] = ["" if price is None else f"{price:g}" for price in column]
    measured = zip(models, (_cells(by_model.get(model)) for model in models), *more.values(), strict=True)
    return table([*HEADER, *more], [[escaped(model), *cells, *others] for model, cells, *others in measured])


def _cells(cost: Cost | None) -> list[str]:
    """Formats seconds per clip, real-time factor, peak memory in MB, function evaluations."""
    if cost is None:
        return [""] * (len(HEADER) - 1)
    memory = None if cost.peak_memory_bytes is None else cost.peak_memory_bytes / 1e6
    values = ((cost.seconds_per_clip, 2), (cost.real_time_factor, 2), (memory, 0), (cost.function_evals, 0))
    return [_cell(value, places) for value, places in values]


def _cell(value: float | None, places: int) -> str:
    return "" if value is None else number(value, places)


def price_records(prices: Mapping[str, Price]) -> list[dict[str, Any]]:
    """Returns the prices as JSON values."""
    return [{"model": model, "price_per_clip": one.amount, "currency": one.currency} for model, one in prices.items()]
