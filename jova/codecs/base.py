"""Interfaces of the codecs, and the file format of weights.

The interface fits pretrained causal video autoencoders. A clip has 1 + s k frames; latent 0 encodes frame 0 alone, so
that an image is a clip of one frame and a reference image is encoded by the same call; latent i covers frames
s(i-1) + 1 .. s i. What a latent or a token covers in seconds is `jova.timeline`.

Letters: B clips, T frames, H x W pixels, F latent frames, h x w cells, N samples, A audio tokens, C channels.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from jova.files import atomic_path
from jova.timeline import Stream

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the shipped checkpoints."""

ConfigT = TypeVar("ConfigT")


class Codec(Protocol):
    """Encodes media to normalised latents (mean 0, standard deviation 1) and decodes them."""

    @property
    def channels(self) -> int:
        """C, size of the last axis of a latent."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides the latents of a clip: latents of another codec are of no use."""
        ...

    def encode(self, media: Tensor) -> Tensor:
        """Encodes media to latents."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Decodes latents to media."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """Moves the codec to a device."""
        ...


class PictureCodec(Codec, Protocol):
    """Encodes frames (B, 1 + s k, H, W, 3) uint8 to latents (B, 1 + k, H / p, W / p, C), and decodes them to frames.

    Its errors are ValueErrors for lengths that are not 1 + s k, and for sides that are not multiples of p.
    """

    @property
    def frames_per_latent(self) -> int:
        """s, temporal stride."""
        ...

    @property
    def pixels_per_cell(self) -> int:
        """p, spatial stride: pixels along each side of a latent cell."""
        ...


class SoundCodec(Codec, Protocol):
    """Encodes samples (B, N) float32 to tokens (B, A, C), and decodes them to samples (B, N'), N' at least N.

    A is the smallest number of tokens that covers N samples; silence follows them.
    """

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        ...

    @property
    def stream(self) -> Stream:
        """Rate and temporal stride of the tokens."""
        ...


@runtime_checkable
class FiltersGenerated(Protocol):
    """A picture codec that improves generated latents before it decodes them."""

    def wiener_filter(self, latents: Tensor) -> Tensor:
        """Returns latents of the same shape with less of a generative model's error."""
        ...


@runtime_checkable
class OfOneSize(Protocol):
    """A picture codec that was fitted to pictures of one size."""

    @property
    def picture_size(self) -> tuple[int, int]:
        """H and W of every frame, in pixels."""
        ...


@runtime_checkable
class TilesDecoding(Protocol):
    """A picture codec that can decode in overlapping tiles, which takes less memory."""

    def enable_tiling(self) -> None:
        """Decodes in tiles from now on."""
        ...


def filter_generated(codec: PictureCodec, latents: Tensor) -> Tensor:
    """Returns generated latents as they are to be decoded: filtered, where the codec has a filter for them."""
    return codec.wiener_filter(latents) if isinstance(codec, FiltersGenerated) else latents


def digest_of_tensors(tensors: Iterable[Tensor]) -> str:
    """Returns the sha256 of the shapes and values of tensors."""
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(repr((tuple(tensor.shape), str(tensor.dtype))).encode())
        total.update(tensor.cpu().contiguous().numpy().data)
    return total.hexdigest()


MADE_BY = "made-by-"
"""Beginning of the names in a model's metadata under which fingerprints stand."""


def save_weights(
    path: Path, tensors: dict[str, Tensor], config: Any, kind: str, made_by: Mapping[str, str] | None = None
) -> None:
    """Writes tensors and their config to one safetensors file, atomically.

    Args:
        path: file to write.
        tensors: to store, in the dtypes to store.
        config: a dataclass of plain values, stored as JSON in the metadata.
        kind: name and version of the format, e.g. "jova-video-codec@1".
        made_by: fingerprints of what made a model's examples, by name.
    """
    metadata = {"format": kind, "config": json.dumps(dataclasses.asdict(config), sort_keys=True, default=str)}
    metadata |= {f"{MADE_BY}{name}": fingerprint for name, fingerprint in (made_by or {}).items()}
    with atomic_path(path) as unfinished:
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, unfinished, metadata)


def load_made_by(path: Path) -> dict[str, str]:
    """Reads the fingerprints that `save_weights` wrote, by name; none where it was given none."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    return {name.removeprefix(MADE_BY): value for name, value in metadata.items() if name.startswith(MADE_BY)}


def load_config(path: Path, kinds: str | Sequence[str], make_config: Callable[..., ConfigT]) -> ConfigT:
    """Reads the config alone of a file written by `save_weights`; errors are those of `load_weights`."""
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if not path.is_file():
        raise FileNotFoundError(f"expected a checkpoint at {path}, got no file; train it with python -m jova.train")
    wanted = f"a {' or '.join(kinds)} file"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"expected {wanted}, got a damaged one in {path} ({error}); copy or train it again") from error
    if metadata.get("format") not in kinds:
        raise ValueError(f"expected {wanted}, got {metadata.get('format', 'no format')!r} in {path}")
    try:
        return make_config(**json.loads(metadata["config"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"expected the config of {wanted}, got another in {path}: {error}") from error


def load_weights(
    path: Path, kinds: str | Sequence[str], make_config: Callable[..., ConfigT], infinite: Collection[str] = ()
) -> tuple[ConfigT, dict[str, Tensor]]:
    """Reads a file that `save_weights` wrote, of one of `kinds`; converts tensors to float32.

    Args:
        path: of the file.
        kinds: formats that are read.
        make_config: makes the config of its fields.
        infinite: names of tensors that may be infinite.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has another format, or a weight is no finite number.
    """
    config = load_config(path, kinds, make_config)
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key).to(torch.float32) for key in file.keys()}  # noqa: SIM118
    check_finite({name: tensor for name, tensor in tensors.items() if name not in infinite}, path)
    return config, tensors


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises ValueError if a weight is no finite number: a clip hides what it becomes."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise ValueError(
                f"expected finite numbers as weights, got others as {name} in {path}; copy or train it again"
            )


def fill(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Puts the tensors of a file into a network. Raises ValueError where they are those of another one."""
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        what = " ".join(str(error).split())
        raise ValueError(f"expected the tensors that its config names, got others in {path}: {what}") from error
