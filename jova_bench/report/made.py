"""What each model made: how many clips, what was noticed about them, how long it loaded, and how it was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from jova_bench.text import escaped, number, table
from jova_bench.types import Sample

SETTINGS = {"prompt_renderer": "Prompt as", "audio": "Sound", "options": "Settings"}
"""Of `fairness.settings`, and their columns."""


@dataclass(frozen=True)
class Made:
    """The samples of one model."""

    asked: int
    failed: int
    findings: Mapping[str, int]
    """Clips by code of a finding."""
    load_s: float | None
    """Median time of loading its weights, where it tells; no part of the time per clip."""


def made(samples: Iterable[Sample]) -> dict[str, Made]:
    """Counts by model."""
    by_model: dict[str, list[Sample]] = {}
    for sample in samples:
        by_model.setdefault(sample.model, []).append(sample)
    return {model: _made(of_model) for model, of_model in by_model.items()}


def _made(samples: Sequence[Sample]) -> Made:
    codes = Counter(code for sample in samples for code in {finding.code for finding in sample.findings})
    loads = [sample.load_s for sample in samples if sample.load_s is not None]
    failed = sum(sample.status == "failed" for sample in samples)
    return Made(len(samples), failed, dict(sorted(codes.items())), median(loads) if loads else None)


def clips_table(models: Sequence[str], found: Mapping[str, Made]) -> str:
    """How many clips each model was asked for, made and failed to make, and how many have which finding."""
    codes = sorted({code for one in found.values() for code in one.findings})
    body = []
    for model in models:
        if model in found:
            one = found[model]
            counts = [one.asked, one.asked - one.failed, one.failed, *(one.findings.get(code, 0) for code in codes)]
            body.append([escaped(model), *map(str, counts)])
    about = (
        "A clip that cannot be read, or is not what its model's plan says, is failed. What a reader should know of the "
        "others is counted by its name."
    )
    return f"{about}\n\n{table(['Model', 'Asked', 'Made', 'Failed', *codes], body)}"


def load_cell(found: Made | None) -> str:
    """Seconds of loading; empty where the model does not tell."""
    return "" if found is None or found.load_s is None else number(found.load_s, 1)


def formats_table(models: Sequence[str], fairness: Mapping[str, Any]) -> str:
    """Models make what they natively make: formats, devices and settings are stated, not levelled."""
    settings = fairness.get("settings", {})
    said = [key for key in SETTINGS if any(key in of_model for of_model in settings.values())]
    body = []
    for model in models:
        formats = fairness["native_formats"].get(model, ())
        row = [model, "; ".join(formats), str(fairness["devices"].get(model, ""))]
        row += [_said(settings.get(model, {}).get(key, "")) for key in said]
        body.append([escaped(text) for text in row])
    return table(["Model", "Native format", "Device", *(SETTINGS[key] for key in said)], body)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return str(value)
