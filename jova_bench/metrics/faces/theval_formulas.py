"""Formulas of THEval (Newbyl/THEval @ cfe23fe, arXiv 2511.04520) over the points of a face mesh and the sound.

Each is scored there by its closeness to the mean of real videos, so the real clips' value is the target.

Letters: T frames, N samples.
"""

from __future__ import annotations

from statistics import median

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio, FloatArray
from jova_bench.errors import Undefined
from jova_bench.metrics.faces import mesh
from jova_bench.metrics.faces.dynamics import SIDES, brow_height, spread
from jova_bench.metrics.speech.activity import Stretches

STEP_S = 0.05
RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
"""Corners of an eye."""
LEAST_SPEECH = 0.1
"""Share of the frames."""
PAUSE_S = 0.3
SIDE = 256
"""Pixels along each side of the picture in which lips are measured."""


def volumes(audio: Audio, rate_hz: int, times_s: FloatArray) -> FloatArray:
    """Returns the level of (N,) samples at some times: root mean squares of 50 ms around every 50 ms, interpolated.

    As librosa's `feature.rms` with zeros beyond both ends.
    """
    length = int(rate_hz * STEP_S)
    padded = np.pad(audio.astype(np.float64), length // 2)
    count = 1 + (len(padded) - length) // length
    squares = padded[: count * length].reshape(count, length) ** 2
    return np.interp(times_s, np.arange(count) * length / rate_hz, np.sqrt(squares.mean(axis=1)))


def spoken_frames(stretches: Stretches, fps: float, count: int) -> npt.NDArray[np.bool_]:
    """Returns which of `count` frames lie in stretches of speech, (T,); a stretch's last frame counts."""
    spoken = np.zeros(count, dtype=np.bool_)
    for start_s, stop_s in stretches:
        spoken[int(start_s * fps) : int(stop_s * fps) + 1] = True
    return spoken


def lip_sync(points: FloatArray, level: FloatArray, spoken: npt.NDArray[np.bool_]) -> float:
    """Returns the mean difference of opening and volume, each stretched to [0, 1], over frames with speech and a face.

    Args:
        points: (T, 468, 2) as shares of width and height.
        level: (T,) volume.
        spoken: (T,) whether there is speech.

    Raises:
        Undefined: speech in less than a tenth of the frames, or a face in fewer than two of them.
    """
    if spoken.mean() < LEAST_SPEECH:
        raise Undefined(f"speech in {spoken.mean():.0%} of the frames, at least {LEAST_SPEECH:.0%} needed")
    gap = np.abs(points[:, mesh.UPPER, 1].mean(axis=1) - points[:, mesh.LOWER, 1].mean(axis=1))
    eyes = np.abs(points[:, LEFT_EYE, 0].mean(axis=1) - points[:, RIGHT_EYE, 0].mean(axis=1))
    opening = gap / np.where(eyes > 0, eyes, np.nan)
    used = spoken & np.isfinite(opening)
    if used.sum() < 2:
        raise Undefined(f"a face in {used.sum()} of the frames with speech, at least 2 needed")
    return float(np.abs(_stretched(opening[used]) - _stretched(level[used])).mean())


def head_motion(angles: FloatArray, centres: FloatArray) -> float:
    """Returns the root of the angles' mean deviation times the mean variance of their changes, plus that of the place.

    Args:
        angles: (T, 3) nod, turn and tilt in degrees.
        centres: (T, 2) the face's middle in pixels.
    """
    turning = angles.std(axis=0).mean() * np.diff(angles, axis=0).var(axis=0).mean()
    return float(np.sqrt(turning + centres.var(axis=0).mean()))


def _stretched(values: FloatArray) -> FloatArray:
    return (values - values.min()) / (np.ptp(values) + 1e-8)


def long_pauses(spoken: npt.NDArray[np.bool_], fps: float) -> npt.NDArray[np.bool_]:
    """Returns which of (T,) frames lie in a run without speech of 0.3 s or more."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], spoken, [True]])))
    found = np.zeros_like(spoken)
    for start, stop in edges.reshape(-1, 2):
        found[start:stop] = stop - start >= PAUSE_S * fps
    return found


def silent_lip_stability(points: FloatArray) -> float:
    """Returns the median distance of the lips' opening from its mean, over frames of pauses that show a face.

    Args:
        points: (T, 468, 2) as shares of width and height, of the pauses alone.

    Raises:
        Undefined: fewer than two show a face.
    """
    eyes = np.linalg.norm(points[:, mesh.RIGHT_EYE] - points[:, mesh.LEFT_EYE], axis=1)
    gaps = np.abs(points[:, mesh.UPPER, 1] - points[:, mesh.LOWER, 1]).mean(axis=1)
    seen = np.flatnonzero(eyes * SIDE >= 1e-3)
    if len(seen) < 2:
        raise Undefined(f"a face in {len(seen)} of the frames in pauses, at least 2 needed")
    openings = gaps[seen] / eyes[seen]
    return float(median(np.abs(openings - openings.mean())))


def lip_dynamics(points: FloatArray) -> float:
    """Returns the `spread` of the lips in pixels of a picture of 256 x 256.

    Args:
        points: (T, 468, 2) as shares of width and height.

    Raises:
        Undefined: no frame shows a face.
    """
    lips = points[np.isfinite(points[:, 0, 0])][:, mesh.LIPS] * SIDE
    if not len(lips):
        raise Undefined("no face found")
    return spread(lips)


def brow_dynamics(points: FloatArray) -> float:
    """Returns the mean change of a brow's height over the distance of the eyes, from each face to the next one.

    Args:
        points: (T, 468, 2) in pixels.

    Raises:
        Undefined: fewer than two frames show a face.
    """
    seen = points[np.isfinite(points[:, 0, 0])]
    right, left = (seen[:, eye].mean(axis=1) for _, eye in SIDES)
    apart = np.linalg.norm(left - right, axis=1)
    heights = brow_height(seen)[apart >= 1e-3] / apart[apart >= 1e-3][:, None]
    if len(heights) < 2:
        raise Undefined(f"a face in {len(heights)} frames, at least 2 needed")
    return float(np.abs(np.diff(heights, axis=0)).mean())
