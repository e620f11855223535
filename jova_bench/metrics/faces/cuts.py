"""Scene cuts by the change of colour from frame to frame, as PySceneDetect's ContentDetector finds them.

The change is the mean absolute difference of hue, saturation and value (OpenCV's 8-bit HSV) between neighbouring
frames, averaged over the three; where it reaches a threshold, a new shot begins. Versions of PySceneDetect differ in
the threshold, in how they shrink frames first, and in what becomes of cuts that follow each other closely; the
pipelines of the papers pin different ones. Cuts found here were compared with those of the versions themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.faces.track import Frames

Flags = npt.NDArray[np.bool_]
MIN_FRAMES = 15
"""PySceneDetect's shortest scene."""


def shrunk(image: Frames) -> Frames:
    """Resizes a frame to a longer side of 256 pixels (0.6.7); smaller frames stay as they are."""
    height, width = image.shape[:2]
    factor = max(height, width) / 256
    return _resized(image, factor) if factor > 1 else image


def shrunk_by_width(image: Frames) -> Frames:
    """Divides a frame by the whole number of times that 256 goes into its width (0.6.1)."""
    factor = image.shape[1] // 256
    return _resized(image, factor) if factor > 1 else image


def subsampled(image: Frames) -> Frames:
    """Takes every second to twelfth pixel of a frame, by its width (0.5.1)."""
    widths = {3200: 12, 2100: 8, 1700: 6, 1200: 5, 900: 4, 600: 3, 400: 2}
    step = next((step for width, step in widths.items() if image.shape[1] >= width), 1)
    return np.ascontiguousarray(image[::step, ::step])


def _resized(image: Frames, factor: float) -> Frames:
    size = (max(1, round(image.shape[1] / factor)), max(1, round(image.shape[0] / factor)))
    return np.asarray(cv2().resize(image, size, interpolation=cv2().INTER_LINEAR), dtype=np.uint8)


def all_of(above: Flags) -> list[int]:
    """Takes every change as a cut, so that nothing that lies between two cuts spans one."""
    return [int(frame) for frame in np.flatnonzero(above)]


def spaced(above: Flags, last: int) -> list[int]:
    """Drops a change less than 15 frames after the cut before it; `last` is the first such cut, or before all."""
    kept = []
    for frame in all_of(above):
        if frame - last >= MIN_FRAMES:
            kept.append(frame)
            last = frame
    return kept


def merged(above: Flags) -> list[int]:
    """Merges changes less than 15 frames after a first cut to one cut, where they end; none if the clip ends first."""
    kept: list[int] = []
    last, start = 0, None
    for frame, changed in enumerate(above):
        apart = frame - last >= MIN_FRAMES
        last = frame if changed else last
        if start is not None:
            if apart and not changed and last - start >= MIN_FRAMES:
                kept.append(last)
                start = None
        elif changed and apart:
            kept.append(frame)
        elif changed and kept:
            start = frame
    return kept


@dataclass(frozen=True)
class CutRule:
    """Where a new shot begins."""

    name: str
    threshold: float
    """0 to 255."""
    shrink: Callable[[Frames], Frames]
    keep: Callable[[Flags], list[int]]
    """Maps (T,), whether the change reaches the threshold, to the cuts."""
    loses_last_frame: bool = False
    """Whether, after a cut, the last shot ends one frame early."""


CLEAN = CutRule("content-27", 27, shrunk, all_of)
"""Ours."""
PYSCENEDETECT_0_5_1 = CutRule("pyscenedetect-0.5.1", 30, subsampled, lambda above: spaced(above, -MIN_FRAMES))
"""Pinned by syncnet_python."""
PYSCENEDETECT_0_6_1 = CutRule("pyscenedetect-0.6.1", 27, shrunk_by_width, lambda above: spaced(above, 0), True)
"""Pinned by LatentSync."""
PYSCENEDETECT_0_6_7 = CutRule("pyscenedetect-0.6.7", 27, shrunk, merged)
"""The last that MOVA's requirements (`>=0.6.0,<1.0.0`) and its imports allow. 0.6.6, pinned by MoChaBench, has the
same code."""


def changes(frames: Frames, shrink: Callable[[Frames], Frames]) -> npt.NDArray[np.float64]:
    """Returns the (T,) mean absolute HSV difference of each frame from the one before it, 0 to 255; the first is 0.

    Args:
        frames: (T, H, W, 3).
        shrink: applied to each frame first.
    """
    found = np.zeros(len(frames))
    before = None
    for k, frame in enumerate(frames):
        hsv = cv2().cvtColor(shrink(frame), cv2().COLOR_RGB2HSV)
        if before is not None:
            found[k] = sum(cv2().sumElems(cv2().absdiff(hsv, before))) / hsv.size
        before = hsv
    return found


def shots(frames: Frames, rule: CutRule = CLEAN) -> list[range]:
    """Returns the frames of each shot, in order."""
    count = len(frames)
    found = rule.keep(changes(frames, rule.shrink) >= rule.threshold)
    end = count - 1 if found and rule.loses_last_frame else count
    return [range(start, stop) for start, stop in zip([0, *found], [*found, end], strict=True)]
