"""Why a value of the wrapper for training loops is NaN."""

import numpy as np
import pytest
import torch

from jova_bench.metrics.torch_metric import TorchMetric
from jova_bench.metrics.torch_reasons import counted, encoded
from support.peak import RATE, Peak, sound


def test_every_nan_has_its_reason():
    metric = TorchMetric(Peak())
    assert metric.why == "no clip was given"
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    assert metric.why is None
    metric.reset()
    assert metric.why == "no clip was given"


def test_reasons_are_counted_and_forgotten():
    metric = TorchMetric(Peak())
    for level in (0.25, 0.0, 0.0, 1.0):
        metric(None, sound(level), fps=None, sample_rate_hz=RATE)  # `forward`, as a loop that logs each step calls it.
    assert metric.why == "silent (2), too loud (1)"
    metric.reset()
    assert metric.why == "no clip was given"


def lost(*levels, **options):
    metric = TorchMetric(Peak(), **options)
    for level in levels:
        metric.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    return metric


def test_reasons_merge_save_and_load():
    one = lost(0.25, 0.0)
    one.merge_state(lost(0.0, 1.0))
    assert one.why == "silent (2), too loud (1)"
    one.persistent(True)
    other = lost()
    other.persistent(True)
    other.load_state_dict(one.state_dict())
    other.update(None, sound(1.0), fps=None, sample_rate_hz=RATE)
    assert other.why in ("silent (2), too loud (2)", "too loud (2), silent (2)")


@pytest.mark.parametrize("options", [{}, {"compute_with_cache": False}])
def test_a_reason_is_as_old_as_its_value(options):
    metric = lost(0.0, **options)
    assert np.isnan(metric.compute().item())
    assert metric.why == "silent (1)"
    metric.update(None, sound(1.0), fps=None, sample_rate_hz=RATE)
    assert metric.why == "silent (1), too loud (1)"
    metric.compute()
    metric.reset()
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    assert metric.why is None


@pytest.mark.parametrize("reason", ["", "two\nlines", "größer als 日本", 'a "quoted" \\ one'])
def test_any_reason_comes_back_from_its_state(reason):
    state = [encoded({reason: 2}), encoded({reason: 1, "other": 1})]
    assert counted(state) == counted(torch.cat(state)) == {reason: 3, "other": 1}
    assert counted([]) == counted(torch.zeros(0)) == {}
