"""AS, the aesthetic score: a prediction of how people rate the beauty of a clip's frames.

Ours is LAION's predictor (CLIP ViT-L/14 and a small head, free to use) on two frames a second. What it finds
beautiful is what raters of photographs and of drawn pictures did; it knows nothing of faces that move.

Verse-Bench's AS (calculate_metrics.py `evaluate_aesthetic_video`, aesthetic/ @ 5645a09) is the mean of three scores of
every frame, brought to about 0 .. 1: aesthetic-predictor-v2-5 / 10, MUSIQ / 100 and MANIQA, of which the last two
rate how sharp and clean a picture is, not how beautiful. Its MANIQA takes crops at random places that are never the
same twice; here they are drawn with a seed, so the bench's own numbers scatter around ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from typing import Literal

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.picture import predictors as quality
from jova_bench.metrics.picture.predictors import Predictor
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

RATE = Fraction(2)
"""Frames per second: beauty changes slowly."""
MIN_SIDE = 32
"""Pixels of the shorter side; less is no picture to have an opinion of."""


@dataclass(frozen=True)
class AestheticVariant:
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
    description: str
    source: str


def _large_enough(height: int, width: int) -> str | None:
    side = min(height, width)
    return (
        f"too small: {width}x{height}, at least {MIN_SIDE} pixels are needed on each side" if side < MIN_SIDE else None
    )


def _larger_than_a_crop(height: int, width: int) -> str | None:
    side = quality.CROP_SIDE
    return f"too small: {width}x{height}, MANIQA cuts {side} pixels out of more" if min(height, width) <= side else None


VARIANTS = {
    "clean": AestheticVariant(
        name="clean",
        predictors=(quality.LAION,),
        scale=(1.0,),
        rate=RATE,
        fits=_large_enough,
        params={"fps": int(RATE)},
        unit="of 1 to 10",
        description="mean aesthetic score of two frames a second, by LAION's predictor",
        source="christophschuhmann/improved-aesthetic-predictor @ 6934dd8",
    ),
    "versebench": AestheticVariant(
        name="versebench@5645a09",
        predictors=(quality.V2_5, quality.MUSIQ, quality.MANIQA),
        scale=(10.0, 100.0, 1.0),
        rate=None,
        fits=_larger_than_a_crop,
        params={"crop_seed": quality.CROP_SEED},
        unit="",
        description="mean of aesthetic-predictor-v2-5 / 10, MUSIQ / 100 and MANIQA: the last two rate noise and blur",
        source="Verse-Bench calculate_metrics.py, aesthetic/ @ 5645a09",
    ),
}


class AestheticScore(ClipMetric):
    """How beautiful the frames of a clip are."""

    def __init__(self, protocol: AestheticVariant, context: MetricContext) -> None:
        super().__init__(context)
        self._protocol = protocol
        digests = [predictor.digest(self.assets) for predictor in protocol.predictors]
        self.spec = MetricSpec(
            name="aesthetic_score",
            version=1,
            profile="standard",
            backend="+".join(predictor.name for predictor in protocol.predictors),
            protocol=protocol.name,
            weights=None if None in digests else "+".join(map(str, digests)),
            params=protocol.params,
            unit=protocol.unit,
            direction="up",
            needs=("video",),
            domain="photographs and drawn pictures",
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


def aesthetic_score(context: MetricContext, variant: Literal["clean", "versebench"] = "clean") -> AestheticScore:
    """Builds the metric of one variant."""
    return AestheticScore(VARIANTS[variant], context)
