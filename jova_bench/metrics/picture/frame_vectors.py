"""Networks that map frames to vectors, for metrics that compare the frames of a clip: DINO and CLIP.

VBench shows frames of every size at 224 pixels on the shorter side, scaled without a low pass, so that fine detail of
a large frame flickers in what the networks see; ours are low-passed. VBench's CLIP sees the middle square alone, ours
three squares that cover a frame of up to 3 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.metrics.picture.predictors import CLIP_DEVIATION, CLIP_MEAN

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 8
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DINO, CLIP = "dino-vitb16", "clip-vit-b32"


@dataclass(frozen=True)
class FrameVectors:
    """One network, and how it is shown frames."""

    weights: str
    """Asset."""
    embed: Callable[[Frames, AssetTable, str], FloatArray]
    """(n, H, W, 3) frames, weights and a device to (n, D)."""
    transformers: bool = False
    """Whether the transformers package runs it."""


def _dino(frames: Frames, assets: AssetTable, device: str, filtered: bool) -> FloatArray:
    """Embeds frames by DINO ViT-B/16: whole frames, 224 pixels on the shorter side."""
    from jova_bench.metrics.networks import shaped
    from jova_bench.metrics.networks.dino import SIDE, Dino
    from jova_bench.metrics.networks.network_cache import cached_network
    from jova_bench.metrics.signal.frames import normalised, scaled_size, short_side, unfiltered

    def load() -> Dino:
        return shaped.load(Dino, assets.find(DINO), device)

    net = cached_network(f"{DINO}[{assets.digest(DINO)}]@{device}", load)
    size = scaled_size(frames, SIDE)

    def see(some: Frames) -> Tensor:
        pictures = short_side(some, SIDE) if filtered else unfiltered(some, size, "bilinear")
        return net(normalised(pictures.to(device), IMAGENET_MEAN, IMAGENET_DEVIATION))

    return _batched(frames, see)


def _clip(frames: Frames, assets: AssetTable, device: str, filtered: bool) -> FloatArray:
    """Embeds frames by CLIP ViT-B/32: the mean vector of three squares, or the vector of the middle one."""
    from jova_bench.metrics.networks import vision
    from jova_bench.metrics.networks.imagebind.inputs import crops
    from jova_bench.metrics.networks.network_cache import cached_network
    from jova_bench.metrics.signal.frames import centre, normalised, scaled_size, short_side, unfiltered

    def load() -> Any:
        return vision.clip(assets.find(CLIP)).to(device)

    net = cached_network(f"{CLIP}-frames@1[{assets.digest(CLIP)}] on {device}", load)
    side = net.config.image_size

    def look(pictures: Tensor) -> Tensor:
        seen = net(pixel_values=normalised(pictures.to(device), CLIP_MEAN, CLIP_DEVIATION)).image_embeds
        return seen / seen.norm(dim=1, keepdim=True)

    def see(some: Frames) -> Tensor:
        if not filtered:
            return look(centre(unfiltered(some, scaled_size(some, side), "bicubic"), side))
        squares = crops(short_side(some, side), side)  # (3, n, 3, side, side)
        seen = look(squares.flatten(0, 1))
        return seen.reshape(*squares.shape[:2], -1).mean(dim=0)

    return _batched(frames, see)


def _batched(frames: Frames, see: Callable[[Frames], Tensor]) -> FloatArray:
    import torch

    with torch.inference_mode():
        seen = [see(frames[start : start + BATCH]) for start in range(0, len(frames), BATCH)]
    return torch.cat(seen).double().cpu().numpy()


DINO_CLEAN, DINO_VBENCH = (FrameVectors(DINO, partial(_dino, filtered=filtered)) for filtered in (True, False))
CLIP_CLEAN, CLIP_VBENCH = (
    FrameVectors(CLIP, partial(_clip, filtered=filtered), transformers=True) for filtered in (True, False)
)


def cosines(a: FloatArray, b: FloatArray) -> FloatArray:
    """Returns the (n,) cosines of (n, D) vectors, of which a network may give no two equal to 0."""
    return np.asarray((a * b).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)))
