"""Checks the streams of a clip: arrays, rates and loudness."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Real

import numpy as np

from jova_bench.arrays import Audio, Frames
from jova_bench.errors import BenchError
from jova_bench.media import channels
from jova_bench.media.limits import HIGHEST_HZ, LOWEST_HZ

LOUDEST = 100.0
"""Forty decibels above full scale: not floating-point audio, but integers taken for it."""


def check_streams(
    frames: Frames | None, fps: Fraction, audio: Audio | None, sample_rate_hz: int, layout: channels.Layout = ()
) -> None:
    """Raises BenchError unless the streams, where there are any, are what the fields of `Clip` say."""
    if frames is not None and not (
        isinstance(frames, np.ndarray)
        and frames.dtype == np.uint8
        and frames.ndim == 4
        and frames.shape[3] == 3
        and 0 not in frames.shape
        and isinstance(fps, Real)
        and 0 < fps < math.inf
    ):
        raise BenchError(f"expected (T, H, W, 3) uint8 at fps > 0, got {form_of(frames)} at {fps}{_advice(frames)}")
    if audio is None:
        return
    if not (
        isinstance(audio, np.ndarray) and audio.dtype == np.float32 and audio.ndim == 2 and _is_whole(sample_rate_hz)
    ):
        got = f"{form_of(audio)} at {sample_rate_hz} Hz"
        raise BenchError(f"expected (channels, N) float32 at a whole rate > 0, got {got}")
    if not LOWEST_HZ <= sample_rate_hz <= HIGHEST_HZ:
        raise BenchError(f"expected sound of {LOWEST_HZ} to {HIGHEST_HZ} Hz, got {sample_rate_hz} Hz")
    peak = max(float(audio.max()), -float(audio.min())) if audio.size else 0.0
    if not np.isfinite(peak):
        raise BenchError("expected finite audio samples, got NaN or infinity; check the code that made them")
    if peak > LOUDEST:
        advice = "divide whole numbers by their full scale: 32768 for 16 bits"
        raise BenchError(f"expected audio in [-1, 1], got a peak of {peak:g}; {advice}")
    if layout and len(layout) != len(audio):
        raise BenchError(f"expected a speaker position for each of {len(audio)} channels, got {', '.join(layout)}")


def form_of(array: object) -> str:
    """Formats shape and type of an array, or the type of anything else."""
    return f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__


def _advice(frames: object) -> str:
    """Returns how frames of another type or order of axes become ours; empty where nothing is known."""
    todo = []
    if not isinstance(frames, np.ndarray):
        return "; of a tensor `.numpy()`"
    if frames.ndim == 5:
        todo.append("give one clip of the batch at a time")
    elif frames.ndim == 4 and frames.shape[3] != 3 and frames.shape[1] == 3:
        todo.append("put the channels last: `.transpose(0, 2, 3, 1)`, of a tensor `.permute(0, 2, 3, 1)`")
    if frames.dtype.kind == "f" and frames.size:
        scaled = "x" if frames.max() > 1 else "((x + 1) * 127.5)" if frames.min() < 0 else "(x * 255)"
        todo.append(f"make whole numbers of 0 to 255: `{scaled}.round().astype('uint8')`, of a tensor `.byte()`")
    return "".join(f"; {one}" for one in todo)


def _is_whole(rate: object) -> bool:
    return isinstance(rate, Real) and float(rate) > 0 and float(rate).is_integer()
