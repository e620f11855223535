"""Networks that predict people's ratings of a picture: the parts that aesthetic scores are made of.

Each takes the frames of a clip, (T, H, W, 3), and gives (T,) scores on its own scale. Networks are loaded one at a
time, so a clip's frames all go through one before the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.metrics.signal.pillow_resize import bicubic, bicubic_crop

if TYPE_CHECKING:
    from torch import Tensor, nn

    from jova_bench.metrics.networks.shaped import Shapes

BATCH = 8
CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SIGLIP_MEAN, SIGLIP_DEVIATION = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
CROPS, CROP_SIDE = 20, 224
CROP_SEED = 0
VBENCH_SIDE = 512
"""Longest side of what VBench shows MUSIQ."""


@dataclass(frozen=True)
class Predictor:
    """A network that scores pictures."""

    name: str
    weights: tuple[str, ...]
    """Assets."""
    scores: Callable[[Frames, AssetTable, str], FloatArray]
    """Frames, weights and a device to (T,)."""
    transformers: bool = False
    """Whether the transformers package runs it."""

    def digest(self, assets: AssetTable) -> str | None:
        """Returns the digest of all its weights; None while one of them is unknown."""
        digests = [assets.digest(name) for name in self.weights]
        return None if None in digests else "+".join(map(str, digests))


def _laion(frames: Frames, assets: AssetTable, device: str) -> FloatArray:
    """Loads CLIP ViT-L/14 with a head trained on AVA, SAC and logos (improved-aesthetic-predictor): 1 to 10."""

    def pixels(frames: Frames, side: int) -> Tensor:
        import torch

        return torch.stack([_pixels(bicubic_crop(frame, side)) for frame in frames])

    return _by_clip(frames, assets, device, LAION, _affine, pixels)


def _laion_linear(frames: Frames, assets: AssetTable, device: str) -> FloatArray:
    """Loads CLIP ViT-L/14 with LAION's first, linear head; frames are scaled without a low pass, as by VBench."""
    from torch import nn

    from jova_bench.metrics.networks import shaped
    from jova_bench.metrics.signal.frames import centre, scaled_size, unfiltered

    def head(path: Path) -> nn.Module:
        return shaped.load(lambda shapes: nn.Linear(shapes["weight"][1], 1), path, "cpu")

    def pixels(frames: Frames, side: int) -> Tensor:
        return centre(unfiltered(frames, scaled_size(frames, side), "bicubic"), side)

    return _by_clip(frames, assets, device, LAION_LINEAR, head, pixels)


def _by_clip(
    frames: Frames,
    assets: AssetTable,
    device: str,
    predictor: Predictor,
    load_head: Callable[[Path], nn.Module],
    pixels: Callable[[Frames, int], Tensor],
) -> FloatArray:
    """Rates frames by a head on the vectors of CLIP.

    Args:
        frames: (n, H, W, 3).
        assets: the weights, of CLIP and then of the head.
        device: where both run.
        predictor: names them.
        load_head: reads the head.
        pixels: frames and the side of CLIP's pictures to (n, 3, side, side) in 0 .. 255.
    """
    import torch

    from jova_bench.metrics.networks import vision
    from jova_bench.metrics.networks.network_cache import cached_network
    from jova_bench.metrics.signal.frames import normalised

    def load() -> tuple[Any, nn.Module]:
        encoder, rater = (assets.find(name) for name in predictor.weights)
        return vision.clip(encoder).to(device), load_head(rater).to(device)

    tower, head = cached_network(f"{predictor.name}[{predictor.digest(assets)}]@{device}", load)
    side, scores = tower.config.image_size, []
    with torch.inference_mode():
        for start in range(0, len(frames), BATCH):
            pictures = normalised(pixels(frames[start : start + BATCH], side), CLIP_MEAN, CLIP_DEVIATION)
            seen = tower(pixel_values=pictures.to(device)).image_embeds
            scores.append(head(seen / seen.norm(dim=1, keepdim=True))[:, 0])
    return torch.cat(scores).double().cpu().numpy()


def _v2_5(frames: Frames, assets: AssetTable, device: str, dtype: str = "bfloat16") -> FloatArray:
    """Loads SigLIP so400m with the head of aesthetic-predictor-v2-5, in half precision as Verse-Bench: 1 to 10."""
    import torch

    from jova_bench.metrics.networks import vision
    from jova_bench.metrics.networks.network_cache import cached_network
    from jova_bench.metrics.signal.frames import normalised

    kind: torch.dtype = getattr(torch, dtype)

    def load() -> tuple[Any, nn.Module]:
        tower, head = vision.siglip(assets.find("siglip-so400m")), _affine(assets.find("aesthetic-v2-5"))
        return tower.to(device, kind), head.to(device, kind)

    tower, head = cached_network(f"aesthetic-v2-5[{V2_5.digest(assets)}] {dtype}@{device}", load)
    side, scores = tower.config.image_size, []
    with torch.inference_mode():
        for frame in frames:
            picture = _pixels(bicubic(frame, side, side))[None]
            pixels = normalised(picture, SIGLIP_MEAN, SIGLIP_DEVIATION).to(device, kind)
            seen = tower(pixel_values=pixels).pooler_output
            scores.append(float(head(seen / seen.norm(dim=-1, keepdim=True))[0, 0]))
    return np.array(scores)


def _musiq(frames: Frames, assets: AssetTable, device: str) -> FloatArray:
    """Loads MUSIQ trained on KonIQ-10k: 0 to 100."""
    return _by_musiq(frames, assets, device, MUSIQ, lambda frame: _pixels(frame).float())


