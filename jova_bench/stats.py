"""Uncertainty over prompts: arrays in, numbers out, randomness only through the generator passed in.

The unit is the prompt. Sampling seeds are averaged within their prompt first, so an interval speaks of
other prompts of the same kind given to these checkpoints, never of other trainings. `benchmarks/coverage.py`
measures how often each interval holds the truth; `results/coverage.md` has its table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats as scipy_stats

Array = npt.NDArray[np.float64]
Units = Array | Sequence[Array]
"""One entry per prompt: a (P, ...) array, or P arrays of shape (seeds, ...)."""
Statistic = Callable[[Array], float]
"""What is said of a whole set of rows, e.g. a Frechet distance."""

RESAMPLES = 10_000
T_BELOW = 50
"""Plain means of fewer prompts than this get Student's t interval."""
SPREAD_FLOOR = 0.05
"""Share of the sample's own variance mixed into each resample's: see `studentised_limits`."""
JACKKNIFE_GROUPS = 200
"""More prompts than this leave a statistic in groups of about equal size."""
POWER = 0.8


@dataclass(frozen=True)
class Interval:
    """A value and the interval around it."""

    value: float
    lo: float
    hi: float
    method: Literal["t", "agresti-coull", "studentised", "constant", "jackknife"]


@dataclass(frozen=True)
class PairedResult:
    """Model a against model b on the same prompts; the difference is a - b."""

    delta: float
    ci: tuple[float, float] | None
    """Interval of the difference; None for a single prompt."""
    p: float
    """Two-sided, for the hypothesis that the two models' labels could be swapped on every prompt."""
    n_pairs: int
    min_detectable: float | None
    """Size of a true difference that a test at level (1 - `level`) / `tests` finds four times in five; None when
    no difference could be found, however large (a sign flip of fewer than 6 prompts has p > 0.05)."""


def seed_average(values: npt.ArrayLike, prompt_ids: Sequence[str]) -> tuple[list[str], Array]:
    """Averages the rows of each prompt: ids in sorted order, so that the order of rows does not matter.

    Args:
        values: (N,) one value per (prompt, seed).
        prompt_ids: N ids.
    """
    unique, owner = np.unique(np.asarray(prompt_ids, dtype=str), return_inverse=True)
    sums = np.bincount(owner, weights=np.asarray(values, dtype=np.float64), minlength=len(unique))
    return [str(name) for name in unique], sums / np.bincount(owner, minlength=len(unique))


def mean_interval(
    values: npt.ArrayLike,
    resampling: np.random.Generator | Array,
    weights: npt.ArrayLike | None = None,
    level: float = 0.95,
    proportion: bool = False,
) -> Interval | None:
    """Mean over prompts, or the ratio sum(w v) / sum(w), with its interval; None for a single prompt.

    - Shares of right and wrong answers that are all 0 or 1: Agresti and Coull's interval at every P. It does
      not collapse at 100 of 100, where resampling sees no spread: there it gives [0.956, 1]. With weights
      it is used only when all values are equal, on Kish's effective number of prompts.
    - Other constants have no spread to estimate from: an interval of zero width.
    - Plain means of fewer than 50 prompts: Student's t. All else: studentised bootstrap.

    Args:
        values: (P,) per-prompt means.
        resampling: resamples the prompts; the same generator state gives the same interval. Or (B, P) counts of
            `resample_counts`, which take longer to draw than to use, for many means of as many prompts.
        weights: (P,) positive, e.g. the words of each transcript for a micro average.
        level: nominal coverage.
        proportion: each value is a share of right or wrong answers. Only who knows the metric can say: an
            offset of 0 frames in every clip is no share.
    """
    v, w = _checked(values, weights)
    if proportion and bool(np.isin(v, (0.0, 1.0)).all()) and (weights is None or np.ptp(v) == 0):
        return _interval_of_proportion(v, w, level)
    found = _interval_of_mean(v, w, resampling, level)
    if found and found.method == "studentised" and v.min() >= 0:
        # Where few values differ from 0 the limit can fall below what an error rate can be.
        return replace(found, lo=max(found.lo, 0.0))
    return found


