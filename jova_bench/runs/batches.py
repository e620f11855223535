"""Generates the clips of one batch in a worker and returns them as files: nothing here writes into a run.

Only a clip that can be read back and fits its plan is a sample.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from jova_bench.digests import file_digest
from jova_bench.errors import BenchError, Refused, Unavailable, UnfitClip, reason_of
from jova_bench.execution.base import WorkerContext
from jova_bench.files.reading import unchanged
from jova_bench.formatting.messages import shown
from jova_bench.keys import SampleKey
from jova_bench.media import files as media
from jova_bench.models.base import Generated, Generator, Media, Plan, close, edits_files
from jova_bench.models.check import unfit_clip
from jova_bench.prompts import Prompt
from jova_bench.records import Sample
from jova_bench.runs.attempts import failed, raised, unfit
from jova_bench.runs.plan_check import decoded_bytes, media_findings, plan_violation
from jova_bench.suites.loading import Suite

Build = Callable[[str], Generator]
"""Builds a model for a device, loading nothing yet."""


@dataclass(frozen=True)
class Batch:
    """One call of a model."""

    prompts: tuple[Prompt, ...]
    wanted: tuple[str, ...]
    """Ids of those whose clips are not there yet; the others take part, or these would come out differently."""
    seed: int
    plans: Mapping[str, Plan | str]
    """Samples as they were recorded, by prompt id; none for prompts that only take part."""


@dataclass(frozen=True)
class Attempt:
    """One attempt: its record, and the file where there is one."""

    sample: Sample
    """`clip` and `attempt` are for the keeper of the run folder to fill in."""
    content: bytes | None = None
    suffix: str = ""


@dataclass(frozen=True)
class ClipWorker:
    """What a worker runs first to make clips."""

    build: Build
    suite: Suite

    def __call__(self, context: WorkerContext) -> BatchGenerator:
        """Builds the model, which stays for all batches of this worker."""
        return BatchGenerator(self.build(context.device), suite_at(self.suite, context))


@dataclass(frozen=True)
class Misfit:
    """What a model returned instead of what its interface says: no prompt can be asked of it."""

    what: str


Planned = dict[str, Plan | str | Misfit]
"""Plan of each prompt, by id, or why there is none."""


@dataclass(frozen=True)
class NotReady:
    """Why a model can make nothing where it would run, such as missing weights."""

    why: str


@dataclass(frozen=True)
class PlanWorker:
    """What a worker runs first, for the plans."""

    build: Build
    suite: Suite

    def __call__(self, context: WorkerContext) -> Callable[[Sequence[Prompt]], Planned | NotReady]:
        """Builds the model and returns a function that gives each prompt's plan, by id, or why there is none."""
        generator, suite = self.build(context.device), suite_at(self.suite, context)

        def plans(prompts: Sequence[Prompt]) -> Planned | NotReady:
            try:
                why_not = generator.check()
            except Exception as error:
                why_not = reason_of(error)
            if not isinstance(why_not, str | None):
                found = Misfit(f"expected `check` to return None or a text that says why not, got {shown(why_not)}")
                return dict.fromkeys((prompt.id for prompt in prompts), found)
            if why_not:
                return NotReady(" ".join(why_not.split()))
            return {prompt.id: plan_of(generator, prompt, suite) for prompt in prompts}

        return plans


@dataclass(frozen=True)
class _PlacedSuite(Suite):
    """A suite in a worker: its files may be on the caller's machine."""

    context: WorkerContext | None = None

    def path(self, relative: str) -> Path:
        path = super().path(relative)
        return unchanged(path if self.context is None else self.context.file(path), self.files.get(relative))


def suite_at(suite: Suite, context: WorkerContext) -> Suite:
    """Returns a suite with the paths of its files in a worker."""
    return _PlacedSuite(**{field.name: getattr(suite, field.name) for field in fields(Suite)}, context=context)


def plan_of(generator: Generator, prompt: Prompt, suite: Suite) -> Plan | str | Misfit:
    """Returns the plan of one prompt, or why there is none."""
    try:
        plan = generator.plan(prompt, suite)
    except Exception as error:
        return reason_of(error)
    if not isinstance(plan, Plan):
        return Misfit(f"expected `plan` to return a Plan, got {shown(plan)}")
    return plan


