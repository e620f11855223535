"""Input of LatentSync's FVD: the first face of each of 16 frames, cropped by mediapipe's short-range BlazeFace.

Source: bytedance/LatentSync eval/eval_fvd.py @a229c39 (with mediapipe 0.10.11; 0.10.21 bundles the same model, and
later ones bundle none). There a clip without a face ends the evaluation; here it is undefined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jova_bench.assets.table import AssetTable
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import join_reasons
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.faces.blaze_decoding import detect
from jova_bench.metrics.faces.litert import SHORT_RANGE, not_installed

if TYPE_CHECKING:
    from torch import Tensor

FRAMES = range(20, 36)
SIDE = 224


def missing() -> str | None:
    """Returns which package is missing: OpenCV, or what runs mediapipe's networks; None if none is."""
    return join_reasons(opencv.missing(), not_installed())


def window(clip: Clip, assets: AssetTable) -> Tensor:
    """Returns (1, 3, 16, 224, 224) in [0, 1]. Raises Undefined or Unavailable."""
    import torch

    if clip.frames is None:
        raise Undefined("no video stream")
    if len(clip.frames) < FRAMES.stop:
        raise Undefined(f"too short: {len(clip.frames)} frames, {FRAMES.stop} needed")
    shown = [squashed(clip.frames[number], number, assets) for number in FRAMES]
    return torch.from_numpy(np.stack(shown)).permute(3, 0, 1, 2)[None].float() / 255


def squashed(frame: np.ndarray, number: int, assets: AssetTable) -> np.ndarray:
    """Crops the first face of a frame (H, W, 3) without a margin and stretches it to (224, 224, 3)."""
    cv2 = opencv.cv2()
    found = detect(frame, SHORT_RANGE, assets)
    if not len(found):
        raise Undefined(f"no face in frame {number}")
    x0, y0, x1, y1 = found[0, :4]
    left, top = max(0, int(x0)), max(0, int(y0))
    face = frame[top : top + int(y1 - y0), left : left + int(x1 - x0)]
    if not face.size:
        raise Undefined(f"the face in frame {number} has no pixels")
    return np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
