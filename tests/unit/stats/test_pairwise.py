"""Davidson's model by hand and by its equations, when it has no strengths, and variances over two clusterings."""

import numpy as np
import pytest

from jova_bench.stats.clusters import TooFewClusters, mean_of, share_of, two_way
from jova_bench.stats.pairwise import NoStrengths, davidson, variance


def votes(*rows):
    """(first, second, outcome, how often) as arrays."""
    parts = np.array([row[:3] for row in rows for _ in range(row[3])])
    return parts[:, 0], parts[:, 1], parts[:, 2].astype(np.int8)


def test_two_items_are_fitted_exactly():
    # 12 wins, 6 losses and 9 ties of 27: odds of 2, and nu = 9 / sqrt(12 * 6).
    fit = davidson(*votes((0, 1, 1, 8), (1, 0, -1, 4), (0, 1, -1, 6), (1, 0, 0, 9)), 2)
    assert np.ptp(fit.values) == pytest.approx(np.log(2), abs=1e-6)
    assert fit.tie == pytest.approx(np.log(9 / np.sqrt(72)), abs=1e-6)
    assert fit.probabilities(0, 1) == pytest.approx((12 / 27, 9 / 27, 6 / 27), abs=1e-6)
    without = davidson(*votes((0, 1, 1, 3), (0, 1, -1, 1)), 2)
    assert (np.ptp(without.values), without.tie) == (pytest.approx(np.log(3), abs=1e-6), None)


def test_strengths_reproduce_points_and_ties():
    rng = np.random.default_rng(3)
    first = rng.integers(0, 5, 300)
    second = (first + rng.integers(1, 5, 300)) % 5
    outcomes = rng.integers(-1, 2, 300).astype(np.int8)
    fit = davidson(first, second, outcomes, 5)
    points, expected, ties = np.zeros(5), np.zeros(5), 0.0
    for a, b, outcome in zip(first, second, outcomes, strict=True):
        win, tie, loss = fit.probabilities(a, b)
        points[[a, b]] += (1 + outcome) / 2, (1 - outcome) / 2
        expected[[a, b]] += win + tie / 2, loss + tie / 2
        ties += tie
    assert expected == pytest.approx(points, abs=1e-4)  # The likelihood's equations.
    assert ties == pytest.approx((outcomes == 0).sum(), abs=1e-4)
    assert fit.values.sum() == pytest.approx(0, abs=1e-12)
    names = np.array([3, 1, 4, 0, 2])  # Another order of items, and the other side.
    again = davidson(names[second], names[first], (-outcomes).astype(np.int8), 5)
    assert again.values[names] == pytest.approx(fit.values, abs=1e-6)


@pytest.mark.parametrize(
    ("rows", "message", "above"),
    [
        ([(0, 1, 1, 5)], "never lost", (0,)),
        ([(0, 1, 1, 5), (0, 1, 0, 2)], "never lost", (0,)),
        ([(0, 1, 1, 2), (0, 1, -1, 1), (1, 2, 1, 4), (0, 2, 1, 1)], "never lost", (0, 1)),
        ([(0, 1, 0, 5)], "every vote is a tie", ()),
        ([(0, 1, 1, 1), (0, 1, -1, 1)], "no votes connect", ()),
    ],
)
def test_what_has_no_finite_strengths_says_why(rows, message, above):
    count = 3 if "connect" in message else 1 + max(max(row[:2]) for row in rows)
    with pytest.raises(NoStrengths, match=message) as caught:
        davidson(*votes(*rows), count)
    assert caught.value.above == above
    if "never" in message:
        assert np.isfinite(davidson(*votes(*rows), count, ridge=0.1).values).all()


def test_the_jackknife_of_a_mean_is_exact():
    values, cell = np.array([1.0, 4.0, 4.0, 9.0]), np.arange(4)
    mean, found = mean_of(values, cell, cell)
    # Leave-one-out means of single values: their jackknife is s^2 / n.
    assert (mean, found.df) == (4.5, 3)
    assert found.error([1.0]) ** 2 == pytest.approx(np.var(values, ddof=1) / 4)
    # Two raters, two prompts: each cluster's leave-one-out mean by hand.
    rater, prompt = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    _, crossed = mean_of(values, rater, prompt)
    by_rater = ((6.5 - 4.5) ** 2 + (2.5 - 4.5) ** 2) / 2
    by_prompt = ((6.5 - 4.5) ** 2 + (2.5 - 4.5) ** 2) / 2
    assert float(crossed.first[0, 0]) == pytest.approx(by_rater)
    assert float(crossed.both[0, 0]) == pytest.approx(by_rater + by_prompt - np.var(values, ddof=1) / 4)


@pytest.mark.parametrize("each", [1, 3])
def test_clusters_that_are_alike_by_chance_leave_the_spread_of_single_votes(each):
    """Three raters and three prompts with equal shares: no cluster differs, yet so few votes are not certain."""
    values = (1 - np.eye(3)).ravel() if each == 1 else np.tile([0.0, 1.0, 1.0], 9)  # A third of each is 0.
    rater, prompt = np.repeat(np.arange(3), 3 * each), np.tile(np.repeat(np.arange(3), each), 3)
    _, found = mean_of(values, rater, prompt)
    assert np.allclose([found.first, found.second], 0)
    assert found.error([1.0]) ** 2 == pytest.approx(np.var(values, ddof=1) / len(values))
    if each == 1:
        share = share_of(values, rater, prompt)
        # Standard error 1/6: (2/3 - 1/2) / (1/6) is 1; beyond it Student's t (2 degrees) has 1 - 1/sqrt(3).
        assert (share.ci, share.p) == ((0.0, 1.0), pytest.approx(1 - 3**-0.5))


def test_repeated_votes_add_nothing():
    rng = np.random.default_rng(1)
    first, outcomes = np.zeros(60, int), rng.integers(-1, 2, 60).astype(np.int8)
    second, rater, prompt = first + 1, np.arange(60) % 10, np.arange(60) % 6
    fit = davidson(first, second, outcomes, 2)
    once = variance(fit, first, second, outcomes, rater, prompt)
    thrice = [np.tile(one, 3) for one in (first, second, outcomes, rater, prompt)]
    again = variance(davidson(*thrice[:3], 2), *thrice)
    for kind in ("both", "first", "second", "cell"):
        assert getattr(again, kind) == pytest.approx(getattr(once, kind), rel=1e-5), kind
    assert again.single == pytest.approx(once.single / 3, rel=0.02)  # (n - 1) / n apart.


def test_too_few_clusters_are_said():
    with pytest.raises(TooFewClusters, match="at least 2"):
        mean_of([1.0, 2.0], np.array([0, 0]), np.array([0, 1]))
    scores, information = np.ones((2, 2)), np.stack([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])
    with pytest.raises(TooFewClusters, match="one cluster alone"):
        two_way(scores, information, np.array([0, 1]), np.array([0, 1]))
