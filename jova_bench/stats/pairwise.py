"""Fits strengths to pairwise votes with ties: Davidson's model (1970), of Bradley and Terry's.

Of two items of strengths a and b (logarithms), the first wins with a probability in proportion to exp(a), the second
to exp(b), and neither to nu exp((a + b) / 2). Davidson's model and not Rao and Kupper's (1967), because it is an
exponential family whose equations count a tie as half a win of each: strengths reproduce every item's points, the
likelihood has one maximum, and exp(a - b) stays the odds among votes that decide, however many are ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.stats.clusters import Array, Clustered, Labels, two_way

Outcomes = npt.NDArray[np.int8]
"""(N,) 1 where the first of two items won, -1 where the second did, 0 for a tie."""
WIN, TIE, LOSS = 1, 0, -1
CONVERGED = 1e-8
"""Largest derivative per vote at which the fit is at its maximum."""


class NoStrengths(ValueError):
    """Raised where votes have no finite strengths."""

    def __init__(self, message: str, above: Sequence[int] = (), below: Sequence[int] = ()) -> None:
        """Stores the message, and which items never lost to which others, where that is why."""
        super().__init__(message)
        self.above, self.below = tuple(above), tuple(below)


@dataclass(frozen=True)
class Strengths:
    """Holds the strengths of M items."""

    values: Array
    """(M,) logarithms, of mean 0."""
    tie: float | None
    """Logarithm of nu; None where no vote is a tie, which is nu = 0."""

    def probabilities(self, first: int, second: int) -> tuple[float, float, float]:
        """Returns the probabilities that the first wins, of a tie, and that the second wins."""
        p = _probabilities(np.array([self.values[first] - self.values[second]]), self.tie)[0]
        return float(p[0]), float(p[1]), float(p[2])


def davidson(first: Labels, second: Labels, outcomes: Outcomes, count: int, ridge: float = 0.0) -> Strengths:
    """Fits by maximum likelihood.

    Args:
        first: (N,) number of one item of each vote, from 0.
        second: (N,) of the other.
        outcomes: (N,) for the first item.
        count: M, the number of items.
        ridge: weight of a penalty on squared strengths (and the tie's), with which any votes have finite ones: for
            orders within resamples, not for estimates.

    Raises:
        NoStrengths: no votes connect all items, all are ties, or some items never lost to the others.
    """
    if _parts(first, second, count) > 1:
        raise NoStrengths("no votes connect all of them")
    if not outcomes.any():
        raise NoStrengths("every vote is a tie")
    ties = bool((outcomes == TIE).any())
    pairs, counts = _counted(first, second, outcomes, count)
    design = _design(pairs, count)
    if ridge == 0.0:
        _check_finite(design, counts, ties)
    totals, size = counts.sum(axis=1), count - 1 + ties

    def negative(beta: Array) -> float:
        p = _probabilities(design @ beta[: count - 1], float(beta[-1]) if ties else None)
        logarithms = np.log(np.where(counts > 0, p, 1.0))
        return float(ridge / 2 * beta @ beta - (counts * logarithms).sum()) / float(totals.sum())

    def derivatives(beta: Array) -> tuple[Array, Array]:
        p = _probabilities(design @ beta[: count - 1], float(beta[-1]) if ties else None)
        gradient, hessian = _derivatives(design, counts, totals, p, ties)
        return (ridge * beta - gradient) / totals.sum(), (hessian + ridge * np.eye(size)) / totals.sum()

    from scipy.optimize import minimize

    found = minimize(  # type: ignore[call-overload]  # Its stubs know no arrays of any shape.
        negative, np.zeros(size), jac=lambda beta: derivatives(beta)[0], hess=lambda beta: derivatives(beta)[1],
        method="trust-exact", options={"gtol": CONVERGED},
    )  # fmt: skip
    if not np.abs(found.jac).max() < 1e3 * CONVERGED:
        raise NoStrengths("the fit did not converge")
    theta = np.append(found.x[: count - 1], 0.0)
    return Strengths(theta - theta.mean(), float(found.x[-1]) if ties else None)


def variance(fit: Strengths, first: Labels, second: Labels, outcomes: Outcomes, a: Labels, b: Labels) -> Clustered:
    """Computes the two-way clustered variance of strengths; contrasts are over M strengths, and sum to 0.

    Args:
        fit: strengths of these votes.
        first: as in `davidson`.
        second: as in `davidson`.
        outcomes: as in `davidson`.
        a: (N,) clusters of one kind.
        b: (N,) of the other.

    Raises:
        TooFewClusters: as `clusters.two_way`.
    """
    count, ties = len(fit.values), int(fit.tie is not None)
    design = _design(np.stack([first, second], axis=1), count)  # (N, M - 1)
    p = _probabilities(fit.values[first] - fit.values[second], fit.tie)
    # Per vote: s is 1, 0 or -1 with mean mu; t is whether it is a tie.
    mu, decided = p[:, 0] - p[:, 2], p[:, 0] + p[:, 2]
    directions = np.concatenate([design / 2, np.zeros((len(design), ties))], axis=1)
    scores = (outcomes - mu)[:, None] * directions
    information = (decided - mu**2)[:, None, None] * directions[:, :, None] * directions[:, None, :]
    if ties:
        scores[:, -1] = (outcomes == TIE) - p[:, 1]
        cross = -(mu * p[:, 1])[:, None] * directions[:, :-1]
        information[:, :-1, -1] = information[:, -1, :-1] = cross
        information[:, -1, -1] = p[:, 1] * (1 - p[:, 1])
    found = two_way(scores, information, a, b)
    # Back from differences to the last item, without the tie, to M strengths of which contrasts are taken.
    back = np.zeros((count, count - 1 + ties))
    back[: count - 1, : count - 1] = np.eye(count - 1)
    parts = (found.both, found.first, found.second, found.cell, found.single)
    both, by_a, by_b, cell, single = (back @ one @ back.T for one in parts)
    return Clustered(both, by_a, by_b, cell, single, found.df)


def _parts(first: Labels, second: Labels, count: int) -> int:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return int(connected_components(graph, directed=False)[0])


def _counted(first: Labels, second: Labels, outcomes: Outcomes, count: int) -> tuple[Labels, Array]:
    """Returns the (K, 2) pairs that were compared, lower number first, and their (K, 3) wins, ties and losses."""
    swapped = first > second
    low, high = np.where(swapped, second, first), np.where(swapped, first, second)
    signed = np.where(swapped, -outcomes, outcomes).astype(np.intp)
    keys, places = np.unique(low * count + high, return_inverse=True)
    counts = np.zeros((len(keys), 3))
    np.add.at(counts, (places, 1 - signed), 1.0)
    return np.stack([keys // count, keys % count], axis=1), counts


def _design(pairs: Labels, count: int) -> Array:
    """Returns the (K, M - 1) differences of strengths, of which the last item's is 0."""
    design = np.zeros((len(pairs), count))
    rows = np.arange(len(pairs))
    design[rows, pairs[:, 0]] = 1.0
    design[rows, pairs[:, 1]] -= 1.0
    return design[:, :-1]


def _probabilities(d: Array, tie: float | None) -> Array:
    """Returns (K, 3) probabilities of win, tie and loss for (K,) differences of strengths."""
    utilities = np.stack([d / 2, np.full_like(d, -np.inf if tie is None else tie), -d / 2], axis=1)
    weights = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    found: Array = weights / weights.sum(axis=1, keepdims=True)
    return found


def _derivatives(design: Array, counts: Array, totals: Array, p: Array, ties: bool) -> tuple[Array, Array]:
    """Returns the (q,) gradient of the log-likelihood, and the (q, q) information."""
    mu, decided = p[:, 0] - p[:, 2], p[:, 0] + p[:, 2]
    gradient = design.T @ (counts[:, 0] - counts[:, 2] - totals * mu) / 2
    hessian = design.T @ (design * (totals * (decided - mu**2))[:, None]) / 4
    if not ties:
        return gradient, hessian
    cross = -design.T @ (totals * mu * p[:, 1]) / 2
    corner = float((totals * p[:, 1] * (1 - p[:, 1])).sum())
    gradient = np.append(gradient, (counts[:, 1] - totals * p[:, 1]).sum())
    return gradient, np.block([[hessian, cross[:, None]], [cross[None], np.array([[corner]])]])


def _check_finite(design: Array, counts: Array, ties: bool) -> None:
    """Raises NoStrengths if the likelihood has no maximum: a direction that no vote speaks against.

    For each outcome that occurred, and each other that could, a direction must not lower the difference of their
    utilities; one that raises any of them never ends. A linear program finds it.
    """
    from scipy.optimize import linprog

    q = design.shape[1] + ties
    levels = (WIN, TIE, LOSS) if ties else (WIN, LOSS)
    rows = []
    for pair, of_pair in zip(design, counts, strict=True):
        utility = {s: np.append(s * pair / 2, float(s == TIE)) if ties else s * pair / 2 for s in levels}
        rows += [utility[s] - utility[other] for s in levels if of_pair[1 - s] for other in levels if other != s]
    constraints = np.array(rows)
    found = linprog(
        -constraints.sum(axis=0), A_ub=-constraints, b_ub=np.zeros(len(constraints)), bounds=[(-1.0, 1.0)] * q
    )
    if found.status != 0 or found.x is None or (constraints @ found.x).sum() < 1e-7:
        return
    direction = np.append(found.x[: design.shape[1]], 0.0)
    top = direction.max()
    above = [int(k) for k in np.flatnonzero(direction > top - 1e-7)]
    below = [k for k in range(len(direction)) if k not in above]
    raise NoStrengths("some never lost to the others", above, below)
