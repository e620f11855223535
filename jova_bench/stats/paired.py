"""Tests two models on the same prompts by permutation: swaps their labels within prompts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jova_bench.stats.means import (
    RESAMPLES,
    Array,
    Counts,
    blocks,
    checked,
    interval_of_mean,
    interval_of_share,
    is_share,
    ratios,
    resample_counts,
    within,
)
from jova_bench.stats.quantiles import t_quantile
from jova_bench.stats.sets import (
    OfChosen,
    Statistic,
    Units,
    jackknife_error,
    leaving_out,
    one_by_one,
    quantile_of_t,
)

POWER = 0.8


@dataclass(frozen=True)
class PairedResult:
    """Holds the result of model a against model b on the same prompts; the difference is a - b."""

    delta: float
    ci: tuple[float, float] | None
    """Interval of the difference; None for a single prompt."""
    p: float
    """Two-sided p-value of the hypothesis that the two models' labels are exchangeable on every prompt."""
    n_pairs: int
    min_detectable: float | None
    """True difference that a test at level (1 - `level`) / `tests` detects with 80 % power; None when
    no difference could be detected, however large (a sign flip of fewer than 6 prompts has p > 0.05)."""


class Draws:
    """Draws the random numbers of a `paired_test`, which tests of equally many prompts may share to save time."""

    def __init__(self, rng: np.random.Generator, p: int, n: int = RESAMPLES) -> None:
        """Draws the swaps.

        Args:
            rng: is drawn from again when an interval needs resamples.
            p: prompts.
            n: random sign patterns.
        """
        self.n = n
        self.swaps = flips(rng, p, n)
        self._rng, self._prompts = rng, p

    @cached_property
    def counts(self) -> Counts:
        """Returns the (B, P) resamples of the prompts."""
        return resample_counts(self._rng, self._prompts)


def paired_test(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    rng: np.random.Generator | Draws,
    weights: npt.ArrayLike | None = None,
    n: int = RESAMPLES,
    level: float = 0.95,
    proportion: bool = False,
    tests: int = 1,
) -> PairedResult:
    """Runs a sign-flip permutation test of the (weighted) mean difference on the same prompts.

    Uses all 2^P sign patterns where they are no more than n; else n random ones and p = (1 + count) / (1 + n) > 0.
    The interval of a difference of shares is cut at -1 and 1.

    Args:
        a: (P,) per-prompt means of one model.
        b: (P,) of the other, same prompts in the same order.
        rng: draws the signs and the resamples of the interval; or what it has drawn.
        weights: (P,) positive, shared by both models.
        n: random sign patterns, where they are not drawn yet.
        level: of the interval and of the minimum detectable effect.
        proportion: as in `mean_interval`.
        tests: number of tests that share the error of 1 - `level` (Holm's first step); more raise the effect.
    """
    (x, w), (y, _) = checked(a, weights), checked(b, weights)
    d = x - y
    draws = rng if isinstance(rng, Draws) else Draws(rng, len(d), n)
    delta, p = sign_flip(d, w, draws, n)
    if len(d) == 1:
        return PairedResult(delta, None, p, 1, None)
    both = np.concatenate([x, y])
    shares = proportion and is_share(both)
    if shares and np.ptp(d) == 0 and (weights is None or bool(np.isin(both, (0.0, 1.0)).all())):
        # No pair disagrees with the others: what P such pairs can exclude, instead of zero width.
        unseen = interval_of_share(np.zeros_like(d), w, level)
        margin = unseen.hi if unseen else 0.0
        ci = (max(-1.0, float(d[0]) - margin), min(1.0, float(d[0]) + margin))
        error = margin / quantile_of_t(level, len(d))
    else:
        interval = interval_of_mean(d, w, lambda: draws.counts, level)
        if interval and shares:
            interval = within(interval, -1.0, 1.0)
        ci = (interval.lo, interval.hi) if interval else (float(d[0]), float(d[0]))
        error = float(ratios(d[None], w[None], np.ones((1, len(d))))[1][0, 0])
    return PairedResult(delta, ci, p, len(d), min_detectable(error, len(d), draws.n, (1 - level) / tests))


def sign_flip(d: Array, weights: Array, rng: np.random.Generator | Draws, n: int) -> tuple[float, float]:
    """Returns the weighted mean of (P,) differences, and its p-value among the means with signs flipped."""
    draws = rng if isinstance(rng, Draws) else Draws(rng, len(d), n)
    share = weights * d / weights.sum()
    flipped = np.concatenate([(1.0 - 2.0 * draws.swaps[rows]) @ share for rows in blocks(*draws.swaps.shape)])
    delta = float(share.sum())
    return delta, p_value(flipped, delta, exact=tries_all(len(d), draws.n))


