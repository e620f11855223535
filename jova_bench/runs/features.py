"""What set metrics compare: features of clips, and of the real clips beside them, kept with the run.

A clip is embedded once; the distance of any set of clips is then computed without decoding one again.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeGuard

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import ARRAYS, DiskCache, FeatureCache, peek
from jova_bench.errors import Unavailable, Undefined, reason_of
from jova_bench.execution.base import Executor, TaskFailed, WorkerContext
from jova_bench.identity import Identity
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import Metric, SetMetric, finite_vectors
from jova_bench.metrics.distances.references import without_real
from jova_bench.progress import Progress
from jova_bench.runs.store import FEATURES, MANIFEST

Load = Callable[[WorkerContext], tuple[Sequence[Metric], FeatureCache]]
"""Builds the metrics and their cache; picklable, because every worker calls it."""


def is_set_metric(metric: Metric) -> TypeGuard[SetMetric]:
    """Returns whether a metric is of a set of clips."""
    return metric.spec.level == "set"


def features_key(identity: Identity, domain: str | None) -> str:
    """Returns the cache key of a clip's features. It has the domain: outside of it the same clip has none."""
    return f"features of {identity} in domain {domain}"


def clip_features(metric: SetMetric, clip: Clip, domain: str | None, cache: FeatureCache) -> FloatArray:
    """Returns the (d,) features of a clip, which the cache keeps. Raises what the metric raises."""
    key = features_key(metric.spec.identity, domain)
    return _vector(cache.get(clip.digest, key, lambda: {"features": finite_vectors(metric.features(clip))}))


def stored_features(cache: FeatureCache, digest: str, identity: Identity, domain: str | None) -> FloatArray | None:
    """Returns a clip's cached features, (d,); None if there are none."""
    stored = peek(cache, digest, features_key(identity, domain))
    return None if stored is None else _vector(stored)


@dataclass(frozen=True)
class EmbeddingTask:
    """One clip of a set metric's reference set that is not embedded yet."""

    identity: Identity
    index: int


def embed_real(metrics: Sequence[Metric], load: Load, executor: Executor, progress: Progress) -> None:
    """Embeds the reference sets of set metrics, one network after the other.

    What fails here becomes the reason when a distance is asked for, and is not tried again there: it may be deadly.
    """
    parts = {metric.spec.identity: metric.reference_clips for metric in metrics if is_set_metric(metric)}
    jobs = [
        EmbeddingTask(identity, index)
        for identity, of_metric in parts.items()
        for index, part in enumerate(of_metric)
        if not part.known
    ]
    with progress.phase("embed real clips", len(jobs)) as advance:
        for job, answer in executor.map(jobs, _EmbeddingInit(load)):
            part = parts[job.identity][job.index]
            part.why_not = f"{part.about}: {answer.reason}" if isinstance(answer, TaskFailed) else answer
            advance()


@dataclass(frozen=True)
class _EmbeddingInit:
    """What a worker runs first."""

    load: Load

    def __call__(self, context: WorkerContext) -> Callable[[EmbeddingTask], str | None]:
        metrics, _ = self.load(context)
        parts = {metric.spec.identity: metric.reference_clips for metric in metrics if is_set_metric(metric)}

        def embed(job: EmbeddingTask) -> str | None:
            try:
                parts[job.identity][job.index]()
            except Exception as error:
                return reason_of(error)
            return None

        return embed


def keep_references(cache: FeatureCache, metrics: Iterable[Metric]) -> None:
    """Caches real clips' features with the run: its sets can be compared when the clips themselves are elsewhere."""
    for metric in metrics:
        # What was not asked for, or could not be embedded by workers, is not embedded here.
        if is_set_metric(metric) and without_real(metric.spec) and all(part.known for part in metric.reference_clips):
            with suppress(Undefined, Unavailable):
                cache.get(*_reference_key(metric.spec.identity), partial(_of_reference, metric))


def _of_reference(metric: SetMetric) -> Arrays:
    try:
        return {"features": finite_vectors(metric.reference())}
    except Exception as error:
        raise Unavailable(reason_of(error)) from error


def stored_reference(cache: FeatureCache, identity: Identity) -> FloatArray | None:
    """Returns real clips' features, (m, ...), cached by `keep_references`; None if there are none."""
    stored = peek(cache, *_reference_key(identity))
    return None if stored is None else _vector(stored)


def _reference_key(identity: Identity) -> tuple[str, str]:
    return "real clips", f"reference set of {identity}"


def _vector(arrays: Arrays) -> FloatArray:
    return np.asarray(arrays["features"], dtype=np.float64)


def take_features(folder: Path) -> None:
    """Begins a new default folder with the features of others of its name, `NAME-DIGEST`.

    A clip, a prompt or the profile gave those another digest. What was extracted there of the same content, and what
    judges answered of it, is not asked for again.
    """
    if not (folder / MANIFEST).exists():
        stem = folder.name[: -len("-01234567")]
        for other in folder.parent.glob(f"{glob.escape(stem)}-????????"):
            DiskCache(folder / FEATURES).take((other / FEATURES).glob(ARRAYS))
