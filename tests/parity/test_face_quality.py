"""Face quality: RetinaFace and cut-outs as facexlib makes them, TOPIQ as pyiqa's, and ours by what the mesh sees."""

import cv2
import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.faces import face_quality, litert, mesh, retinaface
from jova_bench.metrics.faces.face_quality import PLACES, five_points, theirs
from jova_bench.metrics.networks import retinaface as network
from jova_bench.metrics.networks import shaped
from jova_bench.metrics.picture.arcface import PLACES as IN_112
from jova_bench.metrics.picture.predictors import TOPIQ_FACE, TOPIQ_FACE_V1
from support import every_asset, upstream
from support.clips import clip_of
from support.mediapipe_files import needs_mediapipe, with_files
from support.planted_faces import FACE, SIDE

THEIRS = upstream.parity("retinaface")
RATED = upstream.parity("topiq")["outputs"]["face"]
OURS = ("topiq-face", "topiq-face-v1", "retinaface-r50")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random checkpoints in the published formats, and a detector that sees a face everywhere."""
    return every_asset.written(tmp_path_factory.mktemp("weights"), *OURS)


@pytest.fixture
def metrics(files, own_assets):
    meshes = {one.asset: with_files().path(one.asset) for one in litert.NETWORKS}
    own_assets({**files, **{name: file for name, file in meshes.items() if file.is_file()}})
    return build(["face_quality", "face_quality@theval"], "standard", MetricContext(NoCache()))


def test_retinaface_equals_the_original(tmp_path):
    torch.save(upstream.fake_state(THEIRS["shapes"]), tmp_path / "retinaface.pth")
    net, said = shaped.load(network.RetinaFace, tmp_path / "retinaface.pth", "cpu").double(), THEIRS["net"]
    picture = upstream.fake_pictures(said["size"], f"retinaface {tuple(said['size'])}")
    with torch.inference_mode():
        image = torch.from_numpy(picture[..., ::-1] - np.array(network.MEAN_BGR)).permute(2, 0, 1)[None]
        boxes, scores, points = (one[0].numpy() for one in net(image))
    assert len(boxes) == said["count"]
    np.testing.assert_allclose(scores[::37], said["scores"], rtol=1e-6)
    np.testing.assert_allclose(boxes[::37], said["boxes"], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(points[::37].reshape(-1, 10), said["points"], rtol=1e-5, atol=1e-4)


def test_a_face_is_found_where_the_network_is_sure_of_one(metrics):
    (found,) = retinaface.faces(np.zeros((32, 32, 3), np.uint8), assets.asset_table(), "cpu")
    half = FACE * SIDE / 2  # One cell, whose middle is 16.
    np.testing.assert_allclose(found[:4], [16 - half, 16 - half, 16 + half, 16 + half], rtol=1e-5)
    np.testing.assert_allclose(found[5:].reshape(5, 2), (IN_112 / 112 - 0.5) * 2 * half + 16, rtol=1e-5)
    # Neighbours share too much of it: of 2 x 2 the first alone is left.
    assert len(retinaface.faces(np.zeros((64, 64, 3), np.uint8), assets.asset_table(), "cpu")) == 1


def smooth(k):
    return cv2.GaussianBlur(upstream.fake_pictures((180, 240), f"aligned {k}"), (0, 0), 4)


@pytest.mark.parametrize("k", range(3))
def test_a_face_is_cut_out_as_by_facexlib(k):
    said = THEIRS["aligned"][k]
    made = theirs(smooth(k), np.array(said["points"]))
    # Another version of OpenCV may fit the five points a little otherwise.
    np.testing.assert_allclose(made.sum(axis=(0, 1), dtype=np.float64), said["sums"], rtol=1e-3)
    np.testing.assert_allclose(made[::97, ::101].ravel(), said["some"], atol=1.5)


def test_theval_rates_the_face_nearest_to_the_middle_of_every_frame(metrics, monkeypatch):
    frames, said = np.array([smooth(k) for k in range(3)]), [np.array(one["points"]) for one in THEIRS["aligned"]]

    def faces(frame, table, device):
        points = next(one for one, shown in zip(said, frames, strict=True) if np.array_equal(shown, frame))
        together = np.full((5, 2), [120.0, 90.0])  # In the very middle, but too small.
        return np.array(
            [[*one.min(axis=0), *one.max(axis=0), 1, *one.ravel()] for one in (points / 4, together, points)]
        )

    monkeypatch.setattr(retinaface, "faces", faces)
    cuts = [theirs(frame, points) for frame, points in zip(frames, said, strict=True)]
    rated = [TOPIQ_FACE_V1.scores(cut[None], assets.asset_table(), "cpu")[0] for cut in cuts]
    assert np.ptp(rated) > 1e-4
    assert metrics[1].score(clip_of(frames, None)).value == pytest.approx(np.mean(rated))
    monkeypatch.setattr(
        retinaface, "faces", lambda frame, *_: faces(frame, *_)[: 0 if (frame == frames[2]).all() else 3]
    )
    lost = metrics[1].score(clip_of(frames, None))
    assert (lost.status, lost.reason) == ("undefined", "no face in frame 2: THEval gives such a clip no value")


def test_topiq_of_faces_equals_the_original(metrics):
    ((size, expected),) = RATED.items()
    picture = upstream.fake_pictures((512, 512), f"topiq {size}")
    assert TOPIQ_FACE.scores(picture[None], assets.asset_table(), "cpu")[0] == pytest.approx(expected, abs=2e-6)


def large(clip, frames):
    return np.array([cv2.resize(clip.frames[k], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for k in frames])


@needs_mediapipe
def test_ours_rates_every_fifth_frame_with_the_face_upright(metrics, real_clips):
    clip = clip_of(large(real_clips[0], range(11)), None)
    cuts = list(face_quality.clean_faces(clip, metrics[0].context))
    assert [cut.shape for cut in cuts] == [(512, 512, 3)] * 3
    for cut in cuts:
        (seen,) = mesh.faces(cut, assets.asset_table())
        # What the mesh sees of the cut-out lies where it was put, up to the width of an eye.
        assert np.abs(five_points(seen.points) - PLACES).max() < 40
    rated = [TOPIQ_FACE.scores(cut[None], assets.asset_table(), "cpu")[0] for cut in cuts]
    assert metrics[0].score(clip).value == pytest.approx(np.mean(rated))


@needs_mediapipe
def test_clips_without_an_answer(metrics, real_clips):
    frames = large(real_clips[0], range(6))
    for metric in metrics:
        assert metric.score(clip_of(None, real_clips[0].audio)).reason == "no video stream"
    assert metrics[0].score(clip_of(0 * frames, None)).reason == "no face found"
    assert metrics[0].score(clip_of(frames[:1], None)).reason == "too short: 0.04 s, at least 0.2 s needed"
    assert metrics[0].score(clip_of(np.concatenate([frames, frames], axis=2), None)).reason.startswith("several faces")


def test_missing_weights_fail(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    (metric,) = build(["face_quality@theval"], "standard", MetricContext(NoCache()))
    outcome = metric.score(clip_of(np.zeros((1, 64, 64, 3), np.uint8), None))
    assert outcome.status == "failed"
    assert "assets pull retinaface-r50 topiq-face-v1" in outcome.reason
