"""Distances of a set of clips from a fixed set of real clips: Fréchet and kernel distances of their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Self

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import CacheKey, FeatureCache, NoCache
from jova_bench.digests import short_digest
from jova_bench.errors import BenchError, Unavailable, Undefined
from jova_bench.formatting.messages import shown
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import SetMetric
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.distances import many
from jova_bench.metrics.distances.features import features_of, real_features
from jova_bench.metrics.real_clips import ReferenceClip, ReferenceSet
from jova_bench.records import MetricSpec

CLIPS_PER_DIMENSION = 3
"""A covariance needs at least this many clips per dimension before its Fréchet distance ranks anything."""
MIN_CLIPS = 10
"""Kernel distances are unbiased for any number of clips; with fewer than this they are mostly noise."""
DIMENSIONS: Mapping[str, int] = {"fad": 128, "fvd": 400, "fd_passt": 768, "fd_panns": 2048}
"""Dimensions of the embeddings behind the Fréchet distances of the standard profile."""
KERNELS: Mapping[str, str] = {"fvd": "kvd", "fad": "kad"}
"""The kernel distance of the same embeddings."""
LEAST_CLIPS = 2
"""A covariance needs as many, and so do the pairs of a kernel; published distances ask for nothing more."""
KAD_SCALE = 100
"""KAD is published multiplied by 100."""


class SetDistance(SetMetric):
    """What set distances share: an embedder, a reference set, and the reasons why either may be missing.

    A clip has one vector, (d,), or several, (p, d). Those of one clip are no independent draws: they enter a
    distance together, and it is clips that are counted.
    """

    def __init__(
        self,
        spec: MetricSpec,
        embed: Callable[[Clip], FloatArray],
        reference: Callable[[], FloatArray],
        missing: str | None = None,
        reference_clips: Sequence[ReferenceClip] = (),
        cache: FeatureCache | None = None,
    ) -> None:
        """Reads nothing yet.

        Args:
            spec: what is measured.
            embed: clip -> (d,) or (p, d).
            reference: gives the features of the reference clips, (m, d) or (m, p, d) as `distance.stack` makes them.
            missing: why this cannot be computed here.
            reference_clips: the clips of the reference set; any process may embed one beforehand.
            cache: where what depends on the reference set alone is kept; None for nowhere.
        """
        self.spec = spec
        self.reference_clips = reference_clips
        self._embed = embed
        self._load = reference
        self._missing = missing
        self._cache = cache or NoCache()

    def check(self) -> str | None:
        """Returns which file is missing; None if none is."""
        return self._missing

    def features(self, clip: Clip) -> FloatArray:
        """Returns the (d,) or (p, d) embedding of one clip. Raises Unavailable for one that is not finite."""
        if not isinstance(clip, Clip):
            raise BenchError(f"expected a clip as `read_clip` returns it, got {shown(clip)}")
        embedded = self._embed(clip)
        if not np.isfinite(embedded).all():
            raise Unavailable("not finite: the embedding of this clip")
        return embedded

    def details(self, features: FloatArray) -> Mapping[str, float]:
        """Returns the numbers of clips, of their vectors where a clip has several, and of dimensions."""
        features = features_of(features)
        found = {"n": float(len(features)), "d": float(features.shape[-1])}
        return found if features.ndim == 2 else {**found, "vectors": float(len(dist.clustered(features).rows))}

    def against(self, reference: FloatArray) -> Self:
        """Returns the same distance from another reference set, (m, d) or (m, p, d) embeddings of real clips."""
        real = real_features(reference)
        given = short_digest(np.ascontiguousarray(real).tobytes())
        return type(self)(
            ReferenceSet("given", given).put_into(self.spec),
            self._embed,
            lambda: real,
            self._missing,
            cache=self._cache,
        )

    def reference(self) -> FloatArray:
        """Returns the (m, d) or (m, p, d) embeddings of the reference set. Undefined or Unavailable without one."""
        return self._reference

    @cached_property
    def _reference(self) -> FloatArray:
        reference = self._load()
        if (vectors := int(np.isfinite(reference).all(axis=-1).sum())) < LEAST_CLIPS:
            raise Undefined(f"{vectors} vectors of real clips are fewer than {LEAST_CLIPS}")
        return reference

    def _check_dimension(self, features: FloatArray) -> None:
        made, real = features.shape[-1], self._reference.shape[-1]
        if made != real:
            what = f"expected features of {real} dimensions, as the real clips have them, got {made}"
            raise BenchError(f"{what}; `features` of this metric gives them")

    def _two_or_more(self, features: FloatArray) -> FloatArray:
        """Returns the features of a set of two vectors or more, as benches need them whose clips are not counted."""
        features = features_of(features)
        if (vectors := int(np.isfinite(features).all(axis=-1).sum())) < 2:
            raise Undefined(f"{vectors} vectors of clips are fewer than 2")
        self._check_dimension(features)
        return features

    def _enough(self, features: FloatArray, needed: int, why: str) -> None:
        if len(features) < needed:
            raise Undefined(f"{len(features)} clips are fewer than {why}")


class FrechetMetric(SetDistance):
    """Fréchet distance, with its limit for infinitely many clips beside it."""

    def distance(self, features: FloatArray) -> float:
        """Returns the distance of an (n, d) or (n, p, d) set. Undefined for n < 3 d: its bias exceeds it."""
        features = features_of(features)
        self._check_size(features)
        self._check_dimension(features)
        return self._measure(features)

    def distances(self, features: FloatArray, chosen: many.Masks) -> FloatArray:
        """Returns the distances of S sets of the same clips, (S,).

        Args:
            features: (N, d) or (N, p, d) of all clips.
            chosen: (S, N) which of them each set has.
        """
        self._check_size(_smallest(features, chosen))
        return self._from_reference.of_each(dist.clustered(features), chosen)

    def details(self, features: FloatArray) -> Mapping[str, float]:
        """Returns `n` and `d`; with enough clips also `n_to_infinity` and `n_to_infinity_r2`."""
        features = features_of(features)
        details = super().details(features)
        try:
            self._check_size(features)
        except Undefined:
            return details
        limit = dist.n_to_infinity(features, self._measure)
        return {**details, "n_to_infinity": limit.value, "n_to_infinity_r2": limit.r2}

    def _check_size(self, features: FloatArray) -> None:
        d = features.shape[-1]
        least = f"{CLIPS_PER_DIMENSION} x d = {CLIPS_PER_DIMENSION * d}{for_fewer(self.spec)}"
        self._enough(features, CLIPS_PER_DIMENSION * d, least)
        if len(self._reference) < CLIPS_PER_DIMENSION * d:
            raise Undefined(f"the reference set's {len(self._reference)} clips are fewer than {least}")

    def _measure(self, features: FloatArray) -> float:
        return self._from_reference(dist.clustered(features).rows)

    @cached_property
    def _from_reference(self) -> dist.FrechetFrom:
        return dist.FrechetFrom(dist.clustered(self._reference).rows)


def needed(spec: MetricSpec) -> str:
    """States how many clips a distance of the standard profile needs on each side."""
    if spec.name not in DIMENSIONS or spec.protocol != "clean":
        return f"{spec.name} takes {MIN_CLIPS} clips on each side" if spec.name in KERNELS.values() else ""
    return f"{spec.name} takes {CLIPS_PER_DIMENSION * DIMENSIONS[spec.name]:,} clips on each side{for_fewer(spec)}"


def for_fewer(spec: MetricSpec) -> str:
    """Suggests metrics for fewer clips than a Fréchet distance needs; empty for other metrics."""
    if spec.name not in DIMENSIONS or spec.protocol != "clean":
        return ""
    words = [f"{KERNELS[spec.name]} takes {MIN_CLIPS}"] if spec.name in KERNELS else []
    if spec.profile == "standard":
        bench = "javisbench" if spec.name == "fvd" else "avbenchmark"
        words.append(f"{spec.name}@{bench} takes {LEAST_CLIPS}, from the prompts' own clips")
    return f" ({', '.join(words)})"


class PublishedFrechet(FrechetMetric):
    """Fréchet distance as benches publish it: of however many clips there are, bias included."""

    def details(self, features: FloatArray) -> Mapping[str, float]:
        """Returns `n` and `d`."""
        return SetDistance.details(self, features)

    def _check_size(self, features: FloatArray) -> None:
        self._enough(features, LEAST_CLIPS, f"{LEAST_CLIPS}, which a covariance needs")


class KernelMetric(SetDistance):
    """Unbiased squared maximum mean discrepancy; may be slightly negative for sets of one law."""

    def distance(self, features: FloatArray) -> float:
        """Returns the distance of an (n, d) or (n, p, d) set."""
        features = features_of(features)
        self._enough(features, MIN_CLIPS, f"{MIN_CLIPS}")
        self._check_dimension(features)
        reference, kernel, within = self._fitted
        return self._scale * dist.kernel_distance(features, reference, kernel, within)

    def distances(self, features: FloatArray, chosen: many.Masks) -> FloatArray:
        """Returns the distances of S sets of the same clips, (S,).

        Args:
            features: (N, d) or (N, p, d) of all clips.
            chosen: (S, N) which of them each set has.
        """
        self._enough(_smallest(features, chosen), MIN_CLIPS, f"{MIN_CLIPS}")
        reference, kernel, within = self._fitted
        return self._scale * many.kernel_distances(features, reference, kernel, chosen, within)

    @property
    def _scale(self) -> float:
        return float(self.spec.params.get("scale", 1))

    @cached_property
    def _fitted(self) -> tuple[dist.Clustered, dist.Kernel, float]:
        """The reference set, the kernel (with a bandwidth taken from that set), and the set's own term."""
        reference, name = dist.clustered(self._reference), self.spec.params["kernel"]

        def fitted() -> Arrays:
            bandwidth = dist.median_bandwidth(reference.rows) if name == "rbf" else np.nan
            return {"bandwidth": np.array(bandwidth), "within": np.array(dist.mean_within(reference, of(bandwidth)))}

        def of(bandwidth: float) -> dist.Kernel:
            return dist.rbf_kernel(bandwidth) if name == "rbf" else dist.polynomial_kernel

        # All pairs of its rows: much more work than the few clips that are compared with it.
        found = self._cache.get(reference.digest, CacheKey(f"{name} kernel of a reference set", 1), fitted)
        return reference, of(float(found["bandwidth"])), float(found["within"])


def _smallest(features: FloatArray, chosen: many.Masks) -> FloatArray:
    """Returns the features of the set with the fewest clips."""
    return features[chosen[chosen.sum(axis=1).argmin()]]
