"""Faces and their five points by RetinaFace, as facexlib 0.3.0 finds them before it restores a face.

Source: facexlib detection/retinaface.py `detect_faces` and utils/face_restoration_helper.py: frames at their own size,
faces that the network is 97 % sure of.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from jova_bench.arrays import Frames
from jova_bench.assets.table import AssetTable
from jova_bench.metrics.faces.s3fd import suppressed
from jova_bench.metrics.faces.track import Boxes
from jova_bench.metrics.networks.network_cache import cached_network

WEIGHTS = "retinaface-r50"
CONFIDENCE = 0.97
OVERLAP = 0.4
"""Overlap of two boxes above which the surer one alone is kept."""


def faces(frame: Frames, assets: AssetTable, device: str) -> Boxes:
    """Finds the faces of one (H, W, 3) frame.

    Returns:
        (n, 15) in pixels, best first: a box, its score, and x and y of right eye, left eye, tip of the nose, right and
        left corner of the mouth.
    """
    import torch

    from jova_bench.metrics.networks import shaped
    from jova_bench.metrics.networks.retinaface import MEAN_BGR, RetinaFace

    load = partial(shaped.load, RetinaFace, assets.find(WEIGHTS), device)
    net = cached_network(f"{WEIGHTS}[{assets.digest(WEIGHTS)}]@{device}", load)
    with shaped.inference():
        image = torch.from_numpy(np.ascontiguousarray(frame[..., ::-1])).to(device).float()
        image = image - torch.tensor(MEAN_BGR, device=device)
        boxes, scores, points = (one[0].double().cpu().numpy() for one in net(image.permute(2, 0, 1)[None]))
    found = np.column_stack([boxes, scores, points.reshape(-1, 10)])
    return suppressed(found[scores > CONFIDENCE], OVERLAP)
