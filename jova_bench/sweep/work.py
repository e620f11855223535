"""Runs a sweep: trains, generates and scores what is missing, and compares. A second call resumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError
from jova_bench.execution.devices import resolve_device
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.models.base import Generator
from jova_bench.models.registry import create_model
from jova_bench.progress import Progress, Quiet
from jova_bench.runs.request import Options
from jova_bench.runs.run import run
from jova_bench.suites.loading import load_suite
from jova_bench.sweep.model import SweptModel, swept_model
from jova_bench.sweep.plan import ArmTraining, SweepPlan, is_scored, planned
from jova_bench.sweep.results import SweepResult, collected
from jova_bench.sweep.spec import SweepSpec, arms_of

OUT = Path("runs") / "sweeps"


def plan_sweep(
    spec: SweepSpec,
    model: SweptModel | None = None,
    *,
    seeds: Sequence[int] = (0,),
    only: Sequence[str] | None = None,
    out: Path = OUT,
    assets: AssetTable | None = None,
) -> SweepPlan:
    """Checks a sweep and plans it.

    Args:
        spec: of the sweep.
        model: what is trained; None for the one that the sweep names.
        seeds: of trainings; arms that are not repeated get the first.
        only: labels of the arms wanted beside the base; None for all.
        out: folder of all sweeps, which share trainings and runs.
        assets: weights of the metrics; None for the table of the environment.

    Raises:
        BenchError: bad input.
    """
    model, assets = model or swept_model(spec.model), assets or asset_table()
    arms = arms_of(spec, model)
    # Wrong names are reported before any work: trainings take hours.
    with _field("metrics"):
        build(spec.metrics, spec.profile, MetricContext(NoCache(), assets=assets))
    with _field("controls"):
        for name in spec.controls:
            create_model(name, "cpu")
    return planned(spec, model, load_suite(spec.suite), arms, seeds, out, only, assets)


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Adds the name of a sweep's field to errors of the block."""
    try:
        yield
    except BenchError as error:
        raise BenchError(f"{name} of the sweep: {error}") from error


def sweep(
    plan: SweepPlan,
    model: SweptModel | None = None,
    *,
    device: str = "auto",
    threads: int = 1,
    progress: Progress | None = None,
) -> SweepResult:
    """Runs the remaining trainings and scorings of a plan, then compares every arm with the base.

    Args:
        plan: from `plan_sweep`.
        model: as there.
        device: for sampling and scoring; trainings run on processors.
        threads: processor threads: so many trainings at once, each on one.
        progress: receives progress; None for none.

    Raises:
        BenchError: a training failed; the running ones were finished, and the same call resumes.
    """
    model, progress = model or swept_model(plan.spec.model), progress or Quiet()
    device = resolve_device(device)
    _train(plan, model, threads, progress)
    failed = 0
    for index, job in enumerate(plan.jobs, 1):
        if not is_scored(job.run, [job.model], plan.spec, plan.suite):
            progress.say(f"arm {index} of {len(plan.jobs)}: {job.title}: clips and scores in {job.run}")
            generator = model.generator(job.model, job.training, job.arm.settings, device)
            failed += _score(plan, [generator], job.run, device, threads, progress)
    controls = plan.spec.controls
    if controls and not is_scored(plan.controls, controls, plan.spec, plan.suite):
        progress.say(f"controls: {', '.join(controls)}")
        failed += _score(plan, controls, plan.controls, device, threads, progress)
    progress.say("comparing")
    return collected(plan, model, failed)


def untrained(plan: SweepPlan, model: SweptModel) -> list[ArmTraining]:
    """Returns the jobs whose training is not finished."""
    return [job for job in plan.jobs if job.training is not None and model.trained(job.training) is None]


def _train(plan: SweepPlan, model: SweptModel, threads: int, progress: Progress) -> None:
    todo = untrained(plan, model)
    if not todo:
        return
    progress.say(f"preparing the data that the trainings share, in {plan.shared}")
    for settings in {repr(sorted(job.arm.settings.items())): job.arm.settings for job in todo}.values():
        model.prepare(settings, plan.shared, threads)
    with progress.phase("train", len(todo)) as advance, ThreadPoolExecutor(threads) as pool:

        def train_arm(job: ArmTraining) -> None:
            assert job.training is not None  # `untrained` has no others.
            assert job.seed is not None
            progress.say(f"training {job.title} in {job.training}")
            model.train(job.arm.settings, job.seed, job.training, plan.shared, 1)

        for future in as_completed([pool.submit(train_arm, job) for job in todo]):
            if future.exception() is not None:
                pool.shutdown(cancel_futures=True)  # Those that have begun go on to their end.
            future.result()
            advance()


def _score(
    plan: SweepPlan, models: Sequence[str | Generator], out: Path, device: str, threads: int, progress: Progress
) -> int:
    """Generates and scores the clips of an arm, or of the controls; returns how many failed."""
    import torch

    if device == "cpu":
        torch.set_num_threads(threads)
    options = Options(
        profile=plan.spec.profile,
        metrics=plan.spec.metrics,
        seeds=plan.spec.sampling_seeds,
        limit=plan.spec.limit,
        device=device,
        out=out,
        assets=plan.assets,
        workers=threads if threads > 1 else 0,
        progress=progress,
    )
    result = run(models, plan.suite, options)
    if result.unable:
        raise BenchError("; ".join(f"{name} cannot run: {why}" for name, why in result.unable.items()))
    return len(result.failed)
