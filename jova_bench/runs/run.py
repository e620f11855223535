"""Runs everything from beginning to end: plan, generate, inspect, score, aggregate. Running again continues.

Generation makes the clips of the models named now. Scoring covers every clip in the folder with every metric that
was ever requested in the folder, so that the summary is a full grid and depends on the folder alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cache import DiskCache, FeatureCache
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK, OUTSIDE, BenchError
from jova_bench.execution.base import Local, WorkerContext
from jova_bench.execution.placement import Placement, ScoringWorkers, placed
from jova_bench.files.writing import check_writable
from jova_bench.formatting.doors import listing, option
from jova_bench.ids import file_stem, safe_id
from jova_bench.keys import ColumnKey, PromptSeed
from jova_bench.metrics.base import Metric, MetricContext
from jova_bench.metrics.build import build, references, usual
from jova_bench.metrics.judge.former import former_judges
from jova_bench.metrics.judge.names import SELECT
from jova_bench.metrics.real_clips import Kind
from jova_bench.models.base import Generator, Plan
from jova_bench.models.folder import ClipsFolder, coverage_lines
from jova_bench.progress import Progress, Quiet
from jova_bench.records import Profile, Sample
from jova_bench.runs.attempts import count_attempts
from jova_bench.runs.card_check import card_line
from jova_bench.runs.costs import costs
from jova_bench.runs.details import with_details
from jova_bench.runs.estimates import ClipResult, estimates, slice_estimates
from jova_bench.runs.features import keep_references, take_features
from jova_bench.runs.generation import PlannedModel, generate
from jova_bench.runs.planning import plan_all
from jova_bench.runs.real_clips import RealFiles, real_clips
from jova_bench.runs.request import ANY_PROFILE, Options, Request, profile_of
from jova_bench.runs.resume import extend_manifest, missing_clips
from jova_bench.runs.score_table import fill
from jova_bench.runs.store import FEATURES, JOBS, RunStore
from jova_bench.runs.suite_faults import metric_faults
from jova_bench.suites.folder import folder_suite
from jova_bench.suites.loading import Suite, load_suite
from jova_bench.summary import AttemptCounts, Estimate, Summary


@dataclass(frozen=True)
class Result:
    """The result of a command: its folder, and its summary if it scored."""

    folder: Path
    summary: Summary | None
    """None when nothing was scored."""
    failed: tuple[Sample, ...]
    """Samples of this command's models that have no clip, refused ones among them."""
    strict: bool = False
    """A metric that failed on any clip, for want of weights or of a package too, counts as a sample that failed."""
    attempts: tuple[AttemptCounts, ...] = ()
    """How often this command's models were asked, earlier commands included."""
    unable: Mapping[str, str] = field(default_factory=dict)
    """Models of this command that were left out because they cannot run here or fit no prompt, and why."""

    @property
    def failed_metrics(self) -> tuple[Estimate, ...]:
        """What could not be asked of some clips: one for each model and metric, with the reasons."""
        found = () if self.summary is None else self.summary.estimates
        return tuple(one for one in found if one.n_failed and one.slice is None)

    @property
    def exit_code(self) -> int:
        """5 when a sample failed or a model was left out, and when `strict` a metric, else 0: undefined is a result."""
        incomplete = self.failed or self.unable or (self.strict and self.failed_metrics)
        return EXIT_INCOMPLETE if incomplete else EXIT_OK


def run(models: Sequence[str | Generator], suite: str | Path | Suite, options: Options) -> Result:
    """Generates with every model on the same prompts, seeds and device, scores and summarises.

    Args:
        models: names (`ls models`, `clips:DIR`) or objects with the interface of `models.Generator`.
        suite: name of a shipped suite, a prompt file, or a loaded suite.
        options: what is made and measured of them, on which device, in which folder.

    Raises:
        BenchError: bad input. An error of a single clip or metric is a `failed` record instead.
    """
    for kind, given in (("models", models), ("metrics", options.metrics)):
        if given is not None and not given:
            raise BenchError(f"expected one or more {kind}, got none; `{listing(kind)}` has names")
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    profile = profile_of(options.profile, suite)
    folder = Path(options.out) if options.out is not None else default_folder(suite, profile)
    check_writable(folder)
    if options.out is None:
        take_features(folder)
    if suite.origin and options.progress:
        options.progress.say(f"the suite {suite.name} is {suite.origin}, licence {suite.licence or 'not stated'}")
    with placed(options.executor, options.device, options.workers) as placement:
        seeds = tuple(dict.fromkeys(options.seeds))
        again = options.retry_answered
        request = Request(profile, seeds, options.limit, placement.device, placement.device_name, again)
        return _run(models, suite, options, request, placement, folder)


