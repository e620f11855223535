"""Computes intervals of means over prompts.

The unit is the prompt. Sampling seeds are averaged within their prompt first, so an interval speaks of
other prompts of the same kind given to these checkpoints, never of other trainings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from jova_bench.stats.quantiles import normal_quantile, t_quantile

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint8]
"""(B, P) number of times that each of P prompts is drawn in each of B resamples."""

RESAMPLES = 10_000
T_BELOW = 50
"""Plain means of fewer prompts than this get Student's t interval."""
SPREAD_FLOOR = 0.05
"""Share of the sample's own variance mixed into each resample's: see `studentised_limits`."""
BLOCK_NUMBERS = 2**22
"""Numbers of resamples or sign patterns that are held as float64 at once: 34 MB, whatever the number of prompts."""


@dataclass(frozen=True)
class Interval:
    """Holds a value and its interval."""

    value: float
    lo: float
    hi: float
    method: Literal["t", "agresti-coull", "studentised", "constant", "jackknife"]


def mean_interval(
    values: npt.ArrayLike,
    resampling: np.random.Generator | Counts,
    weights: npt.ArrayLike | None = None,
    level: float = 0.95,
    proportion: bool = False,
) -> Interval | None:
    """Computes the mean over prompts, or the ratio sum(w v) / sum(w), with its interval; None for a single prompt.

    - Shares of right and wrong answers: Agresti and Coull's interval at every P, carried over to prompts of several
      answers (`interval_of_share`). It does not collapse at 100 of 100, where resampling sees no spread: there it
      gives [0.956, 1]. With weights it is used only when all values are 0 or all are 1, on Kish's effective number
      of prompts.
    - Other constants have no spread to estimate from: an interval of zero width.
    - Plain means of fewer than 50 prompts: Student's t. All else: studentised bootstrap. Neither leaves what a
      weighted rate can be: its limits are cut at 0, and at 1 unless a value is above.

    Args:
        values: (P,) per-prompt means.
        resampling: resamples the prompts; the same generator state gives the same interval. Or (B, P) counts of
            `resample_counts`, which take longer to draw than to use, for many means of as many prompts.
        weights: (P,) positive, e.g. the words of each transcript for a micro average.
        level: nominal coverage.
        proportion: each value is a share of right or wrong answers. The values alone cannot
            tell: an offset of 0 frames in every clip is no share.
    """
    v, w = checked(values, weights)
    if proportion and is_share(v) and (weights is None or (np.ptp(v) == 0 and v[0] in (0.0, 1.0))):
        return interval_of_share(v, w, level)
    p = len(v)
    found = interval_of_mean(
        v, w, lambda: resampling if isinstance(resampling, np.ndarray) else resample_counts(resampling, p), level
    )
    if found and proportion:
        return within(found, 0.0 if v.min() >= 0 else -np.inf, 1.0 if is_share(v) else np.inf)
    # Where few values differ from 0 the limit can fall below what a distance can be.
    return within(found, 0.0, np.inf) if found and found.method == "studentised" and v.min() >= 0 else found


def is_share(values: Array) -> bool:
    """Returns whether all values lie in [0, 1]."""
    return bool(((values >= 0) & (values <= 1)).all())


def within(found: Interval, least: float, most: float) -> Interval:
    """Limits an interval to the possible values, which keeps its coverage."""
    return replace(found, lo=max(found.lo, least), hi=min(found.hi, most))


def checked(values: npt.ArrayLike, weights: npt.ArrayLike | None) -> tuple[Array, Array]:
    """Checks (P,) finite values and positive weights, equal where none are given. Raises ValueError otherwise."""
    v = np.asarray(values, dtype=np.float64)
    w = np.ones_like(v) if weights is None else np.asarray(weights, dtype=np.float64)
    if v.ndim != 1 or not len(v) or not np.isfinite(v).all():
        raise ValueError(f"expected a non-empty (P,) array of finite values, got shape {v.shape}: {v}")
    if w.shape != v.shape or not (np.isfinite(w) & (w > 0)).all():
        raise ValueError(f"expected {v.shape} positive weights, got shape {w.shape}: {w}")
    return v, w


