"""S3FD as syncnet_python uses it: frames at a quarter of their size, faces that it is 90 % sure of.

Source: joonson/syncnet_python run_pipeline.py and detectors/s3fd/__init__.py at 6efbb1c. A quarter of the size lets
it see faces from about 64 pixels on; the pipelines of the papers require 100.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from jova_bench.assets.table import AssetTable
from jova_bench.errors import Undefined
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.faces.track import Boxes, Frames, overlaps
from jova_bench.metrics.networks.network_cache import cached_network

if TYPE_CHECKING:
    from jova_bench.metrics.networks.s3fd import S3FD

SCALE = 0.25
CONFIDENCE = 0.9
OVERLAP = 0.3
"""Overlap of two boxes above which the surer one alone is kept."""
OVERLAP_AFTER = 0.1
"""The same once more among those that are left, as upstream."""
BATCH = 4


def find(assets: AssetTable, frames: Frames, device: str) -> list[Boxes]:
    """Returns per frame (n, 5) boxes in pixels and probabilities.

    Raises:
        Undefined: the frames are too small for the network.
        Unavailable: weights or a package are missing.
    """
    import torch

    from jova_bench.metrics.networks.s3fd import MEAN_BGR, MIN_SIDE

    height, width = frames.shape[1:3]
    if round(min(height, width) * SCALE) < MIN_SIDE:
        raise Undefined(f"frames of {width} x {height} are too small to find faces in by S3FD")
    net = cached_network(f"s3fd[{assets.digest('s3fd')}]@{device}", lambda: _load(assets, device))
    found: list[Boxes] = []
    mean = torch.tensor(MEAN_BGR[::-1], device=device)[:, None, None]
    with torch.inference_mode():
        for start in range(0, len(frames), BATCH):
            small = np.stack([_quarter(frame) for frame in frames[start : start + BATCH]])
            images = torch.from_numpy(small).to(device).permute(0, 3, 1, 2).float() - mean
            boxes, scores = net(images)
            pixels = boxes.new_tensor([width, height, width, height])
            for box, score in zip((boxes * pixels).cpu().numpy(), scores.cpu().numpy(), strict=True):
                sure = score > CONFIDENCE
                candidates = np.column_stack([box[sure], score[sure]]).astype(np.float64)
                found.append(suppressed(suppressed(candidates, OVERLAP), OVERLAP_AFTER))
    return found


def suppressed(boxes: Boxes, most: float) -> Boxes:
    """Maps (n, 5 or more) to (m, as many): best first, without those that share more than `most` with a better one."""
    kept = boxes[:0]
    for box in boxes[np.argsort(-boxes[:, 4], kind="stable")]:
        if not (overlaps(kept, box[None]) > most).any():
            kept = np.concatenate([kept, box[None]])
    return kept


def _quarter(frame: Frames) -> npt.NDArray[np.uint8]:
    cv2 = opencv.cv2()
    return np.asarray(cv2.resize(frame, (0, 0), fx=SCALE, fy=SCALE, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _load(assets: AssetTable, device: str) -> S3FD:
    from jova_bench.metrics.networks.s3fd import load

    return load(assets.find("s3fd")).to(device)


SETTINGS = f"1,scale={SCALE},score={CONFIDENCE}"


def build(assets: AssetTable) -> Detector:
    """Builds the detector."""
    return Detector("s3fd", opencv.missing, partial(assets.digest, "s3fd"), SETTINGS, partial(find, assets), ("s3fd",))
