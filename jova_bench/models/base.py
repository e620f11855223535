"""Defines the interface of a model: a plan of what it will make, and clips for a batch of prompts.

Models are found by name through a lazy registry; this package never imports one by statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from jova_bench.prompts import Prompt
from jova_bench.records import Timing
from jova_bench.suites.loading import Suite

Setting = bool | int | float | str


@dataclass(frozen=True)
class Media:
    """Pixels and sound that a model made, before they are written to a file."""

    frames: npt.NDArray[np.uint8] | None
    """(T, H, W, 3) RGB, or None for sound alone."""
    fps: Fraction
    """Frames per second; 0 when there is no video."""
    audio: npt.NDArray[np.float32] | None
    """(channels, N), nominal range [-1, 1], or None without audio."""
    sample_rate_hz: int
    """0 when there is no audio."""
    layout: tuple[str, ...] = ()
    """The place of each channel by libav's names (`FL`, `FR`, `FC`, ...); empty where no source states them."""


@dataclass(frozen=True)
class Generated:
    """One clip, as a model returns it."""

    media: Media | Path
    """A path is a file that exists: it is copied byte for byte, never encoded again."""
    timing: Timing
    function_evals: int | None = None
    """Forward passes of the network for this clip."""
    peak_memory_bytes: int | None = None
    seconds: float | None = None
    """Generation time of this clip without loading weights; None for its share of the batch's time."""
    load_s: float | None = None
    """Seconds that weights were loaded before this clip; no part of what the clip took."""
    timed: bool = True
    """False for a clip that was there before, or copied from one: its time says nothing of a model."""


@dataclass(frozen=True)
class Plan:
    """Promises what a model will really produce for a prompt: a format, by which settings and which weights.

    A plan unequal to the one that a run folder was made with is refused, so that clips of two versions never stand
    under one name. None in a format means: whatever the source file has.
    """

    frames: int | None = None
    fps: float | None = None
    height: int | None = None
    width: int | None = None
    sample_rate_hz: int | None = None
    seconds: float | None = None
    note: str = field(default="", compare=False)
    """Words for readers alone: other words are the same plan."""
    audio: Literal["generated", "driving", "none"] | None = None
    """Where the audio comes from: `driving` is the audio that the model was given. None: not said."""
    settings: Mapping[str, Setting] = field(default_factory=dict, hash=False)
    """Everything else that changes the clip: steps, sampler, the digest of a request, a version of the model's own
    code."""
    weights: str | None = None
    """Digest of the weights; None for a model without."""


class Generator(Protocol):
    """A model. Constructing one is cheap; weights are loaded by the first call of `generate`."""

    name: str
    """How it is called in records and file names."""
    batch_size: int
    """Prompts per call of `generate`. The batches of a suite are fixed, even when part of it is already done."""
    needs: tuple[str, ...]
    """What a prompt must have beside its captions: `reference`, `image`, `audio`, `edit`."""

    def check(self) -> str | None:
        """Returns why the model cannot run here; None if it can."""
        ...

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Describes what will be produced, without producing it. Raises BenchError if the prompt cannot be done."""
        ...

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterable[Generated | Exception]:
        """Yields one clip per prompt, in their order. The clip depends on (prompt, seed) and the batch alone.

        An exception in place of a clip says why this one is lost and goes on; one that is raised ends the batch.
        `Refused` says that the model declines the prompt, or what is left of the batch.
        A clip is put into the run folder before the next is generated.
        """
        ...


def settings_of(generator: Generator) -> dict[str, Any]:
    """Returns a model's settings (steps, guidance, prompt rendering, ...): its attribute `settings`, empty if none."""
    return dict(getattr(generator, "settings", {}))


def edits_files(generator: Generator) -> bool:
    """Returns whether a model copies or edits files of others on the CPU: its attribute `edits_files`, if any."""
    return bool(getattr(generator, "edits_files", False))


def reads_files(generator: Generator) -> bool:
    """Returns whether a model reads files that others wrote, even to plan: its attribute `reads_files`, if any."""
    return bool(getattr(generator, "reads_files", False))


def at_once(generator: Generator) -> int | None:
    """Returns how many prompts a model takes at the same time, each in a process of its own that waits for a server.

    It is its attribute `at_once`; None for a model that works where it is called.
    """
    return getattr(generator, "at_once", None)


def keep_in(generator: Generator, folder: Path) -> None:
    """Tells a model where it may keep what is to outlive this process, by its method `keep_in`, if it has one."""
    getattr(generator, "keep_in", lambda folder: None)(folder)


def asked_for(generator: Generator, prompt_id: str, seed: int) -> bool:
    """Returns whether an earlier command asked a server for a clip: its method `asked_for`, if it has one."""
    return bool(getattr(generator, "asked_for", lambda prompt_id, seed: False)(prompt_id, seed))


def forget(generator: Generator, prompt_id: str, seed: int) -> None:
    """Tells a model that its answer without a clip is recorded, by its method `forget`, if it has one."""
    getattr(generator, "forget", lambda prompt_id, seed: None)(prompt_id, seed)


def close(generator: Generator) -> None:
    """Releases a model's resources, such as a process of its own, by its method `close`, if it has one."""
    getattr(generator, "close", lambda: None)()


class ModelFactory(Protocol):
    """What a registered model name points to."""

    def __call__(self, device: str) -> Generator:
        """Builds the model for `cpu` or `cuda:i`, loading nothing yet."""
        ...
