"""What a run folder was asked for, and what made it. Refuses to put results into it that would not compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.models.base import Plan, settings_of
from jova_bench.runs import provenance
from jova_bench.runs.generation import PlannedModel
from jova_bench.runs.manifest import SCHEMA
from jova_bench.runs.request import Request
from jova_bench.runs.store import RunStore
from jova_bench.suites.loading import Suite


def extend_manifest(
    store: RunStore, suite: Suite, request: Request, planned: Sequence[PlannedModel], metrics: Sequence[str]
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
        "question": suite.prompts_digest,
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
            "devices": {name: model.get("device", request.device) for name, model in models.items()},
            "native_formats": {name: _formats(model.get("plans", {})) for name, model in models.items()},
            "settings": {name: model.get("settings", {}) for name, model in models.items()},
        },
        "provenance": history if history and history[-1] == now else [*history, now],
        "prompts": [prompt.model_dump(mode="json") for prompt in suite.prompts],
    }


def _model(old: dict[str, Any] | None, planned: PlannedModel, request: Request, store: RunStore) -> dict[str, Any]:
    """The entry of one model."""
    name = planned.generator.name
    plans = {key: asdict(plan) if isinstance(plan, Plan) else {"why_not": plan} for key, plan in planned.plans.items()}
    if old is not None:
        done = {s.prompt_id for s in store.samples() if s.model == name and s.status == "ok"}
        known = old.get("plans", {})
        changed = [key for key in plans if key in done and _filled(known.get(key)) != plans[key]]
        if changed:
            before, after = known.get(changed[0]), plans[changed[0]]
            raise BenchError(
                f"{store.folder} has clips of another version of {name!r}: prompt {changed[0]!r} was {before}, "
                f"is {after}; give another --out"
            )
        device = old.get("device") or request.device
        if done and device.split(":")[0] != request.device.split(":")[0]:
            raise BenchError(
                f"{store.folder} has clips of {name!r} made on {device}, got {request.device}; "
                f"use --device {device} or another --out"
            )
        plans = known | plans
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
    """What of a plan is said: it may leave anything open."""
    if plan.get("frames") is None:
        return "as its source file"
    said = {key: value for key, value in plan.items() if value is not None}
    parts = [
        "{width}x{height}" if {"width", "height"} <= said.keys() else "",
        "{frames} frames at {fps} fps" if "fps" in said else "{frames} frames",
        "{seconds:.2f} s" if "seconds" in said else "",
        "{sample_rate_hz} Hz" if "sample_rate_hz" in said else "",
    ]
    return ", ".join(part.format(**said) for part in parts if part)
