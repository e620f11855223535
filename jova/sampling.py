"""Options of sampling: their defaults, and those that a folder of weights has for its model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args, get_origin

from jova.bounds import Count, Guidance, Positive, Share, check_number, kinds_of
from jova.config import GUIDANCE, SAMPLER, STEPS, Precision, Sampler

FILE = "sampling.json"
"""File of a folder of weights with the options that its model is best sampled with."""

GUIDED_UNTIL = 0.25
"""Flow time at which guidance ends: the words are decided by then. Guidance to the end weakens lip-sync (both measured
on the shipped model)."""


class Sampling(TypedDict, total=False):
    """Options of sampling; those that are missing have their defaults."""

    steps: Count
    """Number of steps of the sampler."""
    guidance: Guidance
    """Scale of classifier-free guidance; 1 disables it."""
    audio_guidance: Guidance
    """The same for the sound; by default that of the picture."""
    guided_until: Share
    """Flow time, 0 to 1, at which guidance ends: 1 guides all steps."""
    sampler: Sampler
    shift: Positive
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
    kinds = kinds_of(Sampling)
    for name, value in options.items():
        if name not in kinds:
            raise ValueError(f"{where}expected an option of sampling ({', '.join(kinds)}), got {name!r}")
        if get_origin(kinds[name]) is Literal and value not in (words := get_args(kinds[name])):
            raise ValueError(f"{where}expected {name} to be one of {', '.join(words)}, got {value!r}")
        try:
            check_number(kinds[name], value, name)
        except ValueError as error:
            raise ValueError(f"{where}{error}") from None
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
