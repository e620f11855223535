"""The BlazeFace networks (Bazarevsky et al. 2019, arXiv 1907.05047) that mediapipe 0.10.21 bundles.

Later releases of mediapipe bundle none. This one requires numpy below 2, so it is an extra of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jova_bench.assets.packaged import package_folder, verified
from jova_bench.errors import Unavailable

HOW = "not installed: pip install 'jova-bench[face-mediapipe]' (mediapipe 0.10.21, Python 3.12 at most, numpy below 2)"
CONFIDENCE = 0.5
"""mediapipe's own."""


@dataclass(frozen=True)
class Network:
    """One bundled face detector."""

    file: str
    """Its name among mediapipe's modules."""
    sha256: str
    selection: int
    """mediapipe's number for it."""

    def missing(self) -> str | None:
        """Returns that a mediapipe that bundles it is missing; None if it is not."""
        return None if self._path() else HOW

    @cache  # noqa: B019 - there are two networks, and they stay.
    def load(self) -> Any:
        """Loads mediapipe's `FaceDetection`. Raises Unavailable when the file is missing or another."""
        path = self._path()
        if path is None:
            raise Unavailable(HOW)
        verified(path, self.sha256, HOW)
        from mediapipe.python.solutions.face_detection import FaceDetection

        return FaceDetection(min_detection_confidence=CONFIDENCE, model_selection=self.selection)

    def _path(self) -> Path | None:
        folder = package_folder("mediapipe")
        path = folder / "modules" / "face_detection" / self.file if folder else None
        return path if path and path.is_file() else None


SHORT_RANGE = Network(
    "face_detection_short_range.tflite", "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8", 0
)
"""Sees faces up to 2 m away."""
FULL_RANGE = Network(
    "face_detection_full_range_sparse.tflite", "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1", 1
)
"""Sees faces up to 5 m away."""
