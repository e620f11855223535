"""Options of sampling: their defaults, and those that a folder of weights has for its model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict, get_args

from jova.config import GUIDANCE, SAMPLER, STEPS, Precision, Sampler

FILE = "sampling.json"
"""File of a folder of weights with the options that its model is best sampled with."""

GUIDED_UNTIL = 0.25
"""Flow time at which guidance ends: the words are decided by then. Guidance to the end weakens lip-sync (both measured
on the shipped model)."""


class Sampling(TypedDict, total=False):
    """Options of sampling; those that are missing have their defaults."""

    steps: int
    """Number of steps of the sampler."""
    guidance: float
    """Scale of classifier-free guidance; 1 disables it."""
    audio_guidance: float
    """The same for the sound; by default that of the picture."""
    guided_until: float
    """Flow time, 0 to 1, at which guidance ends: 1 guides all steps."""
    sampler: Sampler
    shift: float
    """Factor by which steps are denser at the noise, as `jova.samplers.flow_times` has it; 1 for even steps."""
    precision: Precision
    """Precision of the network's activations; the codecs compute in float32."""


DEFAULTS = Sampling(steps=STEPS, guidance=GUIDANCE, sampler=SAMPLER)
"""Options that a plan always names; the others are 1, full precision or GUIDED_UNTIL."""


def checked(options: Mapping[str, Any] | Sampling, where: str = "") -> Sampling:
    """Returns options of sampling.

    Args:
        options: by name.
        where: beginning of an error.

    Raises:
        ValueError: there is no such option, or its value is of no use.
    """
    rules: dict[str, tuple[Callable[[Any], bool], str]] = {
        "steps": (lambda value: type(value) is int and value >= 1, "a whole number from 1 on"),
        "guidance": (_finite, "a finite number"),
        "audio_guidance": (_finite, "a finite number"),
        "guided_until": (lambda value: _finite(value) and 0 <= value <= 1, "a number from 0 to 1"),
        "sampler": (get_args(Sampler).__contains__, f"one of {', '.join(get_args(Sampler))}"),
        "shift": (lambda value: _finite(value) and value > 0, "a number above 0"),
        "precision": (get_args(Precision).__contains__, f"one of {', '.join(get_args(Precision))}"),
    }
    for name, value in options.items():
        if name not in rules:
            raise ValueError(f"{where}expected an option of sampling ({', '.join(rules)}), got {name!r}")
        allows, wanted = rules[name]
        if not allows(value):
            raise ValueError(f"{where}expected {name} to be {wanted}, got {value!r}")
    return Sampling(**options)  # type: ignore[typeddict-item]


def options_of(folder: Path) -> Sampling:
    """Returns the defaults, with the options in a folder's `sampling.json` in their place if there is such a file.

    Raises:
        ValueError: the file is damaged, or an option is of no use.
    """
    path = folder / FILE
    if not path.is_file():
        return DEFAULTS
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"expected a JSON object in {path}, got {error}") from None
    if not isinstance(options, dict):
        raise ValueError(f"expected a JSON object in {path}, got {type(options).__name__}")
    return DEFAULTS | checked(options, f"{path}: ")


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
