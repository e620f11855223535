"""Plans, makes and inspects the clips of one model: one record per (prompt, seed), whatever happens.

Batches are cut from the whole suite, never from what is still missing, so a resumed run makes the same clips.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jova_bench import media
from jova_bench.checks import broken, noticed
from jova_bench.models import Generated, Generator, Media, Plan, close
from jova_bench.progress import Progress
from jova_bench.store import RunStore
from jova_bench.suites import Suite
from jova_bench.types import BenchError, Clip, Prompt, Sample, reason_of

_SHARE = -1.0
"""Stands for a share of the batch's time until the batch is done."""


@dataclass(frozen=True)
class Planned:
    """A model and what it says before it starts."""

    generator: Generator
    asked: str
    """The name it was asked for by."""
    plans: dict[str, Plan | str]
    """By prompt id: the plan, or why there is none."""


def plan(generator: Generator, asked: str, prompts: Sequence[Prompt], suite: Suite) -> Planned:
    """Asks a model what it will produce."""
    try:
        why_not = generator.check()
    except Exception as error:
        why_not = reason_of(error)
    plans = {prompt.id: why_not or _plan(generator, prompt, suite) for prompt in prompts}
    return Planned(generator, asked, plans)


def missing(planned: Planned, wanted: Sequence[Prompt], seeds: Sequence[int], store: RunStore) -> set[tuple[str, int]]:
    """(prompt id, seed) without a good clip in the folder; failed ones are tried again."""
    done = {
        (sample.prompt_id, sample.seed)
        for sample in store.samples()
        if sample.model == planned.generator.name and sample.clip and (store.folder / sample.clip).is_file()
    }
    return {(prompt.id, seed) for prompt in wanted for seed in seeds} - done


def generate(planned: Planned, todo: set[tuple[str, int]], suite: Suite, store: RunStore, progress: Progress) -> None:
    """Makes what is missing of one model and records each sample as soon as it is inspected."""
    known = {(s.prompt_id, s.seed): s for s in store.samples() if s.model == planned.generator.name}
    size = planned.generator.batch_size
    batches = [suite.prompts[start : start + size] for start in range(0, len(suite.prompts), size)]
    try:
        with progress.phase(f"generate {planned.generator.name}", len(todo)) as advance:
            for seed in sorted({seed for _, seed in todo}):
                for batch in batches:
                    wanted = [prompt.id for prompt in batch if (prompt.id, seed) in todo]
                    if not wanted:
                        continue
                    for sample in _batch(planned, batch, wanted, seed, suite, store):
                        # A retry that fails as before adds nothing to the records.
                        if sample != known.get((sample.prompt_id, seed)):
                            store.add_sample(sample)
                        advance()
    finally:
        close(planned.generator)


def _batch(
    planned: Planned, batch: Sequence[Prompt], wanted: Sequence[str], seed: int, suite: Suite, store: RunStore
) -> list[Sample]:
    """One call of the model; the samples that were wanted."""
    name = planned.generator.name
    # A prompt past the limit shares its batch with those before it.
    plans = {prompt.id: planned.plans.get(prompt.id) or _plan(planned.generator, prompt, suite) for prompt in batch}
    able = [prompt for prompt in batch if isinstance(plans[prompt.id], Plan)]
    if not {prompt.id for prompt in able}.intersection(wanted):
        able = []
    made: dict[str, Sample] = {}
    waited = loaded = 0.0
    lost = "the model gave fewer clips than it was asked for"
    try:
        for prompt, (item, seconds) in zip(able, _timed(planned.generator, able, seed, suite), strict=False):
            waited += seconds
            if isinstance(item, Generated):
                loaded += item.load_s or 0.0
            if prompt.id in wanted:
                made[prompt.id] = _inspect(name, prompt.id, seed, item, plans[prompt.id], store)
    except Exception as error:
        lost = reason_of(error)
    share = (waited - loaded) / max(len(able), 1)
    return [_finished(made.get(i), name, i, seed, plans[i], lost, share) for i in wanted]


def _timed(
    generator: Generator, prompts: Sequence[Prompt], seed: int, suite: Suite
) -> Iterator[tuple[Generated | Exception, float]]:
    """What a model makes, and how long it was waited for; inspecting it in between does not count."""
    if not prompts:
        return
    items = iter(generator.generate(prompts, seed, suite))
    while True:
        started = time.perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        yield item, time.perf_counter() - started


def _finished(
    sample: Sample | None, model: str, prompt_id: str, seed: int, plan: Plan | str, lost: str, share: float
) -> Sample:
    """The record of one prompt: what was made, with its share of the batch's time, or why nothing was."""
    if sample is None:
        reason = plan if isinstance(plan, str) else lost
        return Sample(model=model, prompt_id=prompt_id, seed=seed, status="failed", reason=reason)
    return sample.model_copy(update={"generate_s": share}) if sample.generate_s == _SHARE else sample


def _plan(generator: Generator, prompt: Prompt, suite: Suite) -> Plan | str:
    """The plan of one prompt, or why there is none."""
    try:
        return generator.plan(prompt, suite)
    except Exception as error:
        return reason_of(error)


def _inspect(
    model: str, prompt_id: str, seed: int, made: Generated | Exception, plan: Plan | str, store: RunStore
) -> Sample:
    """Writes a clip and decodes what was written: only a clip that can be read and fits its plan is a sample."""
    try:
        if isinstance(made, Exception):
            raise made
        target, clip = _keep(made.media, store, model, prompt_id, seed)
        if isinstance(plan, Plan) and (why_not := broken(clip, plan)):
            raise BenchError(why_not)
    except Exception as error:
        return Sample(model=model, prompt_id=prompt_id, seed=seed, status="failed", reason=reason_of(error))
    return Sample(
        model=model,
        prompt_id=prompt_id,
        seed=seed,
        status="ok",
        clip=target.relative_to(store.folder).as_posix(),
        clip_digest=clip.digest,
        timing=made.timing,
        findings=clip.findings + noticed(clip),
        generate_s=(_SHARE if made.seconds is None else made.seconds) if made.timed else None,
        load_s=made.load_s,
        clip_s=clip.seconds,
        peak_memory_bytes=made.peak_memory_bytes,
        function_evals=made.function_evals,
    )


def _keep(made: Media | Path, store: RunStore, model: str, prompt_id: str, seed: int) -> tuple[Path, Clip]:
    """Puts a clip into the run folder; a file goes there as it is, unless it cannot be read."""
    if isinstance(made, Path):
        clip = media.read(made)
        target = store.clip_path(model, prompt_id, seed, made.suffix.lower())
        store.copy_clip(made, target)
        return target, clip
    target = store.clip_path(model, prompt_id, seed, ".wav" if made.frames is None else ".mp4")
    media.write(target, made.frames, made.fps, made.audio, made.sample_rate_hz)
    return target, media.read(target)
