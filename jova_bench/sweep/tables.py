"""Formats a sweep: remaining work, results of every training, and claims on the method."""

from __future__ import annotations

from jova_bench.digests import shortened
from jova_bench.formatting.text import escaped, setting_text, table, with_interval
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS, labelled
from jova_bench.report.cells import no_value
from jova_bench.summary import Estimate
from jova_bench.sweep.claims import MANY, spread
from jova_bench.sweep.model import SweptModel
from jova_bench.sweep.plan import SweepPlan, is_scored
from jova_bench.sweep.results import Row, SweepResult
from jova_bench.sweep.spec import BASE

LOST = (
    "A clip that has a value in the base and none in the arm makes its pair worse, whatever the test of the other "
    "clips shows."
)


def dry_run(plan: SweepPlan, model: SweptModel) -> str:
    """Formats the trainings of a plan, and which are finished."""
    body, left = [], 0
    for job in plan.jobs:
        trained = job.training is None or model.trained(job.training) is not None
        scored = is_scored(job.run, [job.model], plan.spec, plan.suite)
        left += not scored
        state = "done" if scored else "to sample and score" if trained else "to train, sample and score"
        where = str(job.run if trained else job.training)
        body.append([escaped(base_label(plan, job.arm.label)), _seed(job.seed), job.key, state, escaped(where)])
    head = ["Arm", "Training seed", "Digest", "State", "In"]
    return f"{table(head, body)}\n\n{len(body)} arms and seeds, {len(body) - left} done, {left} left\n"


def markdown(result: SweepResult) -> str:
    """Formats the tables of values and of claims."""
    spec = result.plan.spec
    prompts = min(spec.limit, len(result.plan.suite.prompts))
    labels = metric_labels(result)
    trained = any(row.training for row in result.rows)
    head = ["Arm", *(["Training seed", "Steps", "CPU min"] if trained else []), *map(escaped, labels.values())]
    body = [
        [
            *_about(result, row, trained),
            *(_value({e.identity: e for e in row.estimates}.get(identity)) for identity in labels),
        ]
        for row in (*result.rows, *result.controls)
    ]
    about = (
        f"{prompts} prompts of the suite {escaped(spec.suite)} (digest {shortened(result.plan.suite.digest)}), "
        f"sampling seeds {', '.join(map(str, spec.sampling_seeds))}. Means with 95 % intervals over prompts: they "
        "speak for these checkpoints, not for other trainings. Controls at the bottom."
    )
    if trained:
        about += " CPU minutes are of the optimiser's steps, one core."
    about_claims = (
        f"Against the base ({escaped(base_values(result.plan))}): differences of means, arm - base, over all "
        "pairs of trainings, each pair tested over the prompts that both have (paired, Holm over metrics). A claim "
        "about the method needs several trainings on both sides, and all pairs to agree; "
        f"from {MANY} trainings on both sides it is a test of their means (Welch's t, 95 % interval over trainings, "
        "Holm over metrics)."
    )
    if any(pair.comparison.lost for pair in result.pairs):
        about_claims += f" {LOST}"
    claims = [
        [escaped(one.arm), escaped(labels[one.spec.identity]), spread(one), str(one.pairs), escaped(one.text)]
        for one in result.claims
    ]
    title = f"# Sweep: {escaped(spec.name)}\n\n" + (f"{escaped(spec.description)}\n\n" if spec.description else "")
    second = table(["Arm", "Metric", "Arm - base", "Pairs", "The arm is"], claims)
    return f"{title}{about}\n\n{table(head, body)}\n\n{about_claims}\n\n{second}\n"


def metric_labels(result: SweepResult) -> dict[Identity, str]:
    """Returns the display names of metrics by identity, with the direction of improvement."""
    arrows = {spec.identity: ARROWS[spec.direction] for spec in result.specs}
    return {
        one.identity: f"{one.text} {arrows[one.identity]}" for one in labelled(spec.identity for spec in result.specs)
    }


def base_label(plan: SweepPlan, label: str) -> str:
    """Returns a label; the base's with its own values of the factors."""
    return f"{BASE}: {base_values(plan)}" if label == BASE else label


def base_values(plan: SweepPlan) -> str:
    """Formats the base's values of the settings in which other arms differ."""
    factors = dict.fromkeys(name for arm in plan.arms for name in arm.changed)
    return ", ".join(f"{name}={setting_text(plan.arms[0].settings[name])}" for name in factors)


def _about(result: SweepResult, row: Row, trained: bool) -> list[str]:
    label = row.label if row.job is None else base_label(result.plan, row.label)
    if not trained:
        return [escaped(label)]
    training = row.training
    steps, minutes = (str(training.steps), f"{training.cpu_minutes:.1f}") if training else ("", "")
    return [escaped(label), _seed(row.seed), steps, minutes]


def _seed(seed: int | None) -> str:
    return "" if seed is None else str(seed)


def _value(found: Estimate | None) -> str:
    if found is None:
        return "not measured"
    if found.value is None:
        return no_value(found)
    text = with_interval(found.value, found.ci)
    total = found.n_ok + found.n_undefined + found.n_failed
    return text if found.n_ok == total else f"{text} ({found.n_ok} of {total})"