def _checked(values: npt.ArrayLike, weights: npt.ArrayLike | None) -> tuple[Array, Array]:
    v = np.asarray(values, dtype=np.float64)
    w = np.ones_like(v) if weights is None else np.asarray(weights, dtype=np.float64)
    if v.ndim != 1 or not len(v) or not np.isfinite(v).all():
        raise ValueError(f"expected a non-empty (P,) array of finite values, got shape {v.shape}: {v}")
    if w.shape != v.shape or not (np.isfinite(w) & (w > 0)).all():
        raise ValueError(f"expected {v.shape} positive weights, got shape {w.shape}: {w}")
    return v, w


def _interval_of_proportion(v: Array, w: Array, level: float) -> Interval | None:
    """Agresti and Coull (1998): Wilson's centre, a little wider near 0 and 1, where Wilson's covers 91 %."""
    if len(v) == 1:
        return None
    z2 = float(scipy_stats.norm.ppf((1 + level) / 2)) ** 2
    n = float(w.sum() ** 2 / (w**2).sum())
    p = float(w @ v / w.sum())
    centre = (p * n + z2 / 2) / (n + z2)
    half = float(np.sqrt(z2 * centre * (1 - centre) / (n + z2)))
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half), "agresti-coull")


def _interval_of_mean(v: Array, w: Array, resampling: np.random.Generator | Array, level: float) -> Interval | None:
    mean, error = (float(x[0, 0]) for x in _ratios(v[None], w[None], np.ones((1, len(v)))))
    if len(v) == 1:
        return None
    if np.ptp(v) == 0:
        return Interval(float(v[0]), float(v[0]), float(v[0]), "constant")
    if len(v) < T_BELOW and np.ptp(w) == 0:
        half = float(scipy_stats.t.ppf((1 + level) / 2, len(v) - 1)) * error
        return Interval(mean, mean - half, mean + half, "t")
    counts = resampling if isinstance(resampling, np.ndarray) else resample_counts(resampling, len(v), RESAMPLES)
    lo, hi = studentised_limits(v[None], w[None], counts, level)[0]
    return Interval(mean, float(lo), float(hi), "studentised")


def resample_counts(rng: np.random.Generator, p: int, n: int) -> Array:
    """(n, P) how often each of P prompts is drawn in each of n resamples of size P."""
    drawn = rng.integers(0, p, size=(n, p)) + np.arange(n)[:, None] * p
    return np.bincount(drawn.ravel(), minlength=n * p).reshape(n, p).astype(np.float64)


def studentised_limits(values: Array, weights: Array, counts: Array, level: float) -> Array:
    """(S, 2) bootstrap-t limits of the ratios of S data sets (Efron and Tibshirani 1993, section 12.5).

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
    ratio, error = _ratios(values, weights, np.ones((1, values.shape[1])))  # (S, 1)
    resampled, spread = _ratios(values, weights, counts)  # (S, B)
    t = (resampled - ratio) / np.sqrt((1 - SPREAD_FLOOR) * spread**2 + SPREAD_FLOOR * error**2)
    tails = np.quantile(t, [(1 + level) / 2, (1 - level) / 2], axis=1).T  # (S, 2)
    return ratio - tails * error


def _ratios(values: Array, weights: Array, counts: Array) -> tuple[Array, Array]:
    """(S, B) ratios sum(c w v) / sum(c w) and their linearised standard errors.

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


