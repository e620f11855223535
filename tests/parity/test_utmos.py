"""UTMOS: the network against SpeechMOS's on a random checkpoint, and which sound is rated."""

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import utmos as networks
from jova_bench.metrics.speech import utmos
from support.clips import audio_clip
from support.memory_cache import MemoryCache
from support.spoken_clips import spoken
from support.upstream import fake, fake_state, parity

PARITY = parity("utmos")


def sound(count):
    swell = np.sin(np.arange(count) / 16_000 * 9)
    return (fake((count,), f"voice {count}").numpy() * 0.1 * swell).astype(np.float32)


@pytest.fixture
def weights(tmp_path, own_assets):
    torch.save(fake_state(PARITY["shapes"]), tmp_path / "utmos.pt")
    own_assets({utmos.WEIGHTS: tmp_path / "utmos.pt"})
    return tmp_path / "utmos.pt"


def metric(cache=None):
    (one,) = build(["utmos"], "standard", MetricContext(cache or NoCache()))
    return one


@pytest.mark.parametrize("count", sorted(PARITY["outputs"]))
def test_ratings_equal_the_originals(weights, count):
    """An odd number of frames, which upstream fills to an even one, and an even number."""
    assert networks.load(weights, "cpu").rate(sound(int(count))) == pytest.approx(PARITY["outputs"][count], abs=2e-5)


def test_the_rating_is_of_all_the_sound_in_mono_at_16_khz(weights):
    audio, cache = spoken(0), MemoryCache()
    one = metric(cache)
    outcome = one.score(audio_clip(audio))
    assert outcome.value == networks.load(weights, "cpu").rate(audio)
    assert one.score(audio_clip(np.stack([audio * 2, audio * 0]))) == outcome
    later = np.concatenate([np.zeros(16_000, np.float32), audio])
    assert one.score(audio_clip(later)).value == networks.load(weights, "cpu").rate(later)
    assert len(cache.kept) == 2 * 2  # Speech and rating of two sounds.


@pytest.mark.parametrize(
    ("audio", "why"),
    [
        (None, "no audio stream"),
        (np.zeros(32_000), "silent"),
        (sound(32_000), "speech for 0.0 s, at least 1 s needed"),
        (spoken(0)[:8_000], "speech for 0."),
        (np.tile([0.5, -0.5], 8_000 * 61), "too long: 61.0 s"),
    ],
)
def test_undefined(weights, audio, why):
    outcome = metric(MemoryCache()).score(audio_clip(audio))
    assert outcome.status == "undefined"
    assert outcome.reason.startswith(why)


def test_without_weights_it_says_where_they_come_from(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    one = metric()
    assert one.check() == "weights missing: jova-bench assets pull utmos22-strong"
    outcome = one.score(audio_clip(spoken(0)))
    assert (outcome.status, outcome.reason) == ("failed", one.check())
    assert one.spec.identity == "utmos@1/standard:utmos22-strong[38aa51ab79e2+1a153a22f450]{least_s=1.0}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: {name: value for name, value in state.items() if name != "judge_emb"},
        lambda state: {name: value for name, value in state.items() if name != "blstm.bias_hh_l0"},
        lambda state: state | {"more": torch.zeros(1)},
        lambda state: state | {"projection.0.weight": torch.zeros(20, 25)},
        lambda state: {"a": torch.ones(1)},
    ],
)
def test_another_file_is_refused(tmp_path, spoil):
    torch.save(spoil(fake_state(PARITY["shapes"])), tmp_path / "u.pt")
    with pytest.raises(Unavailable, match="weights unreadable"):
        networks.load(tmp_path / "u.pt", "cpu")
