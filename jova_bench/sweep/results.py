"""Collects the results of a sweep: values of every training, every pair of trainings, and the claims that follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from jova_bench.comparison.compare import compare
from jova_bench.comparison.results import read_results
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK
from jova_bench.identity import Selection
from jova_bench.records import MetricSpec
from jova_bench.report.sweeps import SCHEMA
from jova_bench.runs.store import read_run
from jova_bench.summary import Estimate
from jova_bench.sweep.claims import MANY, Claim, PairOfTrainings, claim, claims_over_trainings
from jova_bench.sweep.model import SweptModel, Training
from jova_bench.sweep.plan import ArmTraining, SweepPlan
from jova_bench.sweep.spec import Arm


@dataclass(frozen=True)
class Row:
    """Holds the estimates of one training of an arm, or of a control."""

    label: str
    seed: int | None
    """Seed of the training; None for controls and shipped weights."""
    job: ArmTraining | None
    """None for a control."""
    training: Training | None
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class SweepResult:
    """Holds the results of a finished sweep."""

    plan: SweepPlan
    specs: tuple[MetricSpec, ...]
    """Metrics, in the order of tables."""
    rows: tuple[Row, ...]
    """The base first, arms in their order, seeds in theirs."""
    controls: tuple[Row, ...]
    pairs: tuple[PairOfTrainings, ...]
    """Every training of every other arm with every training of the base, unless the claim is a test over trainings."""
    claims: tuple[Claim, ...]
    made_by: dict[str, Any]
    """Provenance of the base's run."""
    failed: int
    """Samples that this call could not make."""

    @property
    def exit_code(self) -> int:
        """Returns 5 when a sample failed, else 0: a worse arm is a result."""
        return EXIT_INCOMPLETE if self.failed else EXIT_OK

    def record(self) -> dict[str, Any]:
        """Returns the sweep as JSON values."""
        spec = self.plan.spec
        base = self.plan.arms[0]
        return {
            "schema": SCHEMA,
            "sweep": spec.name,
            "description": spec.description,
            "model": spec.model,
            "design": spec.design,
            "suite": spec.suite,
            "suite_digest": self.plan.suite.digest,
            "profile": spec.profile,
            "prompts": min(spec.limit, len(self.plan.suite.prompts)),
            "sampling_seeds": list(spec.sampling_seeds),
            "base": dict(base.settings),
            "trained_with": dict(self.plan.made_by),
            "metrics": [
                {"metric": one.name, "identity": one.identity, "direction": one.direction, "unit": one.unit}
                for one in self.specs
            ],
            "arms": [_about(row) for row in self.rows],
            "values": [value for row in (*self.rows, *self.controls) for value in _values(row)],
            "pairs": [_pair(pair) for pair in self.pairs],
            "claims": [_claim(one) for one in self.claims],
            "made_by": self.made_by,
        }


def collected(plan: SweepPlan, model: SweptModel, failed: int) -> SweepResult:
    """Reads all runs of a plan and compares them.

    Args:
        plan: all of whose arms are trained and scored.
        model: what was trained.
        failed: samples that could not be made.
    """
    rows = tuple(
        Row(job.arm.label, job.seed, job, model.trained(job.training) if job.training else None, _estimates(job, plan))
        for arm in plan.arms
        for job in plan.of(arm)
    )
    base = plan.of(plan.arms[0])
    results = read_results(base[0].run)
    specs = tuple(results.specs[e.identity] for e in rows[0].estimates)
    pairs: list[PairOfTrainings] = []
    claims: list[Claim] = []
    for arm in plan.arms[1:]:
        if min(len(plan.of(arm)), len(base)) >= MANY:
            values = {spec.identity: (_means(rows, arm, spec), _means(rows, plan.arms[0], spec)) for spec in specs}
            claims += claims_over_trainings(arm.label, specs, values)
            continue
        found = list(_pairs(plan.of(arm), base, plan))
        pairs += found
        for spec in specs:
            if of_metric := [pair for pair in found if pair.comparison.spec.identity == spec.identity]:
                claims.append(claim(of_metric))
    return SweepResult(plan, specs, rows, _controls(plan), tuple(pairs), tuple(claims), dict(results.made_by), failed)


def _means(rows: Sequence[Row], arm: Arm, spec: MetricSpec) -> list[float]:
    """Returns the means over prompts of each training of an arm that has one."""
    return [
        e.value
        for row in rows
        if row.label == arm.label
        for e in row.estimates
        if e.identity == spec.identity and e.value is not None
    ]


def _pairs(jobs: list[ArmTraining], base: list[ArmTraining], plan: SweepPlan) -> Iterator[PairOfTrainings]:
    for job, other in product(jobs, base):
        found = compare(other.run, job.run, plan.spec.metrics, assets=plan.assets)
        yield from (PairOfTrainings(job.arm.label, job.seed, other.seed, row) for row in found.rows)


def _estimates(job: ArmTraining, plan: SweepPlan) -> tuple[Estimate, ...]:
    return _of(job.run, job.model, plan)


def _of(run: Any, model: str, plan: SweepPlan) -> tuple[Estimate, ...]:
    """Returns the sweep's estimates of one model over all prompts; a run that other sweeps share may have more."""
    summary = read_run(run).summary
    assert summary is not None  # the plan is done
    wanted = {Selection.parse(name).name for name in plan.spec.metrics}
    return tuple(e for e in summary.estimates if e.model == model and e.slice is None and e.metric in wanted)


def _controls(plan: SweepPlan) -> tuple[Row, ...]:
    return tuple(Row(name, None, None, None, _of(plan.controls, name, plan)) for name in plan.spec.controls)


def _about(row: Row) -> dict[str, Any]:
    assert row.job is not None
    training = row.training
    return {
        "arm": row.label,
        "training_seed": row.seed,
        "changed": dict(row.job.arm.changed),
        "key": row.job.key,
        "steps": training.steps if training else None,
        "examples": training.examples if training else None,
        "parameters": training.parameters if training else None,
        "cpu_minutes": training.cpu_minutes if training else None,
        "weights": training.weights if training else None,
    }


def _values(row: Row) -> list[dict[str, Any]]:
    return [
        {
            "arm": row.label,
            "control": row.job is None,
            "training_seed": row.seed,
            "metric": e.metric,
            "identity": e.identity,
            "value": e.value,
            "interval": e.ci,
            "n_ok": e.n_ok,
            "n_undefined": e.n_undefined,
            "n_failed": e.n_failed,
        }
        for e in row.estimates
    ]


def _pair(pair: PairOfTrainings) -> dict[str, Any]:
    row = pair.comparison
    return {
        "arm": pair.arm,
        "training_seed": pair.seed,
        "base_seed": pair.base_seed,
        "metric": row.spec.name,
        "identity": row.spec.identity,
        "difference": row.delta,
        "interval": row.ci,
        "p_holm": row.p_holm,
        "min_detectable": row.min_detectable,
        "n": row.n,
        "verdict": row.verdict,
        "reason": row.reason,
    }


def _claim(one: Claim) -> dict[str, Any]:
    return {
        "arm": one.arm,
        "metric": one.spec.name,
        "identity": one.spec.identity,
        "verdict": one.verdict,
        "text": one.text,
        "least_difference": one.least,
        "greatest_difference": one.most,
        "pairs": one.pairs,
        "over_trainings": None if one.test is None else {**asdict(one.test), "p_holm": one.p_holm},
    }
