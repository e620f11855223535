"""One person on screen: found throughout, and alone."""

import numpy as np
import pytest

from jova_bench.data.faces import Seen
from jova_bench.data.mouth import tracks
from jova_bench.data.speaker import NoSpeaker, Speaker, one_speaker

LIPS = np.array([[40.0, 60.0], [60.0, 60.0], [50.0, 56.0], [50.0, 66.0]])


def face(x=0.0, side=60.0):
    box = np.array([20 + x, 10, 20 + x + side, 10 + side])
    return Seen(box, LIPS + np.array([x, 0]), 0.75)


def test_one_face_throughout_is_the_speaker():
    found = one_speaker([[face(k / 10)] for k in range(50)])
    assert isinstance(found, Speaker)
    assert found.size == 60
    assert found.middle == (pytest.approx(50 + 2.45), 40)


def test_a_frame_without_the_face_is_none_and_too_many_are_refused():
    frames = [[face()] for _ in range(50)]
    frames[20] = []
    found = one_speaker(frames)
    assert isinstance(found, Speaker)
    assert [k for k, one in enumerate(found.faces) if one is None] == [20]
    lost = one_speaker([[face()] if k % 5 else [] for k in range(50)])
    assert lost == NoSpeaker("face_lost", "the face is found in 80% of 50 frames, 90% are asked")
    assert one_speaker([[]] * 50) == NoSpeaker("no_face", "no face in any of 50 frames")


def test_a_second_face_is_refused_beside_the_first_or_after_it():
    found = one_speaker([[face(), face(200)] if k < 20 else [face()] for k in range(50)])
    assert found == NoSpeaker("two_faces", "a second face in 20 of 50 frames")
    found = one_speaker([[face()] if k < 30 else [face(200)] for k in range(50)])
    assert found.code == "face_jumps"
    assert found.detail.startswith("in frames 30 to 49 the face is elsewhere")
    # A false alarm of two frames is none.
    assert isinstance(one_speaker([[face(), face(200)] if k in (7, 8) else [face()] for k in range(50)]), Speaker)


def test_boxes_are_of_the_clip_with_a_margin_and_nan_where_no_face_is():
    speaker = Speaker([face(), None])
    # The crop is halved in size; lips 20 wide become 10, whose margin is 2.
    made = tracks(speaker, (10, 10, 110, 110), (50, 50))
    np.testing.assert_allclose(made["mouth_box"][0], [15 - 2, 23 - 2, 25 + 2, 28 + 2])
    assert np.isnan(made["mouth_box"][1]).all()
    np.testing.assert_array_equal(made["confidence"], [0.75, 0])
    assert made["mouth_box"].dtype == made["confidence"].dtype == np.float32
