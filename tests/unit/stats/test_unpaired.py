"""Welch's test by hand and by simulation."""

import numpy as np
import pytest

from jova_bench.stats.unpaired import welch_test


def test_two_groups_by_hand():
    # Variances 1 and 4: error sqrt(1/3 + 4/3) = 1.2910, t = -4 / 1.2910 = -3.098 with
    # (5/3)^2 / ((1/3)^2/2 + (4/3)^2/2) = 2.941 degrees of freedom; the quantile of t at .975 is 3.182 for 3, 3.22 here.
    found = welch_test([1, 2, 3], [4, 6, 8])
    assert (found.delta, found.n) == (-4, (3, 3))
    assert found.ci == pytest.approx((-4 - 3.22 * 1.291, -4 + 3.22 * 1.291), abs=0.01)
    assert 0.05 < found.p < 0.06  # t is a little short of the quantile
    assert found.p == welch_test([4, 6, 8], [1, 2, 3]).p


def test_a_detectable_difference_is_detected_with_a_power_of_eighty_percent():
    rng, values = np.random.default_rng(0), np.linspace(-1.5, 1.5, 19)
    wanted, spread = welch_test(values, values).min_detectable, values.std(ddof=1)
    found = [welch_test(rng.normal(wanted, spread, 19), rng.normal(0, spread, 19)).p < 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)


def test_no_spread_is_no_test_and_one_value_is_no_group():
    assert welch_test([1, 1], [2, 2]) is None
    with pytest.raises(ValueError, match="at least two values"):
        welch_test([1], [2, 3])
