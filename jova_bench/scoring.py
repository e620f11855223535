"""Scores clips: one job per clip, any error a status, over workers that may die.

The expensive part of a metric goes through the shared cache; what this file adds is order, isolation and resuming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeGuard, cast

import numpy as np

from jova_bench import media
from jova_bench.executors import ATTEMPTS, Executor, Lost, Place
from jova_bench.metrics.base import Arrays, ClipMetric, FeatureCache, FloatArray, SetMetric
from jova_bench.metrics.reference import without_real
from jova_bench.progress import Progress
from jova_bench.types import BenchError, Clip, Outcome, Prompt, Timing, Unavailable, Undefined, reason_of

Metric = ClipMetric | SetMetric
Findings = dict[str, "Outcome | FloatArray"]
"""By metric identity: the outcome of a clip metric, or the (d,) features of a set metric (or why there are none)."""
Load = Callable[[Place], tuple[Sequence[Metric], FeatureCache]]
"""Builds the metrics and their cache; picklable, because every worker calls it."""

OUTSIDE = "outside the embedded domain"


@dataclass(frozen=True)
class Job:
    """One clip and the metrics that it still lacks."""

    sample: tuple[str, str, int]
    """(model, prompt id, seed)."""
    clip: Path
    timing: Timing
    prompt: Prompt | None
    """None for a clip that nobody asked for."""
    reference: Path | None
    domain: str | None
    """Domain of the suite; a clip is in it when its format is, too."""
    identities: tuple[str, ...]


def score_clips(jobs: Sequence[Job], load: Load, executor: Executor) -> Iterator[tuple[Job, Findings]]:
    """Scores every job; jobs come back in the order in which they finish, maybe in parts.

    A job whose worker died is tried again, one metric at a time, so that only the deadly one fails.
    """
    orphans: list[Job] = []
    for job, findings in executor.map(jobs, _Setup(load), attempts=1):
        if isinstance(findings, Lost):
            orphans += [replace(job, identities=(identity,)) for identity in job.identities]
        else:
            yield job, findings
    for job, findings in executor.map(orphans, _Setup(load), attempts=ATTEMPTS - 1):
        if isinstance(findings, Lost):
            yield job, {job.identities[0]: Outcome(status="failed", reason=findings.reason)}
        else:
            yield job, findings


@dataclass(frozen=True)
class RealJob:
    """One clip of a set metric's reference set that is not embedded yet."""

    identity: str
    index: int


def embed_real(metrics: Sequence[Metric], load: Load, executor: Executor, progress: Progress) -> None:
    """Embeds the reference sets of set metrics, one network after the other.

    What goes wrong here goes wrong again when a distance is asked for, and is told there.
    """
    jobs = [
        RealJob(metric.spec.identity, index)
        for metric in metrics
        for index, part in enumerate(getattr(metric, "parts", ()))
        if not part.known
    ]
    with progress.phase("embed real clips", len(jobs)) as advance:
        for _ in executor.map(jobs, _RealSetup(load)):
            advance()


@dataclass(frozen=True)
class _RealSetup:
    """What a worker runs first."""

    load: Load

    def __call__(self, place: Place) -> Callable[[RealJob], None]:
        metrics, _ = self.load(place)
        parts = {metric.spec.identity: getattr(metric, "parts", ()) for metric in metrics}

        def embed(job: RealJob) -> None:
            with suppress(Exception):
                parts[job.identity][job.index]()

        return embed


@dataclass(frozen=True)
class _Setup:
    """What a worker runs first."""

    load: Load

    def __call__(self, place: Place) -> Callable[[Job], Findings]:
        metrics, cache = self.load(place)
        by_identity = {metric.spec.identity: metric for metric in metrics}

        def score(job: Job) -> Findings:
            chosen = [by_identity[identity] for identity in job.identities]
            return _score(_brought(job, chosen, place), chosen, cache)

        return score


def _brought(job: Job, metrics: Sequence[Metric], place: Place) -> Job:
    """The same job with its files where the worker is."""
    needs = {need for metric in metrics for need in metric.spec.needs}
    prompt = job.prompt
    if prompt is not None and prompt.image is not None and "image" in needs:
        prompt = prompt.model_copy(update={"image": str(place.file(Path(prompt.image)))})
    reference = place.file(job.reference) if job.reference and "reference" in needs else None
    return replace(job, clip=place.file(job.clip), prompt=prompt, reference=reference)


