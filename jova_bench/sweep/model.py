"""Defines what a model offers to a sweep: its settings, a training for some of them, and clips.

Models are found by name through a lazy registry; this package never imports one by statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.models.base import Generator
from jova_bench.registry import Registry, guarded

Value: TypeAlias = str | int | float | bool
Settings: TypeAlias = Mapping[str, Value]

MODELS: Mapping[str, str] = {"jova": "jova_baselines.arms:jova"}
"""Factories by name."""
KINDS: Mapping[type, str] = {str: "a word", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Setting:
    """Describes a setting that a sweep may vary."""

    name: str
    default: Value
    """Default value, whose type all values have; a whole number is accepted for a float."""
    about: str
    choices: tuple[str, ...] = ()
    """Allowed words; empty for any."""
    least: float | None = None
    """Smallest number."""
    sampling: bool = False
    """Whether the setting changes how clips are sampled, and no weights."""

    def checked(self, value: object) -> Value:
        """Returns a value in the right type.

        Raises:
            BenchError: the value is not allowed.
        """
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, str | int | float) or type(value) is not kind:
            raise BenchError(f"expected {KINDS[kind]} as {self.name} ({self.about}), got {shown(value)}")
        if self.choices and value not in self.choices:
            raise BenchError(
                f"expected {self.name} to be one of {', '.join(self.choices)}, got {shown(value)}; "
                f"{suggest(str(value), self.choices)}"
            )
        if self.least is not None and not isinstance(value, str) and not value >= self.least:
            raise BenchError(f"expected {self.name} to be at least {self.least:g}, got {shown(value)}")
        return value

    def read(self, text: str) -> Value:
        """Parses a value of a command-line flag."""
        kind = type(self.default)
        try:
            if kind is bool:
                return self.checked({"true": True, "false": False}[text])
            return self.checked(kind(text))
        except (ValueError, KeyError):
            raise BenchError(f"expected {KINDS[kind]} as {self.name} ({self.about}), got {shown(text)}") from None


@dataclass(frozen=True)
class Training:
    """Summarises a finished training."""

    steps: int
    """Number of optimiser steps."""
    examples: int
    """Number of training examples, repetitions counted."""
    parameters: int
    cpu_minutes: float
    """Processor minutes of the steps that led to the weights."""
    weights: str
    """First 12 hex digits of the sha256 of the weights."""


class SweptModel(Protocol):
    """Trains and samples a model for a sweep."""

    name: str
    settings: tuple[Setting, ...]
    """All settings, in the order of tables."""

    def made_by(self, shipped: bool) -> Mapping[str, str]:
        """Returns what else determines a training and never varies: format, codecs; the shipped weights where used.

        It is part of an arm's digest.
        """
        ...

    def prepare(self, settings: Settings, shared: Path, threads: int) -> None:
        """Creates in `shared` what trainings with these settings share, such as a corpus, where it is missing."""
        ...

    def train(self, settings: Settings, seed: int, out: Path, shared: Path, threads: int) -> None:
        """Trains into `out`, resuming from the last checkpoint. Blocks while another process trains the same arm.

        Raises:
            BenchError: the training failed.
        """
        ...

    def trained(self, out: Path) -> Training | None:
        """Returns the finished training in `out`, or None."""
        ...

    def generator(self, name: str, weights: Path | None, settings: Settings, device: str) -> Generator:
        """Returns a generator called `name`, with the weights of a training's folder, or the shipped ones."""
        ...


class SweptFactory(Protocol):
    """Builds a model; registered under its name."""

    def __call__(self) -> SweptModel:
        """Builds the model, loading no weights yet."""
        ...


def swept_model(name: str) -> SweptModel:
    """Returns the model called `name`.

    Raises:
        BenchError: no model of this name can be swept.
    """
    registry: Registry[SweptFactory] = Registry("model that can be swept", MODELS, "jova_bench.swept_models")
    factory = registry.load(name)
    return guarded(f"the model {name!r} ({registry.entries[name]}) cannot be swept", factory)
