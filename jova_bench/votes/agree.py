"""Measures how far metrics agree with people: on single pairs of clips, and on the order of models."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from jova_bench.comparison.pairing import pair
from jova_bench.comparison.results import Results, read_results
from jova_bench.errors import BenchError
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey, PromptSeed
from jova_bench.metrics.labels import labelled
from jova_bench.records import Direction, FileRecord, MetricSpec, Outcome, Record, Value
from jova_bench.runs.store import read_run
from jova_bench.stats import holm
from jova_bench.stats.clusters import Share, TooFewClusters, share_of
from jova_bench.votes.fit import ALPHA, clusters_of
from jova_bench.votes.orders import Orders, Ranking, by_prompt
from jova_bench.votes.raters import RULE, Rater, counted, raters_of
from jova_bench.votes.records import Vote

if TYPE_CHECKING:
    import pandas as pd

Goodness = Mapping[PromptSeed, float]
"""Value of each clip, turned so that more is better; of a target, less the distance from the real clip's."""
NO_REAL = "its target is the real clip's value, and the run has no model `real`"
OF_REAL = "votes on `real` are left out, whose value is its own target"
OF_A_SET = "it has one value of a set of clips, none of a clip"


class Pairwise(Record):
    """How often a metric, or another rater, prefers the clip that a rater prefers."""

    share: Value
    """Share of votes that decide; half of them by chance. A metric that gives both clips one value counts as half."""
    ci: tuple[Value, Value]
    """95 % interval over raters and prompts."""
    p: float
    """P-value of a half."""
    n: int
    """Votes that decide, on clips that both have a value."""


class Agreement(Record):
    """How far one metric agrees with people on one question."""

    metric: str
    """Name of the metric."""
    identity: Identity
    """Identity of the metric."""
    label: str
    """What tables call it."""
    direction: Direction
    """Whether more is better, less is better, or the real clips' value is the target."""
    pairwise: Pairwise | None
    """None where it cannot be measured."""
    pairwise_reason: str | None
    """Why not."""
    p_holm: float | None
    """P-value of a half after Holm over all metrics of the question."""
    ranking: Ranking | None
    """None where it cannot be measured."""
    ranking_reason: str | None
    """Why not."""

    @property
    def verdict(self) -> str:
        """Returns what the pairwise test shows."""
        if self.pairwise is None or self.p_holm is None:
            return "undefined"
        if self.p_holm > ALPHA:
            return "no agreement shown"
        return "agrees" if self.pairwise.share > 0.5 else "contradicts"


class AgreementOn(Record):
    """How far metrics agree with people on one question."""

    question: str
    """Name of the question."""
    votes: int
    """Votes on clips of the run, of raters that are kept."""
    decided: int
    """Those of them that decide for a clip."""
    people: Pairwise | None
    """How often another rater prefers the clip that a rater prefers; None where no pair has votes of two raters."""
    metrics: tuple[Agreement, ...]
    """One for each metric, in the order of tables."""


class VoteAgreement(FileRecord):
    """Agreement of metrics with people: what `votes agree --format json` prints."""

    schema_version: Literal[1] = Field(1, alias="schema")
    """Version of the format."""
    suite: str
    """Name of the run's suite."""
    rule: str = RULE
    """Rule by which raters are left out."""
    raters: tuple[Rater, ...]
    """All raters, those that are left out too."""
    questions: tuple[AgreementOn, ...]
    """One for each question, in the order of the votes."""

    def table(self) -> pd.DataFrame:
        """Returns one row per question and metric."""
        import pandas as pd

        return pd.DataFrame([
            {
                "question": one.question, "metric": row.label, "identity": row.identity, "verdict": row.verdict,
                "agreement": row.pairwise and row.pairwise.share, "lo": row.pairwise and row.pairwise.ci[0],
                "hi": row.pairwise and row.pairwise.ci[1], "n": row.pairwise and row.pairwise.n, "p_holm": row.p_holm,
                "rho": row.ranking and row.ranking.rho, "models": row.ranking and row.ranking.models,
                "why_not": row.pairwise_reason, "why_no_order": row.ranking_reason,
            }
            for one in self.questions for row in one.metrics
        ]).astype({"n": "Int64", "models": "Int64"})  # fmt: skip


def agree(run_folder: str | os.PathLike[str], votes: Sequence[Vote]) -> VoteAgreement:
    """Measures the agreement of every metric of a finished run with votes on its clips.

    Raises:
        Incomplete: the run has not finished.
        BenchError: there is no such run, or no vote is on its clips.
    """
    results = read_results(Path(run_folder))
    clips = {model: results.cells(model) for model in results.models}
    prompts = {cell.prompt_id for cells in clips.values() for cell in cells}

    def here(vote: Vote) -> bool:
        sides = (vote.left, vote.right)
        if vote.seed is None:
            return vote.prompt_id in prompts and all(side in clips for side in sides)
        return all(PromptSeed(vote.prompt_id, vote.seed) in clips.get(side, ()) for side in sides)

    known = [vote for vote in votes if here(vote)]
    if not any(vote.expected is None for vote in known):
        raise BenchError(
            f"expected votes on clips of {run_folder} ({', '.join(results.models)}), got none; "
            "a vote names models, prompts and seeds as the run does"
        )
    names = {vote.rater for vote in known}
    valid = [vote for vote in counted(votes) if here(vote) and vote.answer != "broken"]
    questions = dict.fromkeys(vote.question for vote in known if vote.expected is None)
    sets = _set_values(Path(run_folder))
    return VoteAgreement(
        schema=1,
        suite=results.suite,
        raters=tuple(one for one in raters_of(votes) if one.rater in names),
        questions=tuple(
            _on(name, [vote for vote in valid if vote.question == name], results, sets) for name in questions
        ),
    )


