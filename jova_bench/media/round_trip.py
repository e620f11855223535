"""Sends pictures or sound through a lossy codec and back; nothing moves in time."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jova_bench.arrays import Audio, Frames
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.editing import fit
from jova_bench.media.encode import PictureCodec

if TYPE_CHECKING:
    from av.container import OutputContainer


def h264(frames: Frames, fps: Fraction, crf: int) -> Frames:
    """Returns (T, H, W, 3) frames as x264 keeps them at a quantiser; an odd edge is repeated while it is encoded."""
    height, width = frames.shape[1:3]
    even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    with tempfile.TemporaryDirectory(prefix="jova-bench-") as folder:
        path = Path(folder) / "clip.mp4"
        media.write(path, even, fps, None, 0, codec=PictureCodec(options={"crf": str(crf)}))
        found = media.read(path).frames
    if found is None or found.shape != even.shape:
        raise BenchError(f"expected {even.shape} frames back from the codec, got {getattr(found, 'shape', None)}")
    return found[:, :height, :width]


def aac(audio: Audio, rate_hz: int, bits_per_s: int) -> Audio:
    """Returns (1 or 2, N) sound as AAC keeps it at a bit rate; its delay is taken away, its end cut to N.

    Raises:
        BenchError: AAC knows no such rate or number of channels.
    """
    import av

    if len(audio) > 2:
        raise BenchError(f"expected one or two channels for AAC, got {len(audio)}")
    with tempfile.TemporaryDirectory(prefix="jova-bench-") as folder:
        path = Path(folder) / "clip.mp4"
        try:
            with av.open(str(path), "w", format="mp4") as container:
                _encode(container, audio, rate_hz, bits_per_s)
        except (av.error.FFmpegError, ValueError) as error:
            raise BenchError(f"cannot encode sound of {rate_hz} Hz as AAC: {error}") from error
        found = media.read(path).audio
    if found is None or len(found) != len(audio):
        raise BenchError(f"expected {len(audio)} channels back from AAC, got {0 if found is None else len(found)}")
    return fit(found, audio.shape[1])


def _encode(container: OutputContainer, audio: Audio, rate_hz: int, bits_per_s: int) -> None:
    import av

    places = ("mono", "stereo")[len(audio) - 1]
    stream: Any = container.add_stream("aac", rate=rate_hz, layout=places)
    stream.bit_rate = bits_per_s
    whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio), format="fltp", layout=places)
    whole.sample_rate, whole.pts, whole.time_base = rate_hz, 0, Fraction(1, rate_hz)
    blocks = av.AudioResampler("fltp", places, rate_hz, 1024)
    for block in (*blocks.resample(whole), *blocks.resample(None)):
        container.mux(stream.encode(block))
    container.mux(stream.encode())
