"""Finds faces and their lips in single frames, by MediaPipe's mesh or by OpenCV's cascade."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.metrics.base import join_reasons
from jova_bench.metrics.faces import haar, litert, mesh, opencv

HAAR_LIPS = np.array([[0.30, 0.78], [0.70, 0.78], [0.50, 0.70], [0.50, 0.88]])
"""Corners, top and bottom of the mouth as shares of the cascade's box: by proportion, for it sees no lips."""


@dataclass(frozen=True)
class Seen:
    """One face of one frame, in pixels."""

    box: FloatArray
    """(4,) x0, y0, x1, y1."""
    lips: FloatArray
    """(K, 2) points x, y on the lips."""
    confidence: float
    """Probability that the points are on a face; NaN where the finder states none."""


@dataclass(frozen=True)
class Finder:
    """Finds the faces of one frame."""

    by: str
    """Name, versions and digests, for the manifest."""
    missing: str | None
    """Why it cannot run here; None if it can."""
    find: Callable[[Frames], list[Seen]]
    """Maps (H, W, 3) to faces, the surest first."""


def finder(name: str, assets: AssetTable) -> Finder:
    """Returns the finder of one of `NAMES`; loads nothing. Raises BenchError for another name."""
    if name not in _BUILD:
        raise BenchError(f"expected the name of a face finder, got {shown(name)}; {suggest(name, NAMES)}")
    return _BUILD[name](assets)


def _mediapipe(assets: AssetTable) -> Finder:
    lips = list(mesh.LIPS)

    def find(frame: Frames) -> list[Seen]:
        return [Seen(face.box[:4], face.points[lips], face.presence) for face in mesh.faces(frame, assets)]

    by = f"mediapipe 0.10.21 BlazeFace and face mesh [{','.join(one.digest for one in litert.NETWORKS)}]"
    return Finder(by, join_reasons(opencv.missing(), litert.missing(assets)), find)


def _haar(assets: AssetTable) -> Finder:
    found = haar.build(assets)

    def find(frame: Frames) -> list[Seen]:
        boxes = found.find(frame[None], "cpu")[0]
        return [Seen(box[:4], box[:2] + HAAR_LIPS * (box[2:4] - box[:2]), float("nan")) for box in boxes]

    return Finder(f"{found.key}, mouth by proportion", found.missing(assets), find)


_BUILD: dict[str, Callable[[AssetTable], Finder]] = {"mediapipe": _mediapipe, "opencv-haar": _haar}
NAMES = tuple(_BUILD)
