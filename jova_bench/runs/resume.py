"""Decides where a run resumes: what a command adds to the manifest of its folder, and which clips it has left to make.

Refuses to put results into a folder that would not compare. Which scores are left, `score_table` decides alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jova_bench.errors import BenchError
from jova_bench.formatting.doors import option
from jova_bench.formatting.text import counted
from jova_bench.keys import PromptSeed
from jova_bench.models.base import settings_of
from jova_bench.prompts import Prompt
from jova_bench.records import Sample
from jova_bench.runs import provenance
from jova_bench.runs.attempts import latest_answers
from jova_bench.runs.generation import PlannedModel
from jova_bench.runs.manifest import SCHEMA, AnyPlan, Fairness, Manifest, ModelRecord, PlanRecord
from jova_bench.runs.request import Request
from jova_bench.runs.store import RunStore, another_folder
from jova_bench.suites.loading import Suite

SERVER = "server"
"""Setting of a served model: its address, or a list of all that were asked for the clips of a folder."""
ROUTE = frozenset({"model", "engine_as_the_user_says"})
"""Further settings that its user gives: of the same, what was paid for is in the same row."""


def extend_manifest(
    store: RunStore, suite: Suite, request: Request, planned: Sequence[PlannedModel], metrics: Sequence[str]
) -> Manifest:
    """Returns the folder's manifest with this command added to it.

    Args:
        store: the run folder.
        suite: the prompts.
        request: seeds, profile and device.
        planned: the models named now.
        metrics: names asked for now: building them again gives the same metrics, compat ones too.

    Raises:
        BenchError: the folder was made with another suite or profile, or holds clips of another version of a model.
    """
    old = check_grid(store, suite, request)
    models = with_models(store, old, request, planned)
    origin = provenance.collect(request.device, request.device_name)
    history = old.provenance if old else ()
    return Manifest(
        schema_version=SCHEMA,
        suite=suite.name,
        suite_digest=suite.digest,
        prompts_digest=suite.prompts_digest,
        suite_origin=suite.origin,
        card=suite.card,
        domain=suite.domain,
        reference_set=suite.reference_set,
        profile=request.profile,
        seeds=tuple(sorted({*(old.seeds if old else ()), *request.seeds})),
        device=request.device,
        metrics=tuple(dict.fromkeys([*(old.metrics if old else ()), *metrics])),
        specs=old.specs if old else (),
        models=models,
        fairness=fairness(models),
        provenance=history if history[-1:] == (origin,) else (*history, origin),
        prompts=suite.prompts,
    )


def check_grid(store: RunStore, suite: Suite, request: Request) -> Manifest | None:
    """Returns the folder's manifest, None in a new folder. Raises BenchError if it is of another suite or profile."""
    old = store.manifest()
    for key, now in (("suite_digest", suite.digest), ("profile", request.profile)):
        if old is not None and (before := getattr(old, key)) != now:
            raise BenchError(f"{store.folder} was made with {key} {before}, got {now}; {another_folder()}")
    return old


def with_models(
    store: RunStore, old: Manifest | None, request: Request, planned: Sequence[PlannedModel]
) -> dict[str, ModelRecord]:
    """Returns the folder's models with this command's. Raises BenchError for clips of another version of a model."""
    models = dict(old.models) if old else {}
    for one in planned:
        _check_server(models, one, store)
        models[one.generator.name] = _model(models.get(one.generator.name), one, request, store)
    return models


def _check_server(models: Mapping[str, ModelRecord], planned: PlannedModel, store: RunStore) -> None:
    """Raises BenchError if a server has another row only because of what it states now: all would be paid for again."""
    name, now = planned.generator.name, settings_of(planned.generator)
    if name in models or not now.keys() >= {SERVER, *ROUTE}:
        return
    for old, model in models.items():
        here = now[SERVER] in _each(model.settings.get(SERVER))
        if here and all(model.settings.get(key) == now[key] for key in ROUTE):
            what = f"{store.folder} has {old!r}, of which jobs and clips are paid for; its server now makes it {name!r}"
            same = "if it is the same version, run the same command again when the server states it"
            other = f"for all clips of another version, {another_folder()}, or another `engine` in its table"
            raise BenchError(f"{what}; {same}; {other}")


def of_all_clips(before: object, now: object) -> object:
    """Returns a setting of the clips of both: the value, or a sorted list where they have several."""
    found = {repr(one): one for value in (before, now) for one in _each(value)}
    return before if len(found) == 1 else [found[text] for text in sorted(found)]


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def fairness(models: Mapping[str, ModelRecord]) -> Fairness:
    """Returns what was the same for these models, and what was not."""
    return Fairness(
        prompts="every model gets the same prompts of one suite, which suite_digest identifies",
        seeds="every model gets the same seeds; `n_seeds` of an estimate counts those with a value",
        devices={name: model.device for name, model in models.items()},
        native_formats={name: _formats(model.plans) for name, model in models.items()},
        settings={name: model.settings for name, model in models.items()},
    )