def _musiq_spaq(frames: Frames, assets: AssetTable, device: str) -> FloatArray:
    """Loads MUSIQ trained on SPAQ: 0 to 100; frames longer than 512 pixels are scaled without a low pass."""
    from jova_bench.metrics.signal.frames import unfiltered

    def shown(frame: Frames) -> Tensor:
        height, width = frame.shape[:2]
        scale = VBENCH_SIDE / max(height, width)
        size = (int(scale * height), int(scale * width)) if scale < 1 else (height, width)
        return unfiltered(frame[None], size, "bilinear")[0]

    return _by_musiq(frames, assets, device, MUSIQ_SPAQ, shown)


def _by_musiq(
    frames: Frames, assets: AssetTable, device: str, predictor: Predictor, show: Callable[[Frames], Tensor]
) -> FloatArray:
    """Rates frames one by one; `show` maps (H, W, 3) to (3, h, w) in 0 .. 255."""
    import torch

    from jova_bench.metrics.networks.musiq import Musiq
    from jova_bench.metrics.networks.network_cache import cached_network

    load = partial(_load, Musiq, predictor.weights[0], assets, device)
    net = cached_network(f"{predictor.name}[{predictor.digest(assets)}]@{device}", load)
    with torch.inference_mode():
        return np.array([float(net(show(frame).div(255).to(device))) for frame in frames])


def _topiq(name: str, frames: Frames, assets: AssetTable, device: str) -> FloatArray:
    """Loads TOPIQ of one of its checkpoints: about 0 to 1, of AVA 1 to 10. Takes any numbers from 0 to 255."""
    from jova_bench.metrics.networks import shaped
    from jova_bench.metrics.networks.network_cache import cached_network
    from jova_bench.metrics.networks.topiq import Topiq

    load = partial(_load, Topiq, name, assets, device, "params")
    net = cached_network(f"{name}[{assets.digest(name)}]@{device}", load)
    with shaped.inference():
        return np.array([float(net(_pixels(frame)[None].to(device).float() / 255)) for frame in frames])


def _maniqa(frames: Frames, assets: AssetTable, device: str, dtype: str = "float32") -> FloatArray:
    """Loads MANIQA trained on KonIQ-10k, the mean over 20 random crops: 0 to 1.

    Upstream throws its dice unseeded, so that no clip has one score; here the crops of a clip are always the same.
    The last row and column of places are never drawn, as upstream.
    """
    import torch

    from jova_bench.metrics.networks.maniqa import Maniqa
    from jova_bench.metrics.networks.network_cache import cached_network

    kind: torch.dtype = getattr(torch, dtype)

    def load() -> nn.Module:
        return _load(Maniqa, "maniqa-koniq10k", assets, device).to(kind)

    net = cached_network(f"maniqa[{MANIQA.digest(assets)}] {dtype}@{device}", load)
    height, width = frames.shape[1:3]
    dice = np.random.RandomState(CROP_SEED)
    scores = []
    with torch.inference_mode():
        for frame in frames:
            places = [(dice.randint(height - CROP_SIDE), dice.randint(width - CROP_SIDE)) for _ in range(CROPS)]
            crops = [_pixels(frame[top : top + CROP_SIDE, left : left + CROP_SIDE]) for top, left in places]
            pixels = torch.stack(crops).to(device, kind)
            scores.append(float(net(pixels / 127.5 - 1).mean()))
    return np.array(scores)


def _pixels(frame: Frames) -> Tensor:
    """Maps (H, W, 3) to (3, H, W)."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)


def _affine(path: Path) -> nn.Sequential:
    """Builds a head of linear layers without activations: `NAME.0.weight`, `NAME.2.weight`, ..."""
    from torch import nn

    from jova_bench.metrics.networks import checkpoint

    state = checkpoint.tensors(path)
    layers: list[tuple[int, str]] = sorted(
        (int(name.split(".")[-2]), name.removesuffix(".weight")) for name in state if name.endswith(".weight")
    )
    shapes = [state[f"{name}.weight"].shape for _, name in layers]
    chain = nn.Sequential(*(nn.Linear(before, after) for after, before in shapes))
    renamed = {
        f"{k}.{part}": state[f"{name}.{part}"] for k, (_, name) in enumerate(layers) for part in ("weight", "bias")
    }
    checkpoint.load_weights(chain, renamed, path)
    return chain


def _load(build: Callable[[Shapes], nn.Module], asset: str, assets: AssetTable, device: str, *inside: str) -> nn.Module:
    """Builds a network for the shapes of a checkpoint, which may hold more than it needs."""
    from jova_bench.metrics.networks import shaped

    return shaped.load(build, assets.find(asset), device, *inside, rules=[(r"^module[.]", "")], more=True)


LAION = Predictor("laion-v2", ("clip-vit-l14", "laion-aesthetic"), _laion, transformers=True)
LAION_LINEAR = Predictor("laion-linear", ("clip-vit-l14", "laion-linear"), _laion_linear, transformers=True)
V2_5 = Predictor("aesthetic-v2-5", ("siglip-so400m", "aesthetic-v2-5"), _v2_5, transformers=True)
MUSIQ = Predictor("musiq", ("musiq-koniq",), _musiq)
MUSIQ_SPAQ = Predictor("musiq-spaq", ("musiq-spaq",), _musiq_spaq)
TOPIQ_IAA, TOPIQ_FACE, TOPIQ_FACE_V1 = (
    Predictor(name, (name,), partial(_topiq, name)) for name in ("topiq-iaa", "topiq-face", "topiq-face-v1")
)
"""The first rates beauty, the others the quality of a face in 512 x 512 pixels; v1 is that of pyiqa up to 0.1.13."""
MANIQA = Predictor("maniqa", ("maniqa-koniq10k",), _maniqa)
