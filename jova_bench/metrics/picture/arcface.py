"""Embeds faces by ArcFace (Deng et al. 2019, arXiv 1801.07698), as insightface's `buffalo_l` does.

SCRFD finds faces and five points of each; a face is turned, scaled and moved so that its points lie on fixed places of
112 x 112 pixels, and embedded by a ResNet-50 that was trained on WebFace600K. Its cosines of one person are lower than
FaceNet's and those of strangers lie around 0; the two never share a column.

Source: deepinsight/insightface @ 7fadd42, python-package utils/face_align.py and model_zoo/arcface_onnx.py.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.faces import at_25_fps, scrfd
from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.networks.onnx_session import open_session
from jova_bench.metrics.picture.facenet import EVERY

WEIGHTS, DETECTOR = "arcface-r50", "scrfd"
SIDE, BATCH = 112, 16
PLACES = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
"""Where right eye, left eye, tip of the nose and corners of the mouth are put, x and y in pixels."""


def missing(assets: AssetTable) -> str | None:
    """Returns which packages and files are missing; None if none is."""
    return join_reasons(scrfd.packages(), assets.missing(DETECTOR, WEIGHTS))


def embeddings(clip: Clip, context: MetricContext) -> list[FloatArray]:
    """Returns the faces of every fifth frame of a clip at 25 fps, the largest of each frame first.

    Returns:
        For each such frame (n, 512), n faces, each of length 1.

    Raises:
        Undefined: no video.
        Unavailable: weights or a package are missing.
    """

    def compute() -> dict[str, npt.NDArray[np.generic]]:
        frames = at_25_fps(clip)
        counts, crops = [], []
        for k in range(0, len(frames), EVERY):
            (found,) = scrfd.faces(context.assets, frames[k][None])
            areas = np.prod(found[:, 2:4] - found[:, :2], axis=1)
            crops += [aligned(frames[k], face[5:].reshape(5, 2)) for face in found[np.argsort(-areas, kind="stable")]]
            counts.append(len(found))
        return {"counts": np.array(counts), "embeddings": embed(crops, context.assets)}

    if clip.frames is None:
        raise Undefined("no video stream")
    digests = f"{context.assets.digest(DETECTOR)}+{context.assets.digest(WEIGHTS)}"
    key = CacheKey("arcface", 1, digests, {"detector": scrfd.SETTINGS, "every": EVERY})
    kept = context.cache.get(clip.digest, key, compute)
    ends = np.cumsum(np.asarray(kept["counts"], dtype=np.int64))[:-1]
    return np.split(np.asarray(kept["embeddings"], dtype=np.float64), ends)


def aligned(frame: Frames, points: FloatArray) -> Frames:
    """Cuts (112, 112, 3) out of a frame so that its (5, 2) points come to lie near `PLACES`; black beyond its edges."""
    made = cv2().warpAffine(frame, similarity(points, PLACES), (SIDE, SIDE), borderValue=0.0)
    return np.asarray(made, dtype=np.uint8)


def similarity(source: FloatArray, target: FloatArray) -> FloatArray:
    """Returns the (2, 3) turn, scale and shift of (n, 2) points that brings them nearest to others (Umeyama 1991)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    turned = b.T @ a / len(a)
    left, sizes, right = np.linalg.svd(turned)
    signs = np.array([1.0, 1.0 if np.linalg.det(turned) >= 0 else -1.0])  # A turn, never a mirror image.
    turn = left * signs @ right * (sizes @ signs / a.var(axis=0).sum())
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


def embed(crops: list[Frames], assets: AssetTable) -> FloatArray:
    """Returns the (n, 512) embeddings of aligned faces, each of length 1; on the CPU."""
    if not crops:
        return np.zeros((0, 512))
    session = cached_network(f"arcface[{assets.digest(WEIGHTS)}]", partial(open_session, assets.find(WEIGHTS)))
    found = [_run(session, crops[start : start + BATCH]) for start in range(0, len(crops), BATCH)]
    faces = np.concatenate(found).astype(np.float64)
    return np.asarray(faces / np.linalg.norm(faces, axis=1, keepdims=True))


def _run(session: Any, crops: list[Frames]) -> npt.NDArray[np.float32]:
    pixels = (np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32) - np.float32(127.5)) / np.float32(127.5)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: pixels})[0], dtype=np.float32)
