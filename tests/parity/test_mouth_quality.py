"""Mouth quality: cut-outs by hand and as THEval's code makes them, rated by a random MUSIQ."""

import cv2
import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.faces import litert, mouth_quality
from jova_bench.metrics.faces.mouth_quality import box_of, cut_out, filled
from jova_bench.metrics.picture.predictors import MUSIQ
from support import every_asset, upstream
from support.clips import clip_of
from support.mediapipe_files import needs_mediapipe, with_files

THEIRS = upstream.parity("theval")["mouths"]


@pytest.fixture(scope="module")
def musiq(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "musiq.pth"
    every_asset.WRITERS["musiq-koniq"](file)
    return file


@pytest.fixture
def metrics(musiq, own_assets):
    files = {one.asset: with_files().path(one.asset) for one in litert.NETWORKS}
    own_assets({"musiq-koniq": musiq, **files})
    return build(["mouth_quality", "mouth_quality@theval"], "standard", MetricContext(NoCache()))


def large(clip, frames):
    return np.array([cv2.resize(clip.frames[k], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for k in frames])


def test_boxes_and_cut_outs_by_hand():
    points = np.array([[10.2, 20.0], [30.0, 26.6], [20.0, 22.0]])
    assert box_of(points, 4.0).tolist() == [6, 16, 34, 31]
    frame = np.arange(40 * 50 * 3, dtype=np.uint16).reshape(40, 50, 3)
    np.testing.assert_array_equal(cut_out(frame, np.array([6, 16, 34, 31])), frame[16:31, 6:34])
    np.testing.assert_array_equal(cut_out(frame, np.array([-5, 30, 60, 90])), frame[30:])
    assert cut_out(frame, np.array([70, 80, 90, 99])).shape == (1, 1, 3)
    a, b = filled([frame[:2, :5], frame[:4, :3]])
    assert a.shape == b.shape == (4, 5, 3)
    assert not a[2:].any()
    assert not b[:, 3:].any()
    np.testing.assert_array_equal(b[:, :3], frame[:4, :3])


@needs_mediapipe
def test_mouths_are_cut_out_as_by_theval(real_clips, metrics):
    _, theirs = metrics
    clip = clip_of(large(real_clips[0], range(8, 26, 3)), None)
    found = mouth_quality.theval_mouths(clip, theirs.context)
    width, height = THEIRS["padded"]
    for mouth, (w, h), total in zip(found, THEIRS["sizes"], THEIRS["sums"], strict=True):
        # A point a hundredth of a pixel beside theirs may fall into the next pixel.
        assert np.abs(np.subtract(mouth.shape[:2], (height, width))).max() <= 1
        seen = np.argwhere(mouth.any(axis=2)).max(axis=0) + 1
        assert np.abs(seen - (h, w)).max() <= 1
        assert mouth.astype(int).sum() == pytest.approx(total, rel=0.03)
    rated = [MUSIQ.scores(one[None], theirs.context.assets, "cpu")[0] for one in found]
    assert theirs.score(clip).value == pytest.approx(np.mean(rated))


@needs_mediapipe
def test_ours_rates_every_fifth_frame_without_what_lies_around_the_mouth(real_clips, metrics):
    ours, _ = metrics
    frames = large(real_clips[0], range(11))
    clip = clip_of(frames, None)
    mouths = mouth_quality.clean_mouths(clip, ours.context)
    assert len(mouths) == 3
    assert all(20 < one.shape[0] < 80 and 50 < one.shape[1] < 110 for one in mouths)
    rated = [MUSIQ.scores(one[None], ours.context.assets, "cpu")[0] for one in mouths]
    assert ours.score(clip).value == pytest.approx(np.mean(rated))


@needs_mediapipe
def test_clips_without_an_answer(real_clips, metrics):
    frames = large(real_clips[0], range(6))
    for metric in metrics:
        assert metric.score(clip_of(None, real_clips[0].audio)).reason == "no video stream"
        assert metric.score(clip_of(0 * frames, None)).reason == "no face found"
    assert metrics[0].score(clip_of(frames[:1], None)).reason == "too short: 0.04 s, at least 0.2 s needed"
    two = metrics[0].score(clip_of(np.concatenate([frames, frames], axis=2), None))
    assert two.reason.startswith("several faces")
