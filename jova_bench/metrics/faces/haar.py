"""OpenCV's frontal face cascade (Viola and Jones 2001; Lienhart's `alt`), which comes with its package.

It sees upright faces that look at the camera. Against false alarms: the cascade that raised the fewest (beside 124
faces of 11 generated and filmed clips `default` raised 18, `alt2` 1, `alt` none), five windows that agree, no face of
less than a sixteenth of the shorter side, and (in `follow`) what is found in fewer than half of the looks is dropped.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from jova_bench.assets.packaged import verified
from jova_bench.assets.table import AssetTable
from jova_bench.digests import shortened
from jova_bench.errors import Unavailable
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.faces.track import Boxes, Frames, enlarged

CASCADE = "haarcascade_frontalface_alt.xml"
SHA256 = "6281df13459cc218ff047d02b2ae3859b12ff14a93ffe8952f7b33fad7b9697b"
LONGEST = 512
"""Pixels of the longer side that is searched; larger frames are shrunk."""
STEP = 1.1
"""Ratio of one size of window to the next."""
NEIGHBOURS = 5
SMALLEST = 16
"""The shorter side is at most so many times a face's."""
LARGER = 1.06
"""Longer side of a face as WIDER FACE has it, over that of the cascade's box (`results/benchmarks/faces.md`)."""


def missing() -> str | None:
    """Returns that an OpenCV with cascades is missing; None if it is not."""
    if reason := opencv.missing():
        return reason
    return None if _file() else "not installed: OpenCV 5 has no cascades; pip install 'opencv-python-headless<5'"


def find(frames: Frames, device: str) -> list[Boxes]:
    """Returns per frame (n, 5) boxes in pixels and the weight of the last stage; always on the CPU."""
    return [_find(frame) for frame in frames]


def _find(frame: Frames) -> Boxes:
    cv2 = opencv.cv2()
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, LONGEST / max(grey.shape))
    if scale < 1:
        shape = [max(1, round(side * scale)) for side in grey.shape[::-1]]
        grey = cv2.resize(grey, shape, interpolation=cv2.INTER_AREA)
    least = max(1, min(grey.shape) // SMALLEST)
    found, _, weights = _cascade().detectMultiScale3(
        grey, scaleFactor=STEP, minNeighbors=NEIGHBOURS, minSize=(least, least), outputRejectLevels=True
    )
    if not len(found):
        return np.empty((0, 5))
    corner, size = np.split(np.asarray(found, dtype=np.float64), 2, axis=1)
    whole = np.array(frame.shape[1::-1]) / grey.shape[::-1]
    boxes = np.column_stack([corner * whole, (corner + size) * whole, np.ravel(weights).astype(np.float64)])
    return enlarged(boxes[np.argsort(-boxes[:, 4], kind="stable")], LARGER)


def _file() -> Path | None:
    cv2 = opencv.cv2()
    file = Path(cv2.data.haarcascades) / CASCADE if hasattr(cv2, "CascadeClassifier") else None
    return file if file and file.is_file() else None


@cache
def _cascade() -> Any:
    file = _file()
    if file is None:
        raise Unavailable(str(missing()))
    return opencv.cv2().CascadeClassifier(str(verified(file, SHA256, opencv.HOW)))


SETTINGS = f"1,longest={LONGEST},step={STEP},neighbours={NEIGHBOURS},smallest=1/{SMALLEST},larger={LARGER}"


def build(assets: AssetTable) -> Detector:
    """Builds the detector, whose weights are OpenCV's own."""
    return Detector("opencv-haar", missing, lambda: shortened(SHA256), SETTINGS, find)
