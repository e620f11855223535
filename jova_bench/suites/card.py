"""Defines what a suite asks of every clip's format: its generation card, `[generation]` in `suite.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, model_validator

from jova_bench.formatting.messages import FieldFault
from jova_bench.records import Record

Seconds = Annotated[float, Field(gt=0)]


class Card(Record):
    """What clips of a suite should be, so that numbers of two papers are of the same question."""

    width: Annotated[int, Field(gt=0)] | None = None
    """Pixels; with `height`."""
    height: Annotated[int, Field(gt=0)] | None = None
    """Pixels; with `width`."""
    fps: Annotated[float, Field(gt=0)] | None = None
    """Frames per second."""
    seconds: Seconds | tuple[Seconds, Seconds] | None = None
    """Length, or the shortest and the longest."""
    enhancer: StrictBool | None = None
    """Whether a language model may rewrite the prompts before the model reads them; None where it is not said."""

    @model_validator(mode="after")
    def _says_something(self) -> Card:
        if (self.width is None) != (self.height is None):
            raise FieldFault("height" if self.height is None else "width", "expected width and height, got one of them")
        if self.range_s and self.range_s[0] > self.range_s[1]:
            raise FieldFault("seconds", f"expected the shortest before the longest, got {list(self.range_s)}")
        if not any(value is not None for value in self.model_dump().values()):
            raise ValueError("expected width and height, fps, seconds or enhancer, got none of them")
        return self

    @property
    def range_s(self) -> tuple[float, float] | None:
        """Returns the shortest and the longest length in seconds; None where any will do."""
        if self.seconds is None or isinstance(self.seconds, tuple):
            return self.seconds
        return self.seconds, self.seconds

    def __str__(self) -> str:
        """Formats it as words: `832x480, 24 fps, 5 to 10 s, prompt enhancer off`."""
        low, high = self.range_s or (0, 0)
        parts = [
            f"{self.width}x{self.height}" if self.width else "",
            f"{self.fps:g} fps" if self.fps else "",
            (f"{low:g} s" if low == high else f"{low:g} to {high:g} s") if high else "",
            "" if self.enhancer is None else f"prompt enhancer {'allowed' if self.enhancer else 'off'}",
        ]
        return ", ".join(filter(None, parts))
