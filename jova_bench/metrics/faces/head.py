"""How much a head turns and nods: the angle between its direction in a frame and its mean direction.

The direction is that of the rigid part of MediaPipe's mesh (`portrait`): points on forehead, temples, cheekbones, nose
and corners of the eyes, which neither speech nor brows move, are turned onto those of one frame as well as they can be
(Kabsch 1976). THEval's own, by FaceXFormer, is in `head_theval`.

Letters: T frames, P points.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import portrait as faces
from jova_bench.metrics.faces.dynamics import FaceMotion
from jova_bench.metrics.faces.portrait import Portrait
from jova_bench.records import MetricSpec

RIGID = (10, 67, 109, 297, 338, 127, 356, 234, 454, 6, 168, 197, 195, 5, 4, 33, 133, 362, 263)


def turns(points: FloatArray) -> FloatArray:
    """Returns the (T, 3, 3) turns that bring the first of (T, P, 3) point sets nearest to each of them."""
    centred = points - points.mean(axis=1, keepdims=True)
    return nearest_turn(centred.transpose(0, 2, 1) @ centred[0])


def nearest_turn(matrices: FloatArray) -> FloatArray:
    """Returns the turns nearest to (..., 3, 3) matrices: never a mirror image."""
    left, _, right = np.linalg.svd(matrices)
    left[..., -1] *= np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)[..., None]
    return np.asarray(left @ right)


def angles_deg(some: FloatArray, other: FloatArray) -> npt.NDArray[np.float64]:
    """Returns the (T,) angles, in degrees, between (T, 3, 3) turns and another one."""
    cosines = (np.trace(other.T @ some, axis1=1, axis2=2) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def head_motion(found: Portrait) -> float:
    """Returns the root mean square over frames of the angle to the mean direction, in degrees."""
    rigid = found.points[:, RIGID]
    made = turns(rigid[np.isfinite(rigid[:, 0, 0])])
    return float(np.sqrt(np.mean(angles_deg(made, nearest_turn(made.sum(axis=0))) ** 2)))


def head_dynamics(context: MetricContext) -> FaceMotion:
    """Builds the measure of how much a head turns and nods."""
    spec = MetricSpec(
        name="head_dynamics",
        version=1,
        profile="standard",
        backend="face-mesh",
        weights=faces.WEIGHTS,
        params=faces.PARAMS,
        unit="degrees",
        direction="target",
        needs=("video",),
        domain=faces.DOMAIN,
        description="root mean square over frames of the angle between the head's direction and its mean direction",
        source="MediaPipe face mesh, arXiv 1907.06724; Kabsch 1976",
    )
    return FaceMotion(spec, context, head_motion)
