"""One vector per clip for FVD and KVD: what is shown, how it moves and how clean the pixels are.

The embedder was trained to name the attributes of real clips and the damage done to them (shuffled or frozen
frames, blur, noise, colour, blocks), never to generate.
"""

from __future__ import annotations

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.cache import FeatureCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import require_embedded_domain
from jova_bench.metrics.networks import shipped_weights

NAME = "video-embedder"
MIN_FRAMES = 16


def embed_video(clip: Clip, cache: FeatureCache, device: str = "cpu") -> FloatArray:
    """Returns the (32,) embedding of the frames of a clip. Raises Undefined or Unavailable."""
    require_embedded_domain(clip)
    if clip.frames is None:
        raise Undefined("no video stream")
    if len(clip.frames) < MIN_FRAMES:
        raise Undefined(f"too short: {len(clip.frames)} frames, at least {MIN_FRAMES} needed")
    frames = clip.frames

    def compute() -> dict[str, FloatArray]:
        import torch

        from jova_bench.metrics.networks import embedded as nets

        with torch.inference_mode():
            embedded = nets.load(NAME, device)(nets.pictures(frames, device)[None])[0]
        return {"embedding": embedded.double().cpu().numpy()}

    return np.asarray(cache.get(clip.digest, shipped_weights.extractor(NAME), compute)["embedding"], dtype=np.float64)
