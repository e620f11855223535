"""Tables of the formats and settings that models have of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jova_bench.runs.card_check import MEETS, off_card
from jova_bench.runs.manifest import Manifest
from jova_bench.suites.card import Card

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


def format_rows(models: Sequence[str], manifest: Manifest) -> tuple[list[str], list[list[str]]]:
    """Returns header and rows: each model's native format, device, prompt and settings, and what is off the card."""
    fairness, card = manifest.fairness, manifest.card
    settings = fairness.settings
    shown = [key for key in SETTINGS if any(key in of_model for of_model in settings.values())]
    body = []
    for model in models:
        formats = fairness.native_formats.get(model, ())
        row = [model, "; ".join(formats), fairness.devices.get(model, "")]
        if card is not None:
            plans = manifest.models[model].plans if model in manifest.models else {}
            row.insert(2, "; ".join(off_card(card, plans, settings.get(model, {}))) or MEETS)
        body.append(row + [_cell(settings.get(model, {}).get(key, "")) for key in shown])
    cards = [] if card is None else ["Off the card"]
    return ["Model", "Native format", *cards, "Device", *(SETTINGS[key] for key in shown)], body


def about_formats(card: Card | None) -> str:
    """Returns what stands above the table: what it is of, and what the suite says that clips should be."""
    return ABOUT_FORMATS if card is None else f"{ABOUT_FORMATS} The suite's card says: {card}."


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_short(str(one))}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(one).replace("_", " ") for one in value)
    return str(value)


def _short(text: str) -> str:
    """Shortens a text: a negative prompt would fill the table, and the manifest has all of it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
