"""Real clips that a set metric of the standard profile compares with, and what embeds them.

A suite names a folder of real clips that none of its prompts has; benches compare with the prompts' own real clips.
Metrics know neither: they are given clips that are read when their features are not yet known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jova_bench.arrays import Arrays
from jova_bench.cache import FeatureCache, peek
from jova_bench.digests import short_digest, shortened
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import FloatArray
from jova_bench.metrics.distances.base import SetDistance, needed
from jova_bench.metrics.distances.frechet_kernel import stack
from jova_bench.records import MetricSpec

Kind = Literal["suite", "prompts"]
"""Which real clips: the set that the suite names, or its prompts' own."""
NONE: Mapping[Kind, str] = {
    "suite": "the suite names no reference set",
    "prompts": "no prompt of the suite has a reference clip",
}
"""Why a set distance is undefined without."""


@dataclass(frozen=True)
class RealClips:
    """A set of real clips, in a fixed order."""

    name: str
    clips: tuple[tuple[str, Callable[[], Clip]], ...]
    """Digest of each, and what reads it."""
    cache: FeatureCache
    """Where their features are kept, whichever run asks for them."""

    @property
    def digest(self) -> str:
        """First 12 hex digits of the sha256 of the sorted digests: the same clips in any order are the same set."""
        return short_digest("\n".join(sorted(digest for digest, _ in self.clips)).encode())


@dataclass(frozen=True)
class Embedder:
    """What turns a clip into (d,) or (p, d) vectors, once for the same content."""

    key: str
    """Whatever could change the vectors: network, weights, preprocessing."""
    compute: Callable[[Clip], Arrays]
    """Everything that one pass of the network says; failures are exceptions and never kept."""
    name: str
    """Which of the arrays is meant."""

    def __call__(self, clip: Clip, cache: FeatureCache) -> FloatArray:
        """The vectors of a clip."""
        return self.of(clip.digest, lambda: clip, cache)

    def of(self, digest: str, read: Callable[[], Clip], cache: FeatureCache) -> FloatArray:
        """The vectors of the clip of a digest, which is read only if they are not there yet."""
        return np.asarray(cache.get(digest, self.key, lambda: self.compute(read()))[self.name], dtype=np.float64)


@dataclass(eq=False)
class Part:
    """One clip of a reference set; any process may embed it, since its vectors are kept."""

    embedder: Embedder
    digest: str
    read: Callable[[], Clip]
    real: RealClips
    why_not: str | None = None
    """Why a worker could not embed it."""

    @property
    def about(self) -> str:
        """The beginning of what is wrong with it."""
        return f"a clip of {self.real.name} has no features ({shortened(self.digest)})"

    def __call__(self) -> FloatArray:
        """Its vectors. Raises Unavailable when it has none: a set with holes would be another set."""
        if self.why_not is not None:
            raise Unavailable(self.why_not)
        try:
            return self.embedder.of(self.digest, self.read, self.real.cache)
        except (Undefined, Unavailable) as error:
            raise Unavailable(f"{self.about}: {error}") from error

    @property
    def known(self) -> bool:
        """Whether its vectors are kept already."""
        return peek(self.real.cache, self.digest, self.embedder.key) is not None


def set_distance(
    of: type[SetDistance],
    spec: MetricSpec,
    embedder: Embedder,
    kind: Kind,
    real: RealClips | None,
    cache: FeatureCache,
    missing: str | None,
) -> SetDistance:
    """A set metric of the standard profile.

    Args:
        of: how sets are compared.
        spec: what is measured; `param(kind, real)` is added to its parameters.
        embedder: of clips and real clips alike.
        kind: which real clips.
        real: these clips, if there are any.
        cache: where vectors of made clips are kept.
        missing: why it cannot be computed here.
    """
    parts = tuple(Part(embedder, digest, read, real) for digest, read in real.clips) if real else ()
    # A prompt's own clip may be compared with the prompts' own clips: that is what those benches do.
    closed = {digest for digest, _ in real.clips} if real and kind == "suite" else set()

    def embed(clip: Clip) -> FloatArray:
        if clip.digest in closed:
            raise Undefined("is a clip of the reference set")
        return embedder(clip, cache)

    def reference() -> FloatArray:
        if not parts:
            raise Undefined(_without(spec, kind))
        return stack([part() for part in parts])

    spec = spec.model_copy(update={"params": {**spec.params, **param(kind, real)}})
    return of(spec, embed, reference, missing, parts, cache)


def without_real(spec: MetricSpec) -> MetricSpec | None:
    """What measures a distance from real clips once all features are there: the metric without those and its weights.

    None for a metric whose reference set ships with the package, or that has none.
    """
    kind, _, digest = str(spec.params.get("reference", "")).partition(":")
    if kind not in NONE or digest == "none":
        return None
    return spec.model_copy(update={"params": {**spec.params, "reference": f"{kind}:none"}, "weights": None})


def param(kind: Kind, real: RealClips | None) -> dict[str, str]:
    """What a reference set adds to an identity."""
    return {"reference": f"{kind}:{real.digest if real else 'none'}"}


def no_reference(spec: MetricSpec) -> str | None:
    """Why a set metric that was built without real clips has no value; None for every other metric."""
    return next((_without(spec, kind) for kind in NONE if spec.params.get("reference") == f"{kind}:none"), None)


def _without(spec: MetricSpec, kind: Kind) -> str:
    """Why there is no value without real clips, and what gives one."""
    counts = f"; {words}" if kind == "suite" and (words := needed(spec)) else ""
    return f"{NONE[kind]}{counts} (docs/reference-sets.md)"
