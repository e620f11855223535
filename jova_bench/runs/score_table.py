"""The grid of clips and metrics in a run folder: finds its gaps, has them scored, and records what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from jova_bench.assets.table import AssetTable
from jova_bench.cache import FeatureCache
from jova_bench.digests import file_digest
from jova_bench.errors import OUTSIDE, BenchError, reason_of
from jova_bench.execution.base import TaskFailed
from jova_bench.execution.placement import ScoringWorkers
from jova_bench.formatting.messages import shown
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey, PromptSeed, SampleKey, ScoreKey
from jova_bench.media.limits import max_clip_bytes
from jova_bench.metrics.base import Metric, join_reasons
from jova_bench.metrics.distances.references import missing_reference_reason
from jova_bench.progress import Progress
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Outcome, Sample, Score
from jova_bench.runs.attempts import failed
from jova_bench.runs.estimates import NO_CLIP, ClipResult, without_clip
from jova_bench.runs.features import Load, embed_real, stored_features
from jova_bench.runs.grouping import groups, networks
from jova_bench.runs.recorded import ChangedClip, ContentCheck, changed, content_checker
from jova_bench.runs.scoring import ScoringTask, score_clips
from jova_bench.runs.store import SAMPLES, RunStore
from jova_bench.suites.folder import asked_for
from jova_bench.suites.loading import Suite


@dataclass
class ScoreTable:
    """Everything known of every clip; rows of clip metrics are on disk, parts of set metrics in the cache."""

    store: RunStore
    specs: Mapping[Identity, MetricSpec]
    """Specifications, one for each identity."""
    rows: dict[ScoreKey, Score]
    """Clip metrics."""
    sets: dict[ScoreKey, ClipResult]
    """Set metrics."""

    def keep(self, sample: SampleKey, identity: Identity, part: ClipResult) -> None:
        """Records one cell; a retry that ends as before adds nothing to the records."""
        spec, key = self.specs[identity], ScoreKey(sample, identity)
        if spec.level == "set" or not isinstance(part, Outcome):
            self.sets[key] = part
            return
        row = Score(
            model=sample.model,
            prompt_id=sample.prompt_id,
            seed=sample.seed,
            metric=spec.name,
            identity=identity,
            status=part.status,
            value=part.value,
            reason=part.reason,
        )
        if self.rows.get(key) != row:
            self.store.add_score(row)
            self.rows[key] = row

    def lose(self, sample: Sample, reason: str) -> None:
        """Records that a clip is no longer what it was, and drops what was measured of it.

        Scores first: if this is stopped in between, the clip is found changed once more.
        """
        lost = sample.key
        for key, row in self.rows.items():
            if key.sample == lost and row.status != "failed":
                self.rows[key] = self.store.void_score(row, f"{NO_CLIP}{reason}")
        for identity in self.specs:
            self.keep(lost, identity, without_clip(reason))
        gone = failed(lost, reason, None if sample.attempt is None else False)
        self.store.add_sample(gone.model_copy(update={"attempt": sample.attempt}))

    def columns(self) -> dict[ColumnKey, dict[PromptSeed, ClipResult]]:
        """Returns each clip's results, by column."""
        found: dict[ColumnKey, dict[PromptSeed, ClipResult]] = {}
        for key, row in self.rows.items():
            found.setdefault(key.column, {})[key.sample.prompt_seed] = row.outcome()
        for key, part in self.sets.items():
            found.setdefault(key.column, {})[key.sample.prompt_seed] = part
        return found