def _set_values(folder: Path) -> dict[ColumnKey, float]:
    """Returns the values of set metrics over all prompts."""
    summary = read_run(folder).summary
    rows = () if summary is None else summary.estimates
    return {e.column: e.value for e in rows if e.slice is None and e.level == "set" and e.value is not None}


def _on(question: str, votes: Sequence[Vote], results: Results, sets: Mapping[ColumnKey, float]) -> AgreementOn:
    decided = [vote for vote in votes if vote.answer != "same"]
    orders = Orders(votes, sorted({cell.prompt_id for model in results.models for cell in results.cells(model)}))
    labels = {label.identity: label.text for label in labelled(results.specs)}
    rows = [
        _agreement(spec, labels[identity], decided, orders, results, sets)
        for identity in labels
        for spec in [results.specs[identity]]
    ]
    adjusted = iter(holm([row.pairwise.p for row in rows if row.pairwise]).tolist())
    rows = [row.model_copy(update={"p_holm": next(adjusted)}) if row.pairwise else row for row in rows]
    return AgreementOn(
        question=question, votes=len(votes), decided=len(decided), people=_people(decided), metrics=tuple(rows)
    )


def _agreement(
    spec: MetricSpec,
    label: str,
    decided: Sequence[Vote],
    orders: Orders,
    results: Results,
    sets: Mapping[ColumnKey, float],
) -> Agreement:
    pairwise: Pairwise | str
    ranking: Ranking | str
    good = _goodness(spec, orders.models, results)
    if isinstance(good, str):
        pairwise, ranking = (OF_A_SET, _of_sets(spec, orders, sets)) if spec.level == "set" else (good, good)
    else:
        pairwise, ranking = _on_pairs(good, decided), orders.against(good)
        if spec.direction == "target" and "real" in orders.models:
            pairwise = f"{pairwise}; {OF_REAL}" if isinstance(pairwise, str) else pairwise
            ranking = f"{ranking}; {OF_REAL}" if isinstance(ranking, str) else ranking
    return Agreement(
        metric=spec.name,
        identity=spec.identity,
        label=label,
        direction=spec.direction,
        pairwise=None if isinstance(pairwise, str) else pairwise,
        pairwise_reason=pairwise if isinstance(pairwise, str) else None,
        p_holm=None,
        ranking=None if isinstance(ranking, str) else ranking,
        ranking_reason=ranking if isinstance(ranking, str) else None,
    )


def _goodness(spec: MetricSpec, models: Sequence[str], results: Results) -> dict[str, Goodness] | str:
    """Returns the goodness of each clip by model, of a target without `real`, or why there is none."""
    if spec.level == "set":
        return OF_A_SET
    columns = {model: results.columns.get(ColumnKey(model, spec.identity), {}) for model in models}
    real = results.columns.get(ColumnKey("real", spec.identity))
    found: dict[str, Goodness] = {}
    for model, column in columns.items():
        one = pair(spec, column, column, real)
        if one.good is None:
            return NO_REAL
        if one.from_real and model == "real":
            found[model] = {}  # Nothing is nearer to the target, whatever the metric measures.
            continue
        sign = 1.0 if one.good == "up" else -1.0
        found[model] = {
            cell: sign * part.value
            for cell, part in one.a.items()
            if isinstance(part, Outcome) and part.value is not None
        }
    return found


def _on_pairs(good: Mapping[str, Goodness], decided: Sequence[Vote]) -> Pairwise | str:
    means = {model: by_prompt(cells) for model, cells in good.items()}
    values, covered = [], []
    for vote in decided:
        sides = [
            means[model].get(vote.prompt_id) if vote.seed is None
            else good[model].get(PromptSeed(vote.prompt_id, vote.seed))
            for model in (vote.left, vote.right)
        ]  # fmt: skip
        if sides[0] is None or sides[1] is None:
            continue
        prefers_left = 0.5 if sides[0] == sides[1] else float(sides[0] > sides[1])
        values.append(prefers_left if vote.answer == "left" else 1 - prefers_left)
        covered.append(vote)
    if not covered:
        return "no vote decides between two clips that it has values of"
    return _pairwise(values, covered)


def _pairwise(values: Sequence[float], votes: Sequence[Vote]) -> Pairwise | str:
    try:
        found: Share = share_of(values, *clusters_of(votes))
    except TooFewClusters as error:
        return f"no interval over raters and prompts: {error}"
    return Pairwise(share=found.share, ci=found.ci, p=found.p, n=len(values))


def _people(decided: Sequence[Vote]) -> Pairwise | None:
    """Returns how often raters agree: of each vote, the share of other raters' on the same clips for the same one."""
    groups: dict[object, list[Vote]] = defaultdict(list)
    for vote in decided:
        groups[vote.prompt_id, vote.seed, vote.key.models].append(vote)
    values, covered = [], []
    for members in groups.values():
        preferred = [vote.left if vote.answer == "left" else vote.right for vote in members]
        for k, vote in enumerate(members):
            others = [one == preferred[k] for j, one in enumerate(preferred) if j != k]
            if others:
                values.append(mean(map(float, others)))
                covered.append(vote)
    found = _pairwise(values, covered) if covered else ""
    return None if isinstance(found, str) else found


def _of_sets(spec: MetricSpec, orders: Orders, sets: Mapping[ColumnKey, float]) -> Ranking | str:
    if spec.direction == "target":
        return NO_REAL
    sign = 1.0 if spec.direction == "up" else -1.0
    keys = {model: ColumnKey(model, spec.identity) for model in orders.models}
    return orders.against_fixed({model: sign * sets[key] for model, key in keys.items() if key in sets})
