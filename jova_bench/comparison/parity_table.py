"""Formats a comparison of two routes, as Markdown and as JSON values."""

from __future__ import annotations

from collections import Counter
from typing import Any

from jova_bench.comparison.cells import metric_names, numbers, record, verdict_text
from jova_bench.comparison.parity import Parity, Route, Spread
from jova_bench.formatting.text import counted, decimals, escaped, number, table

GB = 10**9


def parity_record(found: Parity) -> dict[str, Any]:
    """Returns the comparison as JSON values."""
    return {
        "a": found.a.model_dump(mode="json"),
        "b": found.b.model_dump(mode="json"),
        "only_a": found.alone[0],
        "only_b": found.alone[1],
        "settings": [one.model_dump(mode="json") for one in found.settings],
        "differences": [one.model_dump(mode="json") for one in found.spreads],
        "metrics": [record(row) for row in found.metrics],
        "no_metrics": found.no_metrics,
        "clips": [one.model_dump(mode="json") for one in found.clips],
    }


def parity_markdown(found: Parity) -> str:
    """Formats the comparison as Markdown: settings, differences, metrics, costs."""
    a, b = found.a, found.b
    about = (
        f"A is {escaped(a.model)} of {escaped(a.source)}, B is {escaped(b.model)} of {escaped(b.source)}. "
        f"{counted(len(found.clips), 'pair')} of clips of the same prompt and seed; {found.alone[0]} of A and "
        f"{found.alone[1]} of B have no clip on the other side. Means over prompts (sampling seeds averaged first), "
        "95 % intervals. Nothing is moved, scaled or resampled to fit."
    )
    parts = [
        about,
        _settings(found),
        table(["Difference", "Value", "Pairs", "Equal"], [_spread(one) for one in found.spreads]),
    ]
    notes = Counter(note for one in found.clips for note in one.notes)
    parts += ["\n".join(f"- {escaped(note)} ({counted(count, 'pair')})" for note, count in notes.most_common())] * bool(
        notes
    )
    parts.append(_metrics(found))
    header = [
        "Route",
        "Clips",
        "Failed",
        "Seconds per clip",
        "Real-time factor",
        "Peak memory",
        "Price per clip",
        "Format",
    ]
    parts.append(table(header, [_cost(name, one) for name, one in (("A", a), ("B", b))]))
    return "\n\n".join(parts) + "\n"


def _settings(found: Parity) -> str:
    """Formats the settings that differ, or says that none does."""
    if not found.settings:
        return "No stated setting differs."
    rows = [[*map(_stated, (one.setting, one.a, one.b)), str(one.prompts)] for one in found.settings]
    return table(["Setting that differs", "A", "B", "Prompts"], rows)


def _stated(value: str | None) -> str:
    return "not stated" if value is None else escaped(value)


def _spread(one: Spread) -> list[str]:
    """Formats a measure: differences of sound are small numbers, so digits count, not decimals."""
    value = "" if one.value is None else f"{one.value:.3g}"
    if one.ci is not None:
        value += f" [{one.ci[0]:.3g}, {one.ci[1]:.3g}]"
    return [one.measure, value, str(one.clips), str(one.equal)]


def _metrics(found: Parity) -> str:
    """Formats the paired tests, or why there are none."""
    if found.no_metrics is not None:
        return f"No metrics: {escaped(found.no_metrics)}."
    names = metric_names(found.metrics)
    body = [[names[row.spec.identity], *numbers(row), str(row.n), verdict_text(row)] for row in found.metrics]
    return table(["Metric", "A", "B", "B - A", "p (Holm)", "n", "B is"], body)


def _cost(name: str, route: Route) -> list[str]:
    """Formats what a route costs; a price is the user's word."""
    cost = route.cost
    price = "" if route.price is None else f"{route.price:g} {escaped(route.currency or '')}, as the user says"
    memory = "" if cost.peak_memory_bytes is None else f"{cost.peak_memory_bytes / GB:.2f} GB"
    return [
        f"{name}: {escaped(route.model)}",
        str(route.ok),
        str(route.failed),
        _plain(cost.seconds_per_clip),
        _plain(cost.real_time_factor),
        memory,
        price,
        escaped("; ".join(route.formats)),
    ]


def _plain(value: float | None) -> str:
    return "" if value is None else number(value, decimals(value, None))
