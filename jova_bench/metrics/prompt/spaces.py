"""Networks that put pictures and captions into one space: ImageBind, CLIP and ViCLIP."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from jova_bench.arrays import FloatArray, Frames, Indices
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable
from jova_bench.media.clip import Clip
from jova_bench.metrics.audio_visual.imagebind import WEIGHTS as IMAGEBIND
from jova_bench.metrics.audio_visual.imagebind import Embedder, cosine
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.picture.predictors import CLIP_DEVIATION, CLIP_MEAN
from jova_bench.metrics.prompt.captions import MOST
from jova_bench.metrics.signal.pillow_resize import bicubic_crop

if TYPE_CHECKING:
    from torch import Tensor

    from jova_bench.metrics.networks.clip_tokens import ClipTokens
    from jova_bench.metrics.networks.viclip import ViClip

TOKENS = "clip-vocabulary"
AT_ONCE = 8
"""Frames per batch of CLIP."""
EIGHT = 8
"""Frames that ViCLIP sees."""


@dataclass(frozen=True)
class Space(ABC):
    """One space of clips and captions; vectors are cached."""

    context: MetricContext
    weights: str
    """Asset."""
    most: ClassVar[int] = MOST
    """Tokens that it takes at once, the marks included."""

    def check(self) -> str | None:
        """Returns which packages or weights are missing; None if none is."""
        there = all(find_spec(name) for name in ("ftfy", "transformers"))
        package = None if there else "not installed: pip install 'jova-bench[standard]'"
        return join_reasons(package, self.context.assets.missing(self.weights, TOKENS))

    def tokens(self) -> ClipTokens:
        """Loads the vocabulary. Raises Unavailable when something is missing."""
        if reason := self.check():
            raise Unavailable(reason)
        from jova_bench.metrics.networks import clip_tokens

        assets = self.context.assets
        return cached_network(f"{TOKENS}[{assets.digest(TOKENS)}]", lambda: clip_tokens.load(assets.find(TOKENS)))

    def encode_text(self, pieces: Sequence[Sequence[int]]) -> FloatArray:
        """Returns the (E,) mean of the vectors of pieces of a caption, weighted by their tokens without the marks."""
        return np.asarray(
            np.average([self._piece(one) for one in pieces], axis=0, weights=[len(p) - 2 for p in pieces])
        )

    def _piece(self, tokens: Sequence[int]) -> FloatArray:
        key = CacheKey(f"{self.weights}-text", 1, self.context.assets.digest(self.weights))
        digest = hashlib.sha256(repr(list(tokens)).encode()).hexdigest()
        kept = self.context.cache.get(digest, key, lambda: {"vector": self._read(tokens).double().cpu().numpy()})
        return np.asarray(kept["vector"], dtype=np.float64)

    def unfit(self, count: int) -> str | None:
        """Returns why the network has no answer for a clip of `count` frames; None if it has."""
        return None

    @abstractmethod
    def agreement(self, clip: Clip, text: FloatArray) -> float:
        """Returns how well a clip's frames fit the (E,) vector of a caption, -1 to 1."""

    @abstractmethod
    def _read(self, tokens: Sequence[int]) -> Tensor:
        """Embeds at most 77 tokens: (E,) of length 1."""

    def _net(self, name: str, load: Callable[..., Any]) -> Any:
        """Loads `load(path)`, or finds it in memory."""
        assets, device = self.context.assets, self.context.device
        key = f"{name}@1[{assets.digest(self.weights)}] on {device}"
        return cached_network(key, lambda: load(assets.find(self.weights)))


@dataclass(frozen=True)
class ImageBindSpace(Space):
    """ImageBind: five pairs of frames in three crops, whose mean is compared."""

    weights: str = IMAGEBIND

    def agreement(self, clip: Clip, text: FloatArray) -> float:
        """Returns the cosine of the mean vector of a clip's pairs and of the caption's."""
        return float(cosine(Embedder(self.context).encode_stretches(clip).mean(axis=0), text))

    def _read(self, tokens: Sequence[int]) -> Tensor:
        import torch

        from jova_bench.metrics.networks.imagebind import text

        net = self._net("imagebind-text", partial(text.load, device=self.context.device))
        with torch.inference_mode():
            return net.encode_text(tokens)


