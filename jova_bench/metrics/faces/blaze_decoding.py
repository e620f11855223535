"""What MediaPipe does around BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047): crops, anchors, overlaps.

Written from the graphs of google-ai-edge/mediapipe v0.10.21 (`face_detection_short_range.pbtxt`,
`face_detection_full_range.pbtxt`) and compared with that release.

Letters: n faces, A anchors.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from jova_bench.assets.table import AssetTable
from jova_bench.metrics.faces.litert import FULL_RANGE, SHORT_RANGE, Network
from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.faces.track import Boxes, Frames, overlaps

GRIDS = {SHORT_RANGE.sha256: ((16, 2), (8, 6)), FULL_RANGE.sha256: ((48, 1),)}
"""Cells along each side of a grid of anchors, and anchors of a cell."""
OVERLAP = 0.3
"""Intersection over union above which two boxes are one face's: their mean is taken, weighted by their scores."""
LARGEST_LOGIT = 100.0
Corners = npt.NDArray[np.float64]
"""(4, 2) pixels of a rectangle: bottom left, top left, top right, bottom right, in its own orientation."""


def detect(frame: Frames, network: Network, assets: AssetTable) -> Boxes:
    """Finds faces in one (H, W, 3) frame.

    Returns:
        (n, 17) in pixels: x0, y0, x1, y1, then x and y of six points (right eye, left eye, nose, mouth, right ear,
        left ear), and a score; best first.
    """
    height, width = frame.shape[:2]
    longer, side = max(height, width), network.side
    corner = np.array([(width - longer) / 2, (height - longer) / 2])
    square = corner + longer * np.array([[0, 1], [0, 0], [1, 0], [1, 1]], dtype=np.float64)
    image = cut(frame, square, side, cv2().BORDER_CONSTANT) / np.float32(127.5) - 1
    raw, logits = network.load(assets)(image.astype(np.float32))
    logits = np.clip(logits[:, 0].astype(np.float64), -LARGEST_LOGIT, LARGEST_LOGIT)
    scores = 1 / (1 + np.exp(-logits))
    sure = scores >= network.confidence
    points = raw[sure].astype(np.float64).reshape(-1, 8, 2) / side
    middle, half = points[:, 0] + anchors(network)[sure], points[:, 1] / 2
    shifted = points[:, 2:] + anchors(network)[sure][:, None]
    found = np.concatenate([middle - half, middle + half, shifted.reshape(-1, 12)], axis=1)
    kept = merged(np.column_stack([found, scores[sure]]))
    kept[:, :16] = kept[:, :16] * longer + np.tile(corner, 8)
    return kept


@cache
def anchors(network: Network) -> Corners:
    """Returns the (A, 2) centres x, y of the anchors, as shares of the side of the input."""
    grids = []
    for cells, count in GRIDS[network.sha256]:
        centres = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grids.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(count, axis=0))
    return np.concatenate(grids)


def merged(found: Boxes) -> Boxes:
    """Maps (m, 17) to (n, 17): boxes that overlap the best one that is left become their weighted mean."""
    left = found[np.argsort(-found[:, 16], kind="stable")]
    kept = []
    while len(left):
        same = overlaps(left[:1, :4], left[:, :4])[0] > OVERLAP
        same[0] = True
        weights = left[same, 16:]
        mean = (left[same, :16] * weights).sum(axis=0) / weights.sum()
        kept.append(np.append(mean, left[0, 16]))
        left = left[~same]
    return np.array(kept).reshape(-1, 17)


def cut(frame: Frames, corners: Corners, side: int, border: int) -> npt.NDArray[np.float32]:
    """Cuts a rectangle out of a frame, turned upright and resized bilinearly to (side, side, 3), 0 to 255."""
    target = np.array([[0, side], [0, 0], [side, 0], [side, side]], dtype=np.float32)
    projection = cv2().getPerspectiveTransform(corners.astype(np.float32), target)
    made = cv2().warpPerspective(frame, projection, (side, side), flags=cv2().INTER_LINEAR, borderMode=border)
    return np.asarray(made, dtype=np.float32)
