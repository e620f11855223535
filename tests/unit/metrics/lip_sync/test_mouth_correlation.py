"""Mouth opening seen against mouth opening heard."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.lip_sync import mouth_correlation as mouth


def test_correlation_by_hand():
    # Deviations of (0, 1, 2, 3) are (-1.5, -.5, .5, 1.5), of (0, 0, 1, 1) are (-.5, -.5, .5, .5):
    # sum of products 2, norms sqrt(5) and 1, so r = 2 / sqrt(5).
    seen, heard = np.array([0.0, 1, 2, 3]) / 3, np.array([0.0, 0, 1, 1])
    assert mouth.correlation(seen, heard) == pytest.approx(2 / np.sqrt(5))
    assert mouth.correlation(seen, seen) == pytest.approx(1)
    assert mouth.correlation(seen, 1 - seen) == pytest.approx(-1)


def test_still_curves_have_no_correlation():
    moving = np.array([0.0, 0.5, 1.0])
    with pytest.raises(Undefined, match="the mouth does not move"):
        mouth.correlation(np.full(3, 0.4), moving)
    with pytest.raises(Undefined, match="no speech that would move a mouth"):
        mouth.correlation(moving, np.full(3, 0.4))


def test_real_clips_agree_and_swapped_sound_does_not(real_clips: list[Clip]):
    metric = mouth.mouth_audio_corr(MetricContext(NoCache(), "cpu"))
    curves = [mouth.openings(clip, NoCache(), "cpu") for clip in real_clips]
    real = [metric.score(clip, None, None).value for clip in real_clips]
    swapped = [
        mouth.correlation(seen, heard)
        for i, (seen, _) in enumerate(curves)
        for j, (_, heard) in enumerate(curves)
        if i != j
    ]
    assert min(real) > 0.75
    assert np.mean(swapped) < 0.5 * np.mean(real)


def test_a_still_picture_is_undefined(real_clips: list[Clip]):
    clip = real_clips[0]
    still = clip_from_arrays(np.repeat(clip.frames[:1], len(clip.frames), 0), clip.fps, clip.audio, clip.sample_rate_hz)
    outcome = mouth.mouth_audio_corr(MetricContext(NoCache(), "cpu")).score(replace(still, in_domain=True), None, None)
    assert (outcome.status, outcome.reason) == ("undefined", "the mouth does not move")


def test_outside_the_domain_and_too_short_are_undefined():
    audio = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 46720)).astype(np.float32)
    clip = clip_from_arrays(np.zeros((10, 64, 64, 3), np.uint8), Fraction(25), audio, 16_000)
    metric = mouth.mouth_audio_corr(MetricContext(NoCache(), "cpu"))
    assert metric.score(clip, None, None).reason == "outside the embedded domain"
    short = metric.score(replace(clip, in_domain=True), None, None)
    assert short.reason == "too short: 10 frames with sound, at least 20 needed"
