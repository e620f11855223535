"""Turns of a head: by hand, and of drawn people who are turned in the picture."""

import cv2
import numpy as np
import pytest

from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import head
from jova_bench.metrics.faces.head import angles_deg, head_motion, nearest_turn, turns
from jova_bench.metrics.faces.portrait import Portrait
from support.clips import clip_of
from support.mediapipe_files import needs_mediapipe, with_files
from support.memory_cache import MemoryCache


def turn(degrees, axis):
    """(3, 3) around x, y or z."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [k for k in range(3) if k != axis]
    made = np.eye(3)
    made[[a, a, b, b], [a, b, a, b]] = cos, -sin, sin, cos
    return made


def seen(*directions):
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(468, 3)) * [60, 80, 40]
    points = np.array([one * shape @ way.T + move for way, one, move in directions])
    return Portrait(points, np.array([1]), np.array([1]), np.array([0]))


def test_a_head_that_swings_has_the_angle_of_its_swing():
    for axis in range(3):
        # Nearer and elsewhere does not matter; 10 degrees to each side of the mean.
        swing = seen(
            (turn(10, axis), 1, 0), (turn(-10, axis), 2.5, 300), (turn(10, axis), 0.4, -7), (turn(-10, axis), 1, 0)
        )
        assert head_motion(swing) == pytest.approx(10)
    assert head_motion(seen((turn(20, 1), 1, 0), (turn(20, 1), 3, 5))) == pytest.approx(0, abs=1e-4)


def test_frames_without_a_face_and_lips_do_not_count():
    swing = seen(*[(turn(way, 1), 1, 0) for way in (6, -6, 6, -6)])
    with_gap = Portrait(np.insert(swing.points, 2, np.nan, axis=0), swing.counts, swing.rivals, swing.starts)
    assert head_motion(with_gap) == pytest.approx(6)
    others = [k for k in range(468) if k not in head.RIGID]
    swing.points[:, others] = 0
    assert head_motion(swing) == pytest.approx(6)


def test_the_mean_of_turns_is_between_them():
    made = np.array([turn(0, 2), turn(30, 2), turn(60, 2)])
    np.testing.assert_allclose(nearest_turn(made.sum(axis=0)), turn(30, 2), atol=1e-12)
    np.testing.assert_allclose(angles_deg(made, turn(30, 2)), [30, 0, 30], atol=1e-6)
    mirrored = np.random.default_rng(1).normal(size=(2, 9, 3))
    mirrored[1] = mirrored[0] * [-1, 1, 1]
    assert np.linalg.det(turns(mirrored)[1]) == pytest.approx(1)


@needs_mediapipe
def test_a_picture_that_is_turned_turns_the_head(real_clips):
    large = cv2.resize(real_clips[0].frames[0], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    ways = [cv2.getRotationMatrix2D((128, 128), angle, 1) for angle in np.linspace(-12, 12, 26)]
    frames = np.array([cv2.warpAffine(large, way, (256, 256), borderMode=cv2.BORDER_REPLICATE) for way in ways])
    metric = head.head_dynamics(MetricContext(MemoryCache(), assets=with_files()))
    assert metric.score(clip_of(frames, None)).value == pytest.approx(12 / np.sqrt(3), rel=0.1)
    assert metric.score(clip_of(np.repeat(large[None], 26, axis=0), None)).value < 1
    assert metric.score(clip_of(0 * frames, None)).reason == "no face found"
    assert metric.score(clip_of(frames[:1], None)).reason == "too short: 0.04 s, at least 1 s needed"
