"""Identifies a training by its settings, model, first weights and clips, and checks that a checkpoint is of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open

from jova.config import JovaConfig
from jova.parts import MODEL_FILE, find_model
from jova.training.checkpoints import Checkpoints, digest_of_file, read_average, shapes_of_average, shards_of
from jova.training.config import STORED_NAMES, TrainConfig
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
            f"{', '.join(names.get(name, name) for name in found)}; name another folder as out"
        )


def to_resume(
    out: Path, about: Mapping[str, Any] | None, checkpoints: Checkpoints, training: TrainConfig
) -> tuple[str, Mapping[str, Any]] | tuple[None, None]:
    """Returns the name and the record of the checkpoint with which a training goes on; none if there is none.

    It is `model`, or `plateau` if the learning rate has begun to decay too early. Before it decays, the learning rate
    does not depend on `steps`: until then a training may be made longer or shorter.

    Args:
        out: folder of the training.
        about: record of its checkpoint `model`; None if there is none.
        checkpoints: of that folder.
        training: as it is to go on.

    Raises:
        ValueError: the checkpoints are damaged, or later than the end of the new plateau; or there is a model without.
    """
    if about is None:
        if (model := out / f"{MODEL_FILE}.safetensors").exists():
            raise ValueError(
                f"expected a new folder, or one with the checkpoint of its training, got a model without one, {model}, "
                "which a new training would replace; move it away, or name another folder as out"
            )
        return None, None
    before = replace(training, steps=about["training"]["steps"])
    if before == training or about["step"] <= min(before.plateau_ends, training.plateau_ends):
        return "model", about
    if (plateau := checkpoints.about("plateau")) is None or plateau["step"] > training.plateau_ends:
        raise ValueError(
            f"expected more steps of constant learning rate than {out} has had, got {training.plateau_ends}; use more "
            "steps, or name another folder as out"
        )
    return "plateau", plateau


def _read(name: str, value: Any) -> Any:
    """Returns a value to compare: a model's config has fields that older checkpoints do not name."""
    return JovaConfig.from_fields(**json.loads(value)) if name == "model" else value


def stored_at(path: Path) -> Path:
    """Returns what first weights are read of: a stored model's file, or the folder of a training with its checkpoint.

    The folder of a preset's training, or of a trained model, has the stored model alone.

    Raises:
        FileNotFoundError: there is neither.
    """
    if path.is_dir() and not (path / "model.json").is_file():
        if (model := find_model(path)) is None:
            raise FileNotFoundError(
                f"expected a stored model or the folder of a training at {path}, got a folder without "
                f"{MODEL_FILE}.safetensors and model.json; name the file of a model"
            )
        return model
    if not path.exists():
        raise FileNotFoundError(f"expected a stored model or the folder of a training at {path}, got neither")
    return path


def digest_of_init(path: Path) -> str:
    """Returns the sha256 of a stored model, or of a checkpoint's shards; errors are those of `stored_at`."""
    if (path := stored_at(path)).is_dir():
        digests = [digest_of_file(shard) for shard in shards_of(path)]
        return hashlib.sha256("".join(digests).encode()).hexdigest()
    return digest_of_file(path)


def begin_with(model: Jova, path: Path) -> None:
    """Sets a model's weights to those of a stored one, or of the EMA of a training's last checkpoint, in its folder.

    A model that edits may begin with one that does not: the weights of the condition on audio, which that one does not
    have, are then zero, so that both generate the same.

    Raises:
        ValueError: the stored model has another size.
    """
    path = stored_at(path)
    weights = read_average(path) if path.is_dir() else Jova.load(path).state_dict()
    _check_shapes(model, {name: tuple(tensor.shape) for name, tensor in weights.items()}, path)
    name, ours = AUDIO_IN, model.audio_in.weight
    weights[name] = F.pad(weights[name], (0, ours.shape[1] - weights[name].shape[1]))
    model.load_state_dict(weights)


def check_init(config: JovaConfig, path: Path) -> None:
    """Checks that a model may begin with a stored one, of which it holds one tensor at a time.

    Args:
        config: of the model.
        path: file of the stored model, or folder of a training.

    Raises:
        FileNotFoundError, ValueError: as `begin_with`; or a weight is no finite number.
    """
    if (path := stored_at(path)).is_dir():
        shapes = shapes_of_average(path)
    else:
        stored = _on_meta(read_config(path)).state_dict()
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        if shapes != {name: tuple(tensor.shape) for name, tensor in stored.items()}:
            raise ValueError(f"expected the tensors that its config names, got others in {path}; name another as init")
    _check_shapes(_on_meta(config), shapes, path)
    for name, tensor in _weights(path):
        if not (tensor.is_floating_point() and bool(tensor.isfinite().all())):
            raise ValueError(f"expected finite numbers as initial weights, got others as {name} in {path}")


def _on_meta(config: JovaConfig) -> Jova:
    """Returns a model without values."""
    with torch.device("meta"):
        return Jova(config)


def _weights(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Reads the tensors of a stored model, or of the shards of a checkpoint, one after the other."""
    for part in shards_of(path) if path.is_dir() else [path]:
        if part.suffix == ".safetensors":
            with safe_open(part, framework="pt") as file:
                yield from ((name, file.get_tensor(name)) for name in file.keys() if not name.startswith("optimiser/"))  # noqa: SIM118


def _check_shapes(model: Jova, shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raises ValueError unless weights have a model's shapes, but for the condition on audio of a model that edits."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if model.config.editing and shapes.get(AUDIO_IN) == (model.config.width, model.config.audio_channels):
        shapes = {**shapes, AUDIO_IN: wanted[AUDIO_IN]}
    names = [name for name in shapes.keys() | wanted.keys() if shapes.get(name) != wanted.get(name)]
    if names == [AUDIO_IN] and not model.config.editing:
        raise ValueError(
            f"expected initial weights of a model that makes whole clips, got one that edits in {path}; train it with "
            "an edit share above 0, or name another as init"
        )
    if names:
        raise ValueError(
            f"expected initial weights with the model's shapes, got others in {path}: {len(names)} of its tensors, "
            f"such as {min(names)}, differ; name a model of the same preset as init"
        )
