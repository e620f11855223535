"""Estimates uncertainty over prompts: arrays in, numbers out, randomness only through the generator passed in.

`benchmarks/coverage.py` measures how often each interval covers the truth; `results/coverage.md` has its table.
"""

from jova_bench.stats.means import (
    RESAMPLES,
    T_BELOW,
    Counts,
    Interval,
    mean_interval,
    resample_counts,
    studentised_limits,
)
from jova_bench.stats.paired import (
    Draws,
    PairedResult,
    holm,
    paired_set_test,
    paired_test,
    paired_test_of_chosen,
    sign_flip,
)
from jova_bench.stats.sets import (
    Chosen,
    OfChosen,
    jackknife_interval,
    jackknife_of_chosen,
    one_by_one,
)

__all__ = [
    "RESAMPLES",
    "T_BELOW",
    "Chosen",
    "Counts",
    "Draws",
    "Interval",
    "OfChosen",
    "PairedResult",
    "holm",
    "jackknife_interval",
    "jackknife_of_chosen",
    "mean_interval",
    "one_by_one",
    "paired_set_test",
    "paired_test",
    "paired_test_of_chosen",
    "resample_counts",
    "sign_flip",
    "studentised_limits",
]
