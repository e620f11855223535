"""Builds the models of a run, plans their clips, and decides where the clips are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.execution.base import Executor, Local
from jova_bench.execution.placement import Placement
from jova_bench.ids import printable
from jova_bench.models.base import Generator, Plan, at_once, edits_files, keep_in, reads_files
from jova_bench.models.registry import FOLDER_PREFIX, create_model, with_folder
from jova_bench.prompts import Prompt
from jova_bench.runs.batches import Build
from jova_bench.runs.generation import PlannedModel, plan
from jova_bench.runs.request import Request
from jova_bench.suites.loading import Suite, load_suite, suite_registry

ARTICLES = {"reference": "a reference clip", "image": "an image", "audio": "audio", "edit": "an edit"}
"""What a prompt can have, as a message calls it."""


def plan_all(
    models: Sequence[str | Generator], suite: Suite, request: Request, placement: Placement, kept: Path
) -> list[PlannedModel]:
    """Builds every model and plans its clips.

    Args:
        models: names or objects.
        suite: the prompts.
        request: what is asked of them.
        placement: where they run.
        kept: folder for what models keep from one command to the next.
    """
    planned: dict[str, PlannedModel] = {}
    sources: dict[str, str | Generator] = {}
    for model in models:
        generator = create_model(model, placement.local.device) if isinstance(model, str) else model
        name, asked = generator.name, printable(model) if isinstance(model, str) else generator.name
        note_source(sources, name, model)
        keep_in(generator, kept)
        # An object stays where it is; its plans need no worker where its clips do not.
        prompts = suite.prompts[: request.limit]
        generators = _executor(model, generator, suite.prompts, placement)
        planner = generators if generators is placement.generation or reads_files(generator) else Local(placement.local)
        planned[name] = plan(generator, asked, _built(model, generator, planner), planner, prompts, suite)
        planned[name] = replace(planned[name], build=_built(model, generator, generators), executor=generators)
    lacks = {
        name: why
        for name, one in planned.items()
        if one.why_not is None
        if (why := lacking(one.generator, one.plans, suite.prompts[: request.limit], suite))
    }
    found = [replace(one, why_not=lacks.get(name, one.why_not)) for name, one in planned.items()]
    if lacks and all(one.why_not is not None for one in found):
        raise unsuited({planned[name].asked: why for name, why in lacks.items()})
    return found


def note_source(sources: dict[str, str | Generator], name: str, model: str | Generator) -> None:
    """Adds what a name stands for to others; the same model may be named twice. Raises BenchError for another one."""
    other = sources.setdefault(name, model)
    if other is not model and (not isinstance(model, str) or other != model):
        rename = "rename one, or its folder, or give it another `engine` if it is behind a server"
        raise BenchError(f"expected models of different names, got {name!r} twice; {rename}")


def unsuited(lacks: Mapping[str, str]) -> BenchError:
    """Returns the error of models, named as they were asked for, of which none can do a prompt."""
    return BenchError("; ".join(f"the model {asked!r}: {why}" for asked, why in lacks.items()))


def lacking(
    generator: Generator, plans: Mapping[str, Plan | str], prompts: Sequence[Prompt], suite: Suite
) -> str | None:
    """Returns what a model needs that no prompt has, where it can therefore do none; else None."""
    if not prompts or not all(isinstance(one, str) for one in plans.values()):
        return None
    for need in generator.needs:
        if all(getattr(prompt, need) is None for prompt in prompts):
            others = [name for name in suite_registry().names() if name != suite.name and _has(name, need)]
            where = (
                f"use a suite that has some, such as {', '.join(others)}"
                if others
                else "docs/suites.md of our repository says how prompts have one"
            )
            return f"expected prompts with {ARTICLES[need]}, got none in the suite {suite.name!r}; {where}"
    return None


def _has(suite: str, need: str) -> bool:
    try:
        return any(getattr(prompt, need) is not None for prompt in load_suite(suite).prompts)
    except BenchError:  # A broken one of a package is nothing to advise.
        return False


def _executor(
    model: str | Generator, generator: Generator, prompts: Sequence[Prompt], placement: Placement
) -> Executor:
    """Returns the executor that generates a model's clips."""
    if not isinstance(model, str):
        return Local(placement.local)
    if (several := at_once(generator)) is not None:
        return placement.waiting(several)
    if model.startswith(FOLDER_PREFIX) or (edits_files(generator) and isinstance(placement.generation, Local)):
        return placement.inspection
    given = generator.needs or any(prompt.files.keys() - {"reference"} for prompt in prompts)
    return placement.reading if given or reads_files(generator) else placement.generation


def _built(model: str | Generator, generator: Generator, where: Executor) -> Build:
    """Returns what builds a model in a worker; in this process, and of a server, it returns the one that is there."""
    if isinstance(model, str) and not isinstance(where, Local) and at_once(generator) is None:
        # A worker may have another working directory.
        return partial(create_model, with_folder(model, anywhere))
    return partial(existing, generator)


def anywhere(folder: str) -> str:
    """Returns the absolute path of a folder; an address is none, and stays."""
    return str(Path(folder).absolute()) if Path(folder).exists() else folder


def existing(generator: Generator, device: str) -> Generator:
    """Returns a model that exists already; the device is its own."""
    return generator
