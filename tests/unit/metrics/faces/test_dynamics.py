"""Motion of lips and brows: numbers by hand, what must not change them, and clips without an answer."""

import cv2
import numpy as np
import pytest

from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.faces import dynamics, mesh
from jova_bench.metrics.faces.dynamics import brow_motion, lip_motion, pauses, silent_motion, spread
from jova_bench.metrics.faces.portrait import Portrait
from jova_bench.metrics.speech import activity
from support.clips import clip_of
from support.mediapipe_files import needs_mediapipe, with_files
from support.memory_cache import MemoryCache

NAMES = ["face_count", "lip_dynamics", "silent_lip_stability", "brow_dynamics"]


def portrait(count, scale=1.0, starts=(0,)):
    """Eyes 10 px apart, all else in one place."""
    points = np.zeros((count, 468, 3))
    points[:, mesh.LEFT_EYE, 0] = 10 * scale
    return Portrait(points, np.array([1]), np.array([1]), np.array(starts))


def test_the_spread_of_a_triangle():
    # Side 3 and 4 apart, then 0 and 4, so that the third is 5, then 4: deviations 1.5, 0 and 0.5.
    points = np.array([[[0, 0, 0], [3, 0, 0], [0, 4, 0]], [[0, 0, 0], [0, 0, 0], [0, 4, 0]]], dtype=float)
    assert spread(points) == pytest.approx(2 / 3)
    assert spread(np.concatenate([points[:1]] * 5)) == 0


def test_lips_are_measured_in_eye_distances_wherever_the_face_is():
    rng = np.random.default_rng(0)
    found, large = portrait(6), portrait(6, scale=3)
    found.points[:, mesh.LIPS] = rng.normal(size=(6, 40, 3))
    large.points[:, mesh.LIPS] = 3 * found.points[:, mesh.LIPS]
    large.points[:] += rng.normal(size=(6, 1, 3))
    assert lip_motion(large) == pytest.approx(lip_motion(found))
    assert lip_motion(found) == pytest.approx(spread(found.points[:, mesh.LIPS]) / 10)
    # A frame without a face counts for nothing.
    hidden = portrait(7)
    hidden.points[:6], hidden.points[6] = found.points, np.nan
    assert lip_motion(hidden) == lip_motion(found)


def test_brows_change_from_frame_to_frame_but_not_across_cuts_and_gaps():
    found = portrait(5, starts=(0, 3))
    found.points[:, dynamics.RIGHT_EYE + dynamics.LEFT_EYE] = 0
    found.points[:, [mesh.RIGHT_EYE, mesh.LEFT_EYE], 0] = [
        -80,
        80,
    ]  # Corners, which are 2 of 32 points: middles at -5, 5.
    for brow, middle in ((dynamics.RIGHT_BROW, -5), (dynamics.LEFT_BROW, 5)):
        found.points[:, brow, 0] = middle
    found.points[:, dynamics.RIGHT_BROW, 1] = np.array([20, 36, 36, 0, 8])[:, None]
    found.points[:, dynamics.LEFT_BROW, 1] = np.array([20, 20, 20, 0, 0])[:, None]
    # Right: 16, 0, (36 across the cut), 8; left: 0, 0, (20), 0; over eyes 160 px apart.
    assert brow_motion(found) == pytest.approx((16 / 2 + 0 + 8 / 2) / 3 / 160)
    found.points[1] = np.nan
    assert brow_motion(found) == pytest.approx(8 / 2 / 160)
    found.points[3] = np.nan
    with pytest.raises(Undefined, match="no two frames in a row show the face"):
        brow_motion(found)


def test_pauses_are_long_enough_and_hold_no_speech():
    # 10 fps: 0 to 0.35 s quiet, 0.35 to 1 s speech, 0.2 s too short, speech, then 1.52 s to the end.
    found = pauses(((0.35, 1.0), (1.2, 1.52)), 20, 10, 0.3)
    assert np.flatnonzero(found).tolist() == [0, 1, 2, 16, 17, 18, 19]
    assert pauses((), 3, 10, 0.3).all()
    assert not pauses((), 2, 10, 0.3).any()


def test_lips_in_pauses_by_hand():
    found = portrait(20)
    found.points[:, mesh.LOWER, 1] = np.array([0.0] * 6 + [1.0] * 5 + [4.0] * 4 + [90.0] * 5)[:, None]
    quiet = np.arange(20) < 15
    # Openings 0 (6), .1 (5), .4 (4): median .1, deviations .1 (6), 0 (5), .3 (4), their median .1.
    assert silent_motion(found, quiet) == pytest.approx(0.1)
    found.points[3:6] = np.nan
    with pytest.raises(Undefined, match=r"pauses with a face for 0.48 s, at least 0.5 s needed"):
        silent_motion(found, quiet)


def metrics():
    built = build(NAMES, "standard", MetricContext(MemoryCache(), assets=with_files()))
    return sorted(built, key=lambda one: NAMES.index(one.spec.name))


def large(clip, frames=30):
    return np.array([cv2.resize(f, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for f in clip.frames[:frames]])


@needs_mediapipe
def test_a_still_has_no_motion_and_an_awkward_clip_a_reason(real_clips):
    if activity.missing():
        pytest.skip("Silero VAD is not installed")
    shown, silence = large(real_clips[0]), np.zeros((1, 30 * 640), np.float32)
    still = clip_of(np.repeat(shown[:1], 30, axis=0), silence)
    moved = clip_of(shown, silence)
    for metric in metrics()[1:]:
        # The mesh itself settles within some frames of a still.
        assert metric.score(still).value < 0.25 * metric.score(moved).value

    counted, *others = metrics()
    none = counted.score(clip_of(0 * shown, None))
    assert (none.value, none.findings[0].code) == (0, "faces_not_one")
    two = counted.score(clip_of(np.concatenate([shown, large(real_clips[1])], axis=2)[:7], None))
    assert (two.value, two.findings[0].detail) == (2, "2 faces in most frames that were searched, 2 to 2 in all")
    assert counted.score(moved).findings == ()
    assert counted.score(clip_of(None, silence)).reason == "no video stream"
    for metric in others:
        for clip, why in (
            (clip_of(None, silence), "no video stream"),
            (clip_of(shown[:1], silence), "too short: 0.04 s, at least 1 s needed"),
            (clip_of(0 * shown, silence), "no face found"),
            (clip_of(np.concatenate([shown, shown], axis=2), silence), "several faces in 100% of the frames"),
        ):
            assert metric.score(clip).status == "undefined"
            assert metric.score(clip).reason.startswith(why)
    assert metrics()[2].score(clip_of(shown, None)).reason == "no audio stream"
