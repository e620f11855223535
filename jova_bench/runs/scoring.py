"""Scores clips: a job is a clip and all metrics that have room together, any error a status, over workers that may die.

A clip is decoded once for its job, without its frames where no metric of the job needs them. The expensive part of a
metric goes through the shared cache; what this file adds is order, isolation and resuming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache as once
from functools import partial
from pathlib import Path
from typing import TypeGuard, cast

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import FeatureCache, peek
from jova_bench.errors import BenchError, Unavailable, Undefined, reason_of
from jova_bench.execution.base import ATTEMPTS, Executor, TaskFailed, WorkerContext
from jova_bench.files.reading import file_digest, unchanged
from jova_bench.identity import Identity
from jova_bench.keys import SampleKey
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import OUTSIDE, ClipMetric, SetMetric, in_domain
from jova_bench.metrics.distances.references import without_real
from jova_bench.metrics.networks.network_cache import make_room
from jova_bench.progress import Progress
from jova_bench.records import MetricSpec, Outcome, Prompt, Timing
from jova_bench.runs.plan_check import changed, content_changed, decoded_bytes

Metric = ClipMetric | SetMetric
ClipResults = dict[Identity, "Outcome | FloatArray"]
"""Results, one for each metric identity: the outcome of a clip metric, or the (d,) features of a set metric (or why
there are none)."""
Load = Callable[[WorkerContext], tuple[Sequence[Metric], FeatureCache]]
"""Builds the metrics and their cache; picklable, because every worker calls it."""


@dataclass(frozen=True)
class ScoringTask:
    """One clip and metrics that it still lacks."""

    sample: SampleKey
    clip: Path
    file_digest: str
    """sha256 (hex) of the file when it was recorded."""
    clip_digest: str
    """`Clip.digest` when it was recorded."""
    timing: Timing
    prompt: Prompt | None
    """None for a clip without a prompt."""
    reference: Path | None
    domain: str | None
    """Domain of the suite; a clip is in it when its format is, too."""
    identities: tuple[Identity, ...]
    """None at all: only reads the clip."""
    reference_digest: str | None = None
    """sha256 (hex) of the prompt's files when the suite was read; None where it was not read."""
    image_digest: str | None = None
    group: int = 0
    """Networks of jobs of one group stay in memory together; those of another leave first."""


@dataclass(frozen=True)
class ChangedClip:
    """Stands for the findings of a job whose clip is no longer what was recorded."""

    reason: str


def score_clips(
    jobs: Sequence[ScoringTask], load: Load, executor: Executor, room: int
) -> Iterator[tuple[ScoringTask, ClipResults | ChangedClip]]:
    """Scores every job; jobs come back in the order in which they finish, maybe in parts.

    A job whose worker died is tried again in steps, so that only what is deadly fails. Where reading the clip kills,
    nothing else is tried with it; otherwise its metrics are asked one at a time.

    Args:
        jobs: those of one group come together.
        load: builds metrics and cache in a worker.
        executor: where.
        room: bytes for networks in each worker.
    """
    orphans: list[ScoringTask] = []
    for job, findings in executor.map(jobs, _ScoringInit(load, room), attempts=1):
        if isinstance(findings, TaskFailed):
            orphans.append(job)
        else:
            yield job, findings
    died = {(job.sample, job.group): job for job in orphans}
    probes = [replace(job, identities=()) for job in orphans]
    alone: list[ScoringTask] = []
    for probe, answer in executor.map(probes, _ScoringInit(load, room), attempts=ATTEMPTS - 1):
        job = died[probe.sample, probe.group]
        if isinstance(answer, TaskFailed):
            yield job, _all_failed(job.identities, f"reading the clip: {answer.reason}")
        else:
            alone += [replace(job, identities=(identity,)) for identity in job.identities]
    for job, findings in executor.map(alone, _ScoringInit(load, room), attempts=ATTEMPTS - 1):
        yield job, _all_failed(job.identities, findings.reason) if isinstance(findings, TaskFailed) else findings


