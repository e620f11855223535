"""Ranges of the numbers of a config: what a field may be stands in its type, and one function checks them all.

    @dataclass(frozen=True)
    class Config:
        steps: Count
        decay: Share = 0.4

        def __post_init__(self) -> None:
            check_numbers(self)

Largest values are far beyond use: they tell a slip of the keyboard from a number.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Range:
    """The numbers from `least`, itself among them unless `above`, to `most`."""

    least: float
    most: float
    above: bool = False

    def __contains__(self, value: float | Fraction) -> bool:
        """Tells whether a number is in it; NaN is in none."""
        return (self.least < value if self.above else self.least <= value) and value <= self.most

    def __str__(self) -> str:
        """Returns the range in words."""
        least, most = (f"{end:,}" if isinstance(end, int) else f"{end:g}" for end in (self.least, self.most))
        return f"above {least} and at most {most}" if self.above else f"from {least} to {most}"


Count = Annotated[int, Range(1, 10**9)]
"""Steps, examples."""
CountOrNone = Annotated[int, Range(0, 10**9)]
"""The same, or none of them."""
Size = Annotated[int, Range(1, 1 << 16)]
"""Length of an axis of a tensor."""
SizeOrNone = Annotated[int, Range(0, 1 << 16)]
"""The same; 0 for what the field says."""
Blocks = Annotated[int, Range(0, 1000)]
"""Blocks of a network."""
Factor = Annotated[int | Fraction, Range(0, 1000, above=True)]
"""Multiple of a width."""
LearningRate = Annotated[float, Range(0, 1, above=True)]
Share = Annotated[float, Range(0, 1)]
Weight = Annotated[float, Range(0, 1e6)]
"""Weight of a part of a loss; of decay."""
Positive = Annotated[float, Range(0, 1e6, above=True)]
"""Norm, shift."""
Base = Annotated[float, Range(1, 1e9)]
"""Base of the rotary frequencies."""
Guidance = Annotated[float, Range(-1000, 1000)]
Flops = Annotated[float, Range(0, 1e21, above=True)]
"""Operations a second."""
Seconds = Annotated[float, Range(0, 1e9)]
Seed = Annotated[int, Range(0, (1 << 31) - 1)]
"""Generators of single steps multiply it by 2^32 and have 64 bits."""

NOUNS = {int: "a whole number", float: "a number", int | Fraction: "a whole number or a fraction"}


def check_numbers(config: Any) -> None:
    """Raises ValueError if a number of a dataclass is outside of the range that its type names, or is none."""
    for name, kind in kinds_of(type(config)).items():
        check_number(kind, getattr(config, name), name)


def check_number(kind: Any, value: Any, name: str) -> None:
    """Raises ValueError if a value is none of a type's numbers; types that name no range have no rule here.

    Args:
        kind: an `Annotated` number, or a union or a tuple of such.
        value: to be checked.
        name: of the value, for the message.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        allowed = get_args(parts[0]) or ((int, float) if parts[0] is float else (parts[0],))
        if type(value) not in allowed or value not in parts[1]:
            raise ValueError(f"expected {name} to be {NOUNS[parts[0]]} {parts[1]}, got {shortened(value)}")
    elif origin in (Union, types.UnionType) and value is not None:
        for part in parts:
            check_number(part, value, name)
    elif origin is tuple and isinstance(value, tuple):
        for one in value:
            check_number(parts[0], one, name)


def kinds_of(config: type) -> dict[str, Any]:
    """Returns the types of a dataclass's fields, with their ranges."""
    return get_type_hints(config, include_extras=True)


def shortened(value: Any) -> str:
    """Returns a value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]} ..."
