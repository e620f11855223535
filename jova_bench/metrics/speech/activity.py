"""Finds when there is speech, by Silero VAD (MIT), whose package runs its networks and carries the newest."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from jova_bench.arrays import Arrays, Audio
from jova_bench.assets.packaged import package_folder, verified
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.digests import shortened
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.signal.audio import RATE_HZ, audio_digest

HOW = "not installed: pip install 'jova-bench[face-mediapipe]'"
NEWEST = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
"""sha256 of the network in the packages 6.2.0 to 6.2.3."""
Stretches = tuple[tuple[float, float], ...]
"""Start and end of each stretch of speech, s."""


def missing() -> str | None:
    """Returns how to install the package and its runtime; None if they are there."""
    return None if find_spec("silero_vad") and find_spec("onnxruntime") else HOW


def packaged() -> Path:
    """Returns the network inside the package. Raises Unavailable without the package."""
    folder = package_folder("silero_vad")
    if folder is None or missing():
        raise Unavailable(HOW)
    return folder / "data" / "silero_vad.onnx"


def speech(audio: Audio, cache: FeatureCache) -> Stretches:
    """Returns the stretches of speech in (N,) samples at 16 kHz by the `NEWEST` network. Raises Unavailable."""

    def compute() -> Arrays:
        network = verified(packaged(), NEWEST, "pip install 'silero-vad>=6.2,<6.3'")
        return {"s": np.array(stretches(audio, network), dtype=np.float64).reshape(-1, 2)}

    kept = cache.get(audio_digest(audio), CacheKey("silero-vad", 1, shortened(NEWEST)), compute)
    return tuple((float(start), float(stop)) for start, stop in kept["s"])


def at_least(audio: Audio, cache: FeatureCache, least_s: float) -> Stretches:
    """Returns the `speech` in (N,) samples at 16 kHz. Raises Undefined where it is shorter in all; Unavailable."""
    found = speech(audio, cache)
    spoken_s = sum(stop - start for start, stop in found)
    if spoken_s < least_s:
        raise Undefined(f"speech for {spoken_s:.1f} s, at least {least_s:g} s needed")
    return found


def stretches(audio: Audio, network: Path, decimals: int = 3) -> Stretches:
    """Returns the stretches of speech in (N,) samples at 16 kHz, by one of Silero's networks, on the CPU.

    Args:
        audio: what is heard.
        network: an ONNX file of the package's version 5 or 6.
        decimals: of a second, to which times are rounded.

    Raises:
        Unavailable: the package is not installed.
    """
    if why_not := missing():
        raise Unavailable(why_not)
    import torch

    threads = torch.get_num_threads()
    try:
        from silero_vad import get_speech_timestamps
    finally:
        torch.set_num_threads(threads)  # The package sets it for the whole process.
    sound, net = torch.from_numpy(audio), _loaded(network)
    found = get_speech_timestamps(sound, net, sampling_rate=RATE_HZ, return_seconds=True, time_resolution=decimals)
    return tuple((float(one["start"]), float(one["end"])) for one in found)


@cache
def _loaded(network: Path) -> Any:
    from silero_vad.utils_vad import OnnxWrapper

    return OnnxWrapper(str(network), force_onnx_cpu=True)
