"""MediaPipe's face mesh (Kartynnik et al. 2019, arXiv 1907.06724): 468 points of each face of a frame.

Written from the graphs of google-ai-edge/mediapipe v0.10.21 (`face_landmark_front_cpu.pbtxt`,
`face_detection_front_detection_to_roi.pbtxt`, `face_landmark_landmarks_to_roi.pbtxt`), and compared with that release.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.assets.table import AssetTable
from jova_bench.metrics.faces.blaze_decoding import OVERLAP, Corners, cut, detect
from jova_bench.metrics.faces.litert import FULL_RANGE, MESH, SHORT_RANGE, Array
from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.faces.track import Boxes, Frames, overlaps

LARGER = 1.5
"""Side of what the mesh is given over the longer side of BlazeFace's box, or of that around the points before."""
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
"""Indices of the outer and the inner contour of the lips, as MediaPipe's `FACEMESH_LIPS` connects them."""


UPPER, LOWER = (191, 80, 81, 82, 13, 312, 311, 310), (95, 88, 178, 87, 14, 317, 402, 318)
"""Points on the upper and the lower inner lip, across from each other."""
RIGHT_EYE, LEFT_EYE = 33, 263
"""Points at the outer corners of the eyes."""


@dataclass(frozen=True)
class Mesh:
    """The points of a face."""

    points: npt.NDArray[np.float64]
    """(468, 2) x, y in pixels."""
    depths: npt.NDArray[np.float64]
    """(468,) z in pixels of x, larger behind."""
    presence: float
    """Probability that the mesh is on a face."""


@dataclass(frozen=True)
class Face(Mesh):
    """One face of one frame."""

    box: Boxes
    """(5,) x0, y0, x1, y1 in pixels and the detector's score."""


def faces(frame: Frames, assets: AssetTable) -> list[Face]:
    """Finds the faces of one (H, W, 3) frame, the surest first; far ones where there is no near one."""
    found = detect(frame, SHORT_RANGE, assets)
    if not len(found):
        found = detect(frame, FULL_RANGE, assets)
    return _with_mesh(frame, found, assets)


def all_faces(frame: Frames, assets: AssetTable) -> list[Face]:
    """Finds near and far faces of one (H, W, 3) frame, each once."""
    near, far = (detect(frame, network, assets) for network in (SHORT_RANGE, FULL_RANGE))
    new = ~(overlaps(far, near) > OVERLAP).any(axis=1)
    return _with_mesh(frame, np.concatenate([near, far[new]]), assets)


def _with_mesh(frame: Frames, found: Boxes, assets: AssetTable) -> list[Face]:
    """Puts the mesh on (n, 17) faces of `detect`; those on which it is not are none."""
    made = [(one[[0, 1, 2, 3, 16]], at(frame, region(one), MESH.load(assets))) for one in found]
    return [Face(one.points, one.depths, one.presence, box) for box, one in made if one is not None]


def at(frame: Frames, corners: Corners, net: Callable[[Array], list[Array]]) -> Mesh | None:
    """Puts the mesh on the face of a square of a frame, by one of the two networks; None where it is on none."""
    found, logit = net(cut(frame, corners, MESH.side, cv2().BORDER_REPLICATE) / np.float32(255))[:2]
    presence = float(1 / (1 + np.exp(-float(logit.ravel()[0]))))
    if presence <= MESH.confidence:
        return None
    places = found.reshape(468, 3).astype(np.float64) / MESH.side
    _, origin, right, _ = corners
    across, down = right - origin, corners[0] - origin
    points = origin + places[:, :1] * across + places[:, 1:2] * down
    return Mesh(points, places[:, 2] * float(np.hypot(*across)), presence)


def region(found: Boxes) -> Corners:
    """Returns the corners of the square that the mesh is given: around a box of `detect`, turned with the eyes."""
    return _square(found[:2], found[2:4], found[6:8] - found[4:6])


def next_region(points: npt.NDArray[np.float64]) -> Corners:
    """Returns where the face of (468, 2) points is looked for in the next frame."""
    return _square(points.min(axis=0), points.max(axis=0), points[LEFT_EYE] - points[RIGHT_EYE])


def _square(low: Boxes, high: Boxes, eyes: Boxes) -> Corners:
    """Returns a square around a box, turned so that a line from eye to eye is level."""
    turn = np.arctan2(eyes[1], eyes[0])
    unit = np.array([[-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [0.5, 0.5]]) * LARGER * (high - low).max()
    cos, sin = np.cos(turn), np.sin(turn)
    return np.asarray((low + high) / 2 + unit @ np.array([[cos, sin], [-sin, cos]]))
