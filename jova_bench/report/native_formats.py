"""Tables of the formats and settings that models have of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jova_bench.runs.manifest import Fairness

SETTINGS = {
    "seconds_asked": "Seconds asked",
    "prompt_renderer": "Prompt as",
    "ignored": "Not read",
    "inputs": "Given",
    "audio": "Sound",
    "unpinned": "Unpinned weights",
    "options": "Settings",
}
"""Settings in `fairness.settings`, and their columns."""
LONGEST = 60
"""Maximum number of characters of a setting."""
ABOUT_FORMATS = (
    "Models are asked for the same prompts and seeds, and make what they natively make: formats and settings are "
    "stated, not levelled."
)


def format_rows(models: Sequence[str], fairness: Fairness) -> tuple[list[str], list[list[str]]]:
    """Returns header and rows: each model's native format, device, prompt and settings."""
    settings = fairness.settings
    shown = [key for key in SETTINGS if any(key in of_model for of_model in settings.values())]
    body = []
    for model in models:
        formats = fairness.native_formats.get(model, ())
        row = [model, "; ".join(formats), fairness.devices.get(model, "")]
        body.append(row + [_cell(settings.get(model, {}).get(key, "")) for key in shown])
    return ["Model", "Native format", "Device", *(SETTINGS[key] for key in shown)], body


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_short(str(one))}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(one).replace("_", " ") for one in value)
    return str(value)


def _short(text: str) -> str:
    """Shortens a text: a negative prompt would fill the table, and the manifest has all of it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
