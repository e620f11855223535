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

A key that is not known, a missing one and a value of another type or outside of its range (`jova.bounds`) are errors of
one line, before anything else is read. Paths are relative to the working directory.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jova.bounds import kinds_of, shortened
from jova.config import PRESETS, JovaConfig
from jova.data.vocabulary import words
from jova.sizes import SIZES, sized
from jova.training.config import TrainConfig
from jova.training.reading import check_keys, read_table, required, value_of, values_of
from jova.training.tables import (
    CodecsTable,
    DataTable,
    LogTable,
    MachineTable,
    ModelTable,
    RunFile,
    SamplesTable,
    Stage,
    TextTable,
)
from jova.transformer import read_config

FROM_DATA = (
    "vocabulary", "timeline", "video_channels", "latent_height", "latent_width", "pixels_per_cell", "audio_channels",
    "text_channels",
)  # fmt: skip
"""Fields of a model's config that codecs, text encoders and shards decide."""

OF_FILES: Mapping[str, Any] = {"draw": "example", "validation": "training"}
"""Settings of a training by a file that differ from those of a preset."""

TABLES: Mapping[str, type] = {
    "data": DataTable, "codecs": CodecsTable, "text": TextTable, "machine": MachineTable, "log": LogTable,
    "samples": SamplesTable,
}  # fmt: skip


def read_run_file(path: Path) -> RunFile:
    """Reads a training file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no TOML, or a key or a value is wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected a training file at {path}, got no file")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected TOML in {path}, got {error}") from None
    try:
        return _run_file(tables)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def preset_of(model: ModelTable, text_channels: tuple[int, ...]) -> JovaConfig:
    """Returns the preset that `[model]` names, for text encoders of these channels; none for the words of drawn heads.

    Raises:
        FileNotFoundError, ValueError: the stored model that gives the size is missing or damaged, or the preset needs
            text encoders and there are none.
    """
    if model.preset is None:
        return read_config(model.init or Path())  # one of the two is there
    if model.preset in PRESETS:
        preset = PRESETS[model.preset](words())
        return replace(preset, vocabulary=(), text_channels=text_channels, words="free") if text_channels else preset
    if not text_channels:
        raise ValueError(f"expected [text] encoders for the preset {model.preset}, got none")
    return sized(model.preset, text_channels)


def _run_file(tables: Mapping[str, Any]) -> RunFile:
    known = ["out", "model", "stages", *TABLES]
    check_keys(tables, [*known, "training"], "the file", [*required(RunFile, ("stages",)), "training"])
    given = {name: kind for name, kind in TABLES.items() if name in tables}
    read: dict[str, Any] = {name: read_table(kind, _table(tables, name), f"[{name}]") for name, kind in given.items()}
    file = RunFile(
        out=value_of(Path, tables["out"], "out"),
        model=_model(_table(tables, "model")),
        stages=_stages(tables),
        **read,
    )
    _check_model(file)
    return file


def _stages(tables: Mapping[str, Any]) -> list[Stage]:
    fields = list(kinds_of(TrainConfig))
    check_keys(common := _table(tables, "training"), fields, "[training]")
    common = {**OF_FILES, **values_of(TrainConfig, common, "[training]")}
    own = tables.get("stages", [{"name": "joint"}])
    if not isinstance(own, list) or not own or not all(isinstance(stage, dict) for stage in own):
        raise ValueError(f"expected [[stages]], one table for each stage, got {shortened(own)}")
    stages = [_stage(stage, common, fields, f"[[stages]] {number}") for number, stage in enumerate(own, 1)]
    names = [stage.name for stage in stages]
    if len({name.casefold() for name in names}) < len(names):  # Some file systems know no capitals.
        raise ValueError(f"expected stages of different names, got {', '.join(names)}")
    return stages


def _stage(table: Mapping[str, Any], common: Mapping[str, Any], fields: Sequence[str], where: str) -> Stage:
    check_keys(table, ["name", *fields], where, ["name"])
    name = value_of(str, table["name"], f"name of {where}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name):
        raise ValueError(f"expected a name of letters, digits, _ and - in {where}, got {shortened(name)}")
    own = {key: value for key, value in table.items() if key != "name"}
    values = {**common, **values_of(TrainConfig, own, where)}
    check_keys(values, fields, f"[training] or {where}", required(TrainConfig))
    try:
        training = TrainConfig(**values)
    except ValueError as error:
        raise ValueError(f"[training] with {where}: {error}") from None
    if training.warmup > training.steps:
        raise ValueError(
            f"expected warmup of [training] or {where} to be at most the {training.steps} steps, got {training.warmup}"
        )
    return Stage(name, training)


def _model(table: Mapping[str, Any]) -> ModelTable:
    own = [name for name in kinds_of(JovaConfig) if name not in FROM_DATA]
    check_keys(table, ["preset", "init", *own], "[model]")
    preset = value_of(str, table["preset"], "preset of [model]") if "preset" in table else None
    init = value_of(Path, table["init"], "init of [model]") if "init" in table else None
    if preset is None and (init is None or not init.is_file()):
        raise ValueError(f"expected a preset in [model], or a stored model as init, got {init}")
    if init is not None and not init.exists():
        raise ValueError(f"expected init of [model] to be a stored model or the folder of a training, got no {init}")
    if preset is not None and preset not in (names := (*PRESETS, *SIZES)):
        raise ValueError(f"expected preset of [model] to be one of {', '.join(names)}, got {shortened(preset)}")
    return ModelTable(preset, values_of(JovaConfig, {key: table[key] for key in own if key in table}, "[model]"), init)


def _check_model(file: RunFile) -> None:
    """Raises ValueError if fields of the model do not fit each other, whatever codecs and shards will decide."""
    preset = preset_of(file.model, (1,) * len(file.text.encoders))
    patch = file.model.fields.get("patch", preset.patch)
    for stage in file.stages:
        editing = preset.editing or stage.training.edit_share > 0
        fields = {"latent_height": patch, "latent_width": patch, "editing": editing, **file.model.fields}
        try:
            stage.training.check(replace(preset, **fields))
        except ValueError as error:
            raise ValueError(f"[model]: {error}") from None


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(table := tables[name], dict):
        raise ValueError(f"expected a table [{name}], got {shortened(table)}")
    return table
