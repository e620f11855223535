"""Ratings of a clip by networks that predict what people think of a picture: the mean over frames.

`aesthetic_score` and `imaging_quality` are such ratings; they differ in networks, frames and scales.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.picture.predictors import Predictor
from jova_bench.metrics.picture.sizes import too_small
from jova_bench.prompts import Prompt
from jova_bench.records import Direction, MetricSpec

RATE = Fraction(2)
"""Frames per second: what is rated changes slowly."""
MIN_SIDE = 32
"""Pixels of the shorter side; less is no picture to have an opinion of."""


@dataclass(frozen=True)
class RatingVariant:
    """Whose opinion, of which frames, on which scale."""

    name: str
    predictors: tuple[Predictor, ...]
    scale: tuple[float, ...]
    """Each predictor's scores are divided by this before the mean over predictors."""
    rate: Fraction | None
    """Frames per second; None for every frame."""
    fits: Callable[[int, int], str | None]
    """Height and width to None, or why such frames have no score."""
    params: dict[str, str | int | float]
    unit: str
    domain: str
    description: str
    source: str
    direction: Direction = "up"


def large_enough(height: int, width: int) -> str | None:
    """Returns why frames are too small for an opinion; None where they are not."""
    return too_small((height, width), MIN_SIDE)


class Rating(ClipMetric):
    """What networks think of the frames of a clip."""

    def __init__(self, name: str, protocol: RatingVariant, context: MetricContext) -> None:
        super().__init__(context)
        self._protocol = protocol
        digests = [predictor.digest(self.assets) for predictor in protocol.predictors]
        self.spec = MetricSpec(
            name=name,
            version=1,
            profile="standard",
            backend="+".join(predictor.name for predictor in protocol.predictors),
            protocol=protocol.name,
            weights=None if None in digests else "+".join(map(str, digests)),
            params=protocol.params,
            unit=protocol.unit,
            direction=protocol.direction,
            needs=("video",),
            domain=protocol.domain,
            description=protocol.description,
            source=protocol.source,
        )

    def check(self) -> str | None:
        """Returns which package or weights are missing; None if none is."""
        predictors = self._protocol.predictors
        wanted = any(predictor.transformers for predictor in predictors)
        there = not wanted or find_spec("transformers")
        files = (name for predictor in predictors for name in predictor.weights)
        return join_reasons(
            None if there else "not installed: pip install 'jova-bench[standard]'", self.assets.missing(*files)
        )

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Rates the clip's frames; `prompt` and `reference` are ignored."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        if clip.frames is None:
            raise Undefined("no video stream")
        height, width = clip.frames.shape[1:3]
        if reason := self._protocol.fits(height, width):
            raise Undefined(reason)
        if reason := self.check():
            raise Unavailable(reason)
        frames = self._sampled_frames(clip.frames, clip.fps)
        means = [float(self._scores(clip.digest, frames, predictor).mean()) for predictor in self._protocol.predictors]
        return float(np.mean(np.array(means) / np.array(self._protocol.scale)))

    def _sampled_frames(self, frames: Frames, fps: Fraction) -> Frames:
        from jova_bench.metrics.signal.frames import resample_frame_indices

        if self._protocol.rate is None:
            return frames
        indices = resample_frame_indices(len(frames), fps, self._protocol.rate)
        return frames[indices] if len(indices) else frames[:1]

    def _scores(self, digest: str, frames: Frames, predictor: Predictor) -> FloatArray:
        """Returns (T,) scores of a predictor; each is cached apart, so that a new one costs its own time alone."""
        rate = "all" if self._protocol.rate is None else f"{self._protocol.rate} fps"
        key = CacheKey(predictor.name, 1, predictor.digest(self.assets), {"rate": rate})
        kept = self.cache.get(digest, key, lambda: {"scores": predictor.scores(frames, self.assets, self.device)})
        return np.asarray(kept["scores"], dtype=np.float64)
