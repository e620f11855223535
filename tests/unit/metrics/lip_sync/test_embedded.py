"""Lip-sync arithmetic against hand-derived numbers, and the shipped judges on real clips with planted shifts."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.lip_sync import curves
from jova_bench.metrics.lip_sync import embedded as lipsync

JUDGES = ["a", "b"]


def unit_walk(count: int, seed: int = 0) -> np.ndarray:
    """(count, 8) unit vectors, no two alike."""
    vectors = np.random.default_rng(seed).standard_normal((count, 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_window_count_is_the_shorter_stream_less_four():
    assert curves.window_count(73, 46720) == 69  # 46720 / 640 = 73 frames of sound
    assert curves.window_count(73, 46719) == 68
    assert curves.window_count(20, 46720) == 16
    assert curves.window_count(3, 46720) == 0


def test_curve_numbers_by_hand():
    # 31 shifts: 14 distances of 1.5, 16 of 1.0 and a least one of 0.25 at index 18.
    # The 16th of the sorted values is 1.0, so C = 1.0 - 0.25; index 18 is shift +3: the sound comes 3 frames late.
    curve = np.full(31, 1.0)
    curve[:14], curve[18] = 1.5, 0.25
    assert curves.lse_d_of(curve) == 0.25
    assert curves.lse_c_of(curve) == 0.75
    assert curves.lse_d_at_0_of(curve) == 1.0
    assert curves.offset_frames_of(curve) == -3
    assert curves.sync_within_1_of(curve) == 0.0


@pytest.mark.parametrize(("least", "right"), [(13, 0.0), (14, 1.0), (15, 1.0), (16, 1.0), (17, 0.0)])
def test_one_frame_is_within_one(least: int, right: float):
    curve = np.ones(31)
    curve[least] = 0.5
    assert curves.sync_within_1_of(curve) == right


def test_small_curve_by_hand():
    # v_i = i and a_i = i on a line, N = 17. Masked: every distance at shift s is |s|, so the curve is |s|.
    # Padded: at shift 15 the sound of windows 0 and 1 is 15 and 16 (distance 15 each), the others meet
    # zeros: distances 2, 3, .., 16 sum to 135. Mean = (30 + 135) / 17 = 165 / 17.
    line = np.arange(17.0)[:, None]
    np.testing.assert_allclose(curves.shift_curve(line, line, "masked"), np.abs(np.arange(-15, 16)))
    assert curves.shift_curve(line, line, "padded")[30] == pytest.approx(165 / 17)


def test_constant_features_have_no_confidence_when_masked_and_some_when_padded():
    # Masked: all distances are 0. Padded with 40 windows: shift s meets |s| zeros, so the mean is |s| / 40;
    # the median of |s| over -15 .. 15 is 8, so C = 8 / 40. This is the bias of padding.
    same = np.tile([0.6, 0.8], (40, 1))
    assert curves.lse_c_of(curves.shift_curve(same, same, "masked")) == 0
    assert curves.lse_c_of(curves.shift_curve(same, same, "padded")) == pytest.approx(8 / 40)


@pytest.mark.parametrize("edges", ["masked", "padded"])
@pytest.mark.parametrize("lead", [-15, -4, 0, 1, 7, 15])
def test_sound_that_leads_has_a_positive_offset(edges: curves.Edges, lead: int):
    track = unit_walk(100)
    video, audio = track[20:80], track[20 + lead : 80 + lead]  # the sound of window i belongs to picture i + lead
    curve = curves.shift_curve(video, audio, edges)
    assert curves.offset_frames_of(curve) == lead
    if edges == "masked":
        assert curves.lse_d_of(curve) == pytest.approx(0)


def test_masked_curve_matches_a_plain_loop():
    video, audio = unit_walk(23, 1), unit_walk(23, 2)
    expected = [
        np.mean([np.sqrt(((video[i] - audio[i + s]) ** 2).sum()) for i in range(23) if 0 <= i + s < 23])
        for s in range(-15, 16)
    ]
    np.testing.assert_allclose(curves.shift_curve(video, audio, "masked"), expected, rtol=1e-12)


def face(frames: int | None = 73, samples: int | None = 46720) -> Clip:
    rng = np.random.default_rng(0)
    pixels = None if frames is None else np.zeros((frames, 64, 64, 3), np.uint8)
    audio = None if samples is None else rng.uniform(-0.1, 0.1, (1, samples)).astype(np.float32)
    clip = clip_from_arrays(pixels, Fraction(25 if frames else 0), audio, 16_000 if samples else 0)
    return replace(clip, in_domain=True)


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        (replace(face(), in_domain=False), "outside the embedded domain"),
        (face(frames=None), "no video stream"),
        (face(samples=None), "no audio stream"),
        (face(frames=19), "too short: 15 windows of 5 frames, at least 16 needed"),
        (replace(face(), audio=np.zeros((1, 46720), np.float32)), "silent"),
    ],
)
def test_what_has_no_answer_says_so(clip: Clip, reason: str):
    outcome = lipsync.build(MetricContext(NoCache(), "cpu"), "lse_c", "a").score(clip, None, None)
    assert (outcome.status, outcome.reason) == ("undefined", reason)


def test_two_judges_never_share_an_identity():
    a, b = (lipsync.build(MetricContext(NoCache(), "cpu"), "lse_c", judge).spec for judge in JUDGES)
    assert a.weights
    assert b.weights
    assert a.identity != b.identity


@pytest.fixture(scope="module")
def windows(real_clips: list[Clip]) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Judge -> (picture, sound) embeddings of each real clip."""
    return {
        judge: [lipsync.embeddings(clip.frames, clip.audio[0], f"syncnet-{judge}", "cpu") for clip in real_clips]
        for judge in JUDGES
    }


