"""BlazeFace (arXiv 1907.05047), full range, as bundled with mediapipe 0.10.21, with boxes like other detectors'."""

from __future__ import annotations

from typing import Any

import numpy as np

from jova_bench.assets.table import AssetTable
from jova_bench.digests import shortened
from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.faces.mediapipe_nets import CONFIDENCE, FULL_RANGE
from jova_bench.metrics.faces.track import Boxes, Frames, enlarged

LARGER, UP = 1.18, 0.17
"""Scale from its boxes, brows to chin, to those of WIDER FACE (`results/benchmarks/faces.md`)."""


def find(frames: Frames, device: str) -> list[Boxes]:
    """Returns per frame (n, 5) boxes in pixels and scores; always on the CPU."""
    net = FULL_RANGE.load()
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


SETTINGS = f"1,range=full,score={CONFIDENCE},larger={LARGER},up={UP}"


def build(assets: AssetTable) -> Detector:
    """Builds the detector, whose weights are mediapipe's own."""
    return Detector("mediapipe", FULL_RANGE.missing, lambda: shortened(FULL_RANGE.sha256), SETTINGS, find)
