"""The wrapper of a clip's metric for training loops: a mean over what is ok, with counts."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.cache import NoCache
from jova_bench.errors import IN_DOMAIN_HINT, BenchError
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.sound.loudness import loudness
from jova_bench.metrics.torch_metric import TorchMetric
from jova_bench.metrics.torch_reasons import counted
from jova_bench.metrics.torch_set_metric import TorchSetMetric
from support.asked import prompt
from support.peak import RATE, Peak, sound, wave


def counts(metric):
    return int(metric.ok), int(metric.undefined), int(metric.failed)


def test_mean_over_ok_with_counts_and_reset():
    metric = TorchMetric(Peak())
    for level in (0.25, 0.75, 0.0, 0.0, 1.0):
        metric.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    assert metric.compute().item() == pytest.approx(0.5)
    assert counts(metric) == (2, 2, 1)
    metric.reset()
    assert counts(metric) == (0, 0, 0)
    metric.update(None, sound(0.125), fps=None, sample_rate_hz=RATE)
    assert metric.compute().item() == pytest.approx(0.125)


def test_nan_when_nothing_is_ok():
    metric = TorchMetric(Peak())
    metric.update(None, sound(0.0), fps=None, sample_rate_hz=RATE)
    assert np.isnan(metric.compute().item())


def test_states_of_two_processes_add_up():
    one, other = TorchMetric(Peak()), TorchMetric(Peak())
    for level in (0.25, 0.5, 0.0):
        one.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    for level in (0.75, 1.0):
        other.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    one.merge_state(other)
    assert one.compute().item() == pytest.approx((0.25 + 0.5 + 0.75) / 3)
    assert counts(one) == (3, 1, 1)


def test_forward_gives_the_value_of_one_clip_and_keeps_the_mean():
    metric = TorchMetric(Peak())
    assert metric(None, sound(0.25), fps=None, sample_rate_hz=RATE).item() == pytest.approx(0.25)
    assert metric(None, sound(0.75), fps=None, sample_rate_hz=RATE).item() == pytest.approx(0.75)
    assert metric.compute().item() == pytest.approx(0.5)


def test_word_error_rates_are_weighted_by_words():
    metric = TorchMetric(Peak(micro="transcript_words"))
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE, prompt=prompt("place red box"))
    metric.update(None, sound(0.75), fps=None, sample_rate_hz=RATE, prompt=prompt("red"))
    assert metric.compute().item() == pytest.approx((3 * 0.25 + 0.75) / 4)


def test_tensors_and_arrays_of_real_clips_score_the_same():
    wave = (0.1 * np.sin(2 * np.pi * 997 * np.arange(16_000) / 16_000)).astype(np.float32)
    frames = np.zeros((25, 8, 8, 3), np.uint8)
    values = []
    for picture, audio in ((frames, wave), (torch.from_numpy(frames), torch.from_numpy(wave)[None])):
        metric = TorchMetric(loudness(MetricContext(NoCache(), "cpu"), "standard"))
        metric.update(picture, audio, fps=Fraction(25), sample_rate_hz=16_000)
        values.append(metric.compute().item())
    assert values[0] == values[1] == pytest.approx(-23.01, abs=0.05)


def test_each_wrapper_takes_its_own_kind():
    (fvd,) = build(["fvd"], "embedded", MetricContext(NoCache()))
    with pytest.raises(BenchError, match=r"expected a metric of a clip, got fvd.*TorchSetMetric"):
        TorchMetric(fvd)
    with pytest.raises(BenchError, match=r"expected a metric of a set, got peak.*TorchMetric"):
        TorchSetMetric(Peak())


def test_the_direction_is_the_metrics():
    assert TorchMetric(Peak()).higher_is_better is True
    assert TorchMetric(build(["wer"], "embedded", MetricContext(NoCache()))[0]).higher_is_better is False
    assert TorchMetric(loudness(MetricContext(NoCache(), "cpu"), "standard")).higher_is_better is None


@pytest.mark.parametrize(("fps", "side"), [(1, 64), (50, 64), (25, 1), (25, 32)])
def test_the_domain_is_checked_by_format_and_not_believed(fps, side):
    frames = np.zeros((50, side, side, 3), np.uint8)
    metric = TorchMetric(build(["lse_c"], "embedded", MetricContext(NoCache()))[0], in_domain=True)
    metric.update(frames, wave(), fps=fps, sample_rate_hz=RATE)
    assert np.isnan(metric.compute().item())
    # What to do stands beside the count; the state that syncs between processes holds the reason alone.
    assert metric.why == f"outside the embedded domain (1); {IN_DOMAIN_HINT}"
    assert counted(metric.reasons) == {"outside the embedded domain": 1}


def test_an_error_in_a_metric_is_a_failure_of_its_clip():
    class Broken(Peak):
        def measure(self, clip, prompt, reference):
            raise RuntimeError("no such shape")

    metric = TorchMetric(Broken())
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    assert counts(metric) == (0, 0, 1)
    assert metric.why == "RuntimeError: no such shape (1)"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timing": "x"}, "expected timing= free, aligned, reference, got 'x'"),
        ({"in_domain": "yes"}, "expected in_domain= True or False, got 'yes'"),
        ({"nonsense": 1}, "expected options of TorchMetric or torchmetrics.Metric: .*nonsense"),
        ({"compute_on_cpu": "x"}, "expected options of TorchMetric .*compute_on_cpu"),
    ],
)
def test_an_option_of_another_kind_is_one_line(options, said):
    with pytest.raises(BenchError, match=said):
        TorchMetric(Peak(), **options)
