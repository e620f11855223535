"""THEval's measures: its formulas by hand, and what its own code with MediaPipe 0.10.21 says of shipped clips."""

import cv2
import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import mesh, theval
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
    points[:, theval.LEFT_EYE, 0] = [0.15, 0.25]
    return points


def test_lip_sync_by_hand():
    # Openings 0, 1, 0.5 of the way; volumes 0, 0.5, 1 of it: differences 0, 0.5, 0.5. The last frame has no speech.
    spoken = np.array([True, True, True, False])
    assert theval.lip_sync(lips([0.1, 0.3, 0.2, 0.9]), np.array([1, 2, 3, 9.0]), spoken) == pytest.approx(1 / 3)
    # Without a face in the second frame: 0 and 1 against 0 and 1.
    hidden = lips([0.1, np.nan, 0.2, 0.9])
    assert theval.lip_sync(hidden, np.array([1, 2, 3, 9.0]), spoken) == pytest.approx(0, abs=1e-6)
    # A mouth that stays as it is counts as closed: the mean volume.
    assert theval.lip_sync(lips([0.2] * 4), np.array([1, 2, 3, 9.0]), spoken) == pytest.approx(0.5)


def test_what_has_no_lip_sync():
    level = np.ones(20)
    with pytest.raises(Undefined, match="speech in 5% of the frames, at least 10% needed"):
        theval.lip_sync(lips([0.1] * 20), level, np.arange(20) < 1)
    with pytest.raises(Undefined, match="a face in 1 of the frames with speech, at least 2 needed"):
        theval.lip_sync(lips([0.1] + [np.nan] * 19), level, np.arange(20) < 10)


def test_a_stretch_of_speech_has_its_last_frame_too():
    found = theval.spoken_frames(((0.1, 0.2), (0.9, 2.0)), 10.0, 12)
    assert np.flatnonzero(found).tolist() == [1, 2, 9, 10, 11]


def test_volumes_are_librosas(real_clips):
    for n, theirs in THEIRS.items():
        sound = resample(real_clips[int(n)].mono(), 16_000, theval.RATE_HZ)
        found = theval.volumes(sound, theval.RATE_HZ, np.arange(20) / 25)
        np.testing.assert_allclose(found, theirs["volume"], rtol=1e-4, atol=1e-8)


@needs_theval
@pytest.mark.parametrize("n", THEIRS)
def test_lip_sync_is_upstreams(real_clips, n):
    clip = clip_of(enlarged(real_clips[int(n)]), real_clips[int(n)].audio)
    metric = theval.mouth_audio_corr(MetricContext(NoCache(), assets=with_files()))
    # The same networks by another runtime: points differ by hundredths of a pixel, of openings of a few.
    assert metric.score(clip).value == pytest.approx(THEIRS[n]["lip_sync"], abs=0.002)


@needs_theval
def test_clips_without_an_answer(real_clips):
    metric = theval.mouth_audio_corr(MetricContext(NoCache(), assets=with_files()))
    shown, sound = enlarged(real_clips[0])[:30], real_clips[0].audio
    for clip, why in (
        (clip_of(None, sound), "no video stream"),
        (clip_of(shown, None), "no audio stream"),
        (clip_of(shown, 0 * sound), "speech in 0% of the frames, at least 10% needed"),
        (clip_of(0 * shown, sound), "a face in 0 of the frames with speech, at least 2 needed"),
    ):
        assert (metric.score(clip).status, metric.score(clip).reason) == ("undefined", why)
