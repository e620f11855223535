"""Orders models by votes, also in resamples of raters and prompts, and compares the orders of metrics with that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from statistics import mean

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.keys import PromptSeed
from jova_bench.records import Record, Value
from jova_bench.stats.pairwise import NoStrengths, davidson
from jova_bench.votes.fit import clusters_of, outcomes_of
from jova_bench.votes.records import Vote

RESAMPLES = 400
FEWEST = 3
RIDGE = 0.05
"""Keeps strengths finite in resamples in which a model never lost; it does not change orders that votes support."""


Resampled = Callable[[FloatArray], FloatArray]
"""(P,) number of times that each prompt is drawn -> (M,) means of a metric by model; NaN where none is left."""


class Ranking(Record):
    """How far a metric orders models as people do."""

    rho: Value
    """Spearman's correlation of a metric's means with the strengths of the votes."""
    ci: tuple[Value, Value] | None
    """95 % interval by resampling raters and prompts; None where most resamples leave a model without votes."""
    models: int
    """Models that are ordered."""


class Orders:
    """Strengths of the models of some votes, by these votes and by resamples of their raters and the run's prompts."""

    def __init__(self, votes: Sequence[Vote], prompts: Sequence[str]) -> None:
        """Stores the votes.

        Args:
            votes: of one question; none is `broken`.
            prompts: ids of the run's prompts, resampled for votes and metrics alike.
        """
        self._votes, self._prompts = votes, prompts
        self.models = tuple(sorted({model for vote in votes for model in (vote.left, vote.right)}))

    def against(self, good: Mapping[str, Mapping[PromptSeed, float]]) -> Ranking | str:
        """Compares the order of means over the prompts on which every model has a value, or says why not.

        Args:
            good: by model and clip, more is better.
        """
        means = {model: by_prompt(cells) for model, cells in good.items() if cells}
        models = [model for model in self.models if model in means]
        common = [k for k, name in enumerate(self._prompts) if all(name in means[model] for model in models)]
        if len(models) >= FEWEST and not common:
            return "no prompt has a value of every model"
        grid = np.array([[means[model][self._prompts[k]] for k in common] for model in models])  # (M, C)

        def values(drawn: FloatArray) -> FloatArray:
            weights = drawn[common]
            found: FloatArray = grid @ weights / weights.sum() if weights.any() else np.full(len(models), np.nan)
            return found

        return self._ranking(models, grid.mean(axis=1) if grid.size else np.zeros(0), values)

    def against_fixed(self, values: Mapping[str, float]) -> Ranking | str:
        """Compares the order of values that are not resampled."""
        models = [model for model in self.models if model in values]
        fixed = np.array([values[model] for model in models])
        return self._ranking(models, fixed, lambda _: fixed)

    def _ranking(self, models: Sequence[str], values: FloatArray, resampled: Resampled) -> Ranking | str:
        if len(models) < FEWEST:
            return f"{len(models)} models have votes and a value; an order needs {FEWEST}"
        if isinstance(self._strengths, str):
            return self._strengths
        if np.ptp(values) == 0:
            return "all models have one value"
        keep = [self.models.index(model) for model in models]
        if np.ptp(self._strengths[keep]) == 0:
            return "all models have one strength"
        rho = _spearman(values, self._strengths[keep])
        draws = [
            _spearman(of_metric, of_votes)
            for prompts, strengths in self._resamples
            for of_metric, of_votes in [(resampled(prompts), strengths[keep])]
            if np.isfinite(of_metric).all() and np.ptp(of_metric) > 0 and np.ptp(of_votes) > 0
        ]
        ends = np.quantile(draws, [0.025, 0.975]) if len(draws) >= RESAMPLES / 2 else None
        return Ranking(rho=rho, ci=None if ends is None else (float(ends[0]), float(ends[1])), models=len(models))

    @cached_property
    def _strengths(self) -> FloatArray | str:
        if len(self.models) < 2:
            return "no vote counts"
        try:
            return davidson(*outcomes_of(self._votes, self._places), len(self.models), RIDGE).values
        except NoStrengths as error:
            return str(error)

    @property
    def _places(self) -> dict[str, int]:
        return {model: k for k, model in enumerate(self.models)}

    @cached_property
    def _resamples(self) -> list[tuple[FloatArray, FloatArray]]:
        """Returns how often each prompt of the run is drawn, with the strengths of the votes of what is drawn."""
        rng = np.random.default_rng(0)
        left, right, outcomes = outcomes_of(self._votes, self._places)
        raters, _ = clusters_of(self._votes)
        place = {name: k for k, name in enumerate(self._prompts)}
        prompts, count = np.array([place[vote.prompt_id] for vote in self._votes]), int(raters.max()) + 1
        found = []
        for _ in range(RESAMPLES):
            of_prompt = np.bincount(rng.integers(0, len(place), len(place)), minlength=len(place))
            of_rater = np.bincount(rng.integers(0, count, count), minlength=count)
            rows = np.repeat(np.arange(len(prompts)), of_prompt[prompts] * of_rater[raters])
            try:
                fit = davidson(left[rows], right[rows], outcomes[rows], len(self.models), RIDGE)
            except NoStrengths:
                continue
            found.append((of_prompt.astype(float), fit.values))
        return found


def by_prompt(cells: Mapping[PromptSeed, float]) -> dict[str, float]:
    """Returns the mean over seeds of each prompt."""
    values: dict[str, list[float]] = {}
    for cell, value in cells.items():
        values.setdefault(cell.prompt_id, []).append(value)
    return {prompt_id: mean(found) for prompt_id, found in values.items()}


def _spearman(a: FloatArray, b: FloatArray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)
