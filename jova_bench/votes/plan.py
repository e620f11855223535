"""Plans a vote: how many votes show that people prefer one model to another, at a stated power.

The test is that of `votes fit`, of two models: the logarithm of the odds among votes that decide, by Student's t on the
fewer of raters and prompts. Votes of one rater, and on one prompt, are alike; what that costs is Kish's design effect,
1 + (votes of a rater - 1) rho + (votes on a prompt - 1) rho'.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from jova_bench.errors import BenchError
from jova_bench.formatting.doors import option
from jova_bench.formatting.text import counted as number_of
from jova_bench.formatting.text import table
from jova_bench.stats.paired import POWER
from jova_bench.stats.quantiles import t_quantile
from jova_bench.votes.fit import ALPHA
from jova_bench.votes.raters import counted
from jova_bench.votes.records import Vote

SHARES = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9)
STRONGEST = 0.917
"""Share from which on Wald's test would need more votes again, though less is in doubt (Hauck and Donner 1977): there
log(s / (1 - s)) sqrt(s (1 - s)) is largest. Stronger preferences are planned as this one."""
MOST = 10_000_000
ABOUT = (
    "Votes on each pair of models that show, at a power of {power:.0%}, that the share of votes for the better one "
    "(among those that decide) is not a half; Holm's first step over {tests}. Each rater gives {per_rater} votes on a "
    "pair of models, each prompt gets {per_prompt}. {same:.0%} of votes are ties; votes of one rater correlate by "
    "{rater_rho:.2f}, votes on one prompt by {prompt_rho:.2f}: {known}."
)


@dataclass(frozen=True)
class Design:
    """Holds what a vote is planned with."""

    models: int = 2
    """Models of which every two are compared."""
    per_rater: int = 20
    """Votes of a rater on each pair of models."""
    per_prompt: int = 3
    """Votes on each prompt and pair of models, each of another rater."""
    same: float = 0.2
    """Share of ties."""
    rater_rho: float = 0.05
    """Correlation of two votes of one rater on two prompts."""
    prompt_rho: float = 0.1
    """Correlation of two votes on one prompt by two raters."""
    power: float = POWER

    def __post_init__(self) -> None:
        """Raises BenchError for what no vote can be."""
        for name, least in (("models", 2), ("per_rater", 1), ("per_prompt", 1)):
            if not getattr(self, name) >= least:
                raise BenchError(f"expected {option(name)} of at least {least}, got {getattr(self, name)}")
        for name, least_share in (("same", 0.0), ("rater_rho", 0.0), ("prompt_rho", 0.0), ("power", ALPHA)):
            if not least_share <= getattr(self, name) < 1:
                raise BenchError(f"expected {option(name)} from {least_share:g} to below 1, got {getattr(self, name)}")

    @property
    def tests(self) -> int:
        """Returns the number of pairs of models."""
        return self.models * (self.models - 1) // 2


@dataclass(frozen=True)
class Needed:
    """Holds what shows one preference."""

    share: float
    """True share of votes for the better model, among those that decide."""
    votes: int | None
    """Votes on each pair of models; None where more than ten million would not do."""
    raters: int | None
    prompts: int | None
    total: int | None
    """Votes on all pairs of models."""


@dataclass(frozen=True)
class VotePlan:
    """Holds what a vote needs, for several preferences."""

    design: Design
    pilot: bool
    """Whether ties and correlations were measured on votes, not assumed."""
    rows: tuple[Needed, ...]

    def markdown(self) -> str:
        """Formats the assumptions and the table."""
        known = "measured on the votes given" if self.pilot else "assumed; a file of first votes measures them"
        about = ABOUT.format(**{**asdict(self.design), "tests": number_of(self.design.tests, "pair")}, known=known)
        body = [
            [
                f"{100 * row.share:.12g}%",
                f"more than {MOST:,}" if row.votes is None else f"{row.votes:,}",
                *("" if x is None else f"{x:,}" for x in (row.raters, row.prompts, row.total)),
            ]
            for row in self.rows
        ]
        head = ["Preferred by", "Votes on a pair", "Raters", "Prompts", "Votes in all"]
        return f"# Plan of a vote\n\n{about}\n\n{table(head, body)}\n"

    def json(self) -> str:
        """Formats everything as JSON."""
        return (
            json.dumps(
                {"pilot": self.pilot, **asdict(self.design), "rows": [asdict(row) for row in self.rows]}, indent=1
            )
            + "\n"
        )


def plan_votes(shares: Sequence[float] = SHARES, design: Design = Design(), pilot: Sequence[Vote] = ()) -> VotePlan:
    """Plans a vote.

    Args:
        shares: true preferences among votes that decide, above a half.
        design: the vote; what a pilot measures takes the place of what it assumes.
        pilot: first votes.

    Raises:
        BenchError: a share is not between a half and 1, or the pilot is too small.
    """
    for share in shares:
        if not 0.5 < share < 1:
            raise BenchError(f"expected a share of votes above 0.5 and below 1, got {share}")
    if pilot:
        design = _measured(design, counted(pilot))
    return VotePlan(design, bool(pilot), tuple(_needed(share, design) for share in shares))


def power_of(votes: int, share: float, design: Design) -> float:
    """Returns the probability that so many votes on a pair of models show a preference."""
    from scipy.stats import nct

    df = min(votes / design.per_rater, votes / design.per_prompt) - 1
    if df <= 0:
        return 0.0
    effect = 1 + (design.per_rater - 1) * design.rater_rho + (design.per_prompt - 1) * design.prompt_rho
    share = min(share, STRONGEST)
    error = math.sqrt(effect / (votes * (1 - design.same) * share * (1 - share)))
    limit = t_quantile(1 - ALPHA / design.tests / 2, df)
    return float(nct.sf(limit, df, math.log(share / (1 - share)) / error))


def _needed(share: float, design: Design) -> Needed:
    least, most = 1, 2
    while power_of(most, share, design) < design.power:
        least, most = most, 2 * most
        if most > MOST:
            return Needed(share, None, None, None, None)
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if power_of(middle, share, design) < design.power else (least, middle)
    raters, prompts = math.ceil(most / design.per_rater), math.ceil(most / design.per_prompt)
    return Needed(share, most, raters, prompts, most * design.tests)


def _measured(design: Design, votes: Sequence[Vote]) -> Design:
    """Returns a design with the ties and correlations of votes: of residuals within pairs of models and questions."""
    valid = [vote for vote in votes if vote.answer != "broken"]
    groups: dict[tuple[str, frozenset[str]], list[Vote]] = defaultdict(list)
    for vote in valid:
        groups[vote.question, vote.key.models].append(vote)
    residuals: list[tuple[Vote, float]] = []
    for (_, models), members in groups.items():
        best = min(models)
        values = [
            0.0 if v.answer == "same" else 1.0 if (v.left if v.answer == "left" else v.right) == best else -1.0
            for v in members
        ]
        residuals += [(vote, value - float(np.mean(values))) for vote, value in zip(members, values, strict=True)]
    variance = sum(value**2 for _, value in residuals) / len(residuals) if residuals else 0.0
    of_prompt = _product(residuals, lambda v: (v.question, v.key.models, v.prompt_id), lambda v: v.rater)
    of_rater = _product(residuals, lambda v: (v.question, v.key.models, v.rater), lambda v: v.prompt_id)
    if variance == 0 or of_prompt is None or of_rater is None:
        what = "votes of several raters on one prompt, and of one rater on several, that are not all the same"
        raise BenchError(f"expected first votes with {what}; without a file, correlations are assumed")
    same = sum(vote.answer == "same" for vote in valid) / len(valid)
    rho = [min(max(one / variance, 0.0), 0.99) for one in (of_rater, of_prompt)]
    return replace(design, same=same, rater_rho=rho[0], prompt_rho=rho[1])


def _product(
    residuals: Sequence[tuple[Vote, float]], group: Callable[[Vote], object], member: Callable[[Vote], str]
) -> float | None:
    """Returns the mean product of residuals of one group and two members; None where there are no two."""
    groups: dict[object, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for vote, value in residuals:
        groups[group(vote)][member(vote)].append(value)
    total = count = 0.0
    for members in groups.values():
        sums, sizes = [sum(one) for one in members.values()], [len(one) for one in members.values()]
        total += sum(sums) ** 2 - sum(one**2 for one in sums)
        count += sum(sizes) ** 2 - sum(one**2 for one in sizes)
    return total / count if count else None