def fill(
    store: RunStore,
    suite: Suite,
    metrics: Sequence[Metric],
    cache: FeatureCache,
    load: Load,
    judges: Callable[[int, int], ScoringWorkers],
    assets: AssetTable,
    progress: Progress,
) -> ScoreTable:
    """Scores what is missing or failed before.

    Args:
        store: the run folder.
        suite: prompts and references.
        metrics: of this process, in the order of the table.
        cache: shared with the workers.
        load: builds metrics and cache in a worker.
        judges: finds the workers, see `Placement.scoring`.
        assets: weights of the metrics.
        progress: advances with each clip, once for each group of metrics.
    """
    rows = {score.key: score for score in store.scores()}
    grid = ScoreTable(store, {metric.spec.identity: metric.spec for metric in metrics}, rows, {})
    why_not = {metric.spec.identity: why for metric in metrics if (why := _why_not(metric)) is not None}
    _say_reasons(grid, why_not, progress)
    prompts = {prompt.id: prompt for prompt in suite.prompts}
    if strange := next((sample.prompt_id for sample in store.samples() if sample.prompt_id not in prompts), None):
        what = f"expected samples of the suite's prompts, got one of {strange!r}; delete the lines of that prompt"
        raise BenchError(f"{store.folder / SAMPLES}: {what}")
    _check_contents(grid, judges, progress)
    clips, sizes = [], [0]
    samples = {sample.key: sample for sample in _in_order(store.samples(), suite)}
    for sample in samples.values():
        gaps = tuple(_gaps(grid, sample, suite, cache, why_not))
        if gaps:
            clips.append(_job(sample, prompts[sample.prompt_id], suite, store, gaps))
            sizes.append(sample.decoded_bytes or 0)
    asked = {identity for job in clips for identity in job.identities}
    needs = {identity: networks(spec, assets) for identity, spec in grid.specs.items() if identity in asked}
    found = judges(max(sizes), max((sum(one.values()) for one in needs.values()), default=0))
    jobs = _grouped(clips, groups(needs, found.room_bytes))
    _score(grid, jobs, samples, load, found, progress)
    asked = {key.identity for key, part in grid.sets.items() if not isinstance(part, Outcome)}
    embed_real([metric for metric in metrics if metric.spec.identity in asked], load, found.executor, progress)
    return grid


def _say_reasons(grid: ScoreTable, why_not: Mapping[Identity, str], progress: Progress) -> None:
    """Reports, before any work, each reason for which metrics will have no value."""
    selects: dict[str, dict[str, None]] = {}
    for identity, spec in grid.specs.items():
        if reason := join_reasons(missing_reference_reason(spec), why_not.get(identity)):
            selects.setdefault(reason, {})[spec.identity.select] = None
    for reason, names in selects.items():
        progress.say(f"{', '.join(names)}: {reason}")


def _score(
    grid: ScoreTable,
    jobs: Sequence[ScoringTask],
    samples: dict[SampleKey, Sample],
    load: Load,
    workers: ScoringWorkers,
    progress: Progress,
) -> None:
    """Puts the findings of jobs into the table; drops from `samples` the clips that are not those of their records."""
    left = {(job.sample, job.group): len(job.identities) for job in jobs}
    with progress.phase("score", len(jobs)) as advance:
        for job, findings in score_clips(jobs, load, workers.executor, workers.room_bytes):
            if job.sample not in samples:
                pass  # Found changed by another job.
            elif isinstance(findings, ChangedClip):
                grid.lose(samples.pop(job.sample), findings.reason)
            else:
                noticed = [found for part in findings.values() if isinstance(part, Outcome) for found in part.findings]
                if (noted := samples[job.sample].with_findings(noticed)) != samples[job.sample]:
                    grid.store.add_sample(noted)
                    samples[job.sample] = noted
                for identity, part in findings.items():
                    grid.keep(job.sample, identity, part)
            left[job.sample, job.group] -= len(job.identities)
            if not left[job.sample, job.group]:
                advance()


def _check_contents(grid: ScoreTable, judges: Callable[[int, int], ScoringWorkers], progress: Progress) -> None:
    """Finds clips that changed after they were recorded, whether a score of them is missing or not.

    Their files are compared; where that says nothing, what they decode to. Files that are gone are not looked for:
    their models make them again.
    """
    store = grid.store
    clips = [(sample, store.recorded(sample.clip)) for sample in store.samples() if sample.clip]
    there = [(sample, path) for sample, path in clips if path.is_file()]
    others: dict[ContentCheck, Sample] = {}
    with progress.phase("read clips", len(there)) as advance:
        for sample, path in there:
            if file_digest(path) != sample.file_digest:
                others[ContentCheck(path, sample.clip_digest or "")] = sample
            else:
                advance()
        if not others:
            return
        # By workers: such a file may crash its reader.
        for one, found in judges(max_clip_bytes(), 0).executor.map(list(others), content_checker):
            if isinstance(found, TaskFailed):
                found = changed(one.clip_digest, f"a file that cannot be read: {found.reason}")
            if isinstance(found, ChangedClip):
                grid.lose(others[one], found.reason)
            else:
                digest, size = found
                store.add_sample(others[one].model_copy(update={"file_digest": digest, "decoded_bytes": size}))
            advance()


