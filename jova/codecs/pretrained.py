"""What codecs made of diffusers' networks share: how a network is found, read from disk and checked.

Nothing is fetched from a network, and nothing is unpickled: folders hold `config.json` and safetensors.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jova.codecs.base import check_finite
from jova.extras import imported, in_one_line

NEEDED_BY = "pretrained codecs"

MODULES = {"LTX2Vocoder": "diffusers.pipelines.ltx2.vocoder", "LTX2VocoderWithBWE": "diffusers.pipelines.ltx2.vocoder"}
"""Where classes are that diffusers itself does not export."""


def class_of(folder: Path) -> str | None:
    """Returns the name of the class of diffusers that saved a folder; None if it is no such folder.

    Raises:
        ValueError: its `config.json` is damaged.
    """
    path = folder / "config.json"
    if not path.is_file():
        return None
    try:
        name = json.loads(path.read_text(encoding="utf-8"))["_class_name"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected a JSON object with _class_name in {path}, got {error!r}") from None
    return str(name)


def part_of(folder: Path, name: str, classes: Collection[str]) -> Path | None:
    """Returns where a network of one of some classes is: the folder itself, or its part of that name."""
    return next((path for path in (folder, folder / name) if class_of(path) in classes), None)


def load_network(folder: Path, classes: Collection[str]) -> nn.Module:
    """Reads a network that diffusers saved, in float32, ready for inference.

    Args:
        folder: with `config.json` and weights in safetensors.
        classes: those that may be in it.

    Raises:
        FileNotFoundError: there is no such folder.
        ModuleNotFoundError: diffusers is not installed.
        ValueError: the folder has another network, or weights are missing, unknown, of other shapes, no finite numbers
            or damaged.
    """
    name = class_of(folder)
    wanted = " or ".join(classes)
    if name is None:
        raise FileNotFoundError(f"expected a folder that {wanted} saved, got no config.json in {folder}")
    if name not in classes:
        raise ValueError(f"expected a folder that {wanted} saved, got one of {name} in {folder}")
    network = network_class(name)
    try:
        # Without the information, what is missing would be random.
        with quiet():
            made, info = network.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True, torch_dtype=torch.float32
            )
    except Exception as error:
        # diffusers, safetensors and accelerate have exceptions of their own for damaged files.
        raise ValueError(f"expected the weights of {name} in {folder}, got {in_one_line(error)}") from error
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if keys := info[fault]:
            example = min(str(key) for key in keys)
            raise ValueError(
                f"expected the weights of {name} in {folder}, got {fault.split('_')[0]} tensors: {len(keys)}, "
                f"such as {example}"
            )
    frozen: nn.Module = made.eval().requires_grad_(False)
    check_finite(frozen.state_dict(), folder)
    return frozen


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences what diffusers logs: it is raised, in one line."""
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def settings_of(config: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Returns some fields of a network's config as plain values, for a fingerprint."""
    return {name: list(value) if isinstance(value, tuple) else value for name in names for value in (config[name],)}


def mel_filters(sample_rate_hz: int, window: int, bands: int) -> Tensor:
    """Returns the mel filters that librosa makes by default, (bands, window / 2 + 1) float32.

    Slaney's scale (linear up to 1 kHz, then logarithmic) from 0 to half the sample rate, triangles of unit area.
    """
    audio = imported("transformers.audio_utils", NEEDED_BY)
    filters = audio.mel_filter_bank(
        window // 2 + 1, bands, 0.0, sample_rate_hz / 2, sample_rate_hz, norm="slaney", mel_scale="slaney"
    )
    return torch.from_numpy(filters.T).to(torch.float32).contiguous()


def network_class(name: str) -> Any:
    """Returns a class of diffusers.

    Raises:
        ModuleNotFoundError: diffusers is not installed, or is a version without that class.
    """
    module = imported(MODULES.get(name, "diffusers"), NEEDED_BY)
    try:
        return getattr(module, name)
    except AttributeError:
        raise ModuleNotFoundError(
            f"{NEEDED_BY} need {name}, which this version of diffusers lacks: pip install 'jova-bench[diffusers]'"
        ) from None


def in_own_precision(method: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    """Runs a codec's method without gradients and outside of autocast, whatever the caller is in."""

    @functools.wraps(method)
    def run(codec: Any, given: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(codec.vae.device.type, enabled=False):
            return method(codec, given)

    return run
