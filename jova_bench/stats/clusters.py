"""Estimates variances of estimates whose observations are clustered in two ways at once, such as by rater and prompt.

Two votes of one rater are alike, and so are two votes on one prompt: an interval that counts votes alone is too narrow.
The variance is that of Cameron, Gelbach and Miller (2011): by one clustering, plus by the other, less by both at once.
Each of the three is a jackknife that leaves out one cluster at a time (MacKinnon, Nielsen and Webb's CV3), wider with
few clusters than the plain sum of squares, which is too narrow there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.stats.means import interval_of_share
from jova_bench.stats.quantiles import t_above, t_quantile

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]
"""(N,) number of the cluster of each observation, from 0."""

SINGULAR = 1e-9
"""Share of the largest eigenvalue below which what is left without a cluster does not determine an estimate."""


class TooFewClusters(ValueError):
    """Raised where clusters are too few for a variance, or where one alone determines an estimate."""


@dataclass(frozen=True)
class Clustered:
    """Holds the variance of an estimate of q numbers, by either clustering and by both."""

    both: Array
    """(q, q) two-way covariance; differences of two clusterings, so that it may be no covariance at all."""
    first: Array
    """(q, q) covariance by the first clustering alone."""
    second: Array
    cell: Array
    """(q, q) covariance by pairs of clusters, such as all votes of a rater on a prompt."""
    single: Array
    """(q, q) covariance as if observations were independent."""
    df: int
    """Degrees of freedom: the clusters of the smaller clustering, less one."""

    def error(self, contrast: npt.ArrayLike) -> float:
        """Returns the standard error of a contrast c'b: the largest of the five.

        Few clusters may be alike by chance, as where each rater has the same share; then single observations tell.
        """
        c, each = np.asarray(contrast, dtype=np.float64), (self.both, self.first, self.second, self.cell, self.single)
        return float(np.sqrt(max(float(c @ one @ c) for one in each)))

    def margin(self, contrast: npt.ArrayLike, level: float = 0.95) -> float:
        """Returns half the width of the interval of a contrast, by Student's t."""
        return t_quantile((1 + level) / 2, self.df) * self.error(contrast)

    def p_value(self, contrast: npt.ArrayLike, value: float) -> float:
        """Returns the two-sided p-value of a contrast with this value being 0; 1 where there is no spread at all."""
        error = self.error(contrast)
        return 2 * t_above(abs(value) / error, self.df) if error > 0 else 1.0


def two_way(scores: Array, information: Array, first: Labels, second: Labels) -> Clustered:
    """Computes the variance of the solution of sum(scores) = 0.

    Args:
        scores: (N, q) each observation's derivative of the log-likelihood (or of what takes its place) at the solution.
        information: (N, q, q) each one's negative second derivative.
        first: clusters, such as raters.
        second: other clusters, such as prompts.

    Raises:
        TooFewClusters: fewer than two of either kind, or the rest without one of them does not determine the estimate.
    """
    counts = [int(labels.max()) + 1 for labels in (first, second)]
    if min(counts) < 2:
        raise TooFewClusters(f"expected at least 2 clusters of each kind, got {counts[0]} and {counts[1]}")
    _, cells = np.unique(first * counts[1] + second, return_inverse=True)
    by_first, by_second, by_cell = (_jackknife(scores, information, labels) for labels in (first, second, cells))
    alone = _jackknife(scores, information, np.arange(len(scores)))
    return Clustered(by_first + by_second - by_cell, by_first, by_second, by_cell, alone, min(counts) - 1)


def mean_of(values: npt.ArrayLike, first: Labels, second: Labels) -> tuple[float, Clustered]:
    """Computes the mean of (N,) values and its variance. Raises TooFewClusters as `two_way`."""
    v = np.asarray(values, dtype=np.float64)
    mean = float(v.mean())
    return mean, two_way((v - mean)[:, None], np.ones((len(v), 1, 1)), first, second)


def _jackknife(scores: Array, information: Array, labels: Labels) -> Array:
    """Returns the (q, q) covariance by leaving out one cluster at a time, each by one step of Newton's method."""
    count = int(labels.max()) + 1
    if count < 2:
        raise TooFewClusters("expected at least 2 clusters, got 1")
    sums, parts = np.zeros((count, *scores.shape[1:])), np.zeros((count, *information.shape[1:]))
    np.add.at(sums, labels, scores)
    np.add.at(parts, labels, information)
    left = information.sum(axis=0) - parts  # (G, q, q)
    spread = np.linalg.eigvalsh(left)
    if (spread[:, 0] <= SINGULAR * np.abs(spread[:, -1])).any():
        raise TooFewClusters("one cluster alone determines a part of the estimate")
    moves = np.linalg.solve(left, sums[..., None])[..., 0]  # (G, q)
    found: Array = (count - 1) / count * moves.T @ moves
    return found


@dataclass(frozen=True)
class Share:
    """Holds a share of observations, with its interval and its distance from a half."""

    share: float
    ci: tuple[float, float]
    p: float
    """Two-sided p-value of a half."""


def share_of(values: npt.ArrayLike, first: Labels, second: Labels, level: float = 0.95) -> Share:
    """Computes the mean of values in [0, 1].

    Where no value differs from another, as where all are 1, there is no spread to estimate from: then the
    clusters of the smaller clustering count as so many independent answers.

    Raises:
        TooFewClusters: as `two_way`.
    """
    share, found = mean_of(values, first, second)
    if found.error([1.0]) > 0:
        margin = found.margin([1.0], level)
        return Share(share, (max(0.0, share - margin), min(1.0, share + margin)), found.p_value([1.0], share - 0.5))
    count = found.df + 1
    interval = interval_of_share(np.full(count, share), np.ones(count), level)
    assert interval is not None
    return Share(share, (interval.lo, interval.hi), min(1.0, 2 * 0.5**count) if share in (0.0, 1.0) else 1.0)
