"""Plans, makes and inspects the clips of one model: one record per (prompt, seed), whatever happens.

Batches are cut from the whole suite, never from what is still missing, so a resumed run makes the same clips.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jova_bench import media
from jova_bench.models import Generated, Generator, Media, Plan
from jova_bench.progress import Progress
from jova_bench.store import RunStore
from jova_bench.suites import Suite
from jova_bench.types import Clip, Prompt, Sample, reason_of


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
    made: list[Generated] = []
    lost = "the model gave fewer clips than it was asked for"
    started = time.perf_counter()
    try:
        for generated in planned.generator.generate(able, seed, suite) if able else ():
            made.append(generated)
    except Exception as error:
        lost = reason_of(error)
    seconds = (time.perf_counter() - started) / max(len(able), 1)
    clips = dict(zip((prompt.id for prompt in able), made, strict=False))
    samples = []
    for prompt_id in wanted:
        plan_or_reason = plans[prompt_id]
        if prompt_id in clips:
            samples.append(_inspect(name, prompt_id, seed, clips[prompt_id], seconds, store))
        else:
            reason = plan_or_reason if isinstance(plan_or_reason, str) else lost
            samples.append(Sample(model=name, prompt_id=prompt_id, seed=seed, status="failed", reason=reason))
    return samples


def _plan(generator: Generator, prompt: Prompt, suite: Suite) -> Plan | str:
    """The plan of one prompt, or why there is none."""
    try:
        return generator.plan(prompt, suite)
    except Exception as error:
        return reason_of(error)


def _inspect(model: str, prompt_id: str, seed: int, made: Generated, seconds: float, store: RunStore) -> Sample:
    """Writes a clip and decodes what was written: only a clip that can be read is a sample."""
    try:
        target, clip = _keep(made.media, store, model, prompt_id, seed)
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
        findings=clip.findings,
        generate_s=seconds if made.timed else None,
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
