"""Interface of the codecs, and the file format of weights.

The interface fits pretrained causal video autoencoders. A clip has 1 + 4k frames; latent 0 encodes frame 0 alone, so
that an image is a clip of one frame and a reference image is encoded by the same call; latent i covers frames 4i-3 ..
4i.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from jova.files import atomic_path

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the shipped checkpoints."""

ConfigT = TypeVar("ConfigT")


class Codec(Protocol):
    """Encodes media to normalised latents (mean 0, standard deviation 1) and decodes them."""

    @property
    def channels(self) -> int:
        """C, size of the last axis of a latent."""
        ...

    def encode(self, media: Tensor) -> Tensor:
        """Encodes video (B, T, H, W, 3) uint8 to (B, 1 + k, h, w, C), or audio (B, N) float32 to (B, A, C)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Decodes latents to media of the type and length that `encode` takes."""
        ...


def save_weights(path: Path, tensors: dict[str, Tensor], config: Any, kind: str) -> None:
    """Writes tensors and their config to one safetensors file, atomically.

    Args:
        path: file to write.
        tensors: to store, in the dtypes to store.
        config: a dataclass of plain values, stored as JSON in the metadata.
        kind: name and version of the format, e.g. "jova-video-codec@1".
    """
    metadata = {"format": kind, "config": json.dumps(dataclasses.asdict(config), sort_keys=True)}
    with atomic_path(path) as unfinished:
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, unfinished, metadata)


def load_config(path: Path, kind: str, make_config: Callable[..., ConfigT]) -> ConfigT:
    """Reads the config alone of a file written by `save_weights`; errors are those of `load_weights`."""
    if not path.is_file():
        raise FileNotFoundError(f"expected a checkpoint at {path}, got no file; train it with python -m jova.train")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != kind:
            raise ValueError(f"expected a {kind} file, got {metadata.get('format', 'no format')!r} in {path}")
    return make_config(**json.loads(metadata["config"]))


def load_weights(path: Path, kind: str, make_config: Callable[..., ConfigT]) -> tuple[ConfigT, dict[str, Tensor]]:
    """Reads a file written by `save_weights`; converts tensors to float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has another format.
    """
    config = load_config(path, kind, make_config)
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key).to(torch.float32) for key in file.keys()}  # noqa: SIM118
    return config, tensors
