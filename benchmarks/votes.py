"""How often the intervals of `votes fit` hold the strengths of models, and how often planned votes tell models apart.

    python benchmarks/votes.py > results/votes.md

Simulated raters with known strengths: no clips, no people. Takes about ten minutes on one core.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jova_bench.stats.clusters import Clustered
from jova_bench.stats.pairwise import NoStrengths, Outcomes, davidson, variance
from jova_bench.votes.fit import ALPHA
from jova_bench.votes.plan import Design, plan_votes

Ints = npt.NDArray[np.intp]
SETS = 1000
STRENGTHS = np.array([0.8, 0.3, -0.2, -0.9])
TIE = np.log(0.6)


@dataclass(frozen=True)
class Votes:
    """Holds votes as arrays."""

    left: Ints
    right: Ints
    outcomes: Outcomes
    raters: Ints
    prompts: Ints

    def fit(self, count: int) -> tuple[npt.NDArray[np.float64], Clustered, Clustered]:
        """Returns strengths, their clustered variance, and that of votes as if each were independent."""
        sides = self.left, self.right, self.outcomes
        fit, alone = davidson(*sides, count), np.arange(len(self.left))
        return fit.values, variance(fit, *sides, self.raters, self.prompts), variance(fit, *sides, alone, alone)


@dataclass(frozen=True)
class Crowd:
    """Holds what raters and prompts are like."""

    raters: int
    prompts: int
    each: int
    """Votes of a rater."""
    taste: float = 0.0
    """Standard deviation of a model's strength over raters, and over prompts."""
    strengths: tuple[float, ...] = tuple(STRENGTHS)

    def votes(self, rng: np.random.Generator) -> Votes:
        """Draws votes: each rater judges so many random prompts, no prompt twice while there are others."""
        count = len(self.strengths)
        raters = np.repeat(np.arange(self.raters), self.each)
        begin = rng.integers(0, self.prompts, self.raters)[raters]
        prompts = rng.permutation(self.prompts)[(begin + np.tile(np.arange(self.each), self.raters)) % self.prompts]
        left = rng.integers(0, count, len(raters))
        right = (left + rng.integers(1, count, len(raters))) % count
        own = np.array(self.strengths) + rng.normal(0, self.taste, (self.raters, count))[raters]
        own = own + rng.normal(0, self.taste, (self.prompts, count))[prompts]
        rows = np.arange(len(raters))
        half = (own[rows, left] - own[rows, right]) / 2
        weights = np.exp(np.stack([half, np.full_like(half, TIE), -half], axis=1))
        ends = (weights / weights.sum(axis=1, keepdims=True)).cumsum(axis=1)
        outcomes = (1 - (rng.random(len(rows))[:, None] > ends[:, :2]).sum(axis=1)).astype(np.int8)
        return Votes(left, right, outcomes, raters, prompts)

    def truth(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Returns the strengths that all raters and prompts of this kind would give."""
        if not self.taste:
            return np.array(self.strengths) - np.mean(self.strengths)
        many = replace(self, raters=400_000, prompts=400_000, each=1).votes(rng)
        return davidson(many.left, many.right, many.outcomes, len(self.strengths)).values


CROWDS = [
    Crowd(raters, prompts, each, taste)
    for taste in (0.0, 0.5)
    for raters, prompts, each in ((4, 30, 30), (8, 10, 30), (8, 50, 30), (20, 50, 20), (40, 100, 20))
]


def covered(crowd: Crowd, rng: np.random.Generator, sets: int = SETS) -> tuple[float, float, float, int]:
    """Returns the % of intervals that hold the truth, the same as if votes were independent, mean width, failures."""
    truth, count = crowd.truth(rng), len(crowd.strengths)
    contrasts = np.eye(count) - 1 / count
    hits, naive, widths, without = [], [], [], 0
    for _ in range(sets):
        try:
            values, clustered, alone = crowd.votes(rng).fit(count)
        except NoStrengths:
            without += 1
            continue
        for k, contrast in enumerate(contrasts):
            margin = clustered.margin(contrast)
            hits.append(abs(values[k] - truth[k]) <= margin)
            naive.append(abs(values[k] - truth[k]) <= alone.margin(contrast))
            widths.append(2 * margin)
    return 100 * float(np.mean(hits)), 100 * float(np.mean(naive)), float(np.mean(widths)), without


def detected(crowd: Crowd, rng: np.random.Generator, sets: int = SETS) -> float:
    """Returns the % of sets in which two models are shown to differ."""
    shown = []
    for _ in range(sets):
        try:
            values, clustered, _ = crowd.votes(rng).fit(2)
        except NoStrengths:
            shown.append(False)
            continue
        shown.append(clustered.p_value([1.0, -1.0], float(values[0] - values[1])) <= ALPHA)
    return 100 * float(np.mean(shown))


def correlation(crowd: Crowd, rng: np.random.Generator) -> tuple[float, float, float]:
    """Returns the share of ties, and the correlations of two votes of one rater and of two on one prompt."""
    same = replace(crowd, raters=100_000, prompts=200_000, each=2).votes(rng)
    pairs = np.where(same.left == 0, same.outcomes, -same.outcomes).reshape(-1, 2).astype(float)
    # Raters and prompts are alike here, so that one correlation is that of both.
    rho = max(0.0, float(np.corrcoef(pairs.T)[0, 1]))
    return float((same.outcomes == 0).mean()), rho, rho


def main() -> None:
    """Prints the page."""
    rng = np.random.default_rng(0)
    print("# Votes: coverage of the intervals, and power of the plans\n")
    print("Made by `python benchmarks/votes.py`. Simulated raters; nominal 95 %, simulation error about 0.5 %.\n")
    print(f"## `votes fit`: % of intervals of {SETS} data sets that hold a model's strength\n")
    print(
        "Four models. With taste, a model's strength varies over raters and over prompts by a standard deviation of\n"
        "0.5; the truth is then what 400,000 votes say, each of another rater on another prompt. Widths are of\n"
        "logarithms of odds.\n"
    )
    print(
        "| raters | prompts | votes of a rater | taste | held | held as if independent | mean width | without ratings |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for crowd in CROWDS:
        held, naive, width, without = covered(crowd, rng)
        cells = (
            crowd.raters,
            crowd.prompts,
            crowd.each,
            crowd.taste,
            f"{held:.1f}",
            f"{naive:.1f}",
            f"{width:.2f}",
            without,
        )
        print(f"| {' | '.join(map(str, cells))} |")
    print("\n## `votes plan`: % of sets in which as many votes as planned for 80 % tell two models apart\n")
    print("| preferred by | taste | votes of a rater | votes on a prompt | votes planned | told apart |")
    print("|---|---|---|---|---|---|")
    for share, taste, per_rater, per_prompt in (
        (0.6, 0.0, 20, 3),
        (0.6, 0.5, 20, 3),
        (0.7, 0.5, 10, 2),
        (0.7, 0.5, 20, 6),
    ):
        crowd = Crowd(1, 1, per_rater, taste, (0.0, 0.0))
        same, rater_rho, prompt_rho = correlation(crowd, rng)
        odds = float(np.log(share / (1 - share)))
        if taste:  # The strength with which the population prefers by this share.
            ratio = replace(crowd, strengths=(odds, 0.0)).truth(rng)
            odds *= odds / float(ratio[0] - ratio[1])
        design = Design(2, per_rater, per_prompt, same, rater_rho, prompt_rho)
        row = plan_votes([share], design).rows[0]
        assert row.raters is not None
        assert row.prompts is not None
        told = detected(replace(crowd, raters=row.raters, prompts=row.prompts, strengths=(odds, 0.0)), rng)
        print(f"| {share:.0%} | {taste} | {per_rater} | {per_prompt} | {row.votes} | {told:.1f} |")


if __name__ == "__main__":
    main()
