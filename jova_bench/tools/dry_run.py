"""Plans a run without running it: what each model would make, fetch, take and cost."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jova_bench.assets.table import Asset, AssetTable
from jova_bench.errors import BenchError, reason_of
from jova_bench.execution.devices import device_name, resolve_devices
from jova_bench.execution.placement import device_bytes
from jova_bench.formatting.doors import option
from jova_bench.formatting.messages import shown
from jova_bench.models.base import Generator, Plan, at_once, edits_files, settings_of
from jova_bench.models.registry import create_model
from jova_bench.models.requirements import PublishedSpeed, Requirements, requirements_of
from jova_bench.runs.batches import Misfit, plan_of
from jova_bench.runs.manifest import PlanRecord, plan_record
from jova_bench.runs.request import Options, Request, profile_of
from jova_bench.runs.resume import format_of
from jova_bench.runs.run import default_folder
from jova_bench.runs.store import Run
from jova_bench.suites.loading import Suite, load_suite
from jova_bench.tools.inventory import missing_weights
from jova_bench.tools.measured import Measured, earlier_runs, measured

HOUR_S = 3600.0
_QUOTED = re.compile("'[^']*'|[0-9]+")
"""What differs between reasons of one kind: a name, a word, a number."""


@dataclass(frozen=True)
class Devices:
    """The devices that a plan is for; they need not be those of this machine."""

    names: tuple[str, ...]
    """`cpu`, or one `cuda:i` for each GPU."""
    called: tuple[str, ...]
    """Names of the processors or GPUs; empty where they are not on this machine."""
    memory_bytes: int | None = None
    """Memory of the smallest GPU; None for processors, and for GPUs that are not on this machine."""

    @property
    def kind(self) -> str:
        """Returns `cpu` or `cuda`."""
        return self.names[0].partition(":")[0]

    def __str__(self) -> str:
        """Returns the devices for display."""
        what = ", ".join(self.called) or "not on this machine"
        return f"{','.join(self.names)} ({what})"


@dataclass(frozen=True)
class ModelPlan:
    """What a run would make of one model."""

    name: str
    asked: str
    """The name in the command."""
    why_not: str | None
    """Why it cannot run here, such as weights to fetch; None if it can."""
    to_make: int
    """Clips that are to be made."""
    made: int
    """Clips that lie in the run folder already."""
    cannot: Mapping[str, tuple[str, ...]]
    """Why it cannot do prompts, with the ids of those prompts; of reasons of one kind the first."""
    formats: Mapping[str, int]
    """Native formats, with the number of prompts of each."""
    requirements: Requirements | None
    """Weights, memory and published times; None for a model that states none."""
    measured: Measured | None
    """What its clips cost in an earlier run."""
    published: PublishedSpeed | None
    """Time of one clip as a public source states it; not used where an earlier run measured."""
    published_fits: bool
    """Whether the published clip has the size and length of every clip that is planned."""
    copies: bool
    """Whether it copies or edits files of others, as controls do: that takes no time of a device."""
    at_once: int | None
    """Clips that a server makes at the same time; None for a model that runs on the devices."""
    price_per_clip: float | None
    """Price that the user's table states of a served model."""
    currency: str | None

    @property
    def seconds(self) -> float | None:
        """Seconds per clip, measured or else published of such clips; None where neither is known."""
        if self.measured is not None:
            return self.measured.seconds
        return self.published.seconds if self.published is not None and self.published_fits else None

    @property
    def device_hours(self) -> float | None:
        """Hours of one device for all clips that are to be made; None where the seconds are not known."""
        if not self.to_make or self.copies:
            return 0.0
        return None if self.seconds is None else self.to_make * self.seconds / HOUR_S


@dataclass(frozen=True)
class DryRun:
    """What a run would make, fetch, take and cost; nothing of it was done."""

    suite: str
    prompts: int
    seeds: tuple[int, ...]
    profile: str
    folder: Path
    """Run folder that the command would write."""
    devices: Devices
    price_per_hour: float | None
    """Price of an hour of one device, as the user says."""
    models: tuple[ModelPlan, ...]
    metric_weights: tuple[Asset, ...]
    """Weights of the metrics that are to be fetched; none where nothing is scored."""
    free_bytes: Mapping[Path, int]
    """Free space of the folders of weights and of the run."""

    def hours(self, model: ModelPlan) -> float | None:
        """Returns the hours that a model takes on all devices together; None where its seconds are not known."""
        of_one = model.device_hours
        return None if of_one is None else of_one / (model.at_once or len(self.devices.names))

    def price(self, model: ModelPlan) -> float | None:
        """Returns the price of a model's clips; None where time or price is not known."""
        if model.price_per_clip is not None:
            return model.to_make * model.price_per_clip
        if model.at_once is not None or self.price_per_hour is None or model.device_hours is None:
            return None
        return model.device_hours * self.price_per_hour

    @cached_property
    def download(self) -> tuple[int, tuple[str, ...]]:
        """Bytes to fetch, and what of it has no known size; weights that models share are counted for each."""
        needs = [one.requirements for one in self.models if one.requirements is not None]
        sizes = [*(one.missing[0] for one in needs), *(one.size or 0 for one in self.metric_weights)]
        unknown = [name for one in needs for name in one.missing[1]]
        return sum(sizes), (*unknown, *(one.name for one in self.metric_weights if one.size is None))