@dataclass(frozen=True)
class ClipSpace(Space):
    """CLIP: frames one by one, whose cosines are averaged."""

    sampling: str = ""
    """Names the sampling in the cache."""
    sample: Callable[[int, Fraction], Indices] = lambda count, fps: np.arange(count)
    """Count and rate of a clip's frames to those that are seen."""
    swapped: bool = False
    """Whether red and blue are exchanged."""

    def agreement(self, clip: Clip, text: FloatArray) -> float:
        """Returns the mean cosine of the vectors of frames and of the caption."""
        frames = clip.frames
        assert frames is not None
        key = CacheKey(f"{self.weights}-frames", 1, self.context.assets.digest(self.weights), {"frames": self.sampling})

        def embed() -> dict[str, FloatArray]:
            shown = frames[self.sample(len(frames), clip.fps)]
            return {"vectors": self._see(shown[..., ::-1] if self.swapped else shown)}

        seen = np.asarray(self.context.cache.get(clip.digest, key, embed)["vectors"], dtype=np.float64)
        return float(cosine(seen, text).mean())

    def _see(self, frames: Frames) -> FloatArray:
        """Embeds (n, H, W, 3) frames: (n, E)."""
        import torch

        from jova_bench.metrics.networks import vision

        tower = self._net(f"{self.weights}-frames", lambda path: vision.clip(path).to(self.context.device))
        side, seen = tower.config.image_size, []
        with torch.inference_mode():
            for start in range(0, len(frames), AT_ONCE):
                pictures = _squares(frames[start : start + AT_ONCE], side)
                seen.append(tower(pixel_values=pictures.to(self.context.device)).image_embeds)
        return torch.cat(seen).double().cpu().numpy()

    def _read(self, tokens: Sequence[int]) -> Tensor:
        import torch

        from jova_bench.metrics.networks import vision

        net = self._net(f"{self.weights}-text", lambda path: vision.clip_text(path).to(self.context.device))
        with torch.inference_mode():
            return torch.nn.functional.normalize(net(torch.tensor([tokens], device=net.device)).text_embeds[0], dim=-1)


@dataclass(frozen=True)
class ViClipSpace(Space):
    """ViCLIP as VABench runs it: eight frames at once, red and blue exchanged."""

    weights: str = "viclip-l14"
    most: ClassVar[int] = 32

    def unfit(self, count: int) -> str | None:
        """Returns a reason between one frame and eight, for which there are no places in time."""
        short = f"too short: {count} frames, on which the bench fails; 1 or {EIGHT} needed"
        return short if 1 < count < EIGHT else None

    def agreement(self, clip: Clip, text: FloatArray) -> float:
        """Returns the cosine of the vectors of a clip's eight frames and of the caption."""
        frames = clip.frames
        assert frames is not None
        key = CacheKey(f"{self.weights}-frames", 1, self.context.assets.digest(self.weights), {"frames": "8 bgr"})

        def embed() -> dict[str, FloatArray]:
            import torch

            net = self._viclip()
            pictures = _squares(frames[eight_middles(len(frames))][..., ::-1], net.side)
            with torch.inference_mode():
                return {"vector": net.encode_frames(pictures.to(self.context.device)).double().cpu().numpy()}

        return float(cosine(np.asarray(self.context.cache.get(clip.digest, key, embed)["vector"]), text))

    def _viclip(self) -> ViClip:
        from jova_bench.metrics.networks import viclip

        net: ViClip = self._net("viclip", partial(viclip.load, device=self.context.device))
        return net

    def _read(self, tokens: Sequence[int]) -> Tensor:
        import torch

        with torch.inference_mode():
            return self._viclip().encode_text(tokens)


def eight_middles(count: int) -> Indices:
    """Selects the middle frames of eight parts of a clip, or its only frame."""
    edges = np.linspace(0, count, min(EIGHT, count) + 1).astype(np.int64)
    return np.asarray((edges[:-1] + edges[1:] - 1) // 2)


def _squares(frames: Frames, side: int) -> Tensor:
    """Returns the (n, 3, side, side) normalised middles of (n, H, W, 3) frames, as CLIP sees them."""
    import torch

    from jova_bench.metrics.signal.frames import normalised

    crops = np.stack([bicubic_crop(frame, side) for frame in frames])
    return normalised(torch.from_numpy(crops).permute(0, 3, 1, 2), CLIP_MEAN, CLIP_DEVIATION)