@dataclass(frozen=True)
class BatchGenerator:
    """A model that makes batches."""

    generator: Generator
    suite: Suite

    def __call__(self, batch: Batch) -> list[Attempt]:
        """Returns one attempt for each wanted prompt, in their order."""
        plans = {
            prompt.id: _as_recorded(plan_of(self.generator, prompt, self.suite), batch.plans.get(prompt.id))
            for prompt in batch.prompts
        }
        able = [prompt for prompt in batch.prompts if isinstance(plans[prompt.id], Plan)]
        made: dict[str, Attempt] = {}
        shares: set[str] = set()
        waited, loaded, came = 0.0, 0.0, 0
        lost: Exception = UnfitClip("the model gave fewer clips than it was asked for")
        try:
            for prompt, (item, seconds) in zip(able, self._timed(able, batch.seed), strict=False):
                waited, came = waited + seconds, came + 1
                if isinstance(item, Generated) and not unfit_clip(item):
                    loaded += item.load_s or 0.0
                    if item.timed and item.seconds is None:
                        shares.add(prompt.id)
                if prompt.id in batch.wanted:
                    made[prompt.id] = self._inspected(prompt.id, batch.seed, item, plans[prompt.id])
        except Exception as error:
            lost = error
            if isinstance(error, Refused) and came < len(able) and able[came].id not in batch.wanted:
                # It refused one that only takes part: those that are wanted after it were not asked for.
                lost = Unavailable(f"not asked: its batch ended at {able[came].id}, refused: {reason_of(error)}")
        share = (waited - loaded) / max(len(able), 1)
        for prompt_id in batch.wanted:
            plan = plans[prompt_id]
            key = self._key(prompt_id, batch.seed)
            one = made.get(prompt_id) or Attempt(failed(key, plan) if isinstance(plan, str) else raised(key, lost))
            if prompt_id in shares and one.content is not None:
                one = replace(one, sample=one.sample.model_copy(update={"generate_s": share}))
            if edits_files(self.generator):  # A copy of a file is no answer of a model.
                one = replace(one, sample=one.sample.model_copy(update={"answered": None}))
            made[prompt_id] = one
        return [made[prompt_id] for prompt_id in batch.wanted]

    def close(self) -> None:
        """Releases the model's resources."""
        close(self.generator)

    def _key(self, prompt_id: str, seed: int) -> SampleKey:
        return SampleKey(self.generator.name, prompt_id, seed)

    def _timed(self, prompts: Sequence[Prompt], seed: int) -> Iterator[tuple[Generated | Exception, float]]:
        """Yields each result of the model and the seconds it took, without the time to inspect results in between."""
        if not prompts:
            return
        made = self.generator.generate(prompts, seed, self.suite)
        if not isinstance(made, Iterable):
            raise BenchError(f"expected `generate` to yield clips, got {shown(made)}")
        items = iter(made)
        while True:
            started = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            yield item, time.perf_counter() - started

    def _inspected(self, prompt_id: str, seed: int, item: Generated | Exception, plan: Plan | str) -> Attempt:
        """Encodes a clip, decodes the file again, and checks it against the plan."""
        key = self._key(prompt_id, seed)
        if isinstance(item, Exception):
            return Attempt(raised(key, item))
        try:
            if why_not := unfit_clip(item):
                raise BenchError(why_not)
            with tempfile.TemporaryDirectory(prefix="jova-bench-") as folder:
                path = _written(item.media, Path(folder))
                digest = file_digest(path)
                clip = media.read(path)
                content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                raise BenchError(f"expected a file that stays as it is, got {path}, which changed while it was read")
            if isinstance(plan, Plan) and (why_not := plan_violation(clip, plan)):
                raise BenchError(why_not)
        except Exception as error:
            return Attempt(unfit(key, error, getattr(item, "media", None)))
        sample = Sample(
            **key._asdict(),
            status="ok",
            answered=True,
            clip_digest=clip.digest,
            file_digest=digest,
            decoded_bytes=decoded_bytes(clip),
            timing=item.timing,
            findings=clip.findings + media_findings(clip),
            generate_s=item.seconds if item.timed else None,
            load_s=item.load_s,
            clip_s=clip.seconds,
            peak_memory_bytes=item.peak_memory_bytes,
            function_evals=item.function_evals,
        )
        return Attempt(sample, content, path.suffix.lower())


def _as_recorded(plan: Plan | str | Misfit, recorded: Plan | str | None) -> Plan | str:
    """Returns the plan, or that it differs from the manifest's: its clips would be recorded under a wrong plan."""
    if isinstance(plan, Misfit):
        return plan.what
    if isinstance(plan, Plan) and recorded not in (None, plan):
        return "its plan changed after the command began; run it again, in another folder where this one refuses"
    return plan


def _written(made: Media | Path, folder: Path) -> Path:
    """Returns the path of a generated file; writes frames and audio to one in the folder first."""
    if isinstance(made, Path):
        return made
    path = folder / ("clip.wav" if made.frames is None else "clip.mp4")
    media.write(path, made.frames, made.fps, made.audio, made.sample_rate_hz, made.layout)
    return path
