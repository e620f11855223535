"""THEval's measures: its formulas by hand, and what its own code with MediaPipe 0.10.21 says of shipped clips."""

import cv2
import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.faces import dynamics, mesh, theval
from jova_bench.metrics.faces import theval_formulas as formulas
from jova_bench.metrics.signal.audio import resample
from support import upstream
from support.clips import clip_of
from support.mediapipe_files import needs_theval, with_files

THEIRS = upstream.parity("theval")["outputs"]


def enlarged(clip):
    return np.array([cv2.resize(one, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for one in clip.frames])


def lips(gaps):
    """(T, 468, 2) mouths that open by shares of the height, eyes 0.2 of the width apart."""
    points = np.zeros((len(gaps), 468, 2))
    points[:, mesh.LOWER, 1] = np.array(gaps)[:, None]
    points[:, formulas.LEFT_EYE, 0] = [0.15, 0.25]
    return points


def test_lip_sync_by_hand():
    # Openings 0, 1, 0.5 of the way; volumes 0, 0.5, 1 of it: differences 0, 0.5, 0.5. The last frame has no speech.
    spoken = np.array([True, True, True, False])
    assert formulas.lip_sync(lips([0.1, 0.3, 0.2, 0.9]), np.array([1, 2, 3, 9.0]), spoken) == pytest.approx(1 / 3)
    # Without a face in the second frame: 0 and 1 against 0 and 1.
    hidden = lips([0.1, np.nan, 0.2, 0.9])
    assert formulas.lip_sync(hidden, np.array([1, 2, 3, 9.0]), spoken) == pytest.approx(0, abs=1e-6)
    # A mouth that stays as it is counts as closed: the mean volume.
    assert formulas.lip_sync(lips([0.2] * 4), np.array([1, 2, 3, 9.0]), spoken) == pytest.approx(0.5)


def test_what_has_no_lip_sync():
    level = np.ones(20)
    with pytest.raises(Undefined, match="speech in 5% of the frames, at least 10% needed"):
        formulas.lip_sync(lips([0.1] * 20), level, np.arange(20) < 1)
    with pytest.raises(Undefined, match="a face in 1 of the frames with speech, at least 2 needed"):
        formulas.lip_sync(lips([0.1] + [np.nan] * 19), level, np.arange(20) < 10)


def test_a_stretch_of_speech_has_its_last_frame_too():
    found = formulas.spoken_frames(((0.1, 0.2), (0.9, 2.0)), 10.0, 12)
    assert np.flatnonzero(found).tolist() == [1, 2, 9, 10, 11]


def test_volumes_are_librosas(real_clips):
    for n, theirs in THEIRS.items():
        sound = resample(real_clips[int(n)].mono(), 16_000, theval.RATE_HZ)
        found = formulas.volumes(sound, theval.RATE_HZ, np.arange(20) / 25)
        np.testing.assert_allclose(found, theirs["volume"], rtol=1e-4, atol=1e-8)


def test_pauses_are_runs_of_a_third_of_a_second():
    # 10 fps: runs of 2 (too short), 3 and 4 frames.
    spoken = np.array([0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0], dtype=bool)
    assert np.flatnonzero(formulas.long_pauses(spoken, 10.0)).tolist() == [3, 4, 5, 8, 9, 10, 11]
    assert not formulas.long_pauses(spoken, 20.0).any()


def test_lips_in_pauses_by_hand():
    # Openings .5, 1, 1, 3.5 eye distances: mean 1.5, differences 1, .5, .5, 2, the median of the middle two .75.
    points = lips([0.1, 0.2, 0.2, 0.7, 0.0])
    points[:, mesh.LEFT_EYE, 0], points[:, mesh.RIGHT_EYE, 0] = 0.25, 0.05
    points[4] = np.nan
    assert formulas.silent_lip_stability(points) == pytest.approx(0.75)
    with pytest.raises(Undefined, match="a face in 1 of the frames in pauses, at least 2 needed"):
        formulas.silent_lip_stability(points[3:])


def test_lip_dynamics_by_hand():
    # One of 40 points moves away from the others, which lie together: 39 of 780 distances, 0 and 10 px of 256.
    points = np.zeros((3, 468, 2))
    points[1, mesh.LIPS[0], 0] = 10 / 256
    points[2] = np.nan
    assert formulas.lip_dynamics(points) == pytest.approx(39 / 780 * 5)
    with pytest.raises(Undefined, match="no face found"):
        formulas.lip_dynamics(points[2:])


def test_brow_dynamics_by_hand():
    points = np.zeros((5, 468, 2))
    points[:, dynamics.LEFT_EYE + dynamics.LEFT_BROW, 0] = 10
    points[:, dynamics.RIGHT_BROW, 1] = np.array([2, 4, np.nan, 4, 9])[:, None]
    points[2] = np.nan  # Leaves out no change: the next face is compared with the last one before.
    assert formulas.brow_dynamics(points) == pytest.approx((2 + 0 + 5) / 3 / 2 / 10)
    points[1, dynamics.LEFT_EYE, 0] = 0  # Eyes in one place are no face.
    assert formulas.brow_dynamics(points) == pytest.approx((2 + 5) / 2 / 2 / 10)
    with pytest.raises(Undefined, match="a face in 1 frames, at least 2 needed"):
        formulas.brow_dynamics(points[1:4])


NAMES = {"mouth_audio_corr": "lip_sync", "silent_lip_stability": "silent", "lip_dynamics": "lip_dynamics",
         "brow_dynamics": "brow"}  # fmt: skip
"""Our name to that in the data."""
APART = {"mouth_audio_corr": 0.002, "silent_lip_stability": 0.0002, "lip_dynamics": 0.006, "brow_dynamics": 0.0001}
"""The same networks by another runtime: points are hundredths of a pixel from theirs, of openings of a few pixels."""


def four():
    context = MetricContext(NoCache(), assets=with_files())
    return build([f"{name}@theval" for name in NAMES], "standard", context)


@needs_theval
@pytest.mark.parametrize("n", THEIRS)
def test_measures_are_upstreams(real_clips, n):
    clip = clip_of(enlarged(real_clips[int(n)]), real_clips[int(n)].audio)
    for metric in four():
        theirs = THEIRS[n][NAMES[metric.spec.name]]
        assert metric.score(clip).value == pytest.approx(theirs, abs=APART[metric.spec.name]), metric.spec.name


@needs_theval
def test_clips_without_an_answer(real_clips):
    metrics = four()
    shown, sound = enlarged(real_clips[0])[:10], real_clips[0].audio
    nobody = {
        "mouth_audio_corr": "a face in 0 of the frames with speech, at least 2 needed",
        "silent_lip_stability": "no pause of 0.3 s",
        "lip_dynamics": "no face found",
        "brow_dynamics": "a face in 0 frames, at least 2 needed",
    }
    for metric in metrics:
        assert metric.score(clip_of(None, sound)).reason == "no video stream"
        assert metric.score(clip_of(0 * shown, sound)).reason == nobody[metric.spec.name]
    heard = {one.spec.name: one for one in metrics if one.hears}
    for metric in heard.values():
        assert metric.score(clip_of(shown, None)).reason == "no audio stream"
    silent = heard["mouth_audio_corr"].score(clip_of(shown, 0 * sound))
    assert silent.reason == "speech in 0% of the frames, at least 10% needed"
