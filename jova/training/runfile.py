"""Reads the TOML file of a training: model, data, codecs, text, hyperparameters, stages.

    out = "work/mine"                    # folder of checkpoints and models, one for each stage

    [model]
    preset = "small-128"                 # and any field of jova.config.JovaConfig in place of the preset's
    init = "work/first.safetensors"      # weights to begin with, random without; a stored model is a preset, too

    [data]
    train = "work/shards/train"          # folders of shards
    validation = "work/shards/validation"

    [codecs]
    video = "work/wan/vae"               # that made the shards, file or folder
    audio = "work/ltx"

    [text]
    encoders = ["work/umt5"]             # that made the shards; none for a model with the words of drawn heads

    [training]                           # jova.training.config.TrainConfig, of all stages
    steps = 20000
    batch = 256

    [[stages]]                           # in this order; one of all weights without
    name = "audio"
    trains = "audio"
    steps = 2000

A key that is not known, a missing one and a value of another type are errors of one line. Paths are relative to the
working directory.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from jova.config import PRESETS, JovaConfig
from jova.sizes import SIZES
from jova.training.config import TrainConfig

Tracker = Literal["mlflow", "tensorboard"]
T = TypeVar("T")

MODEL_KEYS = (("preset", str), ("init", Path))
FROM_DATA = (
    "vocabulary", "timeline", "video_channels", "latent_height", "latent_width", "pixels_per_cell", "audio_channels",
    "text_channels",
)  # fmt: skip
"""Fields of a model's config that codecs, text encoders and shards decide."""


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
    peak_flops: float | None = None
    """Operations a second of a device at best, for MFU; by default the maker's number, where it is known."""


@dataclass(frozen=True)
class LogTable:
    """Content of `[log]`."""

    to: Tracker | None = None
    """Where records go beside OUT/<stage>/model.jsonl."""


@dataclass(frozen=True)
class SamplesTable:
    """Content of `[samples]`: clips that the averaged model makes during the training."""

    every: int
    """Steps between them."""
    prompts: Path
    """JSON lines with video_caption, audio_caption and transcript, and optionally id."""
    steps: int = 25
    """Steps of the sampler."""
    guidance: float = 3.0
    """Scale of classifier-free guidance."""

    def __post_init__(self) -> None:
        if min(self.every, self.steps) < 1:
            raise ValueError(f"expected every and steps of [samples] from 1 on, got {self.every} and {self.steps}")


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


def read_run_file(path: Path) -> RunFile:
    """Reads a training file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no TOML, or a key or a value is wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected a training file at {path}, got no file")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"expected TOML in {path}, got {error}") from None
    try:
        return _run_file(tables)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


def _run_file(tables: Mapping[str, Any]) -> RunFile:
    known = [one.name for one in dataclasses.fields(RunFile)]
    check_keys(tables, [*known, "training"], "the file", [*_required(RunFile, {"stages"}), "training"])
    common = {"draw": "example", "validation": "training", **_table(tables, "training")}
    stages = tables.get("stages", [{"name": "joint"}])
    if not isinstance(stages, list) or not stages or not all(isinstance(stage, dict) for stage in stages):
        raise ValueError(f"expected [[stages]], one table for each stage, got {stages!r}")
    read = {
        "out": value_of(Path, tables["out"], "out"),
        "model": _model(_table(tables, "model")),
        "stages": [_stage(stage, common, number) for number, stage in enumerate(stages, 1)],
    }
    if len({stage.name for stage in read["stages"]}) != len(stages):
        raise ValueError(f"expected stages of different names, got {[stage.name for stage in read['stages']]}")
    classes = (("data", DataTable), ("codecs", CodecsTable), ("text", TextTable), ("machine", MachineTable),
               ("log", LogTable), ("samples", SamplesTable))  # fmt: skip
    for name, kind in classes:
        if name in tables:
            read[name] = read_table(kind, _table(tables, name), f"[{name}]")
    return RunFile(**read)


def _stage(table: Mapping[str, Any], common: Mapping[str, Any], number: int) -> Stage:
    where = f"[[stages]] {number}"
    name = value_of(str, table.get("name"), f"name of {where}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name):
        raise ValueError(f"expected a name of letters, digits, _ and - in {where}, got {name!r}")
    own = {key: value for key, value in table.items() if key != "name"}
    return Stage(name, read_table(TrainConfig, {**common, **own}, f"[training] and {where}"))


def _model(table: Mapping[str, Any]) -> ModelTable:
    own = [one.name for one in dataclasses.fields(JovaConfig) if one.name not in FROM_DATA]
    check_keys(table, ["preset", "init", *own], "[model]")
    preset, init = (None if (one := table.get(key)) is None else value_of(kind, one, key) for key, kind in MODEL_KEYS)
    if preset is None and (init is None or not init.is_file()):
        raise ValueError(f"expected a preset in [model], or a stored model as init, got {init}")
    if preset is not None and preset not in (names := (*PRESETS, *SIZES)):
        raise ValueError(f"expected preset to be one of {', '.join(names)}, got {preset!r}")
    hints = get_type_hints(JovaConfig)
    fields = {key: value_of(hints[key], table[key], f"{key} of [model]") for key in own if key in table}
    return ModelTable(preset, fields, init)


def read_table(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Reads a table of plain values as a dataclass.

    Raises:
        ValueError: a key is unknown or missing, or a value has another type.
    """
    hints = get_type_hints(kind)
    check_keys(table, list(hints), where, _required(kind))
    return kind(**{key: value_of(hints[key], value, f"{key} of {where}") for key, value in table.items()})


def check_keys(table: Mapping[str, Any], known: Sequence[str], where: str, required: Sequence[str] = ()) -> None:
    """Raises ValueError if a table has a key that is not known, or lacks one that is required."""
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise ValueError(f"expected a known key in {where}, got {key!r}; {hint}")
    if missing := [key for key in required if key not in table]:
        raise ValueError(f"expected {', '.join(missing)} in {where}, got none")


def value_of(kind: Any, value: Any, where: str) -> Any:
    """Returns a value of a TOML file as a type: int, float, bool, str, Path, Fraction, Literal, tuple or a union.

    Raises:
        ValueError: it has another type.
    """
    origin, choices = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        for choice in choices:
            try:
                return value_of(choice, value, where)
            except ValueError:
                continue
    elif origin is Literal:
        if value in choices:
            return value
        raise ValueError(f"expected {where} to be one of {', '.join(choices)}, got {value!r}")
    elif origin is tuple and isinstance(value, list):
        return tuple(value_of(choices[0], one, where) for one in value)
    elif kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    elif kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    elif kind is Fraction and type(value) in (int, str):
        return Fraction(value)
    elif type(value) is kind and kind is not float:
        return value
    raise ValueError(f"expected {where} to be {getattr(kind, '__name__', kind)}, got {value!r}")


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(table := tables[name], dict):
        raise ValueError(f"expected a table [{name}], got {table!r}")
    return table


def _required(kind: Any, but: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Returns the fields of a dataclass that have no default."""
    missing = dataclasses.MISSING
    return [
        one.name
        for one in dataclasses.fields(kind)
        if one.default is missing and one.default_factory is missing and one.name not in but
    ]
