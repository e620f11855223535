"""Tests two independent groups by Welch's t test: trainings of one method against trainings of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.stats.paired import POWER
from jova_bench.stats.quantiles import t_quantile


@dataclass(frozen=True)
class UnpairedResult:
    """Holds the result of group a against group b; the difference of means is a - b."""

    delta: float
    ci: tuple[float, float]
    """95 % interval of the difference."""
    p: float
    """Two-sided p-value of the hypothesis that both groups have one mean."""
    n: tuple[int, int]
    """Sizes of the groups."""
    min_detectable: float
    """True difference that a test at level .05 / `tests` detects with 80 % power, at the spread of these groups."""


def welch_test(a: npt.ArrayLike, b: npt.ArrayLike, tests: int = 1) -> UnpairedResult | None:
    """Tests whether two groups have the same mean, without assuming that they have the same variance (Welch 1947).

    Args:
        a: (N,) values, N >= 2.
        b: (M,) values, M >= 2.
        tests: number of tests in the family, for the detectable difference.

    Returns:
        The result; None where all values of both groups are the same, so that their spread is unknown.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(a), len(b)) < 2:
        raise ValueError(f"expected at least two values in each group, got {len(a)} and {len(b)}")
    error = float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
    if error == 0:
        return None
    from scipy.stats import ttest_ind

    found = ttest_ind(a, b, equal_var=False)
    low, high = found.confidence_interval(0.95)
    delta = float(a.mean() - b.mean())
    reach = t_quantile(1 - 0.025 / tests, found.df) + t_quantile(POWER, found.df)
    return UnpairedResult(delta, (float(low), float(high)), float(found.pvalue), (len(a), len(b)), reach * error)
