"""Paired tests: hand-derived numbers, invariances, false alarms by simulation, and many tests at once."""

import numpy as np
import pytest

from jova_bench import stats
from jova_bench.stats import holm, mean_interval, means, paired_set_test, paired_test


def rng(seed=0):
    return np.random.default_rng(seed)


def mean(rows):
    return float(rows.mean())


SETS = 2000


# --- paired tests ---


def test_sign_flips_by_hand():
    # Differences 1, 2, 4: sums of the 8 sign patterns are +-7, +-5, +-3, +-1. Only +-7 reach 7: p = 2/8.
    found = paired_test([2.0, 4.0, 8.0], [1.0, 2.0, 4.0], rng())
    assert (found.p, found.delta, found.n_pairs) == (0.25, pytest.approx(7 / 3), 3)
    # Differences 1, -2, 4: the sum 3 is reached by +-7, +-5 and +-3: p = 6/8.
    assert paired_test([1.0, 0.0, 4.0], [0.0, 2.0, 0.0], rng()).p == 0.75
    assert found.min_detectable is None  # 3 pairs never reach p < 0.05


def test_weights_count_in_the_paired_test():
    # w d = 3, -1: the sum 2 is reached by +-4 and +-2, all 4 patterns. delta = 2 / 4.
    found = paired_test([1.0, 0.0], [0.0, 1.0], rng(), weights=[3.0, 1.0])
    assert (found.p, found.delta) == (1.0, 0.5)


def test_p_is_never_0_and_ties_count_despite_rounding():
    assert paired_test(np.full(40, 0.3), np.full(40, 0.1), rng(), n=999).p == 1 / 1000
    # 0.1 + 0.2 - 0.3 is not 0 in floating point; every pattern is at least as far from 0 as 0.
    assert paired_test([0.1, 0.2, -0.3], [0.0, 0.0, 0.0], rng()).p == 1.0


def test_paired_interval_is_that_of_the_differences():
    a, b = rng(21).normal(size=(2, 30))
    found, of_difference = paired_test(a, b, rng(22)), mean_interval(a - b, rng(22))
    assert found.ci == pytest.approx((of_difference.lo, of_difference.hi))


def test_swapping_the_models_mirrors_the_result():
    a, b = rng(23).exponential(size=(2, 60))
    one, other = paired_test(a, b, rng(24)), paired_test(b, a, rng(24))
    assert (one.delta, one.p, *one.ci) == pytest.approx((-other.delta, other.p, -other.ci[1], -other.ci[0]))


def test_minimum_detectable_effect_is_found_four_times_in_five():
    # sd 1 at 40 pairs: (t(0.975, 39) + t(0.8, 39)) / sqrt(40) = (2.0227 + 0.8512) / 6.3246 = 0.4544.
    d = np.tile([-1.0, 1.0], 20) * np.sqrt(39 / 40)  # sample sd 1
    effect = paired_test(d, np.zeros(40), rng()).min_detectable
    assert effect == pytest.approx(0.4544, abs=1e-3)
    draws = rng(25).normal(effect, 1, size=(1000, 40))
    found = [stats.sign_flip(row, np.ones(40), rng(26), 999)[1] <= 0.05 for row in draws]
    assert 0.76 <= np.mean(found) <= 0.84


def test_two_perfect_models_are_not_known_to_be_equal():
    found = paired_test(np.ones(100), np.ones(100), rng(), proportion=True)
    assert (found.delta, found.p) == (0.0, 1.0)
    assert found.ci == pytest.approx((-0.0444, 0.0444), abs=1e-3)
    assert found.min_detectable > 0.05
    assert paired_test(np.ones(100), np.ones(100), rng()).ci == (0.0, 0.0)


def test_tests_that_share_their_draws_say_what_each_says_alone():
    a, b, c = rng(32).exponential(size=(3, 60))
    shared = stats.Draws(rng(33), 60)
    for other in (b, c):
        assert paired_test(a, other, shared) == paired_test(a, other, rng(33))


