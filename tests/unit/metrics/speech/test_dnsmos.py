"""DNSMOS: the windows that the published scripts judge, and a network that computes once what it sees again."""

import importlib
import sys
import types

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.networks import onnx_parts
from jova_bench.metrics.networks.onnx_session import open_session
from jova_bench.metrics.speech import dnsmos, dnsmos_rows

RATE = 16_000
pytestmark = pytest.mark.skipif(
    dnsmos.dnsmos(MetricContext(NoCache(), "cpu"), "standard").check() is not None, reason="no speechmos or onnxruntime"
)


def speechlike(samples, seed=0):
    """(N,) noise in bursts."""
    loud = np.sin(2 * np.pi * 2.3 * np.arange(samples) / RATE + seed) > 0
    return (np.random.default_rng(seed).normal(0, 0.1, samples) * np.where(loud, 1, 0.01)).astype(np.float32)


def kept(audio):
    """Which of `windows` are judged upstream, by where they begin."""
    begins = [window.__array_interface__["data"][0] for window in dnsmos.windows(audio)]
    judged = {window.__array_interface__["data"][0] for window in dnsmos.published_windows(audio)}
    return [k for k, begin in enumerate(begins) if begin in judged]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (9.5, [0]),
        (16.5, [0, 1, 2, 3, 4, 5, 6]),
        (17.0, [0, 1, 2, 3, 4, 5, 6]),  # Window 7 ends at int(16.01 * 16000) = 256159, a sample early.
        (30.0, [0, 1, 2, 3, 4, 5, 6]),
        (33.5, [0, 1, 2, 3, 4, 5, 6]),
        (35.0, [0, 1, 2, 3, 4, 5, 6, 24, 25]),  # int(33.01 * 16000) is exact again.
    ],
)
def test_windows_that_rounding_shortens_are_not_judged_upstream(seconds, expected):
    audio = np.zeros(round(seconds * RATE), np.float32)
    assert kept(audio) == expected
    assert len(dnsmos.windows(audio)) == int(int(seconds) - 9.01) + 1


@pytest.fixture
def upstream(monkeypatch):
    """speechmos' own module, with our spectrogram in place of librosa's, which it imports and which is not here."""
    librosa = types.ModuleType("librosa")
    librosa.feature = types.SimpleNamespace(melspectrogram=lambda y, **_: y)
    librosa.power_to_db = lambda y, ref: 40 * dnsmos.spectrogram(y).T - 40
    monkeypatch.setitem(sys.modules, "librosa", librosa)
    monkeypatch.setitem(sys.modules, "requests", types.SimpleNamespace(session=None))
    monkeypatch.delitem(sys.modules, "speechmos.dnsmos", raising=False)
    yield importlib.import_module("speechmos.dnsmos")
    sys.modules.pop("speechmos.dnsmos", None)


def test_both_networks_judge_eight_and_a_half_seconds_as_speechmos_does(upstream):
    # Doubled to 17 s: eight windows, of which rounding takes the last.
    audio = speechlike(round(8.5 * RATE))
    expected = upstream.run(audio, RATE)
    answers = dnsmos._p835()(dnsmos.published_windows(audio))
    ours = np.mean([dnsmos.calibrated(float(answer[2])) for answer in answers])
    assert ours == pytest.approx(expected["ovrl_mos"], abs=1e-5)
    assert dnsmos.p808(audio) == pytest.approx(expected["p808_mos"], abs=1e-6)


@pytest.mark.parametrize("seconds", [2.2, 4.4, 9.01, 16.0, 30.0])
def test_mova_judges_as_speechmos_does(upstream, seconds):
    class Neither:  # P.835's network, which costs seconds.
        def run(self, names, given):
            return [np.zeros((1, 3))]

    audio = speechlike(round(seconds * RATE))
    audio[16 * RATE :] *= 0.1
    folder = next(iter(importlib.import_module("speechmos").__path__))
    judge = upstream.DNSMOS(f"{folder}/dnsmos_models/sig_bak_ovr.onnx", f"{folder}/dnsmos_models/model_v8.onnx")
    judge.onnx_sess = Neither()
    assert dnsmos.p808(audio) == pytest.approx(judge(audio, RATE, False)["p808_mos"], abs=1e-6)


@pytest.mark.parametrize("samples", [4_800, 45_001, 46_720, 144_160, 192_000])
def test_what_was_seen_before_is_copied_and_the_answer_is_the_same_to_the_bit(samples):
    whole = open_session(dnsmos._content(dnsmos.P835))
    windows = dnsmos.windows(speechlike(samples))
    for window, answer in zip(windows, dnsmos._p835()(windows), strict=True):
        assert dnsmos_rows.run(whole, dnsmos_rows.WAVE, window).tobytes() == answer.tobytes()


def test_only_rows_with_new_neighbours_are_convolved(monkeypatch):
    network, rows = dnsmos._p835(), []

    def counting(session, name, given):
        if name == dnsmos_rows.SPECTRUM:
            rows.append(len(given))
        return run(session, name, given)

    run = dnsmos_rows.run
    monkeypatch.setattr(dnsmos_rows, "run", counting)
    network(dnsmos.windows(speechlike(292 * 160)))
    # Two windows of 900 rows. The first period with the edge before it (4 + 292) and what it looks at (4); each
    # window's end, and the second's beginning, with as much.
    assert sum(rows) == 300 + 3 * 8


def test_a_part_of_a_network_needs_what_it_needs():
    content = dnsmos._content(dnsmos.P835)
    part = onnx_parts.cut(content, dnsmos_rows.FEATURES, (1, 32, 900, 161), dnsmos_rows.OPINION)
    session = open_session(part)
    assert [(one.name, one.shape) for one in session.get_inputs()] == [(dnsmos_rows.FEATURES, [1, 32, 900, 161])]
    assert len(part) < len(content) / 3  # Without the transform and the first four convolutions.
