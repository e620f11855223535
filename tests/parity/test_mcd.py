"""Mel-cepstral distortion after time warping: known spectra, paths by hand and by brute force, parity, bad input."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.speech import mcd
from jova_bench.prompts import Prompt
from support.clips import audio_clip
from support.upstream import fake, parity

PARITY = parity("mcd")
PROMPT = Prompt(id="p", video_caption="", audio_caption="", transcript="hello there")


def voice(name, samples, damping):
    return lfilter([1], [1, -1.3, damping], 0.05 * fake((samples,), name).numpy().astype(float)).astype(np.float32)


A, B = voice("mcd a", 8000, 0.8), voice("mcd b", 6400, 0.6)


@pytest.fixture
def metric():
    (found,) = build(["mcd_dtw"], "standard", MetricContext(NoCache()))
    return found


# Mel-cepstra


@pytest.mark.parametrize("k", [0, 1, 7, 24])
def test_a_spectrum_of_one_ripple_on_the_warped_axis_has_one_coefficient(k):
    w = np.linspace(0, np.pi, 257)
    warped = w + 2 * np.arctan(mcd.ALPHA * np.sin(w) / (1 - mcd.ALPHA * np.cos(w)))
    cepstra = mcd.warped_cepstra(np.exp(2 * 0.3 * np.cos(k * warped))[None])[0]
    expected = np.zeros(25)
    expected[k] = 0.3
    np.testing.assert_allclose(cepstra, expected, atol=1e-9)


def test_mel_cepstra_are_sptks():
    np.testing.assert_allclose(mcd.mel_cepstra(A)[0], PARITY["first"], atol=2e-6)
    np.testing.assert_allclose(mcd.mel_cepstra(B)[-1], PARITY["last"], atol=2e-6)


def test_level_is_in_coefficient_0_alone():
    power = np.exp(fake((3, 257), "spectrum").numpy().astype(float))
    loud, quiet = mcd.warped_cepstra(power), mcd.warped_cepstra(power / 4)
    np.testing.assert_allclose(loud[:, 0] - quiet[:, 0], np.log(2))
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=1e-9)


def test_what_is_80_db_down_is_as_good_as_nothing():
    nothing, almost = mcd.mel_cepstra(0 * A), mcd.mel_cepstra(1e-6 * A)
    np.testing.assert_allclose(nothing[:, 0], np.log(mcd.FLOOR) / 2)
    np.testing.assert_array_equal(nothing, almost)


def test_frames():
    assert mcd.mel_cepstra(np.ones(400, np.float32)).shape == (1, 25)
    assert mcd.mel_cepstra(np.ones(400 + 5 * 80 + 79, np.float32)).shape == (6, 25)


# Warping


@pytest.mark.parametrize(
    ("a", "b", "total", "steps"),
    [
        ([0, 1, 2], [0, 0, 1, 2, 2], 0, 5),  # repeated frames cost nothing
        ([0, 2], [1], 2, 2),  # one frame stands for two
        ([0, 0, 0], [0, 0, 0], 0, 3),  # the diagonal, though the edges cost nothing either
        ([3], [1], 2, 1),
    ],
)
def test_paths_by_hand(a, b, total, steps):
    a, b = (np.array(s, dtype=float)[:, None] for s in (a, b))
    found = mcd.warp(a, b)
    assert found == (total, steps)
    assert mcd.warp(b, a) == found


def by_force(a, b):
    """All paths, recursively."""
    costs = np.linalg.norm(a[:, None] - b[None], axis=2)

    def best(i, j):
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        ways = [best(*cell) for cell in before if min(cell) >= 0]
        total, steps = min(ways, key=lambda way: way[0]) if ways else (0.0, 0)
        return total + costs[i, j], steps + 1

    return best(len(a) - 1, len(b) - 1)


def test_paths_are_the_best_of_all_paths():
    rng = np.random.default_rng(0)
    for f, g in ((1, 1), (1, 6), (6, 1), (4, 6), (6, 5), (5, 5)):
        a, b = rng.normal(size=(f, 3)), rng.normal(size=(g, 3))
        total, steps = mcd.warp(a, b)
        assert (pytest.approx(total), steps) == by_force(a, b)


def test_the_distortion_of_a_known_difference():
    made, real = np.zeros((5, 25)), np.zeros((5, 25))
    made[:, 3] = 0.5
    made[:, 0] = 9.0
    assert mcd.distortion(made, real) == pytest.approx(0.5 * 10 * np.sqrt(2) / np.log(10))
    assert pytest.approx(6.1418514637) == mcd.DECIBELS


def test_total_and_distortion_are_those_of_fastdtw():
    a, b = mcd.mel_cepstra(A), mcd.mel_cepstra(B)
    total, steps = mcd.warp(a[:, 1:], b[:, 1:])
    assert total == pytest.approx(PARITY["total"], rel=1e-6)
    assert steps == PARITY["steps"]
    assert mcd.distortion(a, b) == pytest.approx(PARITY["mcd"], rel=1e-5)


# The metric


def test_the_same_speech_later_and_louder_is_no_distortion(metric):
    padded = np.pad(A, (3200, 800))
    late = audio_clip(2 * padded)
    assert metric.score(late, PROMPT, audio_clip(A)).value < 0.3  # frames begin elsewhere, and that is all
    assert metric.score(audio_clip(A), PROMPT, audio_clip(A)).value == 0


def test_other_speech_is_farther_than_noisy_speech(metric):
    noisy = A + 0.01 * fake((len(A),), "noise").numpy()
    near = metric.score(audio_clip(noisy), PROMPT, audio_clip(A)).value
    far = metric.score(audio_clip(B), PROMPT, audio_clip(A)).value
    assert 0 < near < far
    assert metric.score(audio_clip(A), PROMPT, audio_clip(B)).value == pytest.approx(far, rel=1e-9)


def test_slower_speech_is_near(metric):
    """Whole frames played twice, as a voice that takes its time; other frames would be far."""
    rng = np.random.default_rng(1)
    sounds = [lfilter([1], [1, -p, 0.7], 0.05 * rng.normal(size=1600)) for p in (1.5, 0.2, -1.2, 0.9)]
    slow = np.concatenate([np.tile(sound, 2) for sound in sounds])
    fast, backwards = np.concatenate(sounds), np.concatenate(sounds[::-1])
    near = metric.score(audio_clip(slow), PROMPT, audio_clip(fast)).value
    assert near < 0.5 * metric.score(audio_clip(backwards), PROMPT, audio_clip(fast)).value


@pytest.mark.parametrize(
    ("clip", "prompt", "reference", "reason"),
    [
        (audio_clip(A, timing="reference"), PROMPT, audio_clip(A), "is the reference"),
        (audio_clip(A), None, audio_clip(A), "no transcript"),
        (audio_clip(A), PROMPT.model_copy(update={"transcript": " "}), audio_clip(A), "no transcript"),
        (audio_clip(A), PROMPT, None, "no reference clip"),
        (audio_clip(0 * A), PROMPT, audio_clip(A), "silent"),
        (audio_clip(A), PROMPT, audio_clip(0 * A), "the reference is silent"),
        (audio_clip(A[:399]), PROMPT, audio_clip(A), "too short: 0.025 s of sound"),
        (audio_clip(A), PROMPT, audio_clip(A[:300]), "the reference is too short: 0.019 s of sound"),
        (audio_clip(np.tile(A, 121)), PROMPT, audio_clip(A), "too long: 60.5 s, at most 60 s are aligned"),
        (audio_clip(None), PROMPT, audio_clip(A), "no audio stream"),
        (audio_clip(A), PROMPT, audio_clip(None), "no audio stream"),
    ],
)
def test_questions_without_an_answer(metric, clip, prompt, reference, reason):
    outcome = metric.score(clip, prompt, reference)
    assert (outcome.status, outcome.reason) == ("undefined", reason)


def test_aligned_timing_and_other_rates_and_channels_are_welcome(metric):
    stereo = np.repeat(np.stack([A, A]), 3, axis=1)
    outcome = metric.score(replace(audio_clip(stereo, 48_000), timing="aligned"), PROMPT, audio_clip(A))
    assert outcome.status == "ok"
    assert metric.check() is None