def interval_of_share(v: Array, w: Array, level: float) -> Interval | None:
    """Computes Agresti and Coull's interval (1998): Wilson's centre, wider near 0 and 1, where Wilson's covers 91 %.

    That is Wald's interval after z^2 / 2 right and as many wrong answers were added. Here whole prompts are added, and
    the spread is the one between prompts: with a prompt's seeds averaged it is smaller by the mean of v (1 - v), which
    is 0 for prompts that are all right or all wrong. So seeds that agree count once, seeds that vary count for more,
    and one wrong clip never makes the interval narrower than none.
    """
    if len(v) == 1:
        return None
    z2 = normal_quantile((1 + level) / 2) ** 2
    n = float(w.sum() ** 2 / (w**2).sum())
    p = float(w @ v / w.sum())
    centre = (p * n + z2 / 2) / (n + z2)
    spread = centre * (1 - centre) - n * float(w @ (v * (1 - v)) / w.sum()) / (n + z2)
    half = float(np.sqrt(z2 * max(spread, 0.0) / (n + z2)))
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half), "agresti-coull")


def interval_of_mean(v: Array, w: Array, counts: Callable[[], Counts], level: float) -> Interval | None:
    """Computes Student's t below 50 prompts of equal weights, else studentised limits; draws `counts` if needed."""
    mean, error = (float(x[0, 0]) for x in ratios(v[None], w[None], np.ones((1, len(v)))))
    if len(v) == 1:
        return None
    if np.ptp(v) == 0:
        return Interval(float(v[0]), float(v[0]), float(v[0]), "constant")
    if len(v) < T_BELOW and np.ptp(w) == 0:
        half = t_quantile((1 + level) / 2, len(v) - 1) * error
        return Interval(mean, mean - half, mean + half, "t")
    lo, hi = studentised_limits(v[None], w[None], counts(), level)[0]
    return Interval(mean, float(lo), float(hi), "studentised")


def resample_counts(rng: np.random.Generator, p: int, n: int = RESAMPLES) -> Counts:
    """Draws n resamples of P prompts and returns the (n, P) number of times that each prompt is drawn."""
    counts = np.empty((n, p), dtype=np.uint8)
    for rows in blocks(n, p):
        size = rows.stop - rows.start
        drawn = rng.integers(0, p, size=(size, p)) + np.arange(size)[:, None] * p
        # Never near 255: a count is all but a Poisson number of mean 1.
        counts[rows] = np.bincount(drawn.ravel(), minlength=size * p).reshape(size, p)
    return counts


def blocks(n: int, p: int) -> Iterator[slice]:
    """Yields slices of n rows of P numbers, of which one block is held at a time."""
    size = max(4, BLOCK_NUMBERS // p // 4 * 4)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def studentised_limits(values: Array, weights: Array, counts: Counts, level: float) -> Array:
    """Computes (S, 2) bootstrap-t limits of the ratios of S data sets (Efron and Tibshirani 1993, section 12.5).

    The pure form divides by each resample's own standard error, which is 0 where a resample misses the few
    prompts that differ (a word error rate of mostly zeros): limits then explode. A share SPREAD_FLOOR of
    the sample's variance in the denominator bounds them, and costs about half a point of coverage on
    skewed data.

    Args:
        values: (S, P).
        weights: (S, P).
        counts: (B, P) from `resample_counts`.
        level: nominal coverage.
    """
    ratio, error = ratios(values, weights, np.ones((1, values.shape[1])))  # (S, 1)
    found = [ratios(values, weights, counts[rows].astype(np.float64)) for rows in blocks(*counts.shape)]
    resampled, spread = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))  # (S, B)
    t = (resampled - ratio) / np.sqrt((1 - SPREAD_FLOOR) * spread**2 + SPREAD_FLOOR * error**2)
    tails = np.quantile(t, [(1 + level) / 2, (1 - level) / 2], axis=1).T  # (S, 2)
    return ratio - tails * error


def ratios(values: Array, weights: Array, counts: Array) -> tuple[Array, Array]:
    """Computes (S, B) ratios sum(c w v) / sum(c w) and their linearised standard errors.

    With equal weights these are the mean and the sample standard deviation / sqrt(P).
    """
    p = values.shape[1]
    centre = values.mean(axis=1, keepdims=True)  # keeps the squares below free of cancellation
    v = values - centre
    total = weights @ counts.T
    ratio = (weights * v) @ counts.T / total
    w2 = weights**2
    # sum of c w^2 (v - ratio)^2, expanded so that it is three products with the counts
    squares = (w2 * v * v) @ counts.T - 2 * ratio * ((w2 * v) @ counts.T) + ratio**2 * (w2 @ counts.T)
    return ratio + centre, np.sqrt(np.maximum(squares, 0) * p / max(p - 1, 1)) / total
