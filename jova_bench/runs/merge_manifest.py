"""Merges the manifests of run folders into that of all their clips, or refuses what would not compare.

The same manifests again change nothing. What is no version of a model, such as the address of its server, is stated of
all clips: several where there are several.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.records import MetricSpec
from jova_bench.runs.manifest import AnyPlan, Manifest, ModelRecord, NoPlan, PlanRecord, Provenance
from jova_bench.runs.resume import SERVER, fairness, of_all_clips

SAME = ("suite_digest", "prompts_digest", "card", "domain", "reference_set", "profile", "prompts")
"""What all parts have to have in common."""
OF_MODEL = ("batch_size", "needs")
"""What a model has to have in common in all parts, besides its plans, its settings and the kind of its device."""
NO_VERSION = (SERVER, "price_as_the_user_says", "currency")
"""Settings of a served model that make no other clips."""

Folders = Sequence[tuple[Path, Manifest]]
"""Run folders, and what was read there."""


def merged_manifest(parts: Folders) -> Manifest:
    """Merges the manifests, in the order of the folders. Raises BenchError where they differ in what is `SAME`."""
    (first_folder, first), manifests = parts[0], [manifest for _, manifest in parts]
    models: dict[str, ModelRecord] = {}
    for folder, manifest in parts:
        for field in SAME:
            was, now = (getattr(one, field) for one in (first, manifest))
            if was != now:
                values = "" if field == "prompts" else f": {shown(was)} and {shown(now)}"
                raise BenchError(f"expected runs of one {field}, got {first_folder} and {folder}{values}")
        for name, model in manifest.models.items():
            models[name] = _model(name, models[name], model, folder) if name in models else model
    return first.model_copy(
        update={
            "seeds": tuple(sorted({seed for one in manifests for seed in one.seeds})),
            "metrics": tuple(dict.fromkeys(name for one in manifests for name in one.metrics)),
            "specs": _specs(parts),
            "models": models,
            "fairness": first.fairness if models == first.models else fairness(models),
            "provenance": _provenance(manifests),
        }
    )


def _model(name: str, before: ModelRecord, now: ModelRecord, folder: Path) -> ModelRecord:
    """Merges the records of one model. Raises BenchError if its clips would not compare."""
    where = f"{folder} has another version of {name!r} than the runs before it"
    for field in OF_MODEL:
        if (was := getattr(before, field)) != (new := getattr(now, field)):
            raise BenchError(f"{where}: {field} was {shown(was)}, is {shown(new)}; merge it apart")
    if before.device.split(":")[0] != now.device.split(":")[0]:
        raise BenchError(f"{where}: it was made on {before.device}, is on {now.device}; merge it apart")
    stated = [{key: one for key, one in record.settings.items() if key not in NO_VERSION} for record in (before, now)]
    for key in {**stated[0], **stated[1]}:
        if (was := stated[0].get(key)) != (new := stated[1].get(key)):
            raise BenchError(f"{where}: {key} was {shown(was)}, is {shown(new)}; merge it apart")
    plans: dict[str, AnyPlan] = dict(before.plans)
    for key, plan in now.plans.items():
        known = plans.get(key)
        if isinstance(known, PlanRecord) and isinstance(plan, PlanRecord) and (differ := known.differences(plan)):
            raise BenchError(f"{where}: prompt {key!r}: {differ}; merge it apart")
        if known is None or (isinstance(known, NoPlan) and isinstance(plan, PlanRecord)):
            plans[key] = plan
    given = [key for key in NO_VERSION if key in before.settings or key in now.settings]
    both: dict[str, Any] = {key: of_all_clips(before.settings.get(key), now.settings.get(key)) for key in given}
    return before.model_copy(update={"plans": plans, "settings": {**before.settings, **both}})


def _specs(parts: Folders) -> tuple[MetricSpec, ...]:
    """Returns the specifications of all metrics. Raises BenchError if one has other identities in another part."""
    found: dict[str, tuple[MetricSpec, ...]] = {}
    for folder, manifest in parts:
        own: dict[str, tuple[MetricSpec, ...]] = {}
        for spec in manifest.specs:
            own[spec.name] = (*own.get(spec.name, ()), spec)
        for name, specs in own.items():
            known = found.setdefault(name, specs)
            if {one.identity for one in known} != {one.identity for one in specs}:
                what = f"{known[0].identity} and, in {folder}, {specs[0].identity}"
                raise BenchError(f"expected one identity of {name}, got {what}; score the parts with the same weights")
    every = {spec.identity: spec for _, manifest in reversed(parts) for spec in manifest.specs}
    order = dict.fromkeys(spec.identity for _, manifest in parts for spec in manifest.specs)
    return tuple(every[identity] for identity in order)


def _provenance(manifests: Sequence[Manifest]) -> tuple[Provenance, ...]:
    """Returns the history of the first, and what else there is in others: origins cannot be hashed."""
    found = list(manifests[0].provenance)
    for origin in (origin for one in manifests[1:] for origin in one.provenance):
        if origin not in found:
            found.append(origin)
    return tuple(found)
