"""NISQA: spectrogram and network against the original, on a random checkpoint and on the published one."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.speech import nisqa
from support import upstream
from support.clips import audio_clip

PARITY = upstream.parity("nisqa")
OUTPUTS = PARITY["outputs"]


def noise(text):
    rate_hz, count = map(int, text.split())
    swell = np.sin(np.arange(count) / rate_hz * 9)
    return (upstream.fake((count,), f"noise {rate_hz}").numpy() * 0.1 * swell).astype(np.float32), rate_hz


@pytest.fixture
def weights(tmp_path, own_assets):
    state = upstream.fake_state(PARITY["shapes"])
    torch.save({"args": {"ms_n_mels": 48}, "model_state_dict": state}, tmp_path / "nisqa.tar")
    own_assets({"nisqa-v2": tmp_path / "nisqa.tar"})


@pytest.mark.parametrize("sound", sorted(OUTPUTS))
def test_spectrogram_equals_librosas(sound):
    level = nisqa.decibels(*noise(sound))
    assert len(level) == OUTPUTS[sound]["frames"]
    np.testing.assert_allclose(level.T[::7, ::17].flatten()[:40], OUTPUTS[sound]["spec"], atol=2e-3)


@pytest.mark.parametrize("sound", sorted(OUTPUTS))
def test_scores_equal_the_originals(weights, sound):
    audio, rate_hz = noise(sound)
    scores = nisqa.nisqa(MetricContext(NoCache(), "cpu"))._scores(audio, rate_hz)
    np.testing.assert_allclose(scores, OUTPUTS[sound]["random"], rtol=1e-4, atol=1e-5)
    outcome = nisqa.nisqa(MetricContext(NoCache(), "cpu")).score(audio_clip(audio, rate_hz), None, None)
    assert outcome.value == scores[0]


@pytest.mark.weights
@pytest.mark.skipif(assets.asset_table().missing(nisqa.WEIGHTS) is not None, reason="needs the published weights")
def test_published_scores():
    metric = nisqa.nisqa(MetricContext(NoCache(), "cpu"))
    for sound, expected in OUTPUTS.items():
        np.testing.assert_allclose(metric._scores(*noise(sound)), expected["published"], rtol=1e-4)
    torch.manual_seed(42)  # The example of torchmetrics' documentation.
    documented = [1.0433, 1.9545, 2.6087, 1.3460, 1.7117]
    np.testing.assert_allclose(metric._scores(torch.randn(16000).numpy(), 16000), documented, atol=5e-5)


def test_stereo_is_mixed(weights):
    audio, rate_hz = noise("16000 16000")
    metric = nisqa.nisqa(MetricContext(NoCache(), "cpu"))
    both = metric.score(audio_clip(np.stack([audio, audio]), rate_hz), None, None)
    assert both == metric.score(audio_clip(audio, rate_hz), None, None)


@pytest.mark.parametrize(
    ("audio", "rate_hz", "why"),
    [
        (np.full(2239, 0.5), 16_000, "too short: 0.14 s"),
        (np.full(30, 0.5), 4_000, "too short"),
        (np.tile([0.5, -0.5], 8_000 * 27), 8_000, "too long: 54.0 s"),
        (np.zeros(16_000), 16_000, "silent"),
        (np.full(16_000, 0.3), 16_000, "silent"),
    ],
)
def test_undefined(audio, rate_hz, why):
    outcome = nisqa.nisqa(MetricContext(NoCache(), "cpu")).score(audio_clip(audio, rate_hz), None, None)
    assert outcome.status == "undefined"
    assert why in outcome.reason


def test_no_sound_is_undefined_and_missing_weights_fail(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    silent = clip_from_arrays(np.zeros((2, 8, 8, 3), np.uint8), Fraction(25), None, 0)
    metric = nisqa.nisqa(MetricContext(NoCache(), "cpu"))
    assert metric.score(silent, None, None).reason == "no audio stream"
    outcome = metric.score(audio_clip(*noise("16000 16000")), None, None)
    assert outcome.status == "failed"
    assert "assets pull nisqa-v2 --accept non-commercial" in outcome.reason
