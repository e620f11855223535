"""What JoVA asks of a codec, and how codecs are stored.

The interface is the one pretrained causal video autoencoders fit. A clip has 1 + 4k frames; latent 0 is made
from frame 0 alone, so an image is a clip of one frame and a reference image is encoded by the same call;
latent i covers frames 4i-3 .. 4i.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
"""Where the shipped checkpoints lie."""

ConfigT = TypeVar("ConfigT")


class Codec(Protocol):
    """Media to normalised latents and back; latents have mean 0 and standard deviation 1."""

    @property
    def channels(self) -> int:
        """Size of the last axis of a latent."""
        ...

    def encode(self, media: Tensor) -> Tensor:
        """Video (B, T, H, W, 3) uint8 -> (B, 1 + k, h, w, C); audio (B, N) float32 -> (B, J, C)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """The inverse, as far as there is one; same types and lengths as went in."""
        ...


def save_weights(path: Path, tensors: dict[str, Tensor], config: Any, kind: str) -> None:
    """Write tensors and their frozen dataclass config as one safetensors file, by rename.

    Args:
        path: File to write.
        tensors: What to store, in the types to store.
        config: A dataclass of plain values.
        kind: Name and version of the format, e.g. "jova-video-codec@1".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"format": kind, "config": json.dumps(dataclasses.asdict(config), sort_keys=True)}
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(descriptor)
    try:
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, name, metadata)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def load_weights(path: Path, kind: str, make_config: Callable[..., ConfigT]) -> tuple[ConfigT, dict[str, Tensor]]:
    """Read a file of `save_weights`; tensors come back as float32.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is of another kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected a checkpoint at {path}, got nothing; train it with python -m jova.train")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != kind:
            raise ValueError(f"expected a {kind} file, got {metadata.get('format', 'no format')!r} in {path}")
        tensors = {key: file.get_tensor(key).to(torch.float32) for key in file.keys()}  # noqa: SIM118
    return make_config(**json.loads(metadata["config"])), tensors