@pytest.mark.parametrize("p", [7, 61])
def test_blocks_of_resamples_and_signs_change_nothing(monkeypatch, p):
    """The generator's stream is the same whatever is held at once; products may differ in their last digits."""
    a, b = rng(34).exponential(size=(2, p))
    whole, counts = paired_test(a, b, rng(35), n=1000), stats.resample_counts(rng(36), p, 1000)
    monkeypatch.setattr(means, "BLOCK_NUMBERS", 50 * p)
    np.testing.assert_array_equal(stats.resample_counts(rng(36), p, 1000), counts)
    assert (counts.sum(axis=1) == p).all()
    parts = paired_test(a, b, rng(35), n=1000)
    assert parts.p == whole.p
    assert parts.ci == pytest.approx(whole.ci, rel=1e-12)


def test_one_pair_says_nothing():
    assert paired_test([1.0], [0.0], rng()) == stats.PairedResult(1.0, None, 1.0, 1, None)


@pytest.mark.parametrize("p", [10, 60])
def test_false_alarms_of_the_paired_test(p):
    a, b = rng(27).exponential(size=(2, SETS, p))
    alarms = [stats.sign_flip(a[i] - b[i], np.ones(p), rng(i), 499)[1] <= 0.05 for i in range(SETS)]
    assert 3.5 <= 100 * np.mean(alarms) <= 6.5


def test_set_test_of_a_mean_is_the_paired_test():
    a, b = rng(28).normal(size=(2, 9))
    found, expected = paired_set_test(mean, a, b, rng()), paired_test(a, b, rng())
    assert (found.p, found.delta, found.n_pairs) == pytest.approx((expected.p, expected.delta, 9))
    assert found.ci == pytest.approx(expected.ci)
    assert found.min_detectable == pytest.approx(expected.min_detectable)


def test_set_test_swaps_all_seeds_of_a_prompt_together():
    a, b = rng(29).normal(size=(2, 8, 1))
    twice = [np.repeat(x[:, None], 2, axis=1) for x in (a, b)]
    assert paired_set_test(mean, list(twice[0]), list(twice[1]), rng()).p == paired_set_test(mean, a, b, rng()).p


def test_set_test_sees_a_change_of_spread_that_leaves_the_mean():
    a, b = rng(30).normal(size=(2, 60, 2))
    found = paired_set_test(lambda rows: float(rows.std()), 2 * a, b, rng(31), n=199)
    assert found.p == 1 / 200
    assert found.ci[0] > 0.5
    assert paired_set_test(lambda rows: float(rows.std()), a, b, rng(31), n=199).p > 0.05


def test_sides_with_different_prompts_are_refused():
    with pytest.raises(ValueError, match="same prompts"):
        paired_set_test(mean, np.ones((3, 1)), np.ones((4, 1)), rng())


# --- many metrics ---


def test_holm_by_hand():
    # Sorted 0.01, 0.03, 0.04 times 3, 2, 1 = 0.03, 0.06, 0.04; made monotone: 0.03, 0.06, 0.06.
    assert holm([0.04, 0.01, 0.03]).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_many_tests_need_larger_effects():
    # As above at level 0.05 / 10: (t(0.9975, 39) + t(0.8, 39)) / sqrt(40) = (2.9756 + 0.8509) / 6.3246 = 0.6050.
    d = np.tile([-1.0, 1.0], 20) * np.sqrt(39 / 40)
    assert paired_test(d, np.zeros(40), rng(), tests=10).min_detectable == pytest.approx(0.6050, abs=1e-4)
    assert paired_test(d, np.zeros(40), rng(), tests=10).ci == paired_test(d, np.zeros(40), rng()).ci
    # 8 prompts have p >= 2/256 = 0.0078: enough for 6 tests (0.0083), too much for 7 (0.0071).
    few = paired_test(d[:8], np.zeros(8), rng(), tests=6), paired_set_test(mean, d[:8], -d[:8], rng(), tests=6)
    assert None not in [found.min_detectable for found in few]
    assert paired_test(d[:8], np.zeros(8), rng(), tests=7).min_detectable is None
    assert paired_set_test(mean, d[:8], -d[:8], rng(), tests=7).min_detectable is None
    # 99 random patterns have p >= 1/100.
    assert paired_test(d, np.zeros(40), rng(), n=99, tests=5).min_detectable is not None
    assert paired_test(d, np.zeros(40), rng(), n=99, tests=6).min_detectable is None
