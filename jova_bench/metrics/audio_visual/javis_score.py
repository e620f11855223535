"""JavisScore: how well audio and video fit in their worst moments, by ImageBind (JavisDiT, arXiv 2503.23377).

Windows of 2 s move over a clip. In each, the sound is compared with every frame, and the lowest 40 % of the cosines are
averaged; the score is the mean over windows. `clean` moves windows in seconds: frames at 10 per second, windows that
are spread evenly over the time that both streams last, at most 0.5 s apart, all channels used.

JavisBench counts windows of picture in frames and windows of sound in samples, each rounded down: at 15 frames per
second the picture moves by 0.53 s where the sound moves by 0.5 s. Its AVHScore is the mean cosine of all frames with
the whole sound. Neither uses the prompt.

Letters: T frames, N samples, W windows, E size of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio, FloatArray
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.audio_visual.imagebind import (
    RATE_HZ,
    WEIGHTS,
    Embedder,
    channels_16k,
    check_stretch,
    cosine,
    whole_audio,
)
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.signal.audio import mono_16k
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from torch import Tensor

WINDOW_S, HOP_S = 2.0, 0.5
LOWEST = 0.4
"""Share of a window's cosines that counts."""
FPS = 10
"""Frames per second that ours uses: 20 in a window, of which 8 count."""
JAVISBENCH = "javisbench@b505b37"

Span = tuple[int, int]


