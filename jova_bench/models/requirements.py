"""What a model needs before its first clip: weights, memory and time, as far as a source states them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jova_bench.models.base import Generator, Plan


@dataclass(frozen=True)
class WeightFiles:
    """Weights from one origin."""

    name: str
    """Origin with its commit or digest, or `(unpinned)`."""
    licence: str
    terms: str | None
    """Terms that a user must accept before they are downloaded."""
    size: int | None
    """Bytes: measured where they are here, else as a public source states them; None if none does."""
    here: bool
    pinned: bool
    """Whether a commit or digest is stated. What is not may be another file tomorrow."""
    into: str = ""
    """Folder and files: models for which these and the name are the same share them. Empty where none does."""


@dataclass(frozen=True)
class PublishedSpeed:
    """Time that one clip took on one device, as a public source states it."""

    seconds: float
    device: str
    frames: int
    height: int
    width: int
    note: str
    """Source, steps and engine."""

    @property
    def setting(self) -> str:
        """Returns the format of the clip that was timed."""
        return f"{self.width}x{self.height}, {self.frames} frames"

    def fits(self, plan: Plan) -> bool:
        """Returns whether the clip that was timed has the size and length of a plan, in either orientation."""
        sides = {self.height, self.width}
        return (self.frames, sides) == (plan.frames, {plan.height, plan.width})


@dataclass(frozen=True)
class Requirements:
    """What a model needs on the machine that runs it."""

    weights: tuple[WeightFiles, ...] = ()
    gpu_gb: float | None = None
    """None if it is neither stated nor measured."""
    memory_note: str = ""
    """Source of the number, and its setting."""
    speeds: tuple[PublishedSpeed, ...] = ()
    unsized: tuple[str, ...] = ()
    """What is to be installed beside the weights, whose size no source states, such as an environment."""
    setup: str | None = None
    """Command that fetches what is missing; None if nothing is."""

    @property
    def total(self) -> tuple[int, tuple[str, ...]]:
        """Bytes of all weights whose size is known, and the others."""
        return _sum(self.weights)

    @property
    def missing(self) -> tuple[int, tuple[str, ...]]:
        """Bytes to download, and the weights among them whose size is not known."""
        return _sum(one for one in self.weights if not one.here)

    @property
    def unpinned(self) -> tuple[str, ...]:
        """Weights of which no commit or digest is stated."""
        return tuple(one.name for one in self.weights if not one.pinned)


def _sum(weights: Iterable[WeightFiles]) -> tuple[int, tuple[str, ...]]:
    found = tuple(weights)
    return sum(one.size or 0 for one in found), tuple(one.name for one in found if one.size is None)


def requirements_of(generator: Generator) -> Requirements | None:
    """Returns what a model states that it needs: its attribute `requirements`; None if it has none."""
    found = getattr(generator, "requirements", None)
    return found if isinstance(found, Requirements) else None
