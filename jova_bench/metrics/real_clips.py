"""Real clips that a set metric compares with, and their embedder.

A suite names a folder of real clips that none of its prompts has; benches compare with the prompts' own real clips.
Metrics know neither: they are given clips that are read when their features are not yet known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import CacheKey, FeatureCache, peek
from jova_bench.digests import short_digest
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.records import MetricSpec

REFERENCE, ABSENT = "reference", "none"
"""The parameter of a set metric, and what stands for the digest of no clips."""
Kind = Literal["suite", "prompts"]
"""Which real clips: the set that the suite names, or its prompts' own."""
NONE: Mapping[Kind, str] = {
    "suite": "the suite names no reference set",
    "prompts": "no prompt of the suite has a reference clip",
}
"""Why a set distance is undefined without."""


class ReferenceSet(NamedTuple):
    """Names what a set metric compares with: its parameter `reference`, whose text is `kind:digest`."""

    kind: str
    """A `Kind`, the name of a shipped set, or `given` for features that a caller gave."""
    digest: str | None
    """None without real clips."""

    def __str__(self) -> str:
        return f"{self.kind}:{ABSENT if self.digest is None else self.digest}"

    @classmethod
    def of(cls, spec: MetricSpec) -> ReferenceSet | None:
        """Reads it from a metric's parameters; None for a metric that has none."""
        text = spec.params.get(REFERENCE)
        if text is None:
            return None
        kind, _, digest = str(text).partition(":")
        return cls(kind, None if digest == ABSENT else digest)

    def put_into(self, spec: MetricSpec) -> MetricSpec:
        """Returns the specification of the metric with this reference set."""
        return spec.model_copy(update={"params": {**spec.params, REFERENCE: str(self)}})


@dataclass(frozen=True)
class RealClips:
    """A set of real clips, in a fixed order."""

    name: str
    clips: tuple[tuple[str, Callable[[], Clip]], ...]
    """Digest of each, and what reads it."""
    cache: FeatureCache
    """Where their features are cached, for every run."""

    @property
    def digest(self) -> str:
        """First 12 hex digits of the sha256 of the sorted digests: the same clips in any order are the same set."""
        return short_digest("\n".join(sorted(digest for digest, _ in self.clips)).encode())


@dataclass(frozen=True)
class Embedder:
    """What turns a clip into (d,) or (p, d) vectors, once for the same content."""

    key: CacheKey
    """Everything that could change the vectors: network, weights, preprocessing."""
    compute: Callable[[Clip], Arrays]
    """Everything that one pass of the network says; failures are exceptions and never kept."""
    name: str
    """Which of the arrays is meant."""

    def __call__(self, clip: Clip, cache: FeatureCache) -> FloatArray:
        """Returns the vectors of a clip."""
        return self.of(clip.digest, lambda: clip, cache)

    def of(self, digest: str, read: Callable[[], Clip], cache: FeatureCache) -> FloatArray:
        """Returns the vectors of the clip of a digest, which is read only if they are not cached."""
        return np.asarray(cache.get(digest, self.key, lambda: self.compute(read()))[self.name], dtype=np.float64)


@dataclass(eq=False)
class ReferenceClip:
    """One clip of a reference set; any process may embed it, since its vectors are cached."""

    embedder: Embedder
    digest: str
    read: Callable[[], Clip]
    real: RealClips
    why_not: str | None = None
    """Why a worker could not embed it."""

    @property
    def about(self) -> str:
        """Prefix of the reason why it cannot be used."""
        return f"a clip of {self.real.name} has no features ({self.digest[:12]})"

    def __call__(self) -> FloatArray:
        """Returns its vectors. Raises Unavailable without them: dropping a clip would change the reference set."""
        if self.why_not is not None:
            raise Unavailable(self.why_not)
        try:
            return self.embedder.of(self.digest, self.read, self.real.cache)
        except (Undefined, Unavailable) as error:
            raise Unavailable(f"{self.about}: {error}") from error

    @property
    def known(self) -> bool:
        """Whether its vectors are cached already."""
        return peek(self.real.cache, self.digest, self.embedder.key) is not None