def jackknife_interval(statistic: Statistic, units: Units, level: float = 0.95) -> Interval | None:
    """Delete-one-prompt jackknife (in groups above 200) around a statistic of a whole set; None for a single prompt.

    A bootstrap would repeat rows, which inflates Frechet distances; deleting a prompt does not. The
    interval is centred on the statistic as reported: it speaks of sets of this size, bias included.

    Args:
        statistic: called at most P + 1 times on (rows, ...) arrays.
        units: one entry per prompt; a prompt's seeds leave together.
        level: nominal coverage.
    """
    rows, owner = _stacked(units)
    value = float(statistic(rows))
    p = int(owner[-1]) + 1
    if p == 1:
        return None
    half = _t(level, p) * _jackknife_error(lambda keep: float(statistic(rows[keep[owner]])), p)
    return Interval(value, value - half, value + half, "jackknife")


def _jackknife_error(statistic: Callable[[npt.NDArray[np.bool_]], float], p: int) -> float:
    """Standard error from the statistic of each (P,) mask that leaves out one prompt, or one of 200 groups of prompts.

    A distance in 2,048 dimensions takes seconds; that of thousands of sets that lack one prompt each would take days.
    """
    groups = min(p, JACKKNIFE_GROUPS)
    left_out = np.array([statistic(np.arange(p) % groups != i) for i in range(groups)])
    return float(np.sqrt((groups - 1) / groups * ((left_out - left_out.mean()) ** 2).sum()))


def _stacked(units: Units) -> tuple[Array, npt.NDArray[np.intp]]:
    """All rows of all prompts, and the prompt that each row belongs to."""
    pieces = [units[i : i + 1] for i in range(len(units))] if isinstance(units, np.ndarray) else list(units)
    if not pieces or not all(len(piece) for piece in pieces):
        raise ValueError(f"expected at least one prompt and one row for each, got {[len(x) for x in pieces]}")
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    return np.concatenate(pieces).astype(np.float64), owner


def _t(level: float, p: int) -> float:
    return float(scipy_stats.t.ppf((1 + level) / 2, p - 1))


def paired_test(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    rng: np.random.Generator,
    weights: npt.ArrayLike | None = None,
    n: int = RESAMPLES,
    level: float = 0.95,
    proportion: bool = False,
    tests: int = 1,
) -> PairedResult:
    """Sign-flip permutation test of the (weighted) mean difference on the same prompts.

    All 2^P sign patterns where they are no more than n; else n random ones and p = (1 + count) / (1 + n), never 0.

    Args:
        a: (P,) per-prompt means of one model.
        b: (P,) of the other, same prompts in the same order.
        rng: draws the signs and the resamples of the interval.
        weights: (P,) positive, shared by both models.
        n: random sign patterns.
        level: of the interval and of the minimum detectable effect.
        proportion: as in `mean_interval`.
        tests: how many share the error of 1 - `level` (Holm's first step): the detectable effect grows with them.
    """
    (x, w), (y, _) = _checked(a, weights), _checked(b, weights)
    d = x - y
    delta, p = sign_flip(d, w, rng, n)
    if len(d) == 1:
        return PairedResult(delta, None, p, 1, None)
    both = np.concatenate([x, y])
    if proportion and np.ptp(d) == 0 and bool(np.isin(both, (0.0, 1.0)).all()):
        # No pair disagrees with the others: what P such pairs can exclude, instead of zero width.
        unseen = _interval_of_proportion(np.zeros_like(d), w, level)
        margin = unseen.hi if unseen else 0.0
        ci, error = (max(-1.0, float(d[0]) - margin), min(1.0, float(d[0]) + margin)), margin / _t(level, len(d))
    else:
        interval = _interval_of_mean(d, w, rng, level)
        ci = (interval.lo, interval.hi) if interval else (float(d[0]), float(d[0]))
        error = float(_ratios(d[None], w[None], np.ones((1, len(d))))[1][0, 0])
    return PairedResult(delta, ci, p, len(d), _min_detectable(error, len(d), n, (1 - level) / tests))


