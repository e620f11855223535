"""Which clips show one face well enough for its points to be measured, and why others do not."""

import cv2
import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import portrait
from jova_bench.metrics.faces.portrait import Portrait, require_one_face
from support.clips import clip_of
from support.mediapipe_files import needs_mediapipe, with_files

RIGHT, LEFT, TOP, CHIN = portrait.RIGHT_CHEEK, portrait.LEFT_CHEEK, portrait.TOP, portrait.CHIN


def face(high=100.0, aside=0.0, up=0.0):
    """(468, 3) of which the outline alone is right: `aside` and `up` degrees away from the camera."""
    points = np.zeros((468, 3))
    for (a, b), axis, angle, length in (((RIGHT, LEFT), 0, aside, 80.0), ((TOP, CHIN), 1, up, high)):
        half = length / 2 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        points[a, [axis, 2]], points[b, [axis, 2]] = -half, half
    return points


def clip_with(*faces, rivals=(1, 1, 1)):
    return Portrait(np.array(faces), np.array([1, 1, 1]), np.array(rivals), np.array([0]))


NOTHING = np.full((468, 3), np.nan)


def test_one_clear_face_is_measured():
    require_one_face(clip_with(*[face(high=64.1, aside=29.9)] * 9, NOTHING))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (clip_with(NOTHING, NOTHING), "^no face found$"),
        (clip_with(*[face()] * 8, NOTHING, NOTHING), "^a face in 80% of the frames, at least 90% needed$"),
        (clip_with(*[face(high=40)] * 10), "^the face is 40 px from forehead to chin, at least 64 needed$"),
        (clip_with(*[face(aside=-41)] * 10), "^the face is turned by 41 degrees, at most 30 are measured$"),
        (clip_with(*[face()] * 8, *[face(up=50)] * 2), "^the face is turned by 50 degrees"),
        (clip_with(*[face()] * 10, rivals=(1, 2, 1)), "^several faces in 33% of the frames"),
    ],
)
def test_others_say_why_not(found, why):
    with pytest.raises(Undefined, match=why):
        require_one_face(found)


def test_turns_are_the_larger_of_both():
    np.testing.assert_allclose(portrait.turned(np.array([face(), face(aside=-20, up=5), face(up=33)])), [0, 20, 33])


def big(clip, frames=7):
    return [cv2.resize(one, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for one in clip.frames[:frames]]


@needs_mediapipe
def test_a_face_is_followed_and_faces_are_counted(real_clips):
    context = MetricContext(NoCache(), assets=with_files())
    one, other = big(real_clips[0]), big(real_clips[1])
    found = portrait.portrait(clip_of(np.array(one), None), context)
    assert found.points.shape == (7, 468, 3)
    assert list(found.counts) == list(found.rivals) == [1, 1]  # The first and the seventh frame.
    assert 40 < found.eye_distance.min() <= found.eye_distance.max() < 100

    two = clip_of(np.concatenate([one, other], axis=2), None)
    assert list(portrait.portrait(two, context).counts) == [2, 2]
    with pytest.raises(Undefined, match="several faces in 100% of the frames"):
        portrait.measurable(two, context, 0.2)

    # Beside a face of a third of its size the large one is followed and the other no rival.
    small = [cv2.copyMakeBorder(cv2.resize(f, (85, 85)), 0, 171, 0, 0, cv2.BORDER_CONSTANT) for f in other]
    beside = portrait.portrait(clip_of(np.concatenate([small, one], axis=2), None), context)
    assert list(beside.counts) == [2, 2]
    assert list(beside.rivals) == [1, 1]
    np.testing.assert_allclose(beside.points[0, :, :2] - [85, 0], found.points[0, :, :2], atol=2)

    nobody = portrait.portrait(clip_of(np.zeros((3, 64, 64, 3), np.uint8), None), context)
    assert np.isnan(nobody.points).all()
    assert list(nobody.counts) == [0, 0]


@needs_mediapipe
def test_what_is_no_talk_at_all():
    context = MetricContext(NoCache(), assets=with_files())
    with pytest.raises(Undefined, match="no video stream"):
        portrait.measurable(clip_of(None, np.zeros((1, 1600), np.float32)), context, 1.0)
    with pytest.raises(Undefined, match=r"too short: 0.04 s, at least 1 s needed"):
        portrait.measurable(clip_of(np.zeros((1, 64, 64, 3), np.uint8), None), context, 1.0)
