"""Fits strengths of models to votes, question by question, with intervals over raters and prompts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from jova_bench.arrays import FloatArray
from jova_bench.errors import BenchError
from jova_bench.records import FileRecord, Record, Value
from jova_bench.stats import holm
from jova_bench.stats.clusters import Clustered, Labels, TooFewClusters, share_of
from jova_bench.stats.pairwise import LOSS, TIE, WIN, NoStrengths, Outcomes, davidson, variance
from jova_bench.votes.raters import RULE, Rater, counted, raters_of
from jova_bench.votes.records import Vote

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05
CENTRE, PER_UNIT = 1000.0, 400 / math.log(10)
"""Elo's scale: 400 points are odds of 10 to 1. The mean of all models is 1000."""
_OUTCOMES = {"left": WIN, "same": TIE, "right": LOSS}


class Rated(Record):
    """What votes say of one model."""

    model: str
    """Name of the model."""
    wins: int
    """Votes for it."""
    ties: int
    """Votes that neither clip is better."""
    losses: int
    """Votes for the other."""
    rating: Value | None
    """Strength on Elo's scale; None where there is none with an interval."""
    ci: tuple[Value, Value] | None
    """95 % interval of the rating, against the mean of all models."""
    rank: tuple[int, int] | None
    """Range of ranks: models that no test tells apart share it."""


class Versus(Record):
    """What votes say of one model against another."""

    a: str
    """Name of a model."""
    b: str
    """Name of the other."""
    wins_a: int
    """Votes for a on pairs of the two."""
    ties: int
    """Votes that neither clip is better."""
    wins_b: int
    """Votes for b."""
    difference: Value
    """Rating of a less that of b, by all votes."""
    ci: tuple[Value, Value]
    """95 % interval of the difference."""
    p: float
    """P-value of no difference."""
    p_holm: float
    """The same after Holm over all pairs of the question."""


class Question(Record):
    """What votes say on one question."""

    question: str
    """Name of the question."""
    votes: int
    """Votes that count: of raters that are kept, without those that call a clip broken."""
    broken: int
    """Votes of raters that are kept, that call a clip broken."""
    raters: int
    """Raters of the votes that count."""
    prompts: int
    """Prompts of the votes that count."""
    left: Value | None
    """Share of the left clip among votes that decide: half of them where sides make no difference."""
    left_ci: tuple[Value, Value] | None
    """95 % interval of that share."""
    reason: str | None
    """Why there are no ratings; None where there are."""
    models: tuple[Rated, ...]
    """Models, the highest rating first; in the order of names without ratings."""
    pairs: tuple[Versus, ...]
    """Every two models with ratings."""


class VoteFit(FileRecord):
    """Strengths of models by people's votes: what `votes fit --format json` prints."""

    schema_version: Literal[1] = Field(1, alias="schema")
    """Version of the format."""
    rule: str = RULE
    """Rule by which raters are left out."""
    raters: tuple[Rater, ...]
    """All raters, those that are left out too."""
    questions: tuple[Question, ...]
    """One for each question, in the order of the votes."""

    def table(self) -> pd.DataFrame:
        """Returns one row per question and model."""
        import pandas as pd

        return pd.DataFrame([
            {
                "question": one.question, "model": row.model, "rating": row.rating,
                "lo": row.ci and row.ci[0], "hi": row.ci and row.ci[1],
                "first_rank": row.rank and row.rank[0], "last_rank": row.rank and row.rank[1],
                "wins": row.wins, "ties": row.ties, "losses": row.losses, "why_not": one.reason,
            }
            for one in self.questions for row in one.models
        ]).astype({"first_rank": "Int64", "last_rank": "Int64"})  # fmt: skip


def fit_votes(votes: Sequence[Vote]) -> VoteFit:
    """Fits all questions of some votes, without raters that fail the attention checks.

    Raises:
        BenchError: all votes are answers to attention checks.
    """
    count = counted(votes)
    questions = dict.fromkeys(vote.question for vote in votes if vote.expected is None)
    if not questions:
        raise BenchError("expected votes, got answers to attention checks alone")
    return VoteFit(
        schema=1,
        raters=raters_of(votes),
        questions=tuple(_question(name, [vote for vote in count if vote.question == name]) for name in questions),
    )


def outcomes_of(votes: Sequence[Vote], models: Mapping[str, int]) -> tuple[Labels, Labels, Outcomes]:
    """Returns the model on the left of each vote, that on the right, and the outcome for the left one."""
    left, right = (np.array([models[getattr(vote, side)] for vote in votes]) for side in ("left", "right"))
    return left, right, np.array([_OUTCOMES[vote.answer] for vote in votes], dtype=np.int8)


def clusters_of(votes: Sequence[Vote]) -> tuple[Labels, Labels]:
    """Returns the numbers of each vote's rater and prompt."""
    raters, prompts = ([vote.rater for vote in votes], [vote.prompt_id for vote in votes])
    return np.unique(raters, return_inverse=True)[1], np.unique(prompts, return_inverse=True)[1]


