"""Set metrics that compare with a suite's real clips, and why one of them has no value without."""

from __future__ import annotations

from jova_bench.arrays import FloatArray
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances.base import SetDistance, needed
from jova_bench.metrics.distances.frechet_kernel import stack
from jova_bench.metrics.real_clips import NONE, Embedder, Kind, ReferenceClip, ReferenceSet
from jova_bench.records import MetricSpec


def set_distance(
    of: type[SetDistance],
    spec: MetricSpec,
    embedder: Embedder,
    context: MetricContext,
    kind: Kind,
    missing: str | None = None,
) -> SetDistance:
    """Builds a set metric that compares with the real clips of its context.

    Args:
        of: how sets are compared.
        spec: what is measured; the real clips are added to its parameters as `reference`.
        embedder: of clips and real clips alike.
        context: caches the vectors of made clips; its `real_clips` are those that the metric's entry names.
        kind: which real clips these are.
        missing: why the metric cannot be computed here, for its `check`.
    """
    real = context.real_clips
    clips = tuple(ReferenceClip(embedder, digest, read, real) for digest, read in real.clips) if real else ()
    # A prompt's own clip may be compared with the prompts' own clips: that is what those benches do.
    closed = {digest for digest, _ in real.clips} if real and kind == "suite" else set()

    def embed(clip: Clip) -> FloatArray:
        if clip.digest in closed:
            raise Undefined("is a clip of the reference set")
        return embedder(clip, context.cache)

    def reference() -> FloatArray:
        if not clips:
            raise Undefined(_without(spec, kind))
        return stack([clip() for clip in clips])

    whole = ReferenceSet(kind, real.digest if real else None).put_into(spec)
    return of(whole, embed, reference, missing, clips, context.cache)


def without_real(spec: MetricSpec) -> MetricSpec | None:
    """Returns what measures a distance once all features are there: the metric without real clips and weights.

    None for a metric whose reference set ships with the package, or that has none.
    """
    found = ReferenceSet.of(spec)
    if found is None or found.kind not in NONE or found.digest is None:
        return None
    return ReferenceSet(found.kind, None).put_into(spec).model_copy(update={"weights": None})


def missing_reference_reason(spec: MetricSpec) -> str | None:
    """Returns why a set metric that was built without real clips has no value; None for every other metric."""
    found = ReferenceSet.of(spec)
    return next((_without(spec, kind) for kind in NONE if found == ReferenceSet(kind, None)), None)


def _without(spec: MetricSpec, kind: Kind) -> str:
    """Describes why there is no value without real clips, and what gives one."""
    counts = f"; {words}" if kind == "suite" and (words := needed(spec)) else ""
    return f"{NONE[kind]}{counts} (docs/reference-sets.md of our repository)"
