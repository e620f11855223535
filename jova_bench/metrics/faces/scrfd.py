"""SCRFD-10G, the detector of insightface's `buffalo_l`, as Verse-Bench runs it: frames fitted into 640 x 480.

Source: deepinsight/insightface python-package 0.7.3, model_zoo/retinaface.py `RetinaFace.detect` and
app/face_analysis.py; Dorniwang/Verse-Bench syncnet/syncnet_inferencer.py at 5645a09.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.assets.table import AssetTable
from jova_bench.metrics.base import join_reasons
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.faces.track import Boxes, Frames, overlaps
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.networks.onnx_session import open_session

WIDTH, HEIGHT = 640, 480
STRIDES = (8, 16, 32)
"""Pixels between neighbouring cells of the network's three grids; each cell has two anchors."""
ANCHORS = 2
CONFIDENCE = 0.5
OVERLAP = 0.4
"""Overlap of two boxes above which the surer one alone is kept."""


def packages() -> str | None:
    """Returns which of OpenCV and onnxruntime is missing; None if none is."""
    return join_reasons(
        opencv.missing(), None if find_spec("onnxruntime") else "not installed: pip install onnxruntime"
    )


def find(assets: AssetTable, frames: Frames, device: str) -> list[Boxes]:
    """Returns per frame (n, 5) boxes in pixels and scores, best first; always on the CPU."""
    return [found[:, :5] for found in faces(assets, frames)]


def faces(assets: AssetTable, frames: Frames) -> list[Boxes]:
    """Finds the faces of each of some frames.

    Returns:
        Per frame (n, 15) in pixels, best first: a box, its score, and x and y of right eye, left eye, tip of the nose,
        right and left corner of the mouth.
    """
    net = cached_network(f"scrfd[{assets.digest('scrfd')}]", partial(_session, assets))
    name = net.get_inputs()[0].name
    found = []
    for frame in frames:
        image, scale = fitted(frame)
        boxes = candidates(net.run(None, {name: image}))
        boxes[:, :4] /= scale
        boxes[:, 5:] /= scale
        found.append(suppressed(boxes))
    return found


def fitted(frame: Frames) -> tuple[npt.NDArray[np.float32], float]:
    """Fits a frame to the network's input.

    Args:
        frame: (H, W, 3) RGB.

    Returns:
        (1, 3, 480, 640) around 0, black to the right of the frame or below it; and pixels there per pixel of the frame.
    """
    ratio = frame.shape[0] / frame.shape[1]
    height, width = (HEIGHT, int(HEIGHT / ratio)) if ratio > HEIGHT / WIDTH else (int(WIDTH * ratio), WIDTH)
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.float32)
    image[:height, :width] = opencv.cv2().resize(frame, (width, height))
    return ((image - np.float32(127.5)) / np.float32(128)).transpose(2, 0, 1)[None], height / frame.shape[0]


def candidates(outputs: Sequence[npt.NDArray[np.float32]]) -> Boxes:
    """Returns the boxes above the network's threshold.

    Args:
        outputs: for each grid (cells x 2, 1) scores; then for each grid (cells x 2, 4) distances from the cell's
            point to the left, upper, right and lower side, in strides; then for each grid (cells x 2, 10) distances
            from it to five points of the face, to the right and down.

    Returns:
        (n, 15) boxes in pixels of the network's input, scores, and points.
    """
    found = []
    for k, stride in enumerate(STRIDES):
        scores = np.asarray(outputs[k], dtype=np.float64).reshape(-1)
        sides = np.asarray(outputs[k + len(STRIDES)], dtype=np.float64).reshape(-1, 4) * stride
        rows, columns = np.divmod(np.arange(len(scores)) // ANCHORS, WIDTH // stride)
        points = np.stack([columns, rows], axis=1) * stride
        ways = np.asarray(outputs[k + 2 * len(STRIDES)], dtype=np.float64).reshape(-1, 10) * stride
        boxes = np.column_stack([points - sides[:, :2], points + sides[:, 2:], scores, np.tile(points, 5) + ways])
        found.append(boxes[scores >= CONFIDENCE])
    return np.concatenate(found)


def suppressed(boxes: Boxes) -> Boxes:
    """Maps (n, 5 or more) to (m, as many): best first, without those that share too much with a better one.

    A box reaches to the far edge of its last pixel, so its sides are one longer than the difference of its corners.
    """
    wider = boxes[:, :4] + [0, 0, 1, 1]
    kept: list[int] = []
    for k in np.argsort(-boxes[:, 4], kind="stable"):
        if not (overlaps(wider[kept], wider[[k]]) > OVERLAP).any():
            kept.append(int(k))
    return boxes[kept]


def _session(assets: AssetTable) -> Any:
    return open_session(assets.find("scrfd"))


SETTINGS = f"1,{WIDTH}x{HEIGHT},score={CONFIDENCE},nms={OVERLAP}"


def build(assets: AssetTable) -> Detector:
    """Builds the detector."""
    return Detector("scrfd", packages, partial(assets.digest, "scrfd"), SETTINGS, partial(find, assets), ("scrfd",))
