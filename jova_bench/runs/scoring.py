"""Scores clips: a job is a clip and all metrics that have room together, any error a status, over workers that may die.

A clip is decoded once for its job, without its frames where no metric of the job needs them. The expensive part of a
metric goes through the shared cache; what this file adds is order, isolation and resuming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache as once
from pathlib import Path
from typing import cast

from jova_bench.arrays import FloatArray
from jova_bench.cache import FeatureCache
from jova_bench.errors import OUTSIDE, BenchError, Undefined, reason_of
from jova_bench.execution.base import ATTEMPTS, Executor, TaskFailed, WorkerContext
from jova_bench.files.reading import unchanged
from jova_bench.identity import Identity
from jova_bench.keys import SampleKey
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, Metric, SetMetric, in_domain
from jova_bench.metrics.networks.network_cache import make_room
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Outcome, Timing
from jova_bench.runs.features import Load, clip_features, is_set_metric
from jova_bench.runs.recorded import ChangedClip, recorded_clip

ClipResults = dict[Identity, "Outcome | FloatArray"]
"""Results, one for each metric identity: the outcome of a clip metric, or the (d,) features of a set metric (or why
there are none)."""

READ: Mapping[str, tuple[str, ...]] = {"image": ("image",), "voice": ("voice",), "edit": ("audio", "edit.clip")}
"""Files of a prompt that a metric reads, by what the metric needs."""


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
    file_digests: Mapping[str, str] = field(default_factory=dict)
    """sha256 (hex) of the prompt's files when the suite was read, by field; none of those that were not read."""
    group: int = 0
    """Networks of jobs of one group stay in memory together; those of another leave first."""


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


def _all_failed(identities: Iterable[Identity], reason: str) -> ClipResults:
    return {identity: Outcome(status="failed", reason=reason) for identity in identities}


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
            return _score(_in_worker(job, chosen, context), chosen, cache)

        return score


def _in_worker(job: ScoringTask, metrics: Sequence[Metric], context: WorkerContext) -> ScoringTask:
    """Returns a job with the paths of its files in the worker."""
    needs = {need for metric in metrics for need in metric.spec.needs}
    prompt = job.prompt
    if prompt is not None:
        prompt = prompt.with_files({name: str(context.file(file)) for name, file in _read(prompt, needs).items()})
    reference = context.file(job.reference) if job.reference and "reference" in needs else None
    return replace(job, clip=context.file(job.clip), prompt=prompt, reference=reference)


def _read(prompt: Prompt, needs: Iterable[str]) -> dict[str, Path]:
    """Returns the files of a prompt that metrics with these needs read, by field."""
    fields = {name for need in needs for name in READ.get(need, ())}
    return {name: Path(file) for name, file in prompt.files.items() if name in fields}


def _score(job: ScoringTask, metrics: Sequence[Metric], cache: FeatureCache) -> ClipResults | ChangedClip:
    """Computes all metrics of one clip; each row has its own status."""
    specs = [metric.spec for metric in metrics]
    try:
        pictures = not specs or any(_looks(spec) or _asks_format(spec, job.domain) for spec in specs)
        clip = recorded_clip(job.clip, job.file_digest, job.clip_digest, pictures)
    except BenchError as error:
        return _all_failed(job.identities, str(error))
    if isinstance(clip, ChangedClip):
        return clip
    clip = replace(clip, timing=job.timing, in_domain=in_domain(clip, job.domain))

    @once
    def reference() -> Clip | None:
        if job.reference is None:
            return None
        looked_at = any("reference" in spec.needs and _looks(spec) for spec in specs)
        read = media.read(job.reference, pictures=looked_at)
        unchanged(job.reference, job.file_digests.get("reference"))
        return read

    @once
    def look_at(need: str) -> None:
        for name, file in _read(job.prompt, (need,)).items() if job.prompt else ():
            unchanged(file, job.file_digests.get(name))

    findings: ClipResults = {}
    for metric in metrics:
        if metric.spec.profile == "embedded" and not clip.in_domain:
            # Asked before a metric's other needs, so that every embedded metric gives the same reason.
            findings[metric.spec.identity] = Outcome(status="undefined", reason=OUTSIDE)
        elif is_set_metric(metric):
            findings[metric.spec.identity] = _features(metric, clip, job, cache)
        else:
            findings[metric.spec.identity] = _outcome(cast(ClipMetric, metric), clip, job, reference, look_at)
    return findings


def _looks(spec: MetricSpec) -> bool:
    """Returns whether a metric may read the frames: all but those that need audio and no video."""
    return "video" in spec.needs or "audio" not in spec.needs


def _asks_format(spec: MetricSpec, domain: str | None) -> bool:
    """Returns whether a metric depends on the frames' size and rate, see `in_domain`."""
    return spec.profile == "embedded" and domain == "embedded"


def _outcome(
    metric: ClipMetric,
    clip: Clip,
    job: ScoringTask,
    reference: Callable[[], Clip | None],
    look_at: Callable[[str], None],
) -> Outcome:
    """Computes one clip metric; an exception in it is the reason in its own row."""
    try:
        for need in READ.keys() & set(metric.spec.needs):
            look_at(need)
        looked_at = "reference" in metric.spec.needs and (job.timing == "aligned" or not metric.aligned_only)
        return metric.score(clip, job.prompt, reference() if looked_at else None)
    except Exception as error:
        return _status(error)


def _features(metric: SetMetric, clip: Clip, job: ScoringTask, cache: FeatureCache) -> Outcome | FloatArray:
    """Computes one clip's features for a set metric; an exception is the reason."""
    try:
        return clip_features(metric, clip, job.domain, cache)
    except Exception as error:
        return _status(error)


def _status(error: Exception) -> Outcome:
    """Converts an exception of a metric to an outcome: undefined or failed."""
    if isinstance(error, Undefined):
        return Outcome(status="undefined", reason=str(error))
    return Outcome(status="failed", reason=reason_of(error))