def _score(job: Job, metrics: Sequence[Metric], cache: FeatureCache) -> Findings:
    """All metrics of one clip."""
    try:
        clip = _read(job.clip)
    except BenchError as error:
        return {metric.spec.identity: Outcome(status="failed", reason=str(error)) for metric in metrics}
    clip = replace(clip, timing=job.timing, in_domain=in_domain(clip, job.domain))
    findings: Findings = {}
    for metric in metrics:
        if metric.spec.profile == "embedded" and not clip.in_domain:
            # Asked before a metric's other needs, so that every embedded metric gives the same reason.
            findings[metric.spec.identity] = Outcome(status="undefined", reason=OUTSIDE)
        elif is_set_metric(metric):
            findings[metric.spec.identity] = _features(metric, clip, job.domain, cache)
        else:
            findings[metric.spec.identity] = _outcome(cast(ClipMetric, metric), clip, job)
    return findings


def is_set_metric(metric: Metric) -> TypeGuard[SetMetric]:
    """Whether a metric speaks of a set of clips."""
    return metric.spec.level == "set"


def in_domain(clip: Clip, domain: str | None) -> bool:
    """The embedded evaluators were trained on 64 x 64 pictures at 25 fps of a suite of their domain."""
    frames = clip.frames
    return domain == "embedded" and frames is not None and frames.shape[1:3] == (64, 64) and clip.fps == Fraction(25)


def _outcome(metric: ClipMetric, clip: Clip, job: Job) -> Outcome:
    """One clip metric; whatever goes wrong in it stays in its own row."""
    try:
        looked_at = "reference" in metric.spec.needs and (
            job.timing == "aligned" or not getattr(metric, "aligned_only", False)
        )
        reference = _read(job.reference) if job.reference and looked_at else None
        return metric.score(clip, job.prompt, reference)
    except Exception as error:
        return _status(error)


def _features(metric: SetMetric, clip: Clip, domain: str | None, cache: FeatureCache) -> Outcome | FloatArray:
    """One clip's part in a set metric, kept so that the set's distance needs no clip decoded again."""
    try:
        key = features_key(metric.spec.identity, domain)
        return _vector(cache.get(clip.digest, key, lambda: {"features": metric.features(clip)}))
    except Exception as error:
        return _status(error)


def _status(error: Exception) -> Outcome:
    """Gives an exception of a metric its status."""
    if isinstance(error, Undefined):
        return Outcome(status="undefined", reason=str(error))
    return Outcome(status="failed", reason=reason_of(error))


def features_key(identity: str, domain: str | None) -> str:
    """Cache key of a clip's features. The domain is part of it: outside of it the same clip has none."""
    return f"features of {identity} in domain {domain}"


def stored_features(cache: FeatureCache, digest: str, identity: str, domain: str | None) -> FloatArray | None:
    """(d,) features that an earlier job kept, or None."""

    def absent() -> Arrays:
        raise LookupError

    try:
        return _vector(cache.get(digest, features_key(identity, domain), absent))
    except LookupError:
        return None


def keep_references(cache: FeatureCache, metrics: Iterable[Metric]) -> None:
    """Keeps real clips' features with the run: its sets can be compared when the clips themselves are elsewhere."""
    for metric in metrics:
        if is_set_metric(metric) and without_real(metric.spec):
            with suppress(Undefined, Unavailable):
                cache.get(*_reference_key(metric.spec.identity), partial(_of_reference, metric))


def _of_reference(metric: SetMetric) -> Arrays:
    return {"features": metric.reference()}


def stored_reference(cache: FeatureCache, identity: str) -> FloatArray | None:
    """(m, ...) features of real clips that `keep_references` kept, or None."""

    def absent() -> Arrays:
        raise LookupError

    try:
        return _vector(cache.get(*_reference_key(identity), absent))
    except LookupError:
        return None


def _reference_key(identity: str) -> tuple[str, str]:
    return "real clips", f"reference set of {identity}"


def _vector(arrays: Arrays) -> FloatArray:
    return np.asarray(arrays["features"], dtype=np.float64)


# Jobs come sorted by prompt, so the reference of several models is decoded once.
@lru_cache(maxsize=4)
def _read(path: Path) -> Clip:
    return media.read(path)
