"""Intervals and paired tests against closed forms, scipy, hand counts and simulation."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from jova_bench import stats
from jova_bench.stats import jackknife_interval, mean_interval, means, paired_test, quantiles


def rng(seed=0):
    return np.random.default_rng(seed)


def mean(rows):
    return float(rows.mean())


@pytest.mark.parametrize("df", [1, 4, 9, 48, 1023])
def test_quantiles_and_tails_have_the_bits_of_scipys_distributions(df):
    for q in (0.8, 0.95, 0.975, 1 - 0.025 / 7):
        assert quantiles.t_quantile(q, df) == scipy_stats.t.ppf(q, df)
        assert quantiles.normal_quantile(q) == scipy_stats.norm.ppf(q)
        assert quantiles.t_above(10 * q, df) == scipy_stats.t.sf(10 * q, df)


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