@dataclass(frozen=True)
class Missing:
    """Holds what has no good clip in the folder, of what a command asks of a model."""

    todo: set[PromptSeed]
    """Clips to make: those that were not tried, that the machine failed, or that are lost."""
    answered: tuple[Sample, ...]
    """Samples that the model answered without a clip. They stay, unless the command says otherwise."""

    def lines(self, model: str) -> Iterator[str]:
        """Yields what a user should know before work begins: which samples stay as they are."""
        if self.answered:
            refused = sum(one.status == "refused" for one in self.answered)
            by = f", {refused} of them by a refusal" * bool(refused)
            what = f"{model}: {counted(len(self.answered), 'sample')} answered without a clip{by}: not asked again"
            yield f"{what}; {option('retry_answered')} asks again, for a second draw"


def missing_clips(planned: PlannedModel, wanted: Sequence[Prompt], request: Request, store: RunStore) -> Missing:
    """Finds which clips are left to make."""
    asked = {PromptSeed(prompt.id, seed) for prompt in wanted for seed in request.seeds}
    samples = [one for one in store.samples() if one.model == planned.generator.name and one.key.prompt_seed in asked]
    made = {one.key.prompt_seed for one in samples if one.clip and (store.folder / one.clip).is_file()}
    answers = _answers(store, planned.generator.name, planned.records)
    answered = tuple(one for one in answers if one.key.prompt_seed in asked and request.leaves(one))
    return Missing(asked - made - {one.key.prompt_seed for one in answered}, answered)


def _model(old: ModelRecord | None, planned: PlannedModel, request: Request, store: RunStore) -> ModelRecord:
    """Returns the entry of one model: its plans of now beside those of earlier commands."""
    name = planned.generator.name
    plans = planned.records
    known: Mapping[str, AnyPlan] = {}
    settings = dict(settings_of(planned.generator))
    if old is not None:
        known = old.plans
        samples = [one for one in store.samples() if one.model == name]
        done = {one.prompt_id: "clips" for one in samples if one.status == "ok"}
        again = f"answers (ask again with {option('retry_answered')})"
        answers = _answers(store, name, known)
        done = {one.prompt_id: again for one in answers if request.leaves(one)} | done
        for key, plan in plans.items():
            if key in done and (differ := _differences(known.get(key), plan)):
                served = "; another `engine` in its table is another row" * (SERVER in settings)
                raise BenchError(
                    f"{store.folder} has {done[key]} of another version of {name!r}: prompt {key!r}: {differ}{served}"
                )
        if done and SERVER in settings:
            settings[SERVER] = of_all_clips(old.settings.get(SERVER), settings[SERVER])
        device = old.device
        if done and device.split(":")[0] != request.device.split(":")[0]:
            raise BenchError(
                f"{store.folder} has clips of {name!r} made on {device}, got {request.device}; "
                f"use {option('device', device)} or another {option('out')}"
            )
    return ModelRecord(
        asked=planned.asked,
        device=request.device,
        needs=tuple(planned.generator.needs),
        batch_size=planned.generator.batch_size,
        settings=settings,
        plans={**known, **plans},
    )


def _differences(before: AnyPlan | None, now: AnyPlan) -> str | None:
    """Describes how the clips of two plans would differ, and what to do; None if they would not."""
    another = another_folder()
    if isinstance(before, PlanRecord) and isinstance(now, PlanRecord):
        differ = before.differences(now)
        if differ and before.settings is None:
            another = (
                "if only the wording of the plan changed, repeat the command once with the version of the model that "
                f"wrote it, which then records its settings; otherwise {another}"
            )
        return differ and f"{differ}; {another}"
    if before == now:
        return None
    had = f"it had {'a plan' if isinstance(before, PlanRecord) else 'no plan'}"
    has = f"now has {'one' if isinstance(now, PlanRecord) else f'none: {now.why_not}'}"
    return f"{had}, {has}; {another}"


def _answers(store: RunStore, model: str, plans: Mapping[str, AnyPlan]) -> list[Sample]:
    """Returns what a model last answered each sample by these plans; by others it was another version that answered."""
    digests = {key: plan.digest() for key, plan in plans.items() if isinstance(plan, PlanRecord)}
    lines = (line for line in store.lines() if line.model == model)
    of_plans = (line for line in lines if line.plan_digest in (None, digests.get(line.prompt_id)))
    return list(latest_answers(of_plans).values())


def _formats(plans: Mapping[str, AnyPlan]) -> tuple[str, ...]:
    """Lists what a model natively makes, each format once."""
    return tuple(sorted({format_of(plan) for plan in plans.values() if isinstance(plan, PlanRecord)}))


def format_of(plan: PlanRecord) -> str:
    """Writes out what a plan promises: it may leave anything open."""
    given = {key: value for key, value in plan.model_dump().items() if value is not None}
    parts = [
        "{width}x{height}" if {"width", "height"} <= given.keys() else "",
        " at ".join(part for key, part in (("frames", "{frames} frames"), ("fps", "{fps} fps")) if key in given),
        "{seconds:.2f} s" if "seconds" in given else "",
        "{sample_rate_hz} Hz" if "sample_rate_hz" in given else "",
    ]
    found = ", ".join(part.format(**given) for part in parts if part)
    return found or ("as its source file" if plan.audio is None else "not stated")
