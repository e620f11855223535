"""What a run folder was asked for, and what made it. Refuses to put results into it that would not compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any

from jova_bench import provenance
from jova_bench.config import Request
from jova_bench.generation import Planned
from jova_bench.models import Plan, settings_of
from jova_bench.store import RunStore
from jova_bench.suites import Suite
from jova_bench.types import BenchError

SCHEMA = 1


def extended(
    store: RunStore, suite: Suite, request: Request, planned: Sequence[Planned], metrics: Sequence[str]
) -> dict[str, Any]:
    """The folder's manifest with this command added to it.

    Args:
        store: the run folder.
        suite: the prompts.
        request: seeds, profile and device.
        planned: the models named now.
        metrics: names asked for now: building them again gives the same metrics, compat ones too.

    Raises:
        BenchError: the folder was made with another suite or profile, or holds clips of another version of a model.
    """
    old = store.manifest() or {}
    for key, value in (("suite_digest", suite.digest), ("profile", request.profile)):
        if old.get(key, value) != value:
            raise BenchError(f"{store.folder} was made with {key} {old[key]}, got {value}; give another --out")
    models: dict[str, Any] = dict(old.get("models", {}))
    for one in planned:
        models[one.generator.name] = _model(models.get(one.generator.name), one, request, store)
    seeds = sorted({*old.get("seeds", ()), *request.seeds})
    now = provenance.collect(request.device, request.device_name)
    history = [*old.get("provenance", ())]
    return {
        "schema": SCHEMA,
        "suite": suite.name,
        "suite_digest": suite.digest,
        "question": suite.question,
        "domain": suite.domain,
        "reference_set": suite.reference_set,
        "profile": request.profile,
        "seeds": seeds,
        "device": request.device,
        "metrics": list(dict.fromkeys([*old.get("metrics", ()), *metrics])),
        "specs": old.get("specs", []),
        "models": models,
        "fairness": {
            "prompts": "every model gets the same prompts of one suite, told by suite_digest",
            "seeds": "every model gets the same seeds; `n_seeds` of an estimate says which were done",
            "devices": {name: model["device"] for name, model in models.items()},
            "native_formats": {name: _formats(model["plans"]) for name, model in models.items()},
            "settings": {name: model.get("settings", {}) for name, model in models.items()},
        },
        "provenance": history if history and history[-1] == now else [*history, now],
        "prompts": [prompt.model_dump(mode="json") for prompt in suite.prompts],
    }


def _model(old: dict[str, Any] | None, planned: Planned, request: Request, store: RunStore) -> dict[str, Any]:
    """The entry of one model."""
    name = planned.generator.name
    plans = {key: asdict(plan) if isinstance(plan, Plan) else {"why_not": plan} for key, plan in planned.plans.items()}
    if old is not None:
        done = {s.prompt_id for s in store.samples() if s.model == name and s.status == "ok"}
        changed = [key for key in plans if key in done and _filled(old["plans"].get(key)) != plans[key]]
        if changed:
            before, after = old["plans"].get(changed[0]), plans[changed[0]]
            raise BenchError(
                f"{store.folder} has clips of another version of {name!r}: prompt {changed[0]!r} was {before}, "
                f"is {after}; give another --out"
            )
        if done and old["device"].split(":")[0] != request.device.split(":")[0]:
            raise BenchError(
                f"{store.folder} has clips of {name!r} made on {old['device']}, got {request.device}; "
                f"use --device {old['device']} or another --out"
            )
        plans = old["plans"] | plans
    return {
        "asked": planned.asked,
        "device": request.device,
        "needs": list(planned.generator.needs),
        "batch_size": planned.generator.batch_size,
        "settings": settings_of(planned.generator),
        "plans": plans,
    }


def _filled(plan: dict[str, Any] | None) -> dict[str, Any] | None:
    """A plan as it was written, with what plans did not say at that time."""
    defaults = {field.name: field.default for field in fields(Plan) if field.default is not MISSING}
    return plan if plan is None or "why_not" in plan else defaults | plan


def _formats(plans: dict[str, Any]) -> list[str]:
    """What a model natively makes, each format once."""
    return sorted({_format(plan) for plan in plans.values() if "why_not" not in plan})


def _format(plan: dict[str, Any]) -> str:
    if plan["frames"] is None:
        return "as its source file"
    return (
        f"{plan['width']}x{plan['height']}, {plan['frames']} frames at {plan['fps']} fps, "
        f"{plan['seconds']:.2f} s, {plan['sample_rate_hz']} Hz"
    )
