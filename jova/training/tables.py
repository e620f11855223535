"""What a training file says, as frozen tables: `jova.training.runfile` reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jova.bounds import Count, Flops, Guidance, check_numbers
from jova.config import GUIDANCE, STEPS
from jova.training.config import TrainConfig

Tracker = Literal["mlflow", "tensorboard"]


@dataclass(frozen=True)
class ModelTable:
    """Content of `[model]`."""

    preset: str | None
    """Name of a size; None for that of the stored model `init`."""
    fields: Mapping[str, Any]
    """Fields of the config in place of the preset's."""
    init: Path | None = None
    """Stored model, or folder of a training, to begin with."""


@dataclass(frozen=True)
class DataTable:
    """Content of `[data]`: folders of shards."""

    train: Path
    validation: Path


@dataclass(frozen=True)
class CodecsTable:
    """Content of `[codecs]`: files or folders that `jova.codecs.loading` reads."""

    video: Path
    audio: Path
    accept: tuple[str, ...] = ()
    """Licence terms that the user accepts."""


@dataclass(frozen=True)
class TextTable:
    """Content of `[text]`."""

    encoders: tuple[Path, ...] = ()
    """Folders of pretrained text encoders; none for a model with the words of drawn heads."""


@dataclass(frozen=True)
class MachineTable:
    """Content of `[machine]`: what changes how fast a training is, and what it learns by rounding alone."""

    checkpointing: bool = False
    """Whether blocks are computed again in the backward pass, for less memory."""
    compile: bool = False
    """Whether blocks are compiled."""
    peak_flops: Flops | None = None
    """Operations a second of a device at best, for MFU; by default the maker's number, where it is known."""

    def __post_init__(self) -> None:
        check_numbers(self)


@dataclass(frozen=True)
class LogTable:
    """Content of `[log]`."""

    to: Tracker | None = None
    """Where records go beside OUT/<stage>/model.jsonl."""


@dataclass(frozen=True)
class SamplesTable:
    """Content of `[samples]`: clips that the averaged model makes during the training."""

    every: Count
    """Steps between them."""
    prompts: Path
    """JSON lines with video_caption, audio_caption and transcript, and optionally id."""
    steps: Count = STEPS
    """Steps of the sampler."""
    guidance: Guidance = GUIDANCE
    """Scale of classifier-free guidance."""

    def __post_init__(self) -> None:
        check_numbers(self)


@dataclass(frozen=True)
class Stage:
    """One of the trainings that follow each other, each from the averaged weights of the one before."""

    name: str
    training: TrainConfig


@dataclass(frozen=True)
class RunFile:
    """Everything that a training file says."""

    out: Path
    model: ModelTable
    data: DataTable
    codecs: CodecsTable
    stages: Sequence[Stage]
    text: TextTable = field(default_factory=TextTable)
    machine: MachineTable = field(default_factory=MachineTable)
    log: LogTable = field(default_factory=LogTable)
    samples: SamplesTable | None = None
