"""Finds when there is speech, by Silero VAD, whose network comes with its package."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from jova_bench.arrays import Audio
from jova_bench.assets.packaged import package_folder
from jova_bench.data.scan import HOW
from jova_bench.digests import file_digest, shortened
from jova_bench.errors import Unavailable
from jova_bench.metrics.signal.audio import RATE_HZ

LEAST = 0.1
"""Share of a clip in which speech must be heard."""
Stretches = tuple[tuple[float, float], ...]
"""Start and end of each stretch of speech, s."""


def missing() -> str | None:
    """Returns how to install what it needs; None if it is there."""
    return None if find_spec("silero_vad") and find_spec("onnxruntime") else HOW


@cache
def by() -> str:
    """Returns name, version and digest of the network, for the manifest. Raises Unavailable without it."""
    folder = package_folder("silero_vad")
    if folder is None or missing():
        raise Unavailable(HOW)
    return f"silero-vad {version('silero-vad')} [{shortened(file_digest(folder / 'data' / 'silero_vad.onnx'))}]"


def stretches(audio: Audio) -> Stretches:
    """Returns the stretches of speech in (N,) samples at 16 kHz. Raises Unavailable without the package."""
    if why_not := missing():
        raise Unavailable(why_not)
    import torch
    from silero_vad import get_speech_timestamps

    sound = torch.from_numpy(audio)
    found = get_speech_timestamps(sound, _network(), sampling_rate=RATE_HZ, return_seconds=True, time_resolution=3)
    return tuple((float(one["start"]), float(one["end"])) for one in found)


@cache
def _network() -> Any:
    import torch
    from silero_vad import load_silero_vad

    threads = torch.get_num_threads()
    try:
        return load_silero_vad(onnx=True)
    finally:
        torch.set_num_threads(threads)  # Its module sets it for the whole process.
