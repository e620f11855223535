"""Mouth and loudness: curves by hand, planted offsets, and drawn people whose lips move with their own voice."""

import cv2
import numpy as np
import pytest

from jova_bench.assets.table import asset_table
from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.faces.mesh import LOWER
from jova_bench.metrics.faces.portrait import Portrait, opening
from jova_bench.metrics.lip_sync import mouth_sound
from jova_bench.metrics.lip_sync.mouth_sound import correlation, loudness_db, offset_frames
from jova_bench.metrics.speech import activity
from support.clips import clip_of
from support.mediapipe_files import needs_mediapipe, with_files
from support.memory_cache import MemoryCache

needs_all = [
    needs_mediapipe,
    pytest.mark.skipif(activity.missing() is not None, reason="Silero VAD is not installed"),
]


def test_the_opening_is_the_gap_in_eye_distances():
    points = np.zeros((2, 468, 3))
    points[:, 263] = [[30, 0, 40], [50, 0, 0]]  # 50 px apart, turned or not
    points[0, LOWER, 1] = 10
    points[1, LOWER[:4], 1] = 10
    assert opening(Portrait(points, *[np.array([1])] * 2, np.array([0]))).tolist() == [0.2, 0.1]


def test_loudness_is_in_db_over_three_frames():
    # 640 samples a frame. Full scale in frame 1 alone: all of 3 frames around it, a third of the power; then nothing.
    sound = np.zeros(4 * 640, np.float32)
    sound[640:1280] = 1.0
    third = 10 * np.log10(1 / 3)
    half = 10 * np.log10(640 / 1280)  # Before the first sample there is nothing: the window has two frames.
    np.testing.assert_allclose(loudness_db(sound, 5)[:4], [half, third, third, half - 50], atol=1e-9)
    assert np.isnan(loudness_db(sound, 5)[4])


def test_correlation_by_hand_and_without_an_answer():
    seen = np.tile([0.1, 0.3], 30)
    assert correlation(seen, 5 - seen) == pytest.approx(-1)
    assert correlation(np.append(seen, np.nan), np.append(100 * seen, 7)) == pytest.approx(1)
    for one, other, why in (
        (seen[:49], seen[:49], r"mouth and sound together for 1.96 s, at least 2 s needed"),
        (seen / 30, seen, "the mouth does not move"),
        (seen, np.ones(60), "equally loud"),
    ):
        with pytest.raises(Undefined, match=why):
            correlation(one, other)


def talk(count, seed=0):
    """A curve like speech: noise of 3 frames' width."""
    noise = np.random.default_rng(seed).normal(size=count + 2)
    return np.convolve(noise, [0.5, 1, 0.5], "valid")


@pytest.mark.parametrize("planted", [-12, -1, 0, 3, 15])
def test_a_planted_offset_is_found_with_its_sign(planted):
    # Sound n frames early: what the mouth does in frame k is heard in frame k - n.
    sound = talk(200)
    assert offset_frames(np.roll(sound, planted) + 0.5 * talk(200, 1), sound) == planted


def test_an_offset_by_chance_is_none():
    for seed in range(20):
        with pytest.raises(Undefined, match="no offset stands out: the best of \\+-15 frames"):
            offset_frames(talk(125, 100 + seed), talk(125, seed))
    with pytest.raises(Undefined, match=r"too short: 3.96 s, at least 4 s needed"):
        offset_frames(talk(99), talk(99))


def metrics():
    context = MetricContext(MemoryCache(), assets=with_files())
    return build(["mouth_audio_corr", "mouth_audio_offset"], "standard", context)


def enlarged(clip, sound=None):
    frames = np.array([cv2.resize(one, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for one in clip.frames])
    return clip_of(frames, clip.audio if sound is None else sound)


@pytest.mark.usefixtures("real_clips")
class TestDrawnPeople:
    pytestmark = needs_all

    def test_own_voice_fits_and_anothers_does_not(self, real_clips):
        corr, offset = metrics()
        own = corr.score(enlarged(real_clips[0])).value
        late = corr.score(enlarged(real_clips[0], np.roll(real_clips[0].audio, 8 * 640))).value
        others = corr.score(enlarged(real_clips[0], real_clips[2].audio)).value
        assert own > 0.6 > 0.3 > max(late, others)
        assert offset.score(enlarged(real_clips[0])).reason == "too short: 2.92 s, at least 4 s needed"

    def test_clips_without_an_answer(self, real_clips):
        corr, offset = metrics()
        shown = enlarged(real_clips[0])
        tone = np.sin(np.arange(46_720) * 0.2).astype(np.float32)[None] / 3
        for clip, why in (
            (clip_of(shown.frames, None), "no audio stream"),
            (clip_of(None, shown.audio), "no video stream"),
            (clip_of(shown.frames, 0 * shown.audio), "silent"),
            (clip_of(shown.frames[:1], shown.audio), "too short: 0.04 s, at least 2 s needed"),
            (clip_of(0 * shown.frames, shown.audio), "no face found"),
            (clip_of(shown.frames, tone), "speech for 0.0 s, at least 1 s needed"),
        ):
            for metric in (corr, offset):
                assert (metric.score(clip).status, metric.score(clip).reason) == ("undefined", why)


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    metric = mouth_sound.mouth_audio_corr(MetricContext(NoCache(), assets=asset_table()))
    assert "mediapipe-blazeface-full mediapipe-face-mesh" in metric.check()
