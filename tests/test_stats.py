"""Intervals and paired tests against closed forms, scipy, hand counts and simulation."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from jova_bench import stats
from jova_bench.stats import holm, jackknife_interval, mean_interval, means, paired_set_test, paired_test, seed_average


def rng(seed=0):
    return np.random.default_rng(seed)


def mean(rows):
    return float(rows.mean())


# --- averaging seeds ---


def test_seeds_are_averaged_within_prompt_whatever_the_order_of_rows():
    ids, values = seed_average([1.0, 5.0, 3.0, 7.0], ["b", "a", "b", "a"])
    assert ids == ["a", "b"]
    assert values.tolist() == [6.0, 2.0]


# --- intervals of means ---


def test_few_prompts_get_students_t():
    values = rng(1).normal(3, 2, size=20)
    found = mean_interval(values, rng())
    lo, hi = scipy_stats.t.interval(0.95, 19, values.mean(), scipy_stats.sem(values))
    assert found.method == "t"
    assert (found.value, found.lo, found.hi) == pytest.approx((values.mean(), lo, hi))


def test_studentised_interval_of_normal_values_approaches_the_t_interval():
    # For normal data the studentised mean has a t distribution exactly, so the bootstrap estimates that.
    values = scipy_stats.norm.ppf((np.arange(400) + 0.5) / 400)
    found = mean_interval(values, rng())
    lo, hi = scipy_stats.t.interval(0.95, 399, values.mean(), scipy_stats.sem(values))
    assert found.method == "studentised"
    assert found.lo == pytest.approx(lo, rel=0.03)
    assert found.hi == pytest.approx(hi, rel=0.03)


def test_skew_shifts_the_studentised_interval_towards_the_tail():
    found = mean_interval(rng(2).exponential(size=80), rng())
    assert found.hi - found.value > 1.1 * (found.value - found.lo)


def test_interval_follows_shift_and_scale():
    values = rng(3).exponential(size=60)
    plain, moved = mean_interval(values, rng(4)), mean_interval(1e6 - 10 * values, rng(4))
    assert (moved.value, moved.hi, moved.lo) == pytest.approx([1e6 - 10 * x for x in (plain.value, plain.lo, plain.hi)])


def test_weighted_interval_is_of_the_ratio():
    # (1 word, 1 wrong), (3 words, 0 wrong): 1 of 4 words, not the mean of the shares (0.5).
    found = mean_interval([1.0, 0.0], rng(), weights=[1.0, 3.0])
    assert found.value == 0.25
    assert found.method == "studentised"


def test_linearised_error_of_a_ratio_by_hand():
    # v = 1, 0 and w = 1, 3: R = 1/4, residuals w (v - R) = 3/4, -3/4; sqrt(9/8 * 2/1) / 4 = 0.375.
    ratio, error = means.ratios(np.array([[1.0, 0.0]]), np.array([[1.0, 3.0]]), np.ones((1, 2)))
    assert (ratio[0, 0], error[0, 0]) == pytest.approx((0.25, 0.375))


def test_equal_weights_change_nothing():
    values = rng(5).exponential(size=60)
    plain, weighted = mean_interval(values, rng(6)), mean_interval(values, rng(6), weights=np.full(60, 4.0))
    assert (plain.lo, plain.hi) == pytest.approx((weighted.lo, weighted.hi))


@pytest.mark.parametrize(("ones", "p"), [(0, 100), (3, 20), (50, 100), (98, 100), (100, 100)])
def test_proportions_get_agresti_and_coulls_interval(ones, p):
    # Add z^2 / 2 = 1.92 successes and as many failures, then Wald's formula.
    z = 1.959964
    centre = (ones + z * z / 2) / (p + z * z)
    half = z * np.sqrt(centre * (1 - centre) / (p + z * z))
    found = mean_interval([1.0] * ones + [0.0] * (p - ones), rng(), proportion=True)
    assert (found.lo, found.hi) == pytest.approx((max(0, centre - half), min(1, centre + half)), abs=1e-6)
    assert found.lo <= found.value == ones / p <= found.hi


def test_a_share_of_several_seeds_by_hand():
    # 11 prompts all right and one with 2 of 3: 35 of 36. z^2 = 3.8415 prompts are added, half of them right:
    # centre (35/3 + 1.92073) / 15.84146 = 0.857711. Mean square (11 + 4/9 + 1.92073) / 15.84146 = 0.843683, so the
    # spread is 0.843683 - 0.735668 = 0.108015, and half a width 1.959964 sqrt(0.108015 / 15.84146) = 0.161842.
    values = np.array([1.0] * 11 + [2 / 3])
    found = mean_interval(values, rng(), proportion=True)
    assert (found.value, found.lo, found.hi) == pytest.approx((35 / 36, 0.695869, 1.0), abs=2e-6)
    mirrored = mean_interval(1 - values, rng(), proportion=True)
    assert (mirrored.lo, mirrored.hi) == pytest.approx((0.0, 0.304131), abs=2e-6)


@pytest.mark.parametrize("p", [2, 12, 49, 50, 128])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_shares_stay_shares_and_hold_their_value(p, seeds):
    draws = rng(seeds)
    for truth in (0.0, 0.03, 0.5, 0.97, 1.0):
        for _ in range(20):
            found = mean_interval(draws.binomial(seeds, truth, p) / seeds, rng(), proportion=True)
            assert 0 <= found.lo <= found.value <= found.hi <= 1
            assert found.lo < found.hi


def test_seeds_that_agree_count_once_and_a_wrong_clip_never_makes_narrower():
    right, one_wrong = np.ones(12), np.array([1.0] * 11 + [2 / 3])
    width = [x.hi - x.lo for x in (mean_interval(v, rng(), proportion=True) for v in (right, one_wrong))]
    assert width[1] > width[0]
    # The same share from seeds that vary within prompts and from seeds that agree.
    vary, agree = np.tile([1 / 3, 2 / 3], 20), np.tile([0.0, 1.0], 20)
    vary, agree = (mean_interval(v, rng(), proportion=True) for v in (vary, agree))
    assert vary.value == agree.value == 0.5
    assert vary.hi - vary.lo < 0.5 * (agree.hi - agree.lo)


@pytest.mark.parametrize("p", [12, 80])
def test_rates_of_errors_and_differences_of_shares_stay_what_they_can_be(p):
    rare = np.zeros(p)
    rare[0] = 0.2
    for values in (rare, 1 - rare):
        for weights in (np.full(p, 5.0), np.arange(p) % 3 + 3.0):
            found = mean_interval(values, rng(), weights=weights, proportion=True)
            assert 0 <= found.lo <= found.value <= found.hi <= 1
    # Words that were not said count, too: with a rate above 1, nothing keeps the mean below it.
    above = mean_interval(np.array([2.0] + [1.0] * (p - 1)), rng(), weights=np.full(p, 5.0), proportion=True)
    assert above.hi > above.value > 1
    for sign in (1, -1):
        ends = (np.ones(p), rare)[::sign]
        found = paired_test(*ends, rng(), proportion=True)
        assert -1 <= found.ci[0] <= found.delta <= found.ci[1] <= 1


def test_equal_models_of_several_seeds_are_not_known_to_be_equal():
    both = np.array([1.0, 2 / 3] * 50)
    found = paired_test(both, both, rng(), proportion=True)
    assert found.delta == 0
    assert found.ci == pytest.approx((-0.0444, 0.0444), abs=1e-3)
    assert paired_test(both, both, rng(), weights=np.full(100, 3.0), proportion=True).ci == (0.0, 0.0)


def test_no_error_seen_is_not_no_error_possible():
    # All word error rates 0. Rule of three: up to 3/60 = 0.05 of prompts may still have one; here a little more.
    found = mean_interval(np.zeros(60), rng(), weights=np.tile([3.0, 6.0], 30), proportion=True)
    assert found.value == found.lo == 0
    assert 0.05 < found.hi < 0.09


def test_other_constants_have_zero_width_and_one_prompt_has_no_interval():
    assert mean_interval([0.1] * 70, rng()) == stats.Interval(0.1, 0.1, 0.1, "constant")
    assert mean_interval([3.0], rng()) is None
    assert mean_interval([1.0], rng(), proportion=True) is None
    # An offset of 0 frames in every clip, or of 0 and 1 frames, is no share of clips.
    assert mean_interval([0.0] * 70, rng()) == stats.Interval(0.0, 0.0, 0.0, "constant")
    assert mean_interval([0.0, 1.0] * 10, rng()).method == "t"


def test_rare_errors_do_not_make_the_interval_explode():
    # Two clips of 100 with errors: 13 % of resamples see none and have no spread of their own.
    values = np.zeros(100)
    values[:2] = 0.2
    found = mean_interval(values, rng(), weights=np.full(100, 5.0))
    assert found.lo >= 0
    assert 0.01 < found.hi < 0.04


def test_same_generator_state_same_interval():
    values = rng(7).exponential(size=60)
    assert mean_interval(values, rng(8)) == mean_interval(values, rng(8))
    assert mean_interval(values, rng(8)) != mean_interval(values, rng(9))


@pytest.mark.parametrize(
    ("values", "weights"), [([], None), ([1.0, np.nan], None), ([1.0, 2.0], [1.0, 0.0]), ([1.0, 2.0], [1.0])]
)
def test_values_that_no_interval_fits_are_refused(values, weights):
    with pytest.raises(ValueError, match="expected"):
        mean_interval(values, rng(), weights)


# --- coverage, by simulation: 2,000 data sets, so +-1 point; `benchmarks/coverage.py` has the full table ---

SETS = 2000


def covered(limits, truth):
    return 100 * np.mean((limits[:, 0] <= truth) & (truth <= limits[:, 1]))


def looped(values):
    found = [mean_interval(row, rng(), proportion=True) for row in values]
    return np.array([(x.lo, x.hi) for x in found])


def resampled(values, weights, seed):
    counts = stats.resample_counts(rng(seed), values.shape[1], 2000)
    blocks = zip(np.split(values, 4), np.split(weights, 4), strict=True)
    return np.concatenate([stats.studentised_limits(v, w, counts, 0.95) for v, w in blocks])


@pytest.mark.parametrize("p", [50, 100])
@pytest.mark.parametrize(
    ("draw", "truth"),
    [(lambda r, s: r.normal(size=s), 0.0), (lambda r, s: r.exponential(size=s), 1.0)],
    ids=["normal", "exponential"],
)
def test_coverage_of_means_from_50_prompts(draw, truth, p):
    values = draw(rng(10), (SETS, p))
    assert 93 <= covered(resampled(values, np.ones_like(values), 11), truth) <= 97


@pytest.mark.parametrize("p", [50, 100])
def test_coverage_of_a_weighted_ratio_from_50_prompts(p):
    values, weights = rng(12).exponential(size=(SETS, p)), rng(13).integers(3, 7, (SETS, p)).astype(float)
    assert 93 <= covered(resampled(values, weights, 14), 1.0) <= 97


def exact_coverage(p, truth):
    """Sums the binomial probability of every count whose interval holds the truth."""
    limits = looped(np.tril(np.ones((p + 1, p)), -1))
    holds = (limits[:, 0] <= truth) & (truth <= limits[:, 1])
    return 100 * scipy_stats.binom.pmf(np.arange(p + 1), p, truth)[holds].sum()


@pytest.mark.parametrize(("p", "low", "high"), [(10, 95, 99.9), (20, 95, 99), (50, 93, 97), (100, 93, 97)])
def test_coverage_of_a_proportion_near_1(p, low, high):
    assert low <= exact_coverage(p, 0.95) <= high


@pytest.mark.parametrize(("p", "skewed_low", "skewed_high"), [(10, 88, 93), (20, 90, 94)])
def test_coverage_below_50_prompts(p, skewed_low, skewed_high):
    # Student's t holds for normal values, and too seldom for exponential ones: 90 % at 10, 92 % at 20.
    assert 93 <= covered(looped(rng(15).normal(size=(SETS, p))), 0.0) <= 97
    assert skewed_low <= covered(looped(rng(16).exponential(size=(SETS, p))), 1.0) <= skewed_high
    # The studentised ratio holds better: about 93 % at both.
    values, weights = rng(17).exponential(size=(SETS, p)), rng(18).integers(3, 7, (SETS, p)).astype(float)
    assert 91 <= covered(resampled(values, weights, 19), 1.0) <= 96


# --- jackknife ---


def test_jackknife_of_a_mean_is_the_t_interval():
    values = rng(20).normal(size=15)
    found = jackknife_interval(mean, values)
    lo, hi = scipy_stats.t.interval(0.95, 14, values.mean(), scipy_stats.sem(values))
    assert (found.value, found.lo, found.hi, found.method) == pytest.approx((values.mean(), lo, hi, "jackknife"))


def test_jackknife_deletes_all_seeds_of_a_prompt_together():
    # Prompt means 1, 2, 6 (two seeds each, equal): as three values, not six.
    twice = [np.full((2, 1), x) for x in (1.0, 2.0, 6.0)]
    assert jackknife_interval(mean, twice) == jackknife_interval(mean, np.array([1.0, 2.0, 6.0]))


def test_jackknife_of_many_prompts_leaves_them_out_in_groups():
    values, calls = np.random.default_rng(5).normal(size=5000), []

    def counted(rows):
        calls.append(len(rows))
        return float(rows.mean())

    found = jackknife_interval(counted, values)
    assert len(calls) == 201
    assert set(calls[1:]) == {4975}  # 200 groups of 25
    half = scipy_stats.t.ppf(0.975, 4999) * values.std(ddof=1) / np.sqrt(5000)
    assert (found.hi - found.lo) / 2 == pytest.approx(half, rel=0.15)  # 200 groups know a spread to 5 %


def test_jackknife_needs_two_prompts_and_rows():
    assert jackknife_interval(mean, np.ones((1, 4))) is None
    with pytest.raises(ValueError, match="at least one"):
        jackknife_interval(mean, [])


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
