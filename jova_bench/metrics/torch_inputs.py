"""Converts a training loop's data to clips: tensors or arrays, one clip or a batch, audio of any usual sample type."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jova_bench.arrays import FloatArray
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.distances.features import numpy_of
from jova_bench.records import Timing

Array = Tensor | np.ndarray[Any, Any]


def features_of_states(values: list[Tensor] | Tensor, shapes: list[Tensor] | Tensor) -> list[FloatArray]:
    """Returns the (d,) or (p, d) features of each clip, from states before a sync (lists) or after it (tensors)."""
    line, sizes = _line(values), _line(shapes).astype(int).reshape(-1, 2)
    found, start = [], 0
    for vectors, dimensions in sizes:
        count = max(vectors, 1) * dimensions
        one = line[start : start + count]
        found.append(one.reshape(vectors, dimensions) if vectors else one)
        start += count
    return found


def _line(state: list[Tensor] | Tensor) -> FloatArray:
    if isinstance(state, list):
        state = torch.cat(state) if state else torch.zeros(0)
    return numpy_of(state)


def batch_of(frames: Array | None, audio: Array | None) -> list[tuple[Array | None, Array | None]]:
    """Splits a batch into its clips; arrays without a batch axis are one clip."""
    for name, one in (("frames", frames), ("audio", audio)):
        if one is not None and not hasattr(one, "ndim"):
            raise BenchError(f"expected {name} as a tensor or an array, got {type(one).__name__}; use numpy.stack")
    batched = [one for one, axes in ((frames, 5), (audio, 3)) if one is not None and one.ndim == axes]
    if not batched:
        return [(frames, audio)]
    if any(one is not None and not any(one is other for other in batched) for one in (frames, audio)):
        raise BenchError("expected frames and audio that both have a batch axis, got it in one of them")
    if len({len(one) for one in batched}) > 1:
        raise BenchError(f"expected as many pictures as sounds, got {len(batched[0])} and {len(batched[1])}")
    return [
        (None if frames is None else frames[i], None if audio is None else audio[i]) for i in range(len(batched[0]))
    ]


def check_flag(name: str, value: object) -> None:
    """Raises BenchError for what is neither True nor False."""
    if not isinstance(value, bool):
        raise BenchError(f"expected {name}= True or False, got {shown(value)}")


FULL_SCALE = {"uint8": 128, "int8": 128, "int16": 32_768, "int32": 2_147_483_648}
"""Full scale of integer types; the unsigned one has silence in the middle."""


def clip_of(
    frames: Array | None, audio: Array | None, fps: Fraction | float | None, rate_hz: int | None, timing: Timing
) -> Clip:
    """Builds a clip.

    Args:
        frames: (T, H, W, 3) uint8 RGB, or None.
        audio: (N,) or (channels, N), in [-1, 1] or whole numbers of 8, 16 or 32 bits, or None.
        fps: frames per second; None without frames.
        rate_hz: samples per second; None without audio.
        timing: how the clip relates in time to its reference.

    Raises:
        BenchError: a rate is missing, or an array has another shape or type.
    """
    fps, rate_hz = _rate("fps", "frames", frames, fps), _rate("sample_rate_hz", "audio", audio, rate_hz)
    return clip_from_arrays(
        None if frames is None else np.ascontiguousarray(numpy_of(frames)),
        Fraction(fps or 0).limit_denominator(1001),
        None if audio is None else _samples(numpy_of(audio)),
        rate_hz or 0,
        timing=timing,
    )


def _rate(name: str, of: str, given: Array | None, rate: Any) -> Any:
    """Converts a rate to a Python number (loaders give numpy's and torch's, too) and checks that it is above 0."""
    if isinstance(rate, np.generic) or (isinstance(rate, Tensor) and rate.numel() == 1):
        rate = rate.item()
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, (int, float, Fraction))):
        raise BenchError(f"expected {name}= of the {of} as a number, got {shown(rate)}")
    if given is not None and (rate is None or not 0 < rate < float("inf")):
        raise BenchError(f"expected {name}= of the {of}, above 0, got {rate}; give the rate of the data")
    return rate


def _samples(audio: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Converts (N,) or (channels, N) samples of any usual type to (channels, N) float32 in [-1, 1]."""
    if audio.ndim not in (1, 2):
        raise BenchError(f"expected audio of (N,) or (channels, N), got {audio.shape}")
    audio = np.atleast_2d(audio)
    if len(audio) > audio.shape[1] > 0:
        raise BenchError(
            f"expected audio of (channels, N), got {audio.shape}: more channels than samples; transpose it (`audio.T`)"
        )
    kind = audio.dtype.name
    if kind in FULL_SCALE:
        silence = FULL_SCALE[kind] if kind.startswith("u") else 0
        audio = (audio.astype(np.float64) - silence) / FULL_SCALE[kind]
    elif audio.dtype.kind != "f":
        raise BenchError(f"expected audio in floating point or {', '.join(FULL_SCALE)}, got {kind}")
    return np.ascontiguousarray(audio, dtype=np.float32)
