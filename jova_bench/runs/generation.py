"""Plans the clips of one model, generates the missing ones, and always records one sample per (prompt, seed).

Batches are cut from the whole suite, never from what is still missing, so a resumed run makes the same clips, and so
does one on other workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from jova_bench.errors import BenchError
from jova_bench.execution.base import Executor, TaskFailed
from jova_bench.keys import PromptSeed, SampleKey
from jova_bench.models.base import Generator, Plan, edits_files, forget
from jova_bench.progress import Progress
from jova_bench.prompts import Prompt
from jova_bench.records import Sample, Score
from jova_bench.runs.attempts import failed, numbered
from jova_bench.runs.batches import Attempt, Batch, Build, ClipWorker, Misfit, NotReady, PlanWorker
from jova_bench.runs.manifest import AnyPlan, PlanRecord, plan_record
from jova_bench.runs.store import RunStore
from jova_bench.suites.loading import Suite

STOPPED = "the command ended while this was made"


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
    why_not: str | None = None
    """Why the model can make nothing where it would run, or of this suite; None if it is ready."""

    @cached_property
    def records(self) -> Mapping[str, AnyPlan]:
        """Returns the plans as they are written. Raises BenchError for one that cannot be."""
        return {key: plan_record(self.generator.name, key, plan) for key, plan in self.plans.items()}


def plan(
    generator: Generator, asked: str, build: Build, executor: Executor, prompts: Sequence[Prompt], suite: Suite
) -> PlannedModel:
    """Plans a model's clips where it will run, because that is where something may be missing."""
    ((_, plans),) = executor.map([tuple(prompts)], PlanWorker(build, suite))
    if isinstance(plans, NotReady):
        return PlannedModel(generator, asked, build, executor, {}, plans.why)
    if isinstance(plans, TaskFailed):
        plans = {prompt.id: plans.reason for prompt in prompts}
    for one in plans.values():
        if isinstance(one, Misfit):
            raise BenchError(
                f"the model {generator.name!r}: {one.what}; docs/model.md of our repository has an example"
            )
    planned = {prompt_id: one for prompt_id, one in plans.items() if not isinstance(one, Misfit)}
    return PlannedModel(generator, asked, build, executor, planned)


def generate(planned: PlannedModel, todo: set[PromptSeed], suite: Suite, store: RunStore, progress: Progress) -> None:
    """Generates one model's missing clips and records each sample as soon as its batch has returned."""
    name, samples = planned.generator.name, _ModelSamples(planned, store)
    why_not = {cell: plan for cell in todo if isinstance(plan := planned.plans[cell.prompt_id], str)}
    with progress.phase(f"generate {name}", len(todo)) as advance:
        for (prompt_id, seed), why in sorted(why_not.items()):
            samples.keep(Attempt(failed(SampleKey(name, prompt_id, seed), why)))
            advance()
        batches = _batches(planned, todo, suite)
        for batch in batches:
            samples.forget_answered(batch)
        lost = None if edits_files(planned.generator) else False
        begun = None if edits_files(planned.generator) else samples.begin
        worker = ClipWorker(planned.build, suite)
        for batch, answer in planned.executor.map(batches, worker, begun=begun):
            if isinstance(answer, TaskFailed):
                answer = [
                    Attempt(failed(SampleKey(name, prompt_id, batch.seed), answer.reason, lost))
                    for prompt_id in batch.wanted
                ]
            for made in answer:
                samples.keep(made)
                advance()
            store.end(SampleKey(name, prompt_id, batch.seed) for prompt_id in batch.wanted)


class _ModelSamples:
    """The samples of one model in a run folder."""

    def __init__(self, planned: PlannedModel, store: RunStore) -> None:
        self.generator, self.model, self.store = planned.generator, planned.generator.name, store
        lines = [line for line in store.lines() if line.model == self.model]
        self.latest = {line.key: line for line in lines}
        self.digests = {(line.key, line.attempt): line.clip_digest for line in lines if line.clip_digest}
        """Digest of the clip that an attempt made, also where it was lost since."""
        records = planned.records.items()
        self.plans = {prompt_id: plan.digest() for prompt_id, plan in records if isinstance(plan, PlanRecord)}

    def keep(self, made: Attempt) -> None:
        """Records an attempt, with its number, and its clip."""
        before = self.latest.get(made.sample.key)
        if before is not None and made.sample.answered is None and self._stands(before):
            return
        if before is not None and before.clip_digest not in (None, made.sample.clip_digest):
            # Scores of the clip that was there say nothing of this one.
            for row in self._scores:
                if row.key.sample == before.key:
                    self.store.void_score(row, "its clip was lost and made again")
        sample = self._numbered(_stored(made, self.store))
        # What still cannot be asked adds nothing to the records.
        if sample != before:
            self.store.add_sample(sample)
        if _is_settled(sample):
            forget(self.generator, sample.prompt_id, sample.seed)  # Not before it is on disk.

    def forget_answered(self, batch: Batch) -> None:
        """Tells the model which answers without a clip are on disk: an earlier process may have ended before it did."""
        for prompt_id in batch.wanted:
            before = self.latest.get(SampleKey(self.model, prompt_id, batch.seed))
            if before is not None and _is_settled(before):
                forget(self.generator, prompt_id, batch.seed)

    def begin(self, batch: Batch) -> None:
        """Writes down that a batch is under way: should this process end before it does, it was an attempt."""
        keys = (SampleKey(self.model, prompt_id, batch.seed) for prompt_id in batch.wanted)
        self.store.begin(self._numbered(failed(key, STOPPED, answered=False)) for key in keys)

    def _numbered(self, sample: Sample) -> Sample:
        """Returns a new record with the number of its attempt and the digest of its plan."""
        before = self.latest.get(sample.key)
        digest = self.digests.get((before.key, before.attempt)) if before is not None else None
        made = numbered(sample, before, digest)
        plan = None if made.answered is None else self.plans.get(made.prompt_id)
        return made.model_copy(update={"plan_digest": plan})

    def _stands(self, before: Sample) -> bool:
        """Returns whether an answer without a clip stands until its model, of the same plan, can be asked again."""
        plan = self.plans.get(before.prompt_id, before.plan_digest)
        return _is_settled(before) and before.plan_digest in (None, plan)

    @cached_property
    def _scores(self) -> list[Score]:
        return [row for row in self.store.scores() if row.model == self.model and row.status != "failed"]


def _is_settled(sample: Sample) -> bool:
    """Returns whether a model has answered, and without a clip."""
    return sample.status != "ok" and bool(sample.answered)


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
