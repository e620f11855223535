"""Follows the one face of a clip with MediaPipe's mesh, and says whether its mouth and brows can be measured.

The first face of a shot is the largest one; from then on the mesh is put where the last frame's points were, as
MediaPipe does with videos, and a lost face is searched again in the same frame. At 6 frames (0.24 s) from each other at
most all faces of a frame are counted.

Where there are two faces, or one that is small, turned, or often out of sight, its points are not to be relied on, and
a measure of them is undefined.

Letters: T frames at 25 fps, L frames in which faces are counted, S shots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Arrays, FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.faces import litert, mesh, opencv
from jova_bench.metrics.faces.clock import FPS, at_25_fps
from jova_bench.metrics.faces.cuts import CLEAN
from jova_bench.metrics.faces.looks import looks_at
from jova_bench.metrics.faces.search import EVERY, shots_of

SEEN = 0.9
"""Share of the frames that must show the face."""
MIN_FACE = 64
"""Pixels from forehead to chin: openings of the mouth read from a face of 50 pixels correlate by .98 with those of the
same face at 156 (`docs/faces.md`)."""
MAX_TURN = 30
"""Degrees that the head may be turned aside, up or down, in nine of ten frames."""
RIVAL = 0.5
"""A second face of this share of the height of the largest could be the one that speaks."""
ALONE = 0.9
"""Share of the counted frames in which no such second face may be."""
TOP, CHIN, RIGHT_CHEEK, LEFT_CHEEK = 10, 152, 234, 454
WEIGHTS = "+".join(one.digest for one in litert.NETWORKS)
DOMAIN = (
    f"one face of {MIN_FACE} pixels or more from forehead to chin, in {SEEN:.0%} of the frames, turned by up to"
    f" {MAX_TURN} degrees"
)
PARAMS: Mapping[str, str | int] = {"every": EVERY, "cuts": CLEAN.name}


@dataclass(frozen=True)
class Portrait:
    """The face of a clip."""

    points: FloatArray
    """(T, 468, 3) x, y, depth in pixels; NaN where no face is seen."""
    counts: npt.NDArray[np.int64]
    """(L,) faces in each counted frame."""
    rivals: npt.NDArray[np.int64]
    """(L,) those of them that are at least half as high as the largest."""
    starts: npt.NDArray[np.int64]
    """(S,) first frames of the shots."""

    @property
    def eye_distance(self) -> FloatArray:
        """Returns (T,) pixels between the outer corners of the eyes, whichever way the head is turned."""
        return np.asarray(np.linalg.norm(self.points[:, mesh.LEFT_EYE] - self.points[:, mesh.RIGHT_EYE], axis=1))


def missing(assets: AssetTable) -> str | None:
    """Returns what of packages and networks is missing; None if nothing is."""
    return join_reasons(opencv.missing(), litert.missing(assets))


def portrait(clip: Clip, context: MetricContext) -> Portrait:
    """Follows the face of a clip, whatever it is like, and counts faces; from the cache where it can.

    Raises:
        Undefined: no picture.
        Unavailable: packages or networks are missing.
    """

    def compute() -> Arrays:
        if why_not := missing(context.assets):
            raise Unavailable(why_not)
        return _followed(at_25_fps(clip), shots_of(clip, CLEAN, context.cache), context.assets)

    if clip.frames is None:
        raise Undefined("no video stream")
    kept = context.cache.get(clip.digest, CacheKey("portrait", 2, WEIGHTS, PARAMS), compute)
    counts, rivals, starts = (np.asarray(kept[name], dtype=np.int64) for name in ("counts", "rivals", "starts"))
    return Portrait(np.asarray(kept["points"], dtype=np.float64), counts, rivals, starts)


def _followed(frames: Frames, parts: list[range], assets: AssetTable) -> Arrays:
    points = np.full((len(frames), 468, 3), np.nan, dtype=np.float32)
    heights: list[FloatArray] = []
    net = litert.MESH.load(assets)
    for shot in parts:
        looks, region = set(looks_at(shot, EVERY)), None
        for k in shot:
            seen = mesh.all_faces(frames[k], assets) if k in looks or region is None else []
            if k in looks:
                heights.append(np.array([height(face.points) for face in seen]))
            found = None if region is None else mesh.at(frames[k], region, net)
            if found is None:
                found = max(seen or mesh.all_faces(frames[k], assets), key=lambda one: height(one.points), default=None)
            region = None if found is None else mesh.next_region(found.points)
            if found is not None:
                points[k] = np.column_stack([found.points, found.depths])
    counts = [len(some) for some in heights]
    rivals = [int(np.sum(some >= RIVAL * some.max())) if len(some) else 0 for some in heights]
    starts = np.array([shot.start for shot in parts])
    return {"points": points, "counts": np.array(counts), "rivals": np.array(rivals), "starts": starts}


def opening(found: Portrait) -> FloatArray:
    """Returns the (T,) gap between the lips in eye distances; NaN where no face is seen."""
    gaps = np.linalg.norm(found.points[:, mesh.UPPER] - found.points[:, mesh.LOWER], axis=2)
    return np.asarray(gaps.mean(axis=1) / found.eye_distance)


def height(points: FloatArray) -> float:
    """Returns the pixels from forehead to chin of (468, 2 or 3) points."""
    return float(np.linalg.norm(points[TOP] - points[CHIN]))


def turned(points: FloatArray) -> FloatArray:
    """Returns how many degrees (T, 468, 3) faces are turned aside, or up or down, whichever is more, (T,)."""
    across, down = points[:, LEFT_CHEEK] - points[:, RIGHT_CHEEK], points[:, CHIN] - points[:, TOP]
    angles = [np.arctan2(np.abs(way[:, 2]), np.linalg.norm(way[:, :2], axis=1)) for way in (across, down)]
    return np.asarray(np.degrees(np.maximum(*angles)))


def measurable(clip: Clip, context: MetricContext, least_s: float) -> Portrait:
    """Follows the face of a clip that shows one face well.

    Args:
        clip: what is looked at.
        context: as in `portrait`.
        least_s: seconds that the picture must last.

    Raises:
        Undefined: there is no such face, and why.
        Unavailable: packages or networks are missing.
    """
    if clip.frames is None:
        raise Undefined("no video stream")
    if (lasts := len(at_25_fps(clip)) / FPS) < least_s:
        raise Undefined(f"too short: {lasts:.2f} s, at least {least_s:g} s needed")
    found = portrait(clip, context)
    require_one_face(found)
    return found


def require_one_face(found: Portrait) -> None:
    """Raises Undefined, with the reason, unless one face is seen well enough for its points to be relied on."""
    seen = np.isfinite(found.points[:, 0, 0])
    if not seen.any():
        raise Undefined("no face found")
    if (share := np.mean(found.rivals > 1)) > 1 - ALONE:
        raise Undefined(f"several faces in {share:.0%} of the frames: which of them counts is not known")
    if seen.mean() < SEEN:
        raise Undefined(f"a face in {seen.mean():.0%} of the frames, at least {SEEN:.0%} needed")
    high = float(np.median([height(points[:, :2]) for points in found.points[seen]]))
    if high < MIN_FACE:
        raise Undefined(f"the face is {high:.0f} px from forehead to chin, at least {MIN_FACE} needed")
    if (angle := float(np.percentile(turned(found.points[seen]), 90))) > MAX_TURN:
        raise Undefined(f"the face is turned by {angle:.0f} degrees, at most {MAX_TURN} are measured")