def _question(name: str, votes: Sequence[Vote]) -> Question:
    valid = [vote for vote in votes if vote.answer != "broken"]
    names = sorted({model for vote in valid for model in (vote.left, vote.right)})
    found = _strengths(valid, names)
    pairs = () if isinstance(found, str) else _pairs(valid, names, *found)
    rated = [_rated(valid, names, k, None if isinstance(found, str) else found, pairs) for k in range(len(names))]
    left, left_ci = _left(valid)
    return Question(
        question=name,
        votes=len(valid),
        broken=len(votes) - len(valid),
        raters=len({vote.rater for vote in valid}),
        prompts=len({vote.prompt_id for vote in valid}),
        left=left,
        left_ci=left_ci,
        reason=found if isinstance(found, str) else None,
        models=tuple(sorted(rated, key=lambda row: 0.0 if row.rating is None else -row.rating)),
        pairs=pairs,
    )


def _strengths(votes: Sequence[Vote], names: Sequence[str]) -> tuple[FloatArray, Clustered] | str:
    """Returns the strengths of models and their variance, or why there are none: never one without the other."""
    if not votes:
        return "no vote counts"
    left, right, outcomes = outcomes_of(votes, {name: k for k, name in enumerate(names)})
    try:
        fit = davidson(left, right, outcomes, len(names))
        return fit.values, variance(fit, left, right, outcomes, *clusters_of(votes))
    except NoStrengths as error:
        if not error.above:
            return str(error)
        above, below = (", ".join(names[k] for k in side) for side in (error.above, error.below))
        return f"{above} never lost to {below}, so that the difference has no upper limit"
    except TooFewClusters as error:
        return f"no intervals over raters and prompts: {error}"


def _contrast(count: int, plus: int, minus: int | None = None) -> list[float]:
    """Returns what takes one model's strength less another's, or less the mean of all."""
    if minus is None:
        return [float(k == plus) - 1 / count for k in range(count)]
    return [float(k == plus) - float(k == minus) for k in range(count)]


def _pairs(votes: Sequence[Vote], names: Sequence[str], strengths: FloatArray, found: Clustered) -> tuple[Versus, ...]:
    both = list(combinations(range(len(names)), 2))
    p = [found.p_value(_contrast(len(names), a, b), strengths[a] - strengths[b]) for a, b in both]
    rows = []
    for (a, b), one, adjusted in zip(both, p, holm(p).tolist(), strict=True):
        between = [vote for vote in votes if {vote.left, vote.right} == {names[a], names[b]}]
        wins, ties, losses = _count(between, names[a])
        difference = PER_UNIT * float(strengths[a] - strengths[b])
        margin = PER_UNIT * found.margin(_contrast(len(names), a, b))
        rows.append(
            Versus(
                a=names[a], b=names[b], wins_a=wins, ties=ties, wins_b=losses, difference=difference,
                ci=(difference - margin, difference + margin), p=one, p_holm=adjusted,
            )
        )  # fmt: skip
    return tuple(rows)


def _rated(
    votes: Sequence[Vote],
    names: Sequence[str],
    place: int,
    strengths: tuple[FloatArray, Clustered] | None,
    pairs: Sequence[Versus],
) -> Rated:
    name = names[place]
    wins, ties, losses = _count([vote for vote in votes if name in (vote.left, vote.right)], name)
    if strengths is None:
        return Rated(model=name, wins=wins, ties=ties, losses=losses, rating=None, ci=None, rank=None)
    values, found = strengths
    rating, margin = CENTRE + PER_UNIT * float(values[place]), PER_UNIT * found.margin(_contrast(len(names), place))
    shown = [one for one in pairs if one.p_holm <= ALPHA and name in (one.a, one.b)]
    after = sum((one.difference > 0) == (one.a == name) for one in shown)
    rank = (1 + len(shown) - after, len(names) - after)
    ci = (rating - margin, rating + margin)
    return Rated(model=name, wins=wins, ties=ties, losses=losses, rating=rating, ci=ci, rank=rank)


def _count(votes: Sequence[Vote], name: str) -> tuple[int, int, int]:
    """Counts wins, ties and losses of a model that is in all of these votes."""
    ties = sum(vote.answer == "same" for vote in votes)
    wins = sum((vote.left if vote.answer == "left" else vote.right) == name for vote in votes if vote.answer != "same")
    return wins, ties, len(votes) - ties - wins


def _left(votes: Sequence[Vote]) -> tuple[float | None, tuple[float, float] | None]:
    """Returns the share of the left clip among votes that decide, with its interval."""
    decided = [vote for vote in votes if vote.answer != "same"]
    if not decided:
        return None, None
    values = [float(vote.answer == "left") for vote in decided]
    try:
        found = share_of(values, *clusters_of(decided))
    except TooFewClusters:
        return float(np.mean(values)), None
    return found.share, found.ci
