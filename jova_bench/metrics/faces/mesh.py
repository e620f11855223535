"""MediaPipe's face mesh (Kartynnik et al. 2019, arXiv 1907.06724): 468 points of each face of a frame.

Written from the graphs of google-ai-edge/mediapipe v0.10.21 (`face_landmark_front_cpu.pbtxt`,
`face_detection_front_detection_to_roi.pbtxt`) for single images, and compared with that release.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.assets.table import AssetTable
from jova_bench.metrics.faces.blaze_decoding import Corners, cut, detect
from jova_bench.metrics.faces.litert import FULL_RANGE, MESH, SHORT_RANGE
from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.faces.track import Boxes, Frames

LARGER = 1.5
"""Side of what the mesh is given over the longer side of BlazeFace's box."""
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
"""Indices of the outer and the inner contour of the lips, as MediaPipe's `FACEMESH_LIPS` connects them."""


@dataclass(frozen=True)
class Face:
    """One face of one frame."""

    box: Boxes
    """(5,) x0, y0, x1, y1 in pixels and the detector's score."""
    points: npt.NDArray[np.float64]
    """(468, 2) x, y in pixels."""
    presence: float
    """Probability that the mesh is on a face."""


def faces(frame: Frames, assets: AssetTable) -> list[Face]:
    """Finds the faces of one (H, W, 3) frame, the surest first; far ones where there is no near one."""
    found = detect(frame, SHORT_RANGE, assets)
    if not len(found):
        found = detect(frame, FULL_RANGE, assets)
    made = [_mesh(frame, one, assets) for one in found]
    return [face for face in made if face.presence > MESH.confidence]


def _mesh(frame: Frames, found: Boxes, assets: AssetTable) -> Face:
    corners = region(found)
    points, logit = MESH.load(assets)(cut(frame, corners, MESH.side, cv2().BORDER_REPLICATE) / np.float32(255))[:2]
    places = points.reshape(468, 3)[:, :2].astype(np.float64) / MESH.side
    _, origin, right, _ = corners
    across, down = right - origin, corners[0] - origin
    presence = float(1 / (1 + np.exp(-float(logit.ravel()[0]))))
    return Face(found[[0, 1, 2, 3, 16]], origin + places[:, :1] * across + places[:, 1:] * down, presence)


def region(found: Boxes) -> Corners:
    """Returns the corners of the square that the mesh is given: around a box of `detect`, turned with the eyes."""
    right_eye, left_eye = found[4:6], found[6:8]
    turn = np.arctan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0])
    side = LARGER * max(found[2] - found[0], found[3] - found[1])
    middle = (found[:2] + found[2:4]) / 2
    unit = np.array([[-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [0.5, 0.5]]) * side
    cos, sin = np.cos(turn), np.sin(turn)
    return np.asarray(middle + unit @ np.array([[cos, sin], [-sin, cos]]))