@pytest.mark.parametrize("judge", JUDGES)
def test_embeddings_are_one_unit_vector_a_window(windows, judge: str):
    for video, sound in windows[judge]:
        assert video.shape == sound.shape == (69, 128)
        np.testing.assert_allclose(np.linalg.norm(video, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(sound, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("lead", [-10, -3, 3, 10])
def test_planted_shifts_come_back(real_clips: list[Clip], judge: str, lead: int):
    metric = lipsync.build(MetricContext(NoCache(), "cpu"), "av_offset_frames", judge)
    found = [metric.score(shifted(clip, lead), None, None).value for clip in real_clips]
    assert np.mean(np.abs(np.array(found) - lead) <= 1) >= 0.9, found


def shifted(clip: Clip, lead: int) -> Clip:
    """The sound moved so that it comes `lead` frames before its picture; silence fills the gap."""
    moved = np.zeros_like(clip.audio)
    samples, count = lead * 640, clip.audio.shape[1]
    moved[:, max(0, -samples) : count - max(0, samples)] = clip.audio[:, max(0, samples) : count + min(0, samples)]
    return replace(clip_from_arrays(clip.frames, clip.fps, moved, clip.sample_rate_hz), in_domain=True)


@pytest.mark.parametrize("judge", JUDGES)
def test_real_clips_are_in_sync_and_swapped_sound_is_not(windows, judge: str):
    count = len(windows[judge])
    real = [curves.shift_curve(video, sound, "masked") for video, sound in windows[judge]]
    swapped = [
        curves.shift_curve(windows[judge][i][0], windows[judge][(i + k) % count][1], "masked")
        for i in range(count)
        for k in range(1, count)
    ]
    assert np.mean([curves.sync_within_1_of(curve) for curve in real]) == 1
    assert np.mean([curves.sync_within_1_of(curve) for curve in swapped]) < 0.25  # chance is 3/31
    assert np.mean([curves.lse_c_of(c) for c in real]) > 3 * np.mean([curves.lse_c_of(c) for c in swapped])
