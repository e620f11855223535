"""Summarises the clips of each model: counts, findings, loading time, and settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from jova_bench.formatting.text import number
from jova_bench.records import Sample
from jova_bench.runs.manifest import Fairness

SETTINGS = {
    "seconds_asked": "Seconds asked",
    "prompt_renderer": "Prompt as",
    "ignored": "Not read",
    "inputs": "Given",
    "audio": "Sound",
    "options": "Settings",
}
"""Settings in `fairness.settings`, and their columns."""
LONGEST = 60
"""Maximum number of characters of a setting."""
ABOUT_CLIPS = (
    "A clip that cannot be read, or is not what its model's plan says, is failed. What a reader should know of the "
    "others is counted by its name."
)
ABOUT_FORMATS = (
    "Models are asked for the same prompts and seeds, and make what they natively make: formats and settings are "
    "stated, not levelled."
)


@dataclass(frozen=True)
class Made:
    """Counts the samples of one model."""

    asked: int
    failed: int
    findings: Mapping[str, int]
    """Number of clips by code of finding."""
    load_s: float | None
    """Median time of loading the weights, where reported; no part of the time per clip."""


def made(samples: Iterable[Sample]) -> dict[str, Made]:
    """Counts samples by model."""
    by_model: dict[str, list[Sample]] = {}
    for sample in samples:
        by_model.setdefault(sample.model, []).append(sample)
    return {model: _made(of_model) for model, of_model in by_model.items()}


def _made(samples: Sequence[Sample]) -> Made:
    codes = Counter(code for sample in samples for code in {finding.code for finding in sample.findings})
    loads = [sample.load_s for sample in samples if sample.load_s is not None]
    failed = sum(sample.status == "failed" for sample in samples)
    return Made(len(samples), failed, dict(sorted(codes.items())), median(loads) if loads else None)


def clips_rows(models: Sequence[str], found: Mapping[str, Made]) -> tuple[list[str], list[list[str]]]:
    """Returns header and rows: each model's clips that were requested, made and failed, and clips by finding.

    A model without records has no row.
    """
    codes = sorted({code for one in found.values() for code in one.findings})
    body = []
    for model in models:
        if model in found:
            one = found[model]
            counts = [one.asked, one.asked - one.failed, one.failed, *(one.findings.get(code, 0) for code in codes)]
            body.append([model, *map(str, counts)])
    return ["Model", "Asked", "Made", "Failed", *(code.replace("_", " ") for code in codes)], body


def load_cell(found: Made | None) -> str:
    """Formats the seconds of loading; empty where not reported."""
    return "" if found is None or found.load_s is None else number(found.load_s, 1)


def format_rows(models: Sequence[str], fairness: Fairness) -> tuple[list[str], list[list[str]]]:
    """Returns header and rows: each model's native format, device, prompt and settings."""
    settings = fairness.settings
    said = [key for key in SETTINGS if any(key in of_model for of_model in settings.values())]
    body = []
    for model in models:
        formats = fairness.native_formats.get(model, ())
        row = [model, "; ".join(formats), fairness.devices.get(model, "")]
        body.append(row + [_said(settings.get(model, {}).get(key, "")) for key in said])
    return ["Model", "Native format", "Device", *(SETTINGS[key] for key in said)], body


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_short(str(one))}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(one).replace("_", " ") for one in value)
    return str(value)


def _short(text: str) -> str:
    """Shortens a text: a negative prompt would fill the table, and the manifest has all of it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
