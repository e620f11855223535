"""BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047), full range, as bundled with mediapipe 0.10.21.

Later releases of mediapipe bundle no models. This one asks for numpy below 2, so it is an extra of its own.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.faces.track import Boxes, Frames, enlarged
from jova_bench.types import Unavailable

HOW = "not installed: pip install 'jova-bench[face-mediapipe]' (mediapipe 0.10.21, Python 3.12 at most, numpy below 2)"
MODEL = Path("modules/face_detection/face_detection_full_range_sparse.tflite")
SHA256 = "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
FULL_RANGE = 1
"""mediapipe's number for the model that sees faces up to 5 m away."""
CONFIDENCE = 0.5
"""mediapipe's own."""
LARGER, UP = 1.18, 0.17
"""From its boxes, brows to chin, to faces as WIDER FACE has them (`results/benchmarks/faces.md`)."""


def missing() -> str | None:
    """None when a mediapipe that bundles its model is there."""
    return None if _file() else HOW


def find(frames: Frames, device: str) -> list[Boxes]:
    """Per frame (n, 5) boxes in pixels and scores; always on the CPU."""
    net = _net()
    return [_pixels(net.process(np.ascontiguousarray(frame)).detections or (), frame) for frame in frames]


def _pixels(detections: Any, frame: Frames) -> Boxes:
    height, width = frame.shape[:2]
    rows = []
    for detection in detections:
        box = detection.location_data.relative_bounding_box
        low, high = (box.xmin, box.ymin), (box.xmin + box.width, box.ymin + box.height)
        rows.append((low[0] * width, low[1] * height, high[0] * width, high[1] * height, detection.score[0]))
    boxes = np.array(sorted(rows, key=lambda row: -row[4]), dtype=np.float64)
    return enlarged(boxes.reshape(-1, 5), LARGER, UP)


def _file() -> Path | None:
    spec = find_spec("mediapipe")
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    return folder / MODEL if folder and (folder / MODEL).is_file() else None


@cache
def _net() -> Any:
    file = _file()
    if file is None:
        raise Unavailable(HOW)
    if (found := hashlib.sha256(file.read_bytes()).hexdigest()) != SHA256:
        raise Unavailable(f"weights differ: expected sha256 {SHA256}, got {found} in {file}; {HOW}")
    from mediapipe.python.solutions.face_detection import FaceDetection

    return FaceDetection(min_detection_confidence=CONFIDENCE, model_selection=FULL_RANGE)


SETTINGS = f"1,range=full,score={CONFIDENCE},larger={LARGER},up={UP}"
DETECTOR = Detector("mediapipe", missing, lambda: SHA256[:12], SETTINGS, find)
