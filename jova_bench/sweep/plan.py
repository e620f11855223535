"""Plans a sweep; digests of full settings identify trainings and runs, so that finished work is never repeated.

OUT/shared/          what all trainings share
OUT/trained/DIGEST/  one training: model, seed, every setting that shapes weights, and what else made them
OUT/runs/DIGEST/     its clips and scores: a training, every sampling setting, prompts and sampling seeds
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.digests import short_digest
from jova_bench.errors import BenchError
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite
from jova_bench.sweep.model import Settings, SweptModel
from jova_bench.sweep.spec import Arm, SweepSpec, picked, repeated


@dataclass(frozen=True)
class ArmTraining:
    """Describes one training of an arm, and its run."""

    arm: Arm
    seed: int | None
    """Seed of the training; None with shipped weights."""
    key: str
    """Digest of the training."""
    training: Path | None
    """Folder of the training; None with shipped weights."""
    run: Path

    @property
    def model(self) -> str:
        """Returns the model's name in the run: the same for every sweep that uses it."""
        return f"arm-{self.key}"

    @property
    def title(self) -> str:
        """Returns the title in progress lines and tables."""
        return self.arm.label if self.seed is None else f"{self.arm.label}, training seed {self.seed}"


@dataclass(frozen=True)
class SweepPlan:
    """Holds all trainings and runs of a sweep."""

    spec: SweepSpec
    suite: Suite
    arms: tuple[Arm, ...]
    jobs: tuple[ArmTraining, ...]
    made_by: Mapping[str, str]
    """What determines all trainings and is no setting."""
    shared: Path
    controls: Path
    """Run folder of the controls."""
    assets: AssetTable
    """Weights of the metrics."""

    def of(self, arm: Arm) -> list[ArmTraining]:
        """Returns the trainings of an arm."""
        return [job for job in self.jobs if job.arm.label == arm.label]


def planned(
    spec: SweepSpec,
    model: SweptModel,
    suite: Suite,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    out: Path,
    only: Sequence[str] | None,
    assets: AssetTable,
) -> SweepPlan:
    """Plans the trainings and runs of a sweep: all arms with the first seed, then the repeated ones with the others.

    Args:
        spec: of the sweep.
        model: what is trained.
        suite: prompts.
        arms: see `arms_of`.
        seeds: of trainings.
        out: folder of all sweeps.
        only: labels of the arms wanted beside the base; None for all.
        assets: weights of the metrics.
    """
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise BenchError(f"expected one or more different training seeds of at least 0, got {list(seeds)}")
    often = repeated(spec, arms)
    wanted = {arms[0].label, *picked(only, arms)} if only is not None else {arm.label for arm in arms}
    shipped = spec.weights == "shipped"
    made_by = dict(model.made_by(shipped))
    asked = {
        "suite": suite.digest,
        "profile": spec.profile,
        "limit": min(spec.limit, len(suite.prompts)),
        "sampling_seeds": list(spec.sampling_seeds),
    }
    jobs = []
    for seed in (None,) if shipped else seeds:
        for arm in arms:
            if arm.label in wanted and (seed in (None, seeds[0]) or arm.label in often):
                key = digest({"model": model.name, "made_by": made_by, "seed": seed, **_part(model, arm, False)})
                run = digest({"training": key, **_part(model, arm, True), **asked})
                jobs.append(ArmTraining(arm, seed, key, None if shipped else out / "trained" / key, out / "runs" / run))
    return SweepPlan(
        spec=spec,
        suite=suite,
        arms=tuple(arm for arm in arms if arm.label in wanted),
        jobs=tuple(jobs),
        made_by=made_by,
        shared=out / "shared",
        controls=out / "runs" / digest({"controls": True, "made_by": made_by, **asked}),
        assets=assets,
    )


def _part(model: SweptModel, arm: Arm, sampling: bool) -> Mapping[str, Settings]:
    """Returns the settings that determine clips, or those that determine weights."""
    names = [setting.name for setting in model.settings if setting.sampling == sampling]
    return {"sampling" if sampling else "settings": {name: arm.settings[name] for name in names}}


def digest(what: Mapping[str, Any]) -> str:
    """Returns the first 12 hex digits of the sha256 of a JSON value."""
    return short_digest(json.dumps(what, sort_keys=True).encode())


def is_scored(run: Path, models: Sequence[str], spec: SweepSpec, suite: Suite) -> bool:
    """Returns whether a run has every clip of these models, scored with every metric of the sweep."""
    try:
        found = read_run(run)
    except BenchError:
        return False
    prompts = min(spec.limit, len(suite.prompts))
    done = {s.key for s in found.samples if s.status == "ok" and s.model in models}
    whole = len(done) == len(models) * prompts * len(spec.sampling_seeds)
    return found.summary is not None and whole and set(spec.metrics) <= set(found.manifest.metrics)
