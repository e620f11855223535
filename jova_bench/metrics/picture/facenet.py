"""Embeds faces: found, followed and cropped; embeddings of one person lie close together.

The recogniser is FaceNet on VGGFace2 (99.65 % on LFW), which takes a box and needs no landmarks. A face is cut out as
facenet-pytorch did for that figure: 14 of 160 pixels of margin around the detector's box, squeezed into a square.
Its limits: faces from the side, small or in the dark lie far from all others, including the same person's from the
front; it was trained on photographs of celebrities and knows drawn faces and children less well; and detectors
differ in how tight their boxes are, so the detector is part of a metric's identity.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics import faces
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.signal.pillow_resize import bilinear

if TYPE_CHECKING:
    from jova_bench.metrics.networks.facenet import FaceNet

WEIGHTS = "facenet-vggface2"
SIDE, MARGIN = 160, 14
EVERY = 5
"""Frames at 25 fps (0.2 s) from one embedding to the next; between the detector's own looks boxes are interpolated."""
BATCH = 16


def missing(detector: str, assets: AssetTable) -> str | None:
    """Returns what of detector and recogniser is missing; None if nothing is."""
    found = faces.detector(detector, assets)
    return join_reasons(found.packages(), assets.missing(*found.files, WEIGHTS))


def key(detector: str, assets: AssetTable) -> CacheKey:
    """Returns the cache key of everything that embeddings depend on except the clip."""
    found = faces.detector(detector, assets).key
    return CacheKey(
        "facenet",
        1,
        assets.digest(WEIGHTS),
        {"detector": found, "searched_every": faces.EVERY, "embedded_every": EVERY},
    )


def still(image: Frames) -> Clip:
    """Returns an image (H, W, 3) as a clip of one frame."""
    digest = hashlib.sha256(f"image {image.shape}".encode())
    digest.update(np.ascontiguousarray(image).data)
    return Clip(image[None], Fraction(25), None, 0, digest.hexdigest())


def embeddings(clip: Clip, detector: str, context: MetricContext) -> list[FloatArray]:
    """Returns the faces of every fifth frame of a clip at 25 fps, the largest of each frame first.

    Returns:
        For each such frame (n, 512), n faces, each of length 1.

    Raises:
        Undefined: no video, or frames that the detector cannot take.
        Unavailable: weights or a package are missing.
    """

    def compute() -> dict[str, npt.NDArray[np.generic]]:
        tracks = faces.tracks(clip, detector, context)
        frames = faces.at_25_fps(clip)
        counts, crops = [], []
        for k in range(0, len(frames), EVERY):
            boxes = [track.boxes[k - track.first] for track in tracks if track.first <= k < track.stop]
            cut = [
                crop for box in sorted(boxes, key=_area, reverse=True) if (crop := cut_out(frames[k], box)) is not None
            ]
            counts.append(len(cut))
            crops += cut
        return {"counts": np.array(counts), "embeddings": _embed(crops, context)}

    if clip.frames is None:
        raise Undefined("no video stream")
    kept = context.cache.get(clip.digest, key(detector, context.assets), compute)
    ends = np.cumsum(np.asarray(kept["counts"], dtype=np.int64))[:-1]
    return np.split(np.asarray(kept["embeddings"], dtype=np.float64), ends)


def cut_out(frame: Frames, box: FloatArray) -> Frames | None:
    """Crops (160, 160, 3) around (x0, y0, x1, y1) with margin; None for a box outside of the frame."""
    x0, y0, x1, y1 = box
    across, down = (MARGIN * length / (SIDE - MARGIN) / 2 for length in (x1 - x0, y1 - y0))
    height, width = frame.shape[:2]
    left, top = int(max(x0 - across, 0)), int(max(y0 - down, 0))
    right, bottom = int(min(x1 + across, width)), int(min(y1 + down, height))
    return bilinear(frame[top:bottom, left:right], SIDE, SIDE) if left < right and top < bottom else None


def _area(box: FloatArray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _embed(crops: list[Frames], context: MetricContext) -> FloatArray:
    """Returns the (n, 512) embeddings of faces."""
    import torch

    from jova_bench.metrics.networks.network_cache import cached_network

    if not crops:
        return np.zeros((0, 512))
    assets, device = context.assets, context.device
    net = cached_network(f"facenet[{assets.digest(WEIGHTS)}]@{device}", lambda: load(assets, device))
    found = []
    with torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            pixels = torch.from_numpy(np.stack(crops[start : start + BATCH])).permute(0, 3, 1, 2).float().to(device)
            found.append(net((pixels - 127.5) / 128))
    return torch.cat(found).double().cpu().numpy()


def load(assets: AssetTable, device: str) -> FaceNet:
    """Loads the recogniser, without the checkpoint's classifier of 8,631 celebrities."""
    from jova_bench.metrics.networks import checkpoint
    from jova_bench.metrics.networks.facenet import FaceNet

    path = assets.find(WEIGHTS)
    state = {name: value for name, value in checkpoint.tensors(path).items() if not name.startswith("logits.")}
    return cast(FaceNet, checkpoint.load_weights(FaceNet(), state, path).to(device))
