"""Real clips that a set metric compares with, and their embedder.

A suite names a folder of real clips that none of its prompts has; benches compare with the prompts' own real clips.
Metrics know neither: they are given clips that are read when their features are not yet known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import CacheKey, FeatureCache, peek
from jova_bench.digests import short_digest
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip

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
        """The beginning of what is wrong with it."""
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