@dataclass(frozen=True)
class ContentCheck:
    """A clip whose file is not the one that was recorded."""

    clip: Path
    clip_digest: str
    """`Clip.digest` when it was recorded."""


def content_checker(context: WorkerContext) -> Callable[[ContentCheck], tuple[str, int] | ChangedClip]:
    """Builds the function by which a worker checks that such a clip still has the same content.

    It returns the sha256 (hex) of the file, which did not change while it was decoded, and the clip's bytes in memory.
    """

    def look(one: ContentCheck) -> tuple[str, int] | ChangedClip:
        file = context.file(one.clip)
        digest = file_digest(file)
        found = content_changed(file, one.clip_digest)
        if isinstance(found, str):
            return ChangedClip(found)
        if file_digest(file) != digest:
            return ChangedClip(changed(one.clip_digest, "another file while it was read"))
        return digest, decoded_bytes(found)

    return look


def _all_failed(identities: Iterable[Identity], reason: str) -> ClipResults:
    return {identity: Outcome(status="failed", reason=reason) for identity in identities}


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


@dataclass(frozen=True)
class _ScoringInit:
    """What a worker runs first."""

    load: Load
    room: int

    def __call__(self, context: WorkerContext) -> Callable[[ScoringTask], ClipResults | ChangedClip]:
        metrics, cache = self.load(context)
        by_identity = {metric.spec.identity: metric for metric in metrics}
        group: int | None = None

        def score(job: ScoringTask) -> ClipResults | ChangedClip:
            nonlocal group
            if job.group != group:
                make_room(self.room)
                group = job.group
            chosen = [by_identity[identity] for identity in job.identities]
            return _score(_brought(job, chosen, context), chosen, cache)

        return score


def _brought(job: ScoringTask, metrics: Sequence[Metric], context: WorkerContext) -> ScoringTask:
    """Returns a job with the paths of its files in the worker."""
    needs = {need for metric in metrics for need in metric.spec.needs}
    prompt = job.prompt
    if prompt is not None and prompt.image is not None and "image" in needs:
        prompt = prompt.model_copy(update={"image": str(context.file(Path(prompt.image)))})
    reference = context.file(job.reference) if job.reference and "reference" in needs else None
    return replace(job, clip=context.file(job.clip), prompt=prompt, reference=reference)


def _score(job: ScoringTask, metrics: Sequence[Metric], cache: FeatureCache) -> ClipResults | ChangedClip:
    """Computes all metrics of one clip; each row has its own status."""
    specs = [metric.spec for metric in metrics]
    try:
        clip = _recorded(
            job, pictures=any(_looks(spec) or _asks_format(spec, job.domain) for spec in specs) or not specs
        )
    except BenchError as error:
        return _all_failed(job.identities, str(error))
    if isinstance(clip, ChangedClip):
        return clip
    clip = replace(clip, timing=job.timing, in_domain=in_domain(clip, job.domain))

    @once
    def reference() -> Clip | None:
        if job.reference is None:
            return None
        read = _read(job.reference, any("reference" in spec.needs and _looks(spec) for spec in specs))
        unchanged(job.reference, job.reference_digest)
        return read

    @once
    def look_at_image() -> None:
        if job.prompt is not None and job.prompt.image is not None:
            unchanged(Path(job.prompt.image), job.image_digest)

    findings: ClipResults = {}
    for metric in metrics:
        if metric.spec.profile == "embedded" and not clip.in_domain:
            # Asked before a metric's other needs, so that every embedded metric gives the same reason.
            findings[metric.spec.identity] = Outcome(status="undefined", reason=OUTSIDE)
        elif is_set_metric(metric):
            findings[metric.spec.identity] = _features(metric, clip, job.domain, cache)
        else:
            findings[metric.spec.identity] = _outcome(cast(ClipMetric, metric), clip, job, reference, look_at_image)
    return findings


