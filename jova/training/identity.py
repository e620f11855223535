"""Identifies a training by its settings, model, first weights and clips, and checks that a checkpoint is of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open

from jova.config import JovaConfig
from jova.training.checkpoints import read_average, shapes_of_average, shards_of
from jova.training.config import STORED_NAMES
from jova.transformer import Jova, read_config

FREE = ("steps", "accumulate", "validation", "log_every", "save_every_s")
"""Settings in which a training may differ from its checkpoint; what the steps may be is another question."""

ADDED: Mapping[str, Any] = {
    "edit_share": 0.0,
    "mouth_dilation": 0,
    "trains": "joint",
    "video_weight": 1.0,
    "audio_weight": 1.0,
    "draw": "batch",
}
"""Settings that older checkpoints do not have, with the values of their trainings."""

RANDOM = "random"
"""The first weights of a training without a stored model."""

AUDIO_IN = "audio_in.weight"
"""Name of the weights that read audio and, in a model that edits, its condition."""


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns the names of what differs between a checkpoint's training and this one, but for what is free.

    What one of the two does not know (older checkpoints have no digests) does not differ.
    """
    before = dict(ADDED) | {name: value for name, value in before.items() if value is not None}
    known = [name for name, value in now.items() if value is not None and name in before and name not in FREE]
    return [name for name in known if _read(name, before[name]) != _read(name, now[name])]


def check_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ValueError if the training of the checkpoint in OUT differs from this one; see `differences`."""
    if found := differences(before, now):
        names = {stored: name for name, stored in STORED_NAMES.items()}
        raise ValueError(
            f"expected the configuration with which {out} was started, got another "
            f"{', '.join(names.get(name, name) for name in found)}; use another --out"
        )


def _read(name: str, value: Any) -> Any:
    """Returns a value to compare: a model's config has fields that older checkpoints do not name."""
    return JovaConfig.from_fields(**json.loads(value)) if name == "model" else value


def digest_of_init(path: Path) -> str:
    """Returns the sha256 of a stored model, or of a checkpoint's shards in the folder of a training.

    Raises:
        FileNotFoundError: there is neither.
    """
    if path.is_dir():
        digests = [digest_of_init(shard) for shard in shards_of(path)]
        return hashlib.sha256("".join(digests).encode()).hexdigest()
    if not path.is_file():
        raise FileNotFoundError(f"expected a stored model or the folder of a training at {path}, got neither")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def begin_with(model: Jova, path: Path) -> None:
    """Sets a model's weights to those of a stored one, or of the EMA of a training's last checkpoint, in its folder.

    A model that edits may begin with one that does not: the weights of the condition on audio, which that one does not
    have, are then zero, so that both generate the same.

    Raises:
        ValueError: the stored model has another size.
    """
    weights = read_average(path) if path.is_dir() else Jova.load(path).state_dict()
    _check_shapes(model, {name: tuple(tensor.shape) for name, tensor in weights.items()}, path)
    name, ours = AUDIO_IN, model.audio_in.weight
    weights[name] = F.pad(weights[name], (0, ours.shape[1] - weights[name].shape[1]))
    model.load_state_dict(weights)


def check_init(config: JovaConfig, path: Path) -> None:
    """Checks that a model may begin with a stored one, of which it reads the header alone; errors are `begin_with`'s.

    Args:
        config: of the model.
        path: file of the stored model, or folder of a training's checkpoint.
    """
    if path.is_dir():
        shapes = shapes_of_average(path)
    else:
        read_config(path)
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    with torch.device("meta"):
        model = Jova(config)
    _check_shapes(model, shapes, path)


def _check_shapes(model: Jova, shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raises ValueError unless weights have a model's shapes, but for the condition on audio of a model that edits."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if model.config.editing and shapes.get(AUDIO_IN) == (model.config.width, model.config.audio_channels):
        shapes = {**shapes, AUDIO_IN: wanted[AUDIO_IN]}
    if names := [name for name in shapes.keys() | wanted.keys() if shapes.get(name) != wanted.get(name)]:
        raise ValueError(
            f"expected initial weights with the model's shapes, got others in {path}: {len(names)} of its tensors, "
            f"such as {min(names)}, differ; name a model of the same preset as --init"
        )
