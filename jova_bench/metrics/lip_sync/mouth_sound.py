"""Lip sync without SyncNet: how the opening of the mouth follows the loudness of the sound.

The opening is the mean gap between eight pairs of points on the inner lips over the distance of the outer corners of
the eyes, in MediaPipe's mesh of the one face of a clip (`faces.portrait`); the loudness is that of 0.12 s of sound
around each frame, in dB, of the 50 below the loudest. `mouth_audio_corr` is their Pearson correlation as the clip is;
`mouth_audio_offset` is the shift of up to 15 frames that correlates best, where it stands out from chance.

It is defined where one face is seen well and speech is heard (Silero VAD). Whose voice it is, is not known.

THEval compares the same two curves in another way: `faces.theval`.

Letters: T frames at 25 fps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import Audio, FloatArray
from jova_bench.digests import shortened
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import portrait as faces
from jova_bench.metrics.faces.clock import FPS
from jova_bench.metrics.faces.portrait import opening
from jova_bench.metrics.signal.audio import RATE_HZ, is_silent, mono_16k
from jova_bench.metrics.speech import activity
from jova_bench.prompts import Prompt
from jova_bench.records import Direction, MetricSpec

WINDOW = 3
"""Frames of sound around the middle of a frame, whose mean power is its loudness."""
FLOOR_DB = 50
"""Sound this far below the loudest counts as silence."""
LEAST_S, LEAST_SPEECH_S = 2.0, 1.0
STILL = 0.01
"""Standard deviation of the opening, in eye distances, below which a mouth is still: twice what noise alone makes."""
SHIFTS = 15
OFFSET_LEAST_S = 4.0
BEST, ABOVE = 0.5, 3.0
"""An offset counts where the best correlation is at least the first, and stands this many standard deviations above
those of the same sound a second or more away (turned around at its end)."""


def loudness_db(audio: Audio, count: int) -> FloatArray:
    """Returns the (T,) loudness around each of `count` frames of (N,) samples at 16 kHz; NaN after the sound's end."""
    hop, half = RATE_HZ / FPS, WINDOW / 2
    energy = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])
    middles = (np.arange(count) + 0.5) * hop
    start = np.clip(np.round(middles - half * hop), 0, len(audio)).astype(int)
    stop = np.clip(np.round(middles + half * hop), 0, len(audio)).astype(int)
    power = (energy[stop] - energy[start]) / np.maximum(stop - start, 1)
    level = 10 * np.log10(np.maximum(power, 1e-12))
    level = np.where(middles < len(audio), level, np.nan)
    return np.asarray(np.maximum(level, np.nanmax(level) - FLOOR_DB))


def correlation(seen: FloatArray, heard: FloatArray) -> float:
    """Returns the Pearson correlation of (T,) curves over the frames in which both are known. Raises Undefined."""
    known = np.isfinite(seen) & np.isfinite(heard)
    if known.sum() < LEAST_S * FPS:
        raise Undefined(f"mouth and sound together for {known.sum() / FPS:.2f} s, at least {LEAST_S:g} s needed")
    if seen[known].std() < STILL:
        raise Undefined("the mouth does not move")
    if not heard[known].std():
        raise Undefined("the sound is equally loud all along")
    return float(np.corrcoef(seen[known], heard[known])[0, 1])


def offset_frames(seen: FloatArray, heard: FloatArray) -> float:
    """Returns by how many frames the sound comes before the picture. Raises Undefined where chance could be the cause.

    Args:
        seen: (T,) opening.
        heard: (T,) loudness.
    """
    count = len(seen)
    if count < OFFSET_LEAST_S * FPS:
        raise Undefined(f"too short: {count / FPS:.2f} s, at least {OFFSET_LEAST_S:g} s needed")
    shifts = range(-SHIFTS, SHIFTS + 1)
    near = [correlation(seen[max(0, s) : count + min(0, s)], heard[max(0, -s) : count - max(0, s)]) for s in shifts]
    far = [correlation(seen, np.roll(heard, s)) for s in range(FPS, count - FPS + 1)]
    best = int(np.argmax(near))
    above = (near[best] - np.mean(far)) / np.std(far)
    if near[best] < BEST or above < ABOVE:
        raise Undefined(
            f"no offset stands out: the best of +-{SHIFTS} frames correlates by {near[best]:.2f}, {above:.1f} standard"
            f" deviations above sound from elsewhere; at least {BEST} and {ABOVE:g} needed"
        )
    return float(shifts[best])


@dataclass(frozen=True)
class MouthSound(ClipMetric):
    """One number of the two curves."""

    spec: MetricSpec
    context: MetricContext
    number: Callable[[FloatArray, FloatArray], float]

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        return join_reasons(faces.missing(self.context.assets), activity.missing())

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the clip's mouth and sound; `prompt` and `reference` are ignored."""
        audio = mono_16k(clip)
        if is_silent(audio):
            raise Undefined("silent")
        found = faces.measurable(clip, self.context, LEAST_S)
        activity.at_least(audio, self.context.cache, LEAST_SPEECH_S)
        return self.number(opening(found), loudness_db(audio, len(found.points)))


def _spec(name: str, unit: str, direction: Direction, description: str, params: Mapping[str, float]) -> MetricSpec:
    return MetricSpec(
        name=name,
        version=1,
        profile="standard",
        backend="face-mesh+loudness",
        weights=f"{faces.WEIGHTS}+{shortened(activity.NEWEST)}",
        params={**faces.PARAMS, "window": WINDOW, "floor_db": FLOOR_DB, **params},
        unit=unit,
        direction=direction,
        needs=("video", "audio"),
        domain=f"{faces.DOMAIN}; speech for {LEAST_SPEECH_S:g} s or more",
        description=description,
        source="MediaPipe face mesh, arXiv 1907.06724; Silero VAD",
    )


def mouth_audio_corr(context: MetricContext) -> MouthSound:
    """Builds the correlation of the mouth's opening, in MediaPipe's mesh, with the loudness of the sound."""
    description = "correlation over frames of the opening of the lips with the loudness of the sound, from -1 to 1"
    return MouthSound(_spec("mouth_audio_corr", "", "up", description, {"still": STILL}), context, correlation)


def mouth_audio_offset(context: MetricContext) -> MouthSound:
    """Builds the shift between mouth and sound that correlates best."""
    description = (
        f"frames by which the sound comes before the mouth that moves with it, of +-{SHIFTS}; undefined where no shift"
        " stands out from sound that does not belong"
    )
    params = {"shifts": SHIFTS, "best": BEST, "above": ABOVE}
    return MouthSound(_spec("mouth_audio_offset", "frames", "target", description, params), context, offset_frames)
