"""What LatentSync's FVD is shown: the first face of each of 16 frames, cut out by mediapipe's short-range BlazeFace.

Source: bytedance/LatentSync eval/eval_fvd.py @a229c39 (with mediapipe 0.10.11; 0.10.21 bundles the same model, and
later ones bundle none). There a clip without a face ends the evaluation; here it is undefined.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jova_bench.metrics.faces import opencv
from jova_bench.types import Clip, Unavailable, Undefined

if TYPE_CHECKING:
    from torch import Tensor

FRAMES = range(20, 36)
SIDE = 224
HOW = "not installed: pip install 'jova-bench[face-mediapipe]' (mediapipe 0.10.21, Python 3.12 at most, numpy below 2)"
MODEL = Path("modules/face_detection/face_detection_short_range.tflite")
SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
SHORT_RANGE, CONFIDENCE = 0, 0.5


def missing() -> str | None:
    """None when OpenCV and a mediapipe that bundles its model are there."""
    return opencv.missing() or (None if _file() else HOW)


def window(clip: Clip) -> Tensor:
    """(1, 3, 16, 224, 224) in [0, 1]. Raises Undefined or Unavailable."""
    import torch

    if clip.frames is None:
        raise Undefined("no video stream")
    if len(clip.frames) < FRAMES.stop:
        raise Undefined(f"too short: {len(clip.frames)} frames, {FRAMES.stop} needed")
    shown = [squashed(clip.frames[number], number) for number in FRAMES]
    return torch.from_numpy(np.stack(shown)).permute(3, 0, 1, 2)[None].float() / 255


def squashed(frame: np.ndarray, number: int) -> np.ndarray:
    """(224, 224, 3) the first face of a frame (H, W, 3), without a margin and without its proportions."""
    cv2 = opencv.cv2()
    height, width = frame.shape[:2]
    detections = _net().process(np.ascontiguousarray(frame)).detections
    if not detections:
        raise Undefined(f"no face in frame {number}")
    box = detections[0].location_data.relative_bounding_box
    left, top = max(0, int(box.xmin * width)), max(0, int(box.ymin * height))
    face = frame[top : top + int(box.height * height), left : left + int(box.width * width)]
    if not face.size:
        raise Undefined(f"the face in frame {number} has no pixels")
    return np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


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

    return FaceDetection(min_detection_confidence=CONFIDENCE, model_selection=SHORT_RANGE)
