"""Defines a track: one face, with a box in each frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Frames as Frames

Boxes = npt.NDArray[np.float64]
"""(n, 4) x0, y0, x1, y1 in pixels; x0 and y0 are 0 at the outer edge of the first pixel."""


@dataclass(frozen=True)
class Track:
    """One face in consecutive frames of one shot."""

    first: int
    """Index of its first frame at 25 fps."""
    boxes: Boxes
    """(n, 4), one box a frame."""

    @property
    def stop(self) -> int:
        """Index after its last frame."""
        return self.first + len(self.boxes)

    @property
    def size(self) -> float:
        """Mean over frames of the longer side of its box, in pixels."""
        return float(np.mean(np.max(self.boxes[:, 2:] - self.boxes[:, :2], axis=1)))


def between(frames: npt.NDArray[np.int64], boxes: Boxes) -> Track:
    """Fills the frames between those in which a face was found, linearly.

    Args:
        frames: (m,) increasing indices.
        boxes: (m, 4), the boxes found there.
    """
    every = np.arange(frames[0], frames[-1] + 1)
    return Track(int(frames[0]), np.stack([np.interp(every, frames, side) for side in boxes.T], axis=1))


def enlarged(boxes: Boxes, factor: float, up: float = 0.0) -> Boxes:
    """Enlarges boxes `factor` times around their centres and moves them up by `up` of their half height.

    Detectors draw a face's border differently; the crop needs S3FD's, whose training data (WIDER FACE) has it at hair
    line, chin and cheeks.

    Args:
        boxes: (n, 5) with a score.
        factor: ratio of the sides.
        up: in half heights of the old box.
    """
    half, centre = (boxes[:, 2:4] - boxes[:, :2]) / 2, (boxes[:, :2] + boxes[:, 2:4]) / 2
    centre[:, 1] -= up * half[:, 1]
    return np.column_stack([centre - factor * half, centre + factor * half, boxes[:, 4]])


def overlaps(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Returns the (n, m) intersection over union of each of (n, 4) boxes with each of (m, 4); 0 without area."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    area_a, area_b = (np.prod(np.maximum(box[:, 2:4] - box[:, :2], 0), axis=1) for box in (a, b))
    union = area_a[:, None] + area_b[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
