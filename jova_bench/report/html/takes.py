"""Gathers every sample of a run with its scores and a view of its clip; opens nothing outside of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from jova_bench.assets.table import AssetTable
from jova_bench.execution.base import TaskFailed, WorkerContext
from jova_bench.execution.processes import on_cpu
from jova_bench.identity import Identity, Selection
from jova_bench.keys import SampleKey
from jova_bench.progress import Progress
from jova_bench.prompts import Prompt
from jova_bench.records import Finding, Outcome, Sample
from jova_bench.report.html.view import Look, Looking, View
from jova_bench.runs.store import FEATURES, Run
from jova_bench.suites.folder import asked_for

SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".wav", ".flac")
"""Suffixes that a page plays."""


@dataclass(frozen=True)
class Take:
    """Holds what one model made from one prompt and seed."""

    model: str
    seed: int
    reason: str | None
    """Reason why there is no clip to show."""
    file: str
    """Path of the clip in the folder of pages; empty without one."""
    thumb: str
    """Path of its thumbnail; empty without one."""
    source: Path | None
    view: View | None
    findings: tuple[Finding, ...]
    scores: Mapping[Identity, Outcome]
    """Outcomes by metric identity."""
    refused: bool = False
    """Whether the model declined the prompt."""


@dataclass(frozen=True)
class Asked:
    """Holds one prompt and its takes."""

    prompt: Prompt
    page: str
    """Path of its page in the folder of pages."""
    takes: tuple[Take, ...]
    """Takes in the order of the leaderboard's models, then of seeds."""


def gather(
    folder: Path,
    run: Run,
    models: Sequence[str],
    identities: Sequence[Identity],
    workers: int,
    assets: AssetTable,
    progress: Progress,
) -> list[Asked]:
    """Gathers all prompts with samples of any model, in the order of the suite.

    Files are named by number: ids and names of models are no paths.

    Args:
        folder: folder of the run.
        run: records of the run.
        models: in the order of the leaderboard.
        identities: that the leaderboard shows.
        workers: processes, 0 for none.
        assets: weights of the metrics.
        progress: receives progress.
    """
    samples = {sample.key: sample for sample in run.samples}
    prompts = prompts_of(run)
    scores: dict[SampleKey, dict[Identity, Outcome]] = {}
    for row in run.scores:
        if row.identity in identities:
            scores.setdefault(row.key.sample, {})[row.identity] = row.outcome()
    sources = {key: clip_source(folder, sample) for key, sample in samples.items()}
    views = _views(folder, run, sources, prompts, identities, workers, assets, progress)
    seeds = sorted({sample.seed for sample in run.samples})
    found = []
    for number, prompt in enumerate(prompts.values(), start=1):
        takes = []
        for m, model in enumerate(models):
            for seed in seeds:
                key = SampleKey(model, prompt.id, seed)
                if key in samples:
                    name = f"{number:04d}-m{m}-s{seed}"
                    takes.append(_take(samples[key], sources[key], views.get(key), scores.get(key, {}), name))
        if takes:
            found.append(Asked(prompt, f"prompts/{number:04d}.html", tuple(takes)))
    return found


def prompts_of(run: Run) -> dict[str, Prompt]:
    """Returns prompts by id; a run of an old version kept none, so its prompts are their ids."""
    asked = {prompt.id: prompt for prompt in run.manifest.prompts}
    for sample in run.samples:
        nothing = Prompt(id=sample.prompt_id, video_caption="", audio_caption="", transcript="")
        asked.setdefault(sample.prompt_id, nothing)
    return asked


def without_texts(run: Run) -> Run:
    """Returns a run whose prompts have their ids, languages, and the tags that its slices are of."""
    slices = run.summary.estimates if run.summary else ()
    kept = {one.slice.partition("=")[0] for one in slices if one.slice}
    shown = [
        Prompt(id=one.id, video_caption="", audio_caption="", transcript="", language=one.language).model_copy(
            update={"tags": {tag: value for tag, value in one.tags.items() if tag in kept}}
        )
        for one in run.manifest.prompts
    ]
    return replace(run, manifest=run.manifest.model_copy(update={"prompts": tuple(shown)}))


def clip_source(folder: Path, sample: Sample) -> Path | str:
    """Returns the clip's file, or the reason why it is not shown."""
    if sample.clip is None:
        return sample.reason or "no clip"
    path = folder / sample.clip
    if not path.resolve().is_relative_to(folder.resolve()) or path.suffix.lower() not in SUFFIXES:
        return f"expected a clip inside the run folder, got {sample.clip}"
    return path if path.is_file() else f"{sample.clip} is no longer in the run folder"


def _take(
    sample: Sample, source: Path | str, view: View | str | None, scores: Mapping[Identity, Outcome], name: str
) -> Take:
    seen = view if isinstance(view, View) else None
    reasons = [one for one in (source, view) if isinstance(one, str)]
    path = source if isinstance(source, Path) else None
    return Take(
        model=sample.model,
        seed=sample.seed,
        reason=reasons[0] if reasons else None,
        file=f"clips/{name}{path.suffix.lower()}" if path and seen else "",
        thumb=f"thumbs/{name}.jpg" if seen and seen.thumb else "",
        source=path,
        view=seen,
        findings=sample.findings,
        scores=scores,
        refused=sample.status == "refused",
    )


def _views(
    folder: Path,
    run: Run,
    sources: Mapping[SampleKey, Path | str],
    prompts: Mapping[str, Prompt],
    identities: Sequence[Identity],
    workers: int,
    assets: AssetTable,
    progress: Progress,
) -> dict[SampleKey, View | str]:
    """Returns a view of each clip, or the reason why it has none."""
    manifest = run.manifest
    hearing = tuple(name for name in manifest.metrics if Selection.parse(name).name in ("wer", "cer", ""))
    looking = Looking(folder / FEATURES, manifest.profile, hearing, frozenset(identities), assets)
    looks = {"\n".join(map(str, key)): (key, source) for key, source in sources.items() if isinstance(source, Path)}
    digests = {sample.key: sample.clip_digest for sample in run.samples}
    jobs = [
        Look(name, source, digests[key], asked_for(prompts[key.prompt_id]), manifest.domain)
        for name, (key, source) in looks.items()
    ]
    found: dict[SampleKey, View | str] = {}
    with progress.phase("read clips", len(jobs)) as advance:
        for job, view in on_cpu(min(workers, len(jobs))).map(jobs, partial(_begun, looking)):
            found[looks[job.key][0]] = view.reason if isinstance(view, TaskFailed) else view
            advance()
    return found


def _begun(looking: Looking, context: WorkerContext) -> Callable[[Look], View | str]:
    """Returns the function that a worker of this machine runs; it opens files under their own names."""
    return looking()