def _recorded(job: ScoringTask, pictures: bool) -> Clip | ChangedClip:
    """Reads a clip and checks that it is as recorded; returns how it changed otherwise."""
    if not job.clip.is_file() or file_digest(job.clip) == job.file_digest:
        # The same file shows and sounds the same. What is kept by content is kept by the whole clip's.
        clip = _read(job.clip, pictures, job.clip_digest)
        if file_digest(job.clip) == job.file_digest:
            return clip
        return ChangedClip(changed(job.clip_digest, "another file while it was read"))
    clip_or_not = content_changed(job.clip, job.clip_digest)
    return ChangedClip(clip_or_not) if isinstance(clip_or_not, str) else clip_or_not


def _looks(spec: MetricSpec) -> bool:
    """Returns whether a metric may read the frames: all but those that need audio and no video."""
    return "video" in spec.needs or "audio" not in spec.needs


def _asks_format(spec: MetricSpec, domain: str | None) -> bool:
    """Returns whether a metric depends on the frames' size and rate, see `in_domain`."""
    return spec.profile == "embedded" and domain == "embedded"


def is_set_metric(metric: Metric) -> TypeGuard[SetMetric]:
    """Returns whether a metric is of a set of clips."""
    return metric.spec.level == "set"


def _outcome(
    metric: ClipMetric,
    clip: Clip,
    job: ScoringTask,
    reference: Callable[[], Clip | None],
    look_at_image: Callable[[], None],
) -> Outcome:
    """Computes one clip metric; an exception in it is the reason in its own row."""
    try:
        if "image" in metric.spec.needs:
            look_at_image()
        looked_at = "reference" in metric.spec.needs and (job.timing == "aligned" or not metric.aligned_only)
        return metric.score(clip, job.prompt, reference() if looked_at else None)
    except Exception as error:
        return _status(error)


def _features(metric: SetMetric, clip: Clip, domain: str | None, cache: FeatureCache) -> Outcome | FloatArray:
    """Computes one clip's features for a set metric, cached so that the distance needs no clip decoded again."""
    try:
        key = features_key(metric.spec.identity, domain)
        return _vector(cache.get(clip.digest, key, lambda: {"features": metric.features(clip)}))
    except Exception as error:
        return _status(error)


def _status(error: Exception) -> Outcome:
    """Converts an exception of a metric to an outcome: undefined or failed."""
    if isinstance(error, Undefined):
        return Outcome(status="undefined", reason=str(error))
    return Outcome(status="failed", reason=reason_of(error))


def features_key(identity: Identity, domain: str | None) -> str:
    """Returns the cache key of a clip's features. It has the domain: outside of it the same clip has none."""
    return f"features of {identity} in domain {domain}"


def stored_features(cache: FeatureCache, digest: str, identity: Identity, domain: str | None) -> FloatArray | None:
    """Returns a clip's cached features, (d,); None if there are none."""
    stored = peek(cache, digest, features_key(identity, domain))
    return None if stored is None else _vector(stored)


def keep_references(cache: FeatureCache, metrics: Iterable[Metric]) -> None:
    """Keeps real clips' features with the run: its sets can be compared when the clips themselves are elsewhere."""
    for metric in metrics:
        # What was not asked for, or could not be embedded by workers, is not embedded here.
        if is_set_metric(metric) and without_real(metric.spec) and all(part.known for part in metric.reference_clips):
            with suppress(Undefined, Unavailable):
                cache.get(*_reference_key(metric.spec.identity), partial(_of_reference, metric))


def _of_reference(metric: SetMetric) -> Arrays:
    return {"features": metric.reference()}


def stored_reference(cache: FeatureCache, identity: Identity) -> FloatArray | None:
    """Returns real clips' features, (m, ...), cached by `keep_references`; None if there are none."""
    stored = peek(cache, *_reference_key(identity))
    return None if stored is None else _vector(stored)


def _reference_key(identity: Identity) -> tuple[str, str]:
    return "real clips", f"reference set of {identity}"


def _vector(arrays: Arrays) -> FloatArray:
    return np.asarray(arrays["features"], dtype=np.float64)


def _read(path: Path, pictures: bool, digest: str | None = None) -> Clip:
    return media.read(path, pictures=pictures, digest=digest)
