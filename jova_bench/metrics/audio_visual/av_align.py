"""AV-Align: the share of a clip's audio onsets that coincide with a peak of motion in the video (TempoTokens).

Onsets of the sound and peaks of the optical flow are matched when they are less than a frame apart; the value is
matches / (onsets + peaks - matches). Yariv et al. 2023, arXiv 2309.16429, section 4.2.

Ours measures every clip alike. The picture is scaled to 256 pixels, and speed is in picture sides per second, so that
a peak must move as much at any size and frame rate; a match is less than 40 ms apart, a frame of 25 fps; the sound is
analysed at 22,050 Hz; the edges of a clip are no onsets, silence has none, and only the time that both streams last
counts. Every onset matches one peak at most and the other way round.

It is a weak measure: four real talking heads of 5 s have 0.24 with their own sound and 0.18 with that of the others.
JavisBench and MOVA resample with ffmpeg's filter, which moves an onset by a frame now and then.

Letters: T frames, K onsets of sound, V peaks of motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray, Frames
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.audio_visual.onsets import Edges, onset_times_s
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.signal.audio import audio_digest, is_silent, mono_16k, resample
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

SIDE = 256
"""Pixels of the shorter side, in which ours looks for motion."""
MIN_SPEED = 0.01
"""Sides per second: the 0.1 pixels per frame of the original at 25 fps and 256 pixels."""
TOLERANCE_S = 0.04
MIN_FRAMES = 3
"""Least number of frames: with fewer none lies between two others to be a peak."""


@dataclass(frozen=True)
class AvAlignVariant:
    """How a bench prepares and counts; None where ours measures every clip alike."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    rate_hz: int | None = None
    """Rate to which the audio is resampled; None for its own."""
    min_pixels: float = 0.0
    """Mean flow, in pixels per frame, that a peak must have."""
    one_to_one: bool = True
    """Several onsets may not match the same peak of motion."""
    nothing: float | None = None
    """The value of a clip in which nothing begins and nothing moves; None for undefined."""
    extra: float = 0.0
    """Added to the denominator."""
    says: str = ""
    """Description in `ls metrics`."""


VARIANTS = {
    protocol.name.partition("@")[0]: protocol
    for protocol in (
        AvAlignVariant(
            "clean",
            rate_hz=22_050,
            says="onsets of sound that fall on a peak of motion, within 40 ms, one to one: matches / union; "
            "undefined where no sound begins or nothing moves",
        ),
        AvAlignVariant(
            "tempotokens@bf0b1e3",
            rate_hz=22_050,
            min_pixels=0.1,
            says="the original: pictures as they are, within a frame; a clip that begins loud has an onset there",
        ),
        AvAlignVariant(
            "javisbench@b505b37",
            one_to_one=False,
            nothing=0.0,
            extra=1e-6,
            says="several onsets may match one peak; the least motion is a peak; onsets depend on the sampling rate",
        ),
        AvAlignVariant(
            "mova@595a976",
            rate_hz=44_100,
            min_pixels=0.1,
            nothing=0.0,
            says="the original at 44.1 kHz; without onsets and peaks 0; its zeros for failures are undefined here",
        ),
    )
}
"""Ours, and those of guyyariv/TempoTokens (av_align.py), JavisBench (JavisDiT eval/javisbench/src/av_align.py) and MOVA
(evaluation/metrics/av_quality/av_align_score.py)."""


def matches(sounds: FloatArray, motions: FloatArray, tolerance: float, one_to_one: bool) -> int:
    """Counts the onsets that have a peak of motion less than a tolerance away.

    One to one, each takes the first peak that is free; of ascending times on a line no assignment matches more.

    Args:
        sounds: (K,) ascending times.
        motions: (V,) ascending times.
        tolerance: in the same unit, exclusive.
        one_to_one: a peak may be taken once.
    """
    count, free = 0, list(motions)
    for sound in sounds:
        near = [k for k, motion in enumerate(free) if motion - tolerance < sound < motion + tolerance]
        if near:
            count += 1
            if one_to_one:
                del free[near[0]]
    return count


def local_peaks(speed: FloatArray, least: float) -> npt.NDArray[np.int64]:
    """Returns the indices of (T,) values that are larger than both neighbours, and at least `least`."""
    inner = speed[1:-1]
    return 1 + np.flatnonzero((inner > speed[:-2]) & (inner > speed[2:]) & (inner >= least))