def _grouped(clips: Sequence[ScoringTask], together: Sequence[Sequence[str]]) -> list[ScoringTask]:
    """Orders the work: all clips for the metrics of one group before those of the next."""
    return [
        replace(job, identities=chosen, group=number)
        for number, identities in enumerate(map(set, together))
        for job in clips
        if (chosen := tuple(identity for identity in job.identities if identity in identities))
    ]


def _gaps(
    grid: ScoreTable, sample: Sample, suite: Suite, cache: FeatureCache, why_not: Mapping[Identity, str]
) -> Iterator[Identity]:
    """Yields the identities for which a clip must be measured; records those whose outcome is known without it."""
    key = sample.key
    for identity, spec in grid.specs.items():
        if sample.clip is None or sample.clip_digest is None:
            # Whatever was measured before: it was of a clip that is no longer there.
            grid.keep(key, identity, without_clip(sample.why_none))
            continue
        row = grid.rows.get(ScoreKey(key, identity))
        if row is not None and row.status != "failed":
            continue
        if spec.profile == "embedded" and suite.domain != "embedded":
            # Before the question whether the evaluator is installed: nothing that could be would answer.
            grid.keep(key, identity, Outcome(status="undefined", reason=OUTSIDE))
        elif nothing_to_compare_with := missing_reference_reason(spec):
            # With weights that are missing, too, so that a user corrects both at once.
            reason = join_reasons(nothing_to_compare_with, why_not.get(identity))
            grid.keep(key, identity, Outcome(status="undefined", reason=reason))
        elif identity in why_not:
            grid.keep(key, identity, Outcome(status="failed", reason=why_not[identity]))
        elif spec.level == "clip":
            yield identity
        else:
            features = stored_features(cache, sample.clip_digest, identity, suite.domain)
            if features is None:
                yield identity
            else:
                grid.keep(key, identity, features)


def _with_paths(prompt: Prompt | None, suite: Suite) -> Prompt | None:
    """Sets whole paths of the files that metrics read, because a metric has no suite."""
    if prompt is None:
        return None
    read = {field: file for field, file in prompt.files.items() if field != "reference"}
    return prompt.with_files({field: str(suite.path(file).resolve()) for field, file in read.items()})


def _why_not(metric: Metric) -> str | None:
    """Returns why a metric cannot run here; None if it can. An exception of its check is a reason, too."""
    try:
        found = metric.check()
    except Exception as error:
        return reason_of(error)
    return found if isinstance(found, str | None) else f"expected `check` to return None or a text, got {shown(found)}"


def _in_order(samples: Sequence[Sample], suite: Suite) -> list[Sample]:
    """Sorts samples by model, seed, and prompt in the suite's order.

    Controls share their sound with the real clip of their prompt: side by side, two workers would measure it at the
    same time, before either has put it into the cache.
    """
    position = {prompt.id: index for index, prompt in enumerate(suite.prompts)}
    return sorted(samples, key=lambda sample: (sample.model, sample.seed, position[sample.prompt_id]))


def _job(
    sample: Sample, prompt: Prompt, suite: Suite, store: RunStore, identities: tuple[Identity, ...]
) -> ScoringTask:
    if sample.clip is None or sample.clip_digest is None:
        raise BenchError(f"expected a sample with a clip, got {sample}")
    return ScoringTask(
        sample=sample.key,
        clip=store.recorded(sample.clip),
        file_digest=sample.file_digest or "",
        clip_digest=sample.clip_digest,
        timing=sample.timing,
        prompt=_with_paths(asked_for(prompt), suite),
        reference=suite.path(prompt.reference) if prompt.reference else None,
        domain=suite.domain,
        identities=identities,
        file_digests={field: suite.files[file] for field, file in prompt.files.items() if file in suite.files},
    )