def paired_set_test(
    statistic: Statistic,
    a_units: Units,
    b_units: Units,
    rng: np.random.Generator,
    n: int = 1000,
    level: float = 0.95,
    tests: int = 1,
) -> PairedResult:
    """Runs `paired_test_of_chosen` for a statistic that is called 2 (n + P + 1) times on (rows, ...) arrays.

    Args:
        statistic: of the rows of a set.
        a_units: one entry per prompt of one model.
        b_units: of the other, same prompts in the same order.
        rng: draws the swaps.
        n: random swaps; all 2^P where they are no more.
        level: of the interval and of the minimum detectable effect.
        tests: as in `paired_test`.
    """
    if len(a_units) != len(b_units):
        raise ValueError(f"expected the same prompts on both sides, got {len(a_units)} and {len(b_units)}")
    both = np.concatenate([a_units, b_units]) if isinstance(a_units, np.ndarray) else [*a_units, *b_units]
    return paired_test_of_chosen(one_by_one(statistic, both), len(a_units), rng, n, level, tests)


def paired_test_of_chosen(
    statistic: OfChosen, p: int, rng: np.random.Generator, n: int = 1000, level: float = 0.95, tests: int = 1
) -> PairedResult:
    """Runs the permutation test for statistics of whole sets: swaps the two models' rows within prompts.

    The interval is a jackknife over prompts, each deleted from both sets.

    Args:
        statistic: of sets of 2 P units: those of one model, then those of the other for the same prompts.
        p: how many prompts there are.
        rng: draws the swaps.
        n: random swaps; all 2^P where they are no more.
        level: of the interval and of the minimum detectable effect.
        tests: as in `paired_test`.
    """
    swaps = flips(rng, p, n)
    kept = leaving_out(p) if p > 1 else np.ones((0, p), dtype=bool)
    # Which prompts of the first model are in the first set; the second set has what is left of both models.
    own = np.concatenate([np.ones((1, p), dtype=bool), ~swaps, kept])
    there = np.concatenate([np.ones((1 + len(swaps), p), dtype=bool), kept])
    first, second = np.hstack([own, there & ~own]), np.hstack([there & ~own, own])
    of_first, of_second = np.split(statistic(np.concatenate([first, second])), 2)
    delta, *others = (of_first - of_second).tolist()
    value = p_value(np.array(others[: len(swaps)]), delta, exact=tries_all(p, n))
    if p == 1:
        return PairedResult(delta, None, value, 1, None)
    error = jackknife_error(np.array(others[len(swaps) :]))
    half = quantile_of_t(level, p) * error
    detectable = min_detectable(error, p, n, (1 - level) / tests)
    return PairedResult(delta, (delta - half, delta + half), value, p, detectable)


def tries_all(p: int, n: int) -> bool:
    """Returns whether all 2^P relabellings are enumerated."""
    return 2**p <= n


def flips(rng: np.random.Generator, p: int, n: int) -> npt.NDArray[np.bool_]:
    """Returns (2^P or n, P) masks of the prompts whose labels are swapped."""
    if tries_all(p, n):
        return (np.arange(2**p)[:, None] >> np.arange(p) & 1).astype(bool)
    return rng.integers(0, 2, size=(n, p), dtype=np.int8).view(np.bool_)


def p_value(permuted: Array, observed: float, exact: bool) -> float:
    """Returns the share of relabellings that are at least as far from 0 as the observed value."""
    # Rounding must not make a pattern's exact tie with the observed difference look smaller than it.
    tolerance = 1e-9 * max(abs(observed), float(np.abs(permuted).max()))
    count = int((np.abs(permuted) >= abs(observed) - tolerance).sum())
    return count / len(permuted) if exact else (1 + count) / (1 + len(permuted))


def min_detectable(error: float, p: int, n: int, alpha: float) -> float | None:
    """Returns the difference that a two-sided t test at level alpha, with this error, detects with 80 % power."""
    smallest = 2 / 2**p if tries_all(p, n) else 1 / (1 + n)
    if smallest > alpha * (1 + 1e-9):  # 1 - 0.95 is not quite 0.05
        return None
    return (quantile_of_t(1 - alpha, p) + t_quantile(POWER, p - 1)) * error


def holm(p: npt.ArrayLike) -> Array:
    """Adjusts (K,) p-values by Holm (1979), in the order given: the family-wise error stays at the level."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    scaled = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0) if len(raw) else scaled
    return adjusted