def sign_flip(d: Array, weights: Array, rng: np.random.Generator, n: int) -> tuple[float, float]:
    """The weighted mean of (P,) differences, and its p-value among the means with signs flipped."""
    share = weights * d / weights.sum()
    flipped = (1.0 - 2.0 * _flips(rng, len(d), n)) @ share
    delta = float(share.sum())
    return delta, _p_value(flipped, delta, exact=_exact(len(d), n))


def paired_set_test(
    statistic: Statistic,
    a_units: Units,
    b_units: Units,
    rng: np.random.Generator,
    n: int = 1000,
    level: float = 0.95,
    tests: int = 1,
) -> PairedResult:
    """The same test for statistics of whole sets: swaps the two models' rows within prompts and recomputes.

    The interval is a jackknife over prompts, each deleted from both sets.

    Args:
        statistic: called 2 (n + P + 1) times on (rows, ...) arrays.
        a_units: one entry per prompt of one model.
        b_units: of the other, same prompts in the same order.
        rng: draws the swaps.
        n: random swaps; all 2^P where they are no more.
        level: of the interval and of the minimum detectable effect.
        tests: as in `paired_test`.
    """
    if len(a_units) != len(b_units):
        raise ValueError(f"expected the same prompts on both sides, got {len(a_units)} and {len(b_units)}")
    (a, a_owner), (b, b_owner) = _stacked(a_units), _stacked(b_units)
    p = len(a_units)
    rows, owner = np.concatenate([a, b]), np.concatenate([a_owner, b_owner])
    is_b = np.repeat([False, True], [len(a), len(b)])

    def difference(side: npt.NDArray[np.bool_], keep: npt.NDArray[np.bool_]) -> float:
        return float(statistic(rows[~side & keep])) - float(statistic(rows[side & keep]))

    everything = np.ones(len(rows), dtype=bool)
    delta = difference(is_b, everything)
    swapped = np.array([difference(is_b ^ flip[owner], everything) for flip in _flips(rng, p, n)])
    p_value = _p_value(swapped, delta, exact=_exact(p, n))
    if p == 1:
        return PairedResult(delta, None, p_value, 1, None)
    error = _jackknife_error(lambda keep: difference(is_b, keep[owner]), p)
    half = _t(level, p) * error
    detectable = _min_detectable(error, p, n, (1 - level) / tests)
    return PairedResult(delta, (delta - half, delta + half), p_value, p, detectable)


def _exact(p: int, n: int) -> bool:
    """Whether all 2^P relabellings are tried."""
    return 2**p <= n


def _flips(rng: np.random.Generator, p: int, n: int) -> npt.NDArray[np.bool_]:
    """(2^P or n, P) which prompts have their labels swapped."""
    if _exact(p, n):
        return (np.arange(2**p)[:, None] >> np.arange(p) & 1).astype(bool)
    return rng.integers(0, 2, size=(n, p), dtype=np.int8).astype(bool)


def _p_value(permuted: Array, observed: float, exact: bool) -> float:
    # Rounding must not make a pattern's exact tie with the observed difference look smaller than it.
    tolerance = 1e-9 * max(abs(observed), float(np.abs(permuted).max()))
    count = int((np.abs(permuted) >= abs(observed) - tolerance).sum())
    return count / len(permuted) if exact else (1 + count) / (1 + len(permuted))


def _min_detectable(error: float, p: int, n: int, alpha: float) -> float | None:
    """Difference that a two-sided t test at level alpha with this standard error finds with 80 % power."""
    smallest = 2 / 2**p if _exact(p, n) else 1 / (1 + n)
    if smallest > alpha * (1 + 1e-9):  # 1 - 0.95 is not quite 0.05
        return None
    return (_t(1 - alpha, p) + float(scipy_stats.t.ppf(POWER, p - 1))) * error


def holm(p: npt.ArrayLike) -> Array:
    """(K,) p-values adjusted by Holm (1979), in the order given: the family-wise error stays at the level."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    scaled = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0) if len(raw) else scaled
    return adjusted