def spread(frames: int, samples: int) -> list[tuple[Span, Span]]:
    """Returns our windows, of video and audio.

    Args:
        frames: at 10 per second, at least 20.
        samples: at 16 kHz, at least as long.

    Returns:
        Where each window begins and ends in frames, and in samples.
    """
    size, hop, per_frame = round(WINDOW_S * FPS), round(HOP_S * FPS), RATE_HZ // FPS
    last = min(frames, samples // per_frame) - size
    starts = np.linspace(0, last, 1 + -(-last // hop)).round().astype(int)
    return [((s, s + size), (s * per_frame, (s + size) * per_frame)) for s in map(int, starts)]


def javisbench(frames: int, fps: float, samples: int) -> list[tuple[Span, Span]]:
    """Returns JavisBench's windows (dataset.py, `segment_clip_transform`); one when a stream is no longer than that.

    The last window of either stream is moved back to end with it; the longer list is cut.
    """
    size, step = int(WINDOW_S * fps), int(WINDOW_S * fps) - int((WINDOW_S - HOP_S) * fps)
    audio_size, audio_step = int(WINDOW_S * RATE_HZ), int(HOP_S * RATE_HZ)
    if frames <= size or samples <= audio_size:
        return [((0, frames), (0, samples))]
    return list(zip(_moved(frames, size, step), _moved(samples, audio_size, audio_step), strict=False))


def _moved(length: int, size: int, step: int) -> list[Span]:
    """Returns windows from the start until one reaches the end."""
    starts = [min(start, length - size) for start in range(0, length, step)]
    count = next(k for k, start in enumerate(starts) if start + size >= length) + 1
    return [(start, start + size) for start in starts[:count]]


def lowest_mean(cosines: FloatArray, count: int) -> float:
    """Returns the mean of the `count` lowest."""
    return float(np.sort(cosines)[:count].mean())


@dataclass(frozen=True)
class Javis(ClipMetric):
    """JavisScore, ours or JavisBench's, or its AVHScore."""

    spec: MetricSpec
    kind: Literal["clean", "javis", "avh"]
    embedder: Embedder

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.embedder.check()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        return {"clean": self._clean, "javis": self._javisbench, "avh": self._avh}[self.kind](clip, clip.frames)

    def _clean(self, clip: Clip, frames: npt.NDArray[np.uint8]) -> float:
        from jova_bench.metrics.networks.imagebind import inputs
        from jova_bench.metrics.signal.frames import centre, resample_frame_indices, short_side

        wave = mono_16k(clip)[None]
        check_stretch(clip, wave)
        indices = resample_frame_indices(len(frames), clip.fps, Fraction(FPS))
        windows = spread(len(indices), wave.shape[1])

        def show() -> Tensor:
            return centre(short_side(frames, inputs.SIDE, indices), inputs.SIDE)

        spans = [span for _, span in windows]
        seen = self.embedder.encode_video(clip, {"frames": f"{FPS} per second"}, show)
        heard = self.embedder.encode_audio(
            clip,
            {"audio": "windows", "clean": True, "version": 2},
            lambda: inputs.spectrograms(wave, spans, in_place=False),
        )
        count = int(LOWEST * (windows[0][0][1] - windows[0][0][0]))
        return self._worst(seen, heard, windows, count)

    def _javisbench(self, clip: Clip, frames: npt.NDArray[np.uint8]) -> float:
        from jova_bench.metrics.networks.imagebind import inputs

        wave = channels_16k(clip)
        windows = javisbench(len(frames), float(clip.fps), wave.shape[1])
        count = int(LOWEST * (windows[0][0][1] - windows[0][0][0]))
        if not count:
            raise Undefined("fewer than 3 frames in a window: the bench takes the mean of none")
        if len(windows) == 1 and windows[0][1] == (0, wave.shape[1]):
            heard = self._whole_sound(clip, wave).mean(axis=0, keepdims=True)
        else:
            spans = [span for _, span in windows]
            heard = self.embedder.encode_audio(
                clip, {"audio": "windows", "clean": False}, lambda: inputs.spectrograms(wave, spans, in_place=True)
            )
        return self._worst(self._every_frame(clip, frames), heard, windows, count)

    def _avh(self, clip: Clip, frames: npt.NDArray[np.uint8]) -> float:
        heard = self._whole_sound(clip, channels_16k(clip)).mean(axis=0)
        return float(cosine(self._every_frame(clip, frames), heard).mean())

    def _whole_sound(self, clip: Clip, wave: Audio) -> FloatArray:
        from jova_bench.metrics.networks.imagebind import inputs

        def play() -> Tensor:
            return inputs.spectrograms(wave, inputs.spans(wave.shape[1]), in_place=True)

        return self.embedder.encode_audio(clip, whole_audio(clean=False, version=1, mono=False), play)

    def _every_frame(self, clip: Clip, frames: npt.NDArray[np.uint8]) -> FloatArray:
        def show() -> Tensor:
            import torch

            from jova_bench.metrics.networks.imagebind import inputs
            from jova_bench.metrics.signal.pillow_resize import bicubic_crop

            pictures = np.stack([bicubic_crop(frame, inputs.SIDE) for frame in frames])
            return torch.from_numpy(pictures).permute(0, 3, 1, 2)

        return self.embedder.encode_video(clip, {"frames": "all"}, show)

    @staticmethod
    def _worst(seen: FloatArray, heard: FloatArray, windows: list[tuple[Span, Span]], count: int) -> float:
        means = [
            lowest_mean(cosine(seen[start:end], sound), count)
            for ((start, end), _), sound in zip(windows, heard, strict=True)
        ]
        return float(np.mean(means))


def javis_score(context: MetricContext, variant: str) -> Javis:
    """Builds JavisScore: ours, or JavisBench's."""
    if variant == "clean":
        text = "ImageBind's cosines of sound and frames in windows of 2 s: mean of the lowest 40 %, mean over windows"
        return _metric("javis_score", "clean", "clean", text, {"frames_per_s": FPS}, context)
    text = "the same of every frame, windows counted in frames and in samples, the first channel"
    return _metric("javis_score", "javis", JAVISBENCH, text, {}, context)


def avh_score(context: MetricContext, variant: str) -> Javis:
    """Builds AVHScore of JavisBench."""
    text = "mean cosine of ImageBind's vectors of each frame and of the whole sound; the first channel"
    return _metric("avh_score", "avh", JAVISBENCH, text, {}, context)


def _metric(
    name: str,
    kind: Literal["clean", "javis", "avh"],
    protocol: str,
    text: str,
    params: dict[str, int],
    context: MetricContext,
) -> Javis:
    spec = MetricSpec(
        name=name,
        version=2 if kind == "clean" else 1,  # Version 1 of ours resampled with a short filter.
        profile="standard",
        backend="imagebind",
        protocol=protocol,
        weights=context.assets.digest(WEIGHTS),
        params=params,
        unit="cosine",
        direction="up",
        needs=("video", "audio"),
        domain="clips of at least 2 s in which what is seen can be heard",
        description=text,
        source="Liu et al. 2025, arXiv 2503.23377; JavisDiT eval/javisbench/src/metrics.py `calc_av_score`",
    )
    return Javis(spec, kind, Embedder(context))
