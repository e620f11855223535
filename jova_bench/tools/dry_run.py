"""Plans a run without running it: what each model would make, fetch, take and cost."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from jova_bench.assets.table import AssetTable
from jova_bench.errors import BenchError, reason_of
from jova_bench.execution.base import Local, LocalContext
from jova_bench.execution.devices import device_name, resolve_devices
from jova_bench.execution.placement import check_executor, device_bytes
from jova_bench.files.writing import check_writable
from jova_bench.formatting.doors import option
from jova_bench.formatting.messages import shown
from jova_bench.models.base import Generator, Plan, asked_for, at_once, edits_files, keep_in, settings_of
from jova_bench.models.registry import create_model
from jova_bench.models.requirements import PublishedSpeed, Requirements, requirements_of
from jova_bench.runs.batches import Misfit, plan_of
from jova_bench.runs.card_check import card_line
from jova_bench.runs.costs import price_in
from jova_bench.runs.generation import PlannedModel
from jova_bench.runs.manifest import PlanRecord
from jova_bench.runs.planning import existing, lacking, note_source, unsuited
from jova_bench.runs.request import Options, Request, profile_of
from jova_bench.runs.resume import check_grid, format_of, missing_clips, with_models
from jova_bench.runs.run import default_folder
from jova_bench.runs.store import JOBS, Run, RunStore
from jova_bench.suites.loading import Suite, load_suite
from jova_bench.tools.inventory import missing_weights
from jova_bench.tools.measured import earlier_runs, measured
from jova_bench.tools.planned_run import Devices, DryRun, ModelPlan

MOST_PER_HOUR = 1e12
"""Highest price of an hour of a device, in any currency: what a run costs is a number, too."""
_QUOTED = re.compile("'[^']*'|[0-9]+")
"""What differs between reasons of one kind: a name, a word, a number."""


def dry_run(
    models: Sequence[str | Generator],
    suite: str | Path | Suite,
    options: Options,
    assets: AssetTable,
    price_per_hour: float | None = None,
) -> DryRun:
    """Plans a run without running it; nothing is kept, loaded on a GPU or fetched.

    Args:
        models: names or objects, as `run` takes them.
        suite: name of a suite, a prompt file, or a loaded suite.
        options: as `run` takes them; `device` may name GPUs that this machine lacks.
        assets: weights of metrics.
        price_per_hour: of one device, in any currency; None where no price is wanted.

    Raises:
        BenchError: bad input. A prompt that a model cannot do is part of the plan instead.
    """
    if not models:
        raise BenchError(f"expected one or more models, got none; `{option('model')}` names one")
    if price_per_hour is not None and not 0 <= price_per_hour <= MOST_PER_HOUR:
        raise BenchError(
            f"expected {option('price_per_hour')} from 0 to {MOST_PER_HOUR:g}, got {shown(price_per_hour)}"
        )
    found = suite if isinstance(suite, Suite) else load_suite(suite)
    profile = profile_of(options.profile, found)
    folder = Path(options.out) if options.out is not None else default_folder(found, profile)
    devices = devices_of(options.device)
    seeds = tuple(dict.fromkeys(options.seeds))
    request = Request(profile, seeds, options.limit, ",".join(devices.names), retry_answered=options.retry_answered)
    store, runs = RunStore(folder), earlier_runs(folder)
    store.check()
    check_writable(folder)
    check_executor(options.executor, options.workers)
    # What a run of the folder would refuse, its plan refuses.
    old = check_grid(store, found, request)
    sources: dict[str, str | Generator] = {}
    by_name: dict[str, PlannedModel] = {}
    for model in models:
        one = _planned(model, found, request, devices)
        note_source(sources, one.generator.name, model)
        by_name[one.generator.name] = one
    planned = list(by_name.values())
    lacks = {one.asked: one.why_not for one in planned if one.why_not is not None}
    if len(lacks) == len(planned):
        raise unsuited(lacks)
    with_models(store, old, request, [one for one in planned if one.why_not is None])
    plans = tuple(_model(one, found, request, devices, store, runs) for one in planned)
    before = () if old is None else old.metrics
    weights = missing_weights(options.metrics, profile, found, assets, before) if options.scoring else ()
    return DryRun(
        suite=found.name,
        prompts=len(found.prompts[: options.limit]),
        seeds=request.seeds,
        profile=profile,
        folder=folder,
        devices=devices,
        workers=options.workers,
        price_per_hour=price_per_hour,
        models=plans,
        metric_weights=tuple(weights),
        free_bytes=_free((assets.folder, folder.absolute())),
    )


def devices_of(name: str) -> Devices:
    """Returns the devices of a command, also GPUs that this machine lacks: a plan may be for another one.

    Raises:
        BenchError: the text names no devices.
    """
    try:
        names = resolve_devices(name)
    except BenchError:
        if not isinstance(name, str) or not re.fullmatch(r"cuda|cuda:\d+(,cuda:\d+)*", name):
            raise
        return Devices(tuple(dict.fromkeys(name.split(","))), ())
    return Devices(names, tuple(dict.fromkeys(map(device_name, names))), device_bytes(names))


def _planned(model: str | Generator, suite: Suite, request: Request, devices: Devices) -> PlannedModel:
    """Plans the clips of one model, on the CPU; it may lack its weights, but not what every prompt lacks."""
    generator = create_model(model, devices.names[0]) if isinstance(model, str) else model
    # Plans are the same everywhere, and those of a model with its weights may load them.
    planner = create_model(model, "cpu") if isinstance(model, str) and at_once(generator) is None else generator
    prompts = suite.prompts[: request.limit]
    plans = dict[str, Plan | str]()
    for prompt in prompts:
        plan = plan_of(planner, prompt, suite)
        if isinstance(plan, Misfit):
            raise BenchError(
                f"the model {generator.name!r}: {plan.what}; docs/model.md of our repository has an example"
            )
        plans[prompt.id] = plan
    asked, here = model if isinstance(model, str) else generator.name, Local(LocalContext("cpu"))
    why = lacking(generator, plans, prompts, suite)
    return PlannedModel(generator, asked, partial(existing, generator), here, plans, why)


def _model(
    planned: PlannedModel,
    suite: Suite,
    request: Request,
    devices: Devices,
    store: RunStore,
    runs: Mapping[Path, Run],
) -> ModelPlan:
    """Returns what a run would make of one model, and for the named devices what it lacks."""
    generator, plans = planned.generator, [one for one in planned.plans.values() if isinstance(one, Plan)]
    cannot = dict[str, tuple[str, list[str]]]()
    for key, plan in planned.plans.items():
        if isinstance(plan, str):
            cannot.setdefault(_QUOTED.sub("", plan), (plan, []))[1].append(key)
    todo = missing_clips(planned, suite.prompts[: request.limit], request, store).todo
    to_make = [cell for cell in todo if isinstance(planned.plans[cell.prompt_id], Plan)]
    keep_in(generator, store.folder / JOBS)
    needs, settings = requirements_of(generator), settings_of(generator)
    price = price_in(settings)
    known = measured(generator.name, plans, devices.kind, devices.called, runs)
    published = None if known is not None or needs is None else _published(needs, devices, plans)
    return ModelPlan(
        name=generator.name,
        asked=planned.asked,
        why_not=planned.why_not or _why_not(generator),
        fits=planned.why_not is None,
        to_make=len(to_make),
        made=len(plans) * len(request.seeds) - len(to_make),
        asked_for=sum(asked_for(generator, one.prompt_id, one.seed) for one in to_make),
        off_card=card_line(suite.card, generator, planned.records) if suite.card else None,
        cannot={why: tuple(ids) for why, ids in cannot.values()},
        formats=Counter(format_of(one) for one in planned.records.values() if isinstance(one, PlanRecord)),
        requirements=needs,
        measured=known,
        published=published,
        published_fits=published is not None and all(published.fits(plan) for plan in plans),
        published_here=published is not None and all(published.device in name for name in devices.called),
        batch_size=generator.batch_size,
        copies=edits_files(generator),
        at_once=at_once(generator),
        price_per_clip=None if price is None else price.amount,
        currency=None if price is None else price.currency,
    )


def _why_not(generator: Generator) -> str | None:
    """Returns why a model cannot run, on one line; None if it can."""
    try:
        found = generator.check()
    except Exception as error:
        found = reason_of(error)
    return found and " ".join(str(found).split())


def _published(needs: Requirements, devices: Devices, plans: Sequence[Plan]) -> PublishedSpeed | None:
    """Returns the published time of the device that is most like those named, of a clip most like those planned."""

    def likeness(one: PublishedSpeed) -> tuple[bool, bool]:
        return any(one.device in name for name in devices.called), all(one.fits(plan) for plan in plans)

    return max(needs.speeds, key=likeness, default=None) if devices.kind == "cuda" else None


def _free(folders: Sequence[Path]) -> dict[Path, int]:
    """Returns the free bytes of each file system of folders that are there or can be made, by the first of them."""
    there = {path: next(one for one in (path, *path.parents) if one.exists()) for path in folders}
    systems = {one.stat().st_dev: path for path, one in reversed(there.items())}
    return {path: shutil.disk_usage(there[path]).free for path in reversed(systems.values())}
