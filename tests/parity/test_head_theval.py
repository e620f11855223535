"""THEval's head motion: FaceXFormer and RetinaFace as the originals on random checkpoints, its formula by hand."""

import ast

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.faces import head_theval, retinaface_v2
from jova_bench.metrics.faces.theval import swapped
from jova_bench.metrics.faces.theval_formulas import head_motion
from jova_bench.metrics.networks import retinaface_v2 as network
from jova_bench.metrics.networks import shaped
from support import every_asset, planted_faces, upstream
from support.clips import clip_of

THEIRS = upstream.parity("head_theval")
OURS = ("facexformer", "retinaface-r50v2")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A random FaceXFormer in the published format, and a detector that sees a face everywhere."""
    return every_asset.written(tmp_path_factory.mktemp("weights"), *OURS)


@pytest.fixture
def metric(files, own_assets):
    own_assets(files)
    (found,) = build(["head_dynamics@theval"], "standard", MetricContext(NoCache()))
    return found


def face(size):
    return upstream.fake_pictures(ast.literal_eval(size), f"facexformer {size}")


def test_facexformer_equals_the_original(metric):
    said = THEIRS["angles"]
    found = head_theval.angles_deg([face(size) for size in said], metric.context)
    np.testing.assert_allclose(found, list(said.values()), atol=2e-4)
    assert np.ptp(found, axis=0).min() > 1


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "retinaface.pth"
    torch.save(planted_faces.retinaface_v2_state(), file)
    return file


def test_retinaface_equals_the_original(detector):
    said = THEIRS["retinaface"]
    net = shaped.load(network.RetinaFaceV2, detector, "cpu", more=True).double()
    picture = upstream.fake_pictures(said["size"], f"retinaface {tuple(said['size'])}")
    with torch.inference_mode():
        boxes, scores = net(torch.from_numpy(picture).permute(2, 0, 1)[None].double())
    assert boxes.shape == (1, said["count"], 4)
    found = torch.cat([boxes[0], scores[0, :, None]], dim=1)
    np.testing.assert_allclose(found[::29].numpy(), said["boxes"], rtol=1e-5, atol=1e-4)


def test_the_surest_face_is_the_originals(detector, own_assets, monkeypatch):
    said = THEIRS["retinaface"]
    own_assets({"retinaface-r50v2": detector})
    frame = upstream.fake_pictures((30, 300), "retinaface (30, 300)")
    scaled, scale = retinaface_v2.fitted(frame)
    shape, levels = said["shown"]
    assert ([1, *scaled.shape], scale) == (shape, pytest.approx(said["scale"]))
    assert scaled.sum() == pytest.approx(levels, rel=1e-5)
    assert retinaface_v2.surest(swapped(frame), assets.asset_table(), "cpu") is None
    monkeypatch.setattr(retinaface_v2, "CONFIDENCE", said["score"] - 1e-3)
    found = retinaface_v2.surest(swapped(frame), assets.asset_table(), "cpu")
    assert np.abs(found - said["surest"]).max() <= 1  # Single precision may fall to the other side of a pixel.


def test_small_frames_are_enlarged_and_long_ones_as_far_as_they_may():
    assert retinaface_v2.fitted(np.zeros((64, 96, 3), np.uint8))[0].shape == (1024, 1536, 3)
    assert retinaface_v2.fitted(np.zeros((96, 64, 3), np.uint8))[0].shape == (1536, 1024, 3)
    assert retinaface_v2.fitted(np.zeros((50, 198, 3), np.uint8))[0].shape == (500, 1980, 3)


def test_motion_by_hand():
    still = np.zeros((4, 3))
    there = np.zeros((4, 2))
    assert head_motion(still, there) == 0
    # The head's place alone: variances 4 and 0, in pixels.
    moves = np.array([[0, 0], [4, 0], [0, 0], [4, 0.0]])
    assert head_motion(still, moves) == pytest.approx(np.sqrt(2))
    # An even turn has no changes of its changes: nothing counts.
    even = np.column_stack([np.zeros(4), 10.0 * np.arange(4), np.zeros(4)])
    assert head_motion(even, there) == pytest.approx(0)
    # There and back by 6 degrees: deviation 3 over three angles; changes 6, -6, 6 have variance 32 over three.
    back = np.column_stack([[0, 6.0, 0, 6], np.zeros(4), np.zeros(4)])
    assert head_motion(back, there) == pytest.approx(np.sqrt(1 * 32 / 3))
    assert head_motion(back, moves) == pytest.approx(np.sqrt(32 / 3 + 2))


def test_a_clip_is_measured_in_its_surest_faces(metric, monkeypatch):
    frames = upstream.fake_pictures((3, 60, 80), "heads")
    boxes = [np.array(box) for box in ([10, 5, 40, 45], [12, 5, 42, 45], [14, 7, 44, 47])]

    def surest(frame, table, device):
        (k,) = (k for k, one in enumerate(frames) if np.array_equal(one[..., ::-1], frame))
        return boxes[k]

    monkeypatch.setattr(retinaface_v2, "surest", surest)
    cuts = [frame[box[1] : box[3], box[0] : box[2]] for frame, box in zip(frames, boxes, strict=True)]
    angles = head_theval.angles_deg(cuts, metric.context)
    centres = np.array([[25, 25], [27, 25], [29, 27]])
    assert metric.score(clip_of(frames, None)).value == pytest.approx(head_motion(angles, centres))
    boxes[1] = None
    lost = metric.score(clip_of(frames, None))
    assert (lost.status, lost.reason) == ("undefined", "no face in frame 1: THEval gives such a clip no value")


def test_clips_without_an_answer(metric, monkeypatch, tmp_path):
    frames = upstream.fake_pictures((2, 40, 40), "heads")
    assert metric.score(clip_of(None, np.zeros((1, 8000), np.float32))).reason == "no video stream"
    assert metric.score(clip_of(frames[:1], None)).reason == "one frame, at least 2 needed"
    monkeypatch.delenv(assets.TABLE_VARIABLE)
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    (bare,) = build(["head_dynamics@theval"], "standard", MetricContext(NoCache()))
    outcome = bare.score(clip_of(frames, None))
    assert outcome.status == "failed"
    assert "assets pull retinaface-r50v2 facexformer" in outcome.reason