def _run(
    models: Sequence[str | Generator],
    suite: Suite,
    options: Options,
    request: Request,
    placement: Placement,
    folder: Path,
) -> Result:
    """Runs a request on given workers: plans, generates, scores and writes the run folder."""
    assets, progress, scoring = options.assets or asset_table(), options.progress or Quiet(), options.scoring
    profile, limit, features = request.profile, request.limit, folder / FEATURES
    own = tuple(metric for metric in options.metrics or () if not isinstance(metric, str))
    names, left_out = tuple(metric for metric in options.metrics or () if isinstance(metric, str)), tuple[str, ...]()
    context = MetricContext(DiskCache(features), placement.local.device, assets=assets)
    if options.metrics is None:
        for fault in metric_faults(suite, profile):
            raise BenchError(fault)
        # What is not measured yet is not chosen yet: a later command may ask for less than is usual.
        names, left_out = usual(profile, context) if scoring else ((), ())
        names = tuple(dict.fromkeys((*names, *suite.metrics))) if scoring else ()
    # Wrong names are reported before any work.
    named = build(names, profile, context) if names else []
    same = [one for one, count in Counter(metric.spec.identity for metric in (*named, *own)).items() if count > 1]
    if same:
        raise BenchError(f"expected metrics of different identities, got two of {same[0]}; give one another version")
    every = plan_all(models, suite, request, placement, folder / JOBS)
    planned, unable = _ready(every, suite, progress)
    if unable and not planned:
        return Result(folder, None, (), options.strict, (), unable)
    with RunStore(folder) as store:
        manifest = extend_manifest(store, suite, request, planned, names)
        _check_judges(manifest.metrics, names, profile, context)
        store.write_manifest(manifest)
        for line in (*(f"left out: {line}" for line in left_out), *_outside(suite, (*named, *own))) if scoring else ():
            progress.say(line)
        selected = manifest.metrics
        real = (
            real_clips(
                suite, references(selected, profile), limit, folder, assets.folder, placement.inspection, progress
            )
            if scoring
            else {}
        )
        # Models that can do no prompt come first, so that it is said before the hours of others.
        for one in sorted(planned, key=lambda one: any(isinstance(plan, Plan) for plan in one.plans.values())):
            missing = missing_clips(one, suite.prompts[:limit], request, store)
            for line in missing.lines(one.generator.name):
                progress.say(line)
            generate(one, missing.todo, suite, store, progress)
        made = [one.generator.name for one in planned]
        if not scoring:
            return _result(store, None, made, unable, options)
        load = partial(_load, own, selected, profile, features, real, assets)
        all_metrics, cache = load(placement.local)
        all_metrics += former_judges(manifest.specs, all_metrics)
        # What measured is kept with the numbers: they can be compared when the catalogue has moved on.
        specs = tuple(metric.spec for metric in all_metrics)
        store.write_manifest(manifest.model_copy(update={"specs": specs}))
        judges = partial(_locally, placement) if own else placement.scoring
        grid = fill(store, suite, all_metrics, cache, load, judges, assets, progress)
        keep_references(cache, all_metrics)
        models_here, columns = list(manifest.models), grid.columns()
        summary = _summary(suite, profile, models_here, all_metrics, columns, store, progress)
        store.write_summary(summary)
        # Asked last: a clip may turn out not to be the one that was recorded.
        return _result(store, summary, made, unable, options)


def _ready(
    every: Sequence[PlannedModel], suite: Suite, progress: Progress
) -> tuple[list[PlannedModel], dict[str, str]]:
    """Returns the models that can run here, and of the others why they cannot, which is said in a line of each.

    Samples of a model that was never asked are no results, and no rows of a table.
    """
    unable = {one.generator.name: one.why_not for one in every if one.why_not is not None}
    for name, why in unable.items():
        progress.say(f"{name} is left out: {why}")
    planned = [one for one in every if one.why_not is None]
    for one in planned:
        if isinstance(one.generator, ClipsFolder):
            for line in coverage_lines(one.generator, suite.prompts):
                progress.say(line)
        if suite.card and (off := card_line(suite.card, one.generator, one.records)):
            progress.say(f"{one.generator.name}: {off}")
    return planned, unable


