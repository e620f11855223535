"""Computes statistics of whole sets and their jackknife intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from jova_bench.stats.means import Array, Interval
from jova_bench.stats.quantiles import t_quantile

Units = Array | Sequence[Array]
"""Rows by prompt: a (P, ...) array, or P arrays of shape (seeds, ...)."""
Statistic = Callable[[Array], float]
"""Statistic computed on a whole set of rows, e.g. a Frechet distance."""
Chosen = npt.NDArray[np.bool_]
"""(S, U) membership of U units in each of S sets."""
OfChosen = Callable[[Chosen], Array]
"""Statistic of S sets of the same units, (S,): computing all at once can share work among them."""

JACKKNIFE_GROUPS = 200
"""Maximum number of jackknife groups; more prompts are left out in groups of about equal size."""


def one_by_one(statistic: Statistic, units: Units) -> OfChosen:
    """Returns a function that computes the statistic of each set's rows separately.

    Args:
        statistic: of (rows, ...) arrays.
        units: one entry per prompt; a prompt's seeds are chosen together.
    """
    pieces = [units[i : i + 1] for i in range(len(units))] if isinstance(units, np.ndarray) else list(units)
    if not pieces or not all(len(piece) for piece in pieces):
        raise ValueError(f"expected at least one prompt and one row for each, got {[len(x) for x in pieces]}")
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    rows = np.concatenate(pieces).astype(np.float64)
    return lambda chosen: np.array([float(statistic(rows[one[owner]])) for one in chosen])


def jackknife_interval(statistic: Statistic, units: Units, level: float = 0.95) -> Interval | None:
    """Computes `jackknife_of_chosen` for a statistic that is called at most P + 1 times on (rows, ...) arrays.

    Args:
        statistic: of the rows of a set.
        units: one entry per prompt; a prompt's seeds leave together.
        level: nominal coverage.
    """
    return jackknife_of_chosen(one_by_one(statistic, units), len(units), level)


def jackknife_of_chosen(statistic: OfChosen, p: int, level: float = 0.95) -> Interval | None:
    """Runs a delete-one-prompt jackknife (in groups above 200) of a statistic of a set; None for a single prompt.

    A bootstrap would repeat rows, which inflates Frechet distances; deleting a prompt does not. The
    interval is centred on the statistic as reported: it speaks of sets of this size, bias included.

    Args:
        statistic: of sets of P prompts.
        p: how many prompts there are.
        level: nominal coverage.
    """
    if p == 1:
        return None
    value, *left_out = statistic(np.concatenate([np.ones((1, p), dtype=bool), leaving_out(p)])).tolist()
    half = quantile_of_t(level, p) * jackknife_error(np.array(left_out))
    return Interval(value, value - half, value + half, "jackknife")


def leaving_out(p: int) -> Chosen:
    """Returns (G, P) masks of all prompts but one, or but one of 200 groups of prompts.

    A distance in 2,048 dimensions takes seconds; that of thousands of sets that lack one prompt each would take days.
    """
    groups = min(p, JACKKNIFE_GROUPS)
    return np.arange(p) % groups != np.arange(groups)[:, None]


def jackknife_error(left_out: Array) -> float:
    """Computes the standard error from the (G,) statistics of the sets of `leaving_out`."""
    groups = len(left_out)
    return float(np.sqrt((groups - 1) / groups * ((left_out - left_out.mean()) ** 2).sum()))


def quantile_of_t(level: float, p: int) -> float:
    """Returns the half width of a two-sided interval over P prompts in standard errors."""
    return t_quantile((1 + level) / 2, p - 1)
