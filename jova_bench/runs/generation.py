"""Plans the clips of one model, generates the missing ones, and always records one sample per (prompt, seed).

Batches are cut from the whole suite, never from what is still missing, so a resumed run makes the same clips, and so
does one on other workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jova_bench.errors import BenchError
from jova_bench.execution.base import Executor, TaskFailed
from jova_bench.keys import PromptSeed, SampleKey
from jova_bench.models.base import Generator, Plan
from jova_bench.progress import Progress
from jova_bench.prompts import Prompt
from jova_bench.records import Sample, Score
from jova_bench.runs.batches import Attempt, Batch, Build, ClipWorker, Misfit, PlanWorker, failed
from jova_bench.runs.store import RunStore
from jova_bench.suites.loading import Suite


@dataclass(frozen=True)
class PlannedModel:
    """A model with its plans, before it starts."""

    generator: Generator
    """The model in this process; clips are made by the one that `build` gives each worker."""
    asked: str
    """The name in the command."""
    build: Build
    executor: Executor
    """Where its clips are made."""
    plans: dict[str, Plan | str]
    """Plan of each prompt id, or why there is none."""


def plan(
    generator: Generator, asked: str, build: Build, executor: Executor, prompts: Sequence[Prompt], suite: Suite
) -> PlannedModel:
    """Plans a model's clips where it will run, because that is where something may be missing."""
    ((_, plans),) = executor.map([tuple(prompts)], PlanWorker(build, suite))
    if isinstance(plans, TaskFailed):
        plans = {prompt.id: plans.reason for prompt in prompts}
    for one in plans.values():
        if isinstance(one, Misfit):
            raise BenchError(f"the model {generator.name!r}: {one.what}; docs/model.md has an example")
    planned = {prompt_id: one for prompt_id, one in plans.items() if not isinstance(one, Misfit)}
    return PlannedModel(generator, asked, build, executor, planned)


def generate(planned: PlannedModel, todo: set[PromptSeed], suite: Suite, store: RunStore, progress: Progress) -> None:
    """Generates one model's missing clips and records each sample as soon as its batch has returned."""
    name = planned.generator.name
    known = {one.key.prompt_seed: one for one in store.samples() if one.model == name}
    with progress.phase(f"generate {name}", len(todo)) as advance:

        @cache
        def scored() -> list[Score]:
            return [row for row in store.scores() if row.model == name and row.status != "failed"]

        def keep(made: Attempt) -> None:
            before = known.get(made.sample.key.prompt_seed)
            if before is not None and before.clip_digest not in (None, made.sample.clip_digest):
                # Scores of the clip that was there say nothing of this one.
                for row in scored():
                    if row.key.sample == before.key:
                        store.void_score(row, "its clip was lost and made again")
            sample = _stored(made, store)
            # A retry that fails as before adds nothing to the records.
            if sample != known.get(sample.key.prompt_seed):
                store.add_sample(sample)
            advance()

        for prompt_id, seed in sorted(todo):
            if isinstance(why_not := planned.plans[prompt_id], str):
                keep(Attempt(failed(SampleKey(name, prompt_id, seed), why_not)))
        for batch, answer in planned.executor.map(_batches(planned, todo, suite), ClipWorker(planned.build, suite)):
            if isinstance(answer, TaskFailed):
                answer = [
                    Attempt(failed(SampleKey(name, prompt_id, batch.seed), answer.reason)) for prompt_id in batch.wanted
                ]
            for made in answer:
                keep(made)


def _batches(planned: PlannedModel, todo: set[PromptSeed], suite: Suite) -> list[Batch]:
    """Builds the batches that have a clip to generate; each has all its prompts, since noise depends on the batch."""
    size = planned.generator.batch_size
    found = []
    for seed in sorted({seed for _, seed in todo}):
        for start in range(0, len(suite.prompts), size):
            prompts = suite.prompts[start : start + size]
            wanted = [p.id for p in prompts if PromptSeed(p.id, seed) in todo and isinstance(planned.plans[p.id], Plan)]
            if wanted:
                found.append(
                    Batch(
                        prompts,
                        tuple(wanted),
                        seed,
                        {p.id: planned.plans[p.id] for p in prompts if p.id in planned.plans},
                    )
                )
    return found


def _stored(made: Attempt, store: RunStore) -> Sample:
    """Writes the attempt's file, if there is one, into the run folder; returns its record."""
    sample = made.sample
    if made.content is None:
        return sample
    target = store.clip_path(sample.model, sample.prompt_id, sample.seed, made.suffix)
    store.keep_clip(made.content, target)
    return sample.model_copy(update={"clip": target.relative_to(store.folder).as_posix()})