def _check_judges(selected: Sequence[str], added: Sequence[str], profile: Profile, context: MetricContext) -> None:
    """Refuses judges that contradict earlier ones of the folder, before the manifest has them. Raises BenchError."""
    judges = [name for name in selected if name.startswith(SELECT)]
    if not set(judges).isdisjoint(added):
        build(judges, profile, context)


def _summary(
    suite: Suite,
    profile: Profile,
    models: Sequence[str],
    metrics: Sequence[Metric],
    columns: Mapping[ColumnKey, Mapping[PromptSeed, ClipResult]],
    store: RunStore,
    progress: Progress,
) -> Summary:
    """Sums up the scores of every clip, over all prompts and by slice, what the clips cost, and how often was asked."""
    samples = store.samples()
    return Summary(
        schema=1,
        suite=suite.name,
        profile=profile,
        estimates=(
            *with_details(
                estimates(models, metrics, columns, suite.prompts), metrics, columns, samples, suite, progress
            ),
            *slice_estimates(models, metrics, columns, suite.prompts, suite.slices),
        ),
        cost=costs(models, samples),
        attempts=count_attempts(models, store.lines()),
    )


def _outside(suite: Suite, metrics: Sequence[Metric]) -> Iterator[str]:
    """Yields a warning, before any clip is made, if a suite is outside the embedded evaluators' domain."""
    if suite.domain != "embedded" and any(metric.spec.profile == "embedded" for metric in metrics):
        yield (
            f"the suite {suite.name} is {OUTSIDE}: every metric of that profile will be undefined; "
            f"{option('profile', 'standard')} judges other clips"
        )


def _result(
    store: RunStore, summary: Summary | None, models: Sequence[str], unable: Mapping[str, str], options: Options
) -> Result:
    """Returns the result for these models, from the records of the folder."""
    failed = tuple(sample for sample in store.samples() if sample.model in models and sample.status != "ok")
    attempts = count_attempts(models, store.lines())
    return Result(store.folder, summary, failed, options.strict, attempts, unable)


def _locally(placement: Placement, clip_bytes: int, network_bytes: int) -> ScoringWorkers:
    """Returns this process as the only worker, for metrics that were given as objects."""
    return replace(placement.scoring(clip_bytes, network_bytes), executor=Local(placement.local, threads=1))


def score(folder: str | Path, suite: str | Path | Suite | None, options: Options) -> Result:
    """Scores every clip of a folder, with or without prompts. A prompt without a clip is a failed sample, as in `run`.

    Args:
        folder: has the clips; its name is the model's.
        suite: prompts, matched by file stem; None for those in `folder/prompts.jsonl`, if any.
        options: as in `run`; the default of `out` changes when a clip does, and `limit` counts clips without a prompt,
            by name, after the last prompt.

    Raises:
        BenchError: bad input. A clip that cannot be read is a `failed` record instead.
    """
    folder = Path(folder)
    found = folder_suite(folder, suite if suite is None or isinstance(suite, Suite) else load_suite(suite))
    return run(
        [f"clips:{folder}"],
        found,
        replace(options, profile=ANY_PROFILE if options.profile is None else options.profile),
    )


def default_folder(suite: Suite, profile: Profile) -> Path:
    """Returns `runs/<suite>-<digest>`: the same suite and profile always share a folder."""
    digest = hashlib.sha256(f"{suite.digest} {profile}".encode()).hexdigest()
    return Path("runs") / f"{file_stem(safe_id(suite.name))}-{digest[:8]}"


def _load(
    own: Sequence[Metric],
    names: Sequence[str],
    profile: Profile,
    features: Path,
    real: Mapping[Kind, RealFiles],
    assets: AssetTable,
    worker: WorkerContext,
) -> tuple[list[Metric], FeatureCache]:
    """Builds the metrics of a run, in the order of its table, and their cache; every worker calls it, too."""
    cache = worker.cache(features)
    clips = {kind: files.at(worker) for kind, files in real.items()}
    context = MetricContext(cache, worker.device, assets=assets)
    return [*(build(names, profile, context, clips) if names else ()), *own], cache