def flow(frames: Frames, side: int | None) -> FloatArray:
    """Returns the (T,) mean length of Farneback's optical flow into each frame, in px; the first value stands twice.

    Args:
        frames: (T, H, W, 3) uint8 RGB, T > 1.
        side: pixels to which the shorter side is scaled; None for frames as they are.
    """
    cv2 = opencv.cv2()
    if side is not None:
        from jova_bench.metrics.signal.frames import short_side

        frames = np.ascontiguousarray(short_side(frames, side).permute(0, 2, 3, 1).numpy())
    grey = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    lengths = []
    for before, after in pairwise(grey):
        moved = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        lengths.append(cv2.mean(cv2.magnitude(moved[..., 0], moved[..., 1]))[0])
    return np.array([lengths[0], *lengths])


@dataclass(frozen=True)
class AvAlign(ClipMetric):
    """The overlap of a clip's onsets and peaks as one protocol counts it."""

    spec: MetricSpec
    protocol: AvAlignVariant
    cache: FeatureCache

    def check(self) -> str | None:
        """Returns that OpenCV is missing; None if it is not."""
        return opencv.missing()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        if clip.frames is None:
            raise Undefined("no video stream")
        if len(clip.frames) < MIN_FRAMES:
            raise Undefined(f"too short: {len(clip.frames)} frames, {MIN_FRAMES} needed")
        sounds = self._onsets_s(clip)
        if reason := self.check():
            raise Unavailable(reason)
        frames, fps = clip.frames, float(clip.fps)
        clean = self.protocol.name == "clean"
        side = SIDE if clean else None
        key = CacheKey("farneback", 1, params={"side": str(side)})
        lengths = self.cache.get(clip.digest, key, lambda: {"flow": flow(frames, side)})["flow"]
        least = MIN_SPEED * SIDE / fps if clean else self.protocol.min_pixels
        motions = local_peaks(np.asarray(lengths, dtype=np.float64), least) / fps
        tolerance = TOLERANCE_S if clean else 1 / fps
        if clean:
            assert clip.audio is not None
            common_s = min(len(frames) / fps, clip.audio.shape[1] / clip.sample_rate_hz)
            sounds, motions = sounds[sounds < common_s], motions[motions < common_s]
            if not len(sounds) or not len(motions):
                raise Undefined("no sound begins" if len(motions) else "nothing moves")
        both = len(sounds) + len(motions)
        if not both:
            if self.protocol.nothing is None:
                raise Undefined("no sound begins and nothing moves")
            return self.protocol.nothing
        found = matches(sounds, motions, tolerance, self.protocol.one_to_one)
        return found / (both - found + self.protocol.extra)

    def _onsets_s(self, clip: Clip) -> FloatArray:
        """Returns (K,) onsets in seconds."""
        clean = self.protocol.name == "clean"
        if clean and is_silent(mono_16k(clip)):
            return np.zeros(0)
        rate_hz = self.protocol.rate_hz or clip.sample_rate_hz
        audio = resample(clip.mono(), clip.sample_rate_hz, rate_hz)
        edges: Edges = "inside" if clean else "silent"
        key = CacheKey("onsets", 1, params={"rate_hz": rate_hz, "edges": edges})
        stored = self.cache.get(audio_digest(audio), key, lambda: {"times_s": onset_times_s(audio, rate_hz, edges)})
        return np.asarray(stored["times_s"], dtype=np.float64)


def av_align(context: MetricContext, variant: str) -> AvAlign:
    """Builds AV-Align by one of the `VARIANTS`; it runs on the CPU."""
    chosen = VARIANTS[variant]
    spec = MetricSpec(
        name="av_align",
        version=2,  # Version 1 resampled with a short filter.
        profile="standard",
        backend="farneback",
        protocol=chosen.name,
        params={"tolerance_s": TOLERANCE_S, "side": SIDE} if variant == "clean" else {"tolerance_frames": 1},
        direction="up",
        needs=("video", "audio"),
        domain="clips in which the visible motion causes the sound",
        description=chosen.says,
        source="Yariv et al. 2023, arXiv 2309.16429; librosa 0.11 onset_detect; OpenCV Farneback flow",
    )
    return AvAlign(spec, chosen, context.cache)
