"""FAD as JavisBench publishes it, and the network behind it."""

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.networks import shaped
from jova_bench.metrics.networks.audioclip import AudioEncoder
from support.clips import audio_clip
from support.every_asset import audioclip as checkpoint
from support.upstream import fake, fake_state, parity

UPSTREAM = parity("audioclip")


@pytest.fixture
def weights(tmp_path, own_assets):
    path = tmp_path / "AudioCLIP-Full-Training.pt"
    checkpoint(path)
    return own_assets({"audioclip": path})


def blackman_harris(size):
    turns = 2 * np.pi * np.arange(size) / size
    terms = (0.35875, -0.48829, 0.14128, -0.01168)
    return torch.tensor(sum(share * np.cos(k * turns) for k, share in enumerate(terms)), dtype=torch.float32)


@pytest.fixture
def ear():
    """The small network that upstream was given."""
    state = fake_state(UPSTREAM["shapes"])
    count = len(state["fbsp.m"])
    state["fbsp.m"] = 1.5 + fake((count,), "m").abs()
    state["fbsp.fb"] = 1 + 0.5 * fake((count,), "fb").abs()
    state["fbsp.fc"] = torch.arange(count) + 0.1 * fake((count,), "fc")
    state["window"] = blackman_harris(len(state["window"]))
    net = AudioEncoder({name: tuple(value.shape) for name, value in state.items()}, hop=70)
    net.load_state_dict(state)
    return net.eval()


@pytest.mark.parametrize("samples", sorted(map(int, UPSTREAM["outputs"])))
def test_the_network_is_upstreams(ear, samples):
    """In float64: float32 rounds the sound to nine bits, and from there each instruction set goes elsewhere."""
    expected, wave = UPSTREAM["outputs"][str(samples)], (fake((2, samples), "wave") * 0.1).double()
    with torch.inference_mode():
        picture, found = ear.double().picture(wave), ear(wave)
    assert [2, 1, *picture.shape[1:]] == expected["picture_shape"]
    np.testing.assert_allclose(picture[0, :, ::17, ::5].flatten()[:40].numpy(), expected["picture"], atol=1e-11)
    np.testing.assert_allclose(found.numpy(), expected["features"], atol=1e-11)


def test_the_published_network_has_the_published_shapes():
    full = {name: tuple(shape) for name, shape in UPSTREAM["full_shapes"].items()}
    with torch.device("meta"):
        found = AudioEncoder(full).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == full
    assert full["fc.weight"] == (1024, 2048)


def test_sound_is_rounded_to_about_nine_bits(ear):
    """Half a step of single precision near 32,768 is not heard; two steps are."""
    flat = torch.full((1, 300), 0.25)
    nudged = flat + torch.tensor([0.0, 0.0005] * 150)
    moved = flat + torch.tensor([0.0, 0.008] * 150)
    assert torch.equal(ear.picture(nudged), ear.picture(flat))
    assert not torch.equal(ear.picture(moved), ear.picture(flat))


def test_the_distance_is_ten_thousand_times_frechets(weights):
    (metric,) = build(["fad@javisbench"], "standard", MetricContext(NoCache()))
    assert metric.check() is None
    made, real = (
        np.stack([metric.features(audio_clip(fake((4_000 + 500 * k,), f"{name}{k}") * gain)) for k in range(12)])
        for name, gain in (("made", 0.1), ("real", 0.3))
    )
    assert made.shape == (12, 3)
    assert metric.against(real).distance(made) == pytest.approx(10_000 * dist.frechet(made, real), rel=1e-6)
    assert metric.against(made).distance(made) == pytest.approx(0, abs=1e-2)
    assert f"audioclip[{assets.asset_table().digest('audioclip')}]" in metric.spec.identity
    assert "/compat:javisbench@b505b37:" in metric.spec.identity


def test_channels_are_mixed_and_other_rates_brought_to_16_khz(weights):
    (metric,) = build(["fad@javisbench"], "standard", MetricContext(NoCache()))
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(24_000) / 48_000)
    one = metric.features(audio_clip(tone, 48_000))
    np.testing.assert_allclose(metric.features(audio_clip(np.stack([2 * tone, 0 * tone]), 48_000)), one, rtol=1e-5)
    np.testing.assert_allclose(metric.features(audio_clip(tone[::3])), one, rtol=0.05, atol=0.05)


def test_no_sound_no_weights_and_others(weights, tmp_path, monkeypatch):
    (metric,) = build(["fad@javisbench"], "standard", MetricContext(NoCache()))
    with pytest.raises(Undefined, match="no sound"):
        metric.features(audio_clip(np.zeros((1, 0))))
    with pytest.raises(Undefined, match="no audio stream"):
        metric.features(audio_clip(None))
    other = tmp_path / "other.pt"
    torch.save({"audio.window": torch.zeros(206)}, other)
    with pytest.raises(Unavailable, match="weights unreadable"):
        shaped.load(AudioEncoder, other, "cpu", prefix="audio.")
    monkeypatch.delenv(assets.TABLE_VARIABLE)
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    assert build(["fad@javisbench"], "standard", MetricContext(NoCache()))[0].check() == (
        "weights missing: jova-bench assets pull audioclip"
    )
