"""How lips and brows move: as much as those of real people, or less, or more.

Three measures of MediaPipe's mesh of the one face of a clip (`portrait`), each in distances of the eyes, so that
neither the size of the face nor the format of the picture changes it. A face that never moves has next to 0 in all of
them, and one that trembles has much; the value of real clips is the target. THEval's own are in `theval`.

Letters: T frames at 25 fps, P points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.digests import shortened
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import portrait as faces
from jova_bench.metrics.faces.clock import FPS
from jova_bench.metrics.faces.mesh import LIPS
from jova_bench.metrics.faces.portrait import Portrait, opening
from jova_bench.metrics.signal.audio import RATE_HZ, mono_16k
from jova_bench.metrics.speech import activity
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

LEAST_S = 1.0
PAUSE_S = 0.3
"""Shorter pauses are closures within speech."""
LEAST_SILENT_S = 0.5
RIGHT_BROW = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
LEFT_BROW = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
"""Points along the brows and around the eyes, as MediaPipe's `FACEMESH_RIGHT_EYEBROW` and the like name them."""
SIDES = ((RIGHT_BROW, RIGHT_EYE), (LEFT_BROW, LEFT_EYE))


def spread(points: FloatArray) -> float:
    """Returns the standard deviation over time of the distance of two of (T, P, n) points, as the mean over pairs."""
    first, second = np.triu_indices(points.shape[1], 1)
    return float(np.linalg.norm(points[:, first] - points[:, second], axis=2).std(axis=0).mean())


def brow_height(points: FloatArray) -> FloatArray:
    """Returns the (T, 2) distances from the middle of the right, and of the left, brow to that of its eye."""
    heights = [
        np.linalg.norm(points[:, brow].mean(axis=1) - points[:, eye].mean(axis=1), axis=1) for brow, eye in SIDES
    ]
    return np.stack(heights, axis=1)


def pauses(speech: activity.Stretches, count: int, fps: float, least_s: float) -> npt.NDArray[np.bool_]:
    """Returns which of `count` frames lie in pauses of `least_s` or more, (T,); one with any speech is in none."""
    quiet = np.zeros(count, dtype=np.bool_)
    edges = [0.0, *(edge for stretch in speech for edge in stretch), count / fps]
    for start_s, stop_s in zip(edges[::2], edges[1::2], strict=True):
        if stop_s - start_s >= least_s:
            quiet[int(np.ceil(round(start_s * fps, 6))) : int(round(stop_s * fps, 6))] = True
    return quiet


def lip_motion(found: Portrait) -> float:
    """Returns how much the distances between 40 points on the lips vary."""
    lips = found.points[:, LIPS] / found.eye_distance[:, None, None]
    return spread(lips[np.isfinite(lips[:, 0, 0])])


def brow_motion(found: Portrait) -> float:
    """Returns by how much the height of a brow changes from one frame to the next. Raises Undefined."""
    heights = brow_height(found.points) / found.eye_distance[:, None]
    changes = np.abs(np.diff(heights, axis=0)).mean(axis=1)
    changes[found.starts[1:] - 1] = np.nan
    if not np.isfinite(changes).any():
        raise Undefined("no two frames in a row show the face")
    return float(np.nanmean(changes))


def silent_motion(found: Portrait, quiet: npt.NDArray[np.bool_]) -> float:
    """Returns the median absolute deviation of the lips' opening over (T,) frames. Raises Undefined for too few."""
    gaps = opening(found)[quiet & np.isfinite(found.eye_distance)]
    if len(gaps) < LEAST_SILENT_S * FPS:
        raise Undefined(f"pauses with a face for {len(gaps) / FPS:.2f} s, at least {LEAST_SILENT_S} s needed")
    return float(np.median(np.abs(gaps - np.median(gaps))))


@dataclass(frozen=True)
class FaceMotion(ClipMetric):
    """One number of how a face moves, whatever is heard."""

    spec: MetricSpec
    context: MetricContext
    number: Callable[[Portrait], float]

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        return faces.missing(self.context.assets)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the clip's one face; `prompt` and `reference` are ignored."""
        return self.number(faces.measurable(clip, self.context, LEAST_S))


@dataclass(frozen=True)
class SilentLips(ClipMetric):
    """How much lips move while nothing is said."""

    spec: MetricSpec
    context: MetricContext

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        return join_reasons(faces.missing(self.context.assets), activity.missing())

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the clip's one face in the pauses of its sound; `prompt` and `reference` are ignored."""
        audio = mono_16k(clip)
        found = faces.measurable(clip, self.context, LEAST_S)
        count = min(len(found.points), len(audio) * FPS // RATE_HZ)  # Frames after the sound's end are no pause.
        quiet = pauses(activity.speech(audio, self.context.cache), count, FPS, PAUSE_S)
        return silent_motion(found, np.pad(quiet, (0, len(found.points) - count)))


def _spec(name: str, description: str, domain: str = faces.DOMAIN, *, hears: bool = False) -> MetricSpec:
    return MetricSpec(
        name=name,
        version=1,
        profile="standard",
        backend="face-mesh",
        weights=f"{faces.WEIGHTS}+{shortened(activity.NEWEST)}" if hears else faces.WEIGHTS,
        params={**faces.PARAMS, "pause_s": PAUSE_S} if hears else faces.PARAMS,
        unit="eye distances",
        direction="target",
        needs=("video", "audio") if hears else ("video",),
        domain=domain,
        description=description,
        source="MediaPipe face mesh, arXiv 1907.06724; after THEval, arXiv 2511.04520",
    )


def lip_dynamics(context: MetricContext) -> FaceMotion:
    """Builds the measure of how much lips change their shape."""
    text = "standard deviation over time of the distances between 40 points on the lips, mean over pairs"
    return FaceMotion(_spec("lip_dynamics", text), context, lip_motion)


def brow_dynamics(context: MetricContext) -> FaceMotion:
    """Builds the measure of how much brows move."""
    text = "mean change from frame to frame, at 25 fps, of the distance from brow to eye"
    return FaceMotion(_spec("brow_dynamics", text), context, brow_motion)


def silent_lip_stability(context: MetricContext) -> SilentLips:
    """Builds the measure of how much lips move in pauses of speech."""
    text = f"median absolute deviation of the lips' opening in pauses of {PAUSE_S} s or more"
    domain = f"{faces.DOMAIN}; pauses for {LEAST_SILENT_S} s or more"
    return SilentLips(_spec("silent_lip_stability", text, domain, hears=True), context)
