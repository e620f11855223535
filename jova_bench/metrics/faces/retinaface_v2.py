"""The surest face of a frame by RetinaFace, as the retina-face package 0.0.17 finds it.

Source: serengil/retinaface RetinaFace.py `detect_faces` and commons/preprocess.py: the shorter side is brought to 1,024
pixels, or the longer one to 1,980 where that is less, and a face counts from 90 % on.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Frames
from jova_bench.assets.table import AssetTable
from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.networks.network_cache import cached_network

WEIGHTS = "retinaface-r50v2"
SHORT, LONG = 1024, 1980
CONFIDENCE = 0.9


def surest(frame: Frames, assets: AssetTable, device: str) -> npt.NDArray[np.int64] | None:
    """Finds the surest face of one (H, W, 3) frame.

    Returns:
        Whole pixels x0, y0, x1, y1; None where there is no face.
    """
    import torch

    from jova_bench.metrics.networks import shaped
    from jova_bench.metrics.networks.retinaface_v2 import RetinaFaceV2

    load = partial(shaped.load, RetinaFaceV2, assets.find(WEIGHTS), device, more=True)
    net = cached_network(f"{WEIGHTS}[{assets.digest(WEIGHTS)}]@{device}", load)
    scaled, scale = fitted(frame)
    with shaped.inference():
        image = torch.from_numpy(scaled).to(device).permute(2, 0, 1)[None].float()
        boxes, scores = net(image)
        best = int(scores[0].argmax())
        box, score = boxes[0, best].double().cpu().numpy(), float(scores[0, best])
    if score < CONFIDENCE:
        return None
    height, width = scaled.shape[:2]
    inside = np.clip(box, 0, [width - 1, height - 1] * 2)
    return (inside / scale).astype(np.float32).astype(np.int64)


def fitted(frame: Frames) -> tuple[Frames, float]:
    """Scales a frame to the size at which faces are looked for, without a low pass. Returns it and by how much."""
    short, long = sorted(frame.shape[:2])
    scale = SHORT / short
    if np.round(scale * long) > LONG:
        scale = LONG / long
    if scale == 1:
        return np.ascontiguousarray(frame), 1.0
    made = cv2().resize(frame, None, fx=scale, fy=scale, interpolation=cv2().INTER_LINEAR)
    return np.asarray(made, dtype=np.uint8), scale
