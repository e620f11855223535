"""Inception score of sound."""

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.distances import inception_score as inception
from jova_bench.metrics.networks import panns
from jova_bench.metrics.torch_set_metric import TorchSetMetric
from support.clips import audio_clip
from support.every_asset import MATRICES_32K, narrowed_panns
from support.upstream import fake, fake_state

NAMES = ["is_panns@avbenchmark", "is_passt@avbenchmark", "is_panns@mova"]


def metric(select):
    return build([select], "standard", MetricContext(NoCache()))[0]


@pytest.mark.parametrize(
    ("shape", "gain", "expected"), [((10, 20), 1, 1.0), ((37, 20), 3, 2.5089757), ((100, 527), 2, 3.6533680)]
)
def test_the_score_is_upstreams(shape, gain, expected):
    # compute_isc(fake(shape, "logits") * gain, None, 2020, True, 10) of hkchengrex/av-benchmark @050a5cd
    assert inception.avbenchmark((fake(shape, "logits") * gain).numpy()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("shape", "gain", "expected"), [((10, 20), 1, 1.4435357), ((37, 20), 3, 4.9376855), ((100, 527), 2, 5.8092456)]
)
def test_movas_score_is_upstreams(shape, gain, expected):
    # calculate_inception_score of what Cnn14Extractor of OpenMOSS/MOVA evaluation/metrics/audio_is_clap/IS.py @595a976
    # makes of sigmoid(fake(shape, "logits") * gain)
    assert inception.mova((fake(shape, "logits") * gain).numpy()) == pytest.approx(expected, rel=1e-5)


def test_mova_has_no_score_for_a_class_without_doubt():
    certain = np.zeros((3, 5))
    certain[0, 0] = 40  # 1 - sigmoid(40) is 0 in single precision.
    with pytest.raises(Unavailable, match="not finite"):
        metric("is_panns@mova").distance(certain)


def test_mova_hears_ten_seconds_at_32_khz():
    for seconds in (3, 12):
        sound = np.ones((2, 16_000 * seconds), np.float32) * 0.1
        clip = audio_clip(sound)
        (window,) = inception.mova_windows(clip, inception.PANNS_32K)
        assert window.shape == (320_000,)
        assert window[: 32_000 * min(seconds, 10)].mean() == pytest.approx(0.1, rel=1e-2)
        assert not window[32_000 * seconds :].any()


def test_the_network_for_32_khz_looks_every_10_ms():
    state = narrowed_panns() | fake_state(MATRICES_32K)
    net = panns.Cnn14({name: tuple(value.shape) for name, value in state.items()})
    net.load_state_dict(state)
    wave = fake((1, 32_000), "wave") * 0.1
    with torch.inference_mode():
        found = net.eval().log_mel(wave)
        assert net(wave)[1].shape == (1, len(state["fc_audioset.bias"]))
    assert found.shape == (1, 101, 64)
    padded = np.pad(wave[0].double().numpy(), 512, mode="reflect")[320 * 40 :][:1024]
    real, imaginary, mel = (state[name].double().numpy().squeeze() for name in MATRICES_32K)
    by_hand = 10 * np.log10(np.maximum(((real @ padded) ** 2 + (imaginary @ padded) ** 2) @ mel, 1e-10))
    np.testing.assert_allclose(found[0, 40].numpy(), by_hand, rtol=1e-3, atol=1e-3)


def test_clips_of_different_classes_score_their_number_and_equal_or_unsure_ones_one():
    sure = 100.0 * np.eye(5)
    assert inception.score(sure) == pytest.approx(5)
    assert inception.score(np.repeat(sure[:1], 5, axis=0)) == pytest.approx(1)
    assert inception.score(np.zeros((5, 7))) == pytest.approx(1)
    # Two of one class and one of another: shares 2/3 and 1/3 on average.
    assert inception.score(sure[[0, 0, 1]]) == pytest.approx(np.exp(-(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))))


def test_more_clips_of_one_kind_score_higher():
    logits = fake((400, 50), "kind").numpy() * 3
    assert inception.avbenchmark(logits[:40]) < inception.avbenchmark(logits[:100]) < inception.avbenchmark(logits)


@pytest.mark.parametrize("name", NAMES)
def test_a_score_needs_no_real_clips(name, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    one = metric(name)
    assert one.check().startswith("weights missing: jova-bench assets pull pa")
    assert one.spec.direction == "up"
    assert "reference" not in one.spec.identity
    assert one.details(np.zeros((10, 20))) == {"n": 10, "d": 20}
    with pytest.raises(Undefined, match="compares with no real clips"):
        one.reference()


def test_ten_parts_need_ten_clips():
    logits = fake((10, 20), "logits").numpy()
    assert metric(NAMES[0]).distance(logits) == pytest.approx(1)
    with pytest.raises(Undefined, match="9 clips are fewer than 10"):
        metric(NAMES[0]).distance(logits[:9])
    assert metric("is_panns@mova").distance(logits[:2]) > 1


def test_a_training_loop_may_ask_without_real_clips():
    one = metric(NAMES[0])
    one._embed = lambda clip: clip.audio[0, :20].astype(np.float64)
    wrapped = TorchSetMetric(one)
    for row in fake((37, 20), "logits") / 10:
        wrapped.update(None, row, fps=None, sample_rate_hz=16_000)
    kept = (fake((37, 20), "logits") / 10).numpy().astype(np.float64)
    assert wrapped.compute().item() == pytest.approx(inception.avbenchmark(kept), rel=1e-6)
    assert wrapped.why is None
