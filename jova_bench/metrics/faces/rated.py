"""A part of a face, cut out of the frames of a clip, as people would rate it: the mean of a network's ratings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Arrays
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import litert, opencv
from jova_bench.metrics.picture.predictors import Predictor
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

Picture = npt.NDArray[Any]
"""(H, W, 3) RGB, 0 to 255."""


@dataclass(frozen=True)
class RatedFace(ClipMetric):
    """Mean of a network's ratings of what is cut out."""

    spec: MetricSpec
    context: MetricContext
    predictor: Predictor
    packages: Callable[[], str | None]
    """Which packages are missing; None if none is."""
    files: tuple[str, ...]
    """Assets that find the face."""
    cuts: Callable[[Clip, MetricContext], Iterable[Picture]]
    """Cuts pictures out of a clip; raises Undefined."""

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        return join_reasons(self.packages(), self.context.assets.missing(*self.files, *self.predictor.weights))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Rates the clip's face; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        if reason := self.check():
            raise Unavailable(reason)

        def compute() -> Arrays:
            assets, device = self.context.assets, self.context.device
            rated = [self.predictor.scores(one[None], assets, device) for one in self.cuts(clip, self.context)]
            return {"scores": np.concatenate(rated)}

        key = CacheKey(self.spec.name.replace("_", "-"), 1, self.spec.weights, {"protocol": self.spec.protocol})
        kept = self.context.cache.get(clip.digest, key, compute)
        return float(np.asarray(kept["scores"], dtype=np.float64).mean())


def mesh_packages() -> str | None:
    """Returns which packages of MediaPipe's mesh are missing; None if none is."""
    return join_reasons(opencv.missing(), litert.not_installed())


def weights(found_by: tuple[str | None, ...], predictor: Predictor, assets: AssetTable) -> str | None:
    """Joins the digests of what finds a face and of what rates it; None while one is unknown."""
    digests = (*found_by, predictor.digest(assets))
    return None if None in digests else "+".join(map(str, digests))