def dry_run(
    models: Sequence[str | Generator],
    suite: str | Path | Suite,
    options: Options,
    assets: AssetTable,
    price_per_hour: float | None = None,
) -> DryRun:
    """Plans a run without running it; nothing is written, loaded on a GPU or fetched.

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
    if price_per_hour is not None and not 0 <= price_per_hour < float("inf"):
        raise BenchError(f"expected {option('price_per_hour')} of at least 0, got {shown(price_per_hour)}")
    found = suite if isinstance(suite, Suite) else load_suite(suite)
    profile = profile_of(options.profile, found)
    folder = Path(options.out) if options.out is not None else default_folder(found, profile)
    devices = devices_of(options.device)
    seeds = tuple(dict.fromkeys(options.seeds))
    request = Request(profile, seeds, options.limit, ",".join(devices.names), retry_answered=options.retry_answered)
    runs = earlier_runs(folder)
    planned = tuple(_model(one, found, request, devices, folder, runs) for one in models)
    lacking = missing_weights(options.metrics, profile, found, assets) if options.scoring else ()
    return DryRun(
        suite=found.name,
        prompts=len(found.prompts[: options.limit]),
        seeds=request.seeds,
        profile=profile,
        folder=folder,
        devices=devices,
        price_per_hour=price_per_hour,
        models=planned,
        metric_weights=tuple(lacking),
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


def _model(
    model: str | Generator,
    suite: Suite,
    request: Request,
    devices: Devices,
    folder: Path,
    runs: Mapping[Path, Run],
) -> ModelPlan:
    """Plans one model: for the named devices what it lacks, on the CPU what it would make."""
    generator = create_model(model, devices.names[0]) if isinstance(model, str) else model
    waits = at_once(generator)
    # Plans are the same everywhere, and those of a model with its weights may load them.
    planner = create_model(model, "cpu") if isinstance(model, str) and waits is None else generator
    prompts = suite.prompts[: request.limit]
    plans, cannot = dict[str, Plan](), dict[str, tuple[str, list[str]]]()
    for prompt in prompts:
        plan = plan_of(planner, prompt, suite)
        if isinstance(plan, Misfit):
            raise BenchError(f"the model {generator.name!r}: {plan.what}; docs/model.md has an example")
        if isinstance(plan, Plan):
            plans[prompt.id] = plan
        else:
            cannot.setdefault(_QUOTED.sub("", plan), (plan, []))[1].append(prompt.id)
    made = _made(runs.get(folder), generator.name, request) & {(one, seed) for one in plans for seed in request.seeds}
    needs, settings = requirements_of(generator), settings_of(generator)
    known = measured(generator.name, list(plans.values()), devices.kind, devices.called, runs)
    published = None if known is not None or needs is None else _published(needs, devices, list(plans.values()))
    return ModelPlan(
        name=generator.name,
        asked=model if isinstance(model, str) else generator.name,
        why_not=_why_not(generator),
        to_make=len(plans) * len(request.seeds) - len(made),
        made=len(made),
        cannot={why: tuple(ids) for why, ids in cannot.values()},
        formats=Counter(_format(generator.name, key, plan) for key, plan in plans.items()),
        requirements=needs,
        measured=known,
        published=published,
        published_fits=published is not None and all(published.fits(plan) for plan in plans.values()),
        copies=edits_files(generator),
        at_once=waits,
        price_per_clip=settings.get("price_as_the_user_says"),
        currency=settings.get("currency"),
    )


def _why_not(generator: Generator) -> str | None:
    """Returns why a model cannot run, on one line; None if it can."""
    try:
        found = generator.check()
    except Exception as error:
        found = reason_of(error)
    return found and " ".join(str(found).split())


def _format(model: str, prompt_id: str, plan: Plan) -> str:
    record = plan_record(model, prompt_id, plan)
    assert isinstance(record, PlanRecord)
    return format_of(record)


def _made(run: Run | None, model: str, request: Request) -> set[tuple[str, int]]:
    """Returns the prompts and seeds of which a folder has a clip, or an answer that stands."""
    samples = [] if run is None else [one for one in run.samples if one.model == model and one.seed in request.seeds]
    return {(one.prompt_id, one.seed) for one in samples if one.status == "ok" or request.leaves(one)}


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
