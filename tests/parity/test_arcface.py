"""ArcFace: alignment and embeddings against insightface's code on a random network, and clips end to end."""

import cv2
import numpy as np
import pytest

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import scrfd
from jova_bench.metrics.picture import arcface, identity
from jova_bench.prompts import Prompt
from support import planted_faces, upstream
from support.clips import silent_clip

PARITY = upstream.parity("arcface")
pytestmark = pytest.mark.skipif(scrfd.packages() is not None, reason="onnxruntime is not installed")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    made = {"arcface-r50": folder / "arcface.onnx", "scrfd": folder / "scrfd.onnx"}
    planted_faces.arcface(made["arcface-r50"])
    planted_faces.scrfd(made["scrfd"])
    return made


@pytest.fixture
def context(files, own_assets):
    own_assets(files)
    return MetricContext(NoCache())


def people():
    """The picture that the original looked at."""
    ramp = np.linspace(-120, 120, 400)[None, :, None] * np.array([1, -1, 1])
    return (upstream.fake((300, 400, 3), "people").numpy() * 40 + 128 + ramp).clip(0, 255).astype(np.uint8)


def test_faces_are_aligned_and_embedded_as_by_insightface(context):
    crops = []
    for one in PARITY["outputs"]:
        points = np.array(one["points"])
        np.testing.assert_allclose(arcface.similarity(points, arcface.PLACES), one["matrix"], rtol=1e-5, atol=1e-5)
        crops.append(arcface.aligned(people(), points))
        assert abs(int(crops[-1].astype(int).sum()) - one["pixel_sum"]) < 1e-5 * one["pixel_sum"]
        np.testing.assert_allclose(crops[-1][56, 50:53].ravel(), one["row"], atol=1)
    found = arcface.embed(crops, context.assets)
    np.testing.assert_allclose(found[:, ::37], [one["embedding"] for one in PARITY["outputs"]], atol=1e-4)
    np.testing.assert_allclose(found @ found.T, PARITY["cosines"], atol=1e-4)


def test_a_similarity_by_hand_and_never_a_mirror_image():
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], dtype=float)
    # A quarter turn, twice as large, moved by (5, 1).
    moved = np.stack([5 - 2 * square[:, 1], 1 + 2 * square[:, 0]], axis=1)
    np.testing.assert_allclose(arcface.similarity(square, moved), [[0, -2, 5], [2, 0, 1]], atol=1e-12)
    mirrored = np.linalg.det(arcface.similarity(square * [1, 3], square * [-1, 3])[:, :2])
    assert mirrored > 0


def scene(seed):
    """A picture of planted_faces.SIDE, all of which is a face to the planted detector."""
    side = planted_faces.SIDE
    small = upstream.fake((8, 8, 3), f"person {seed}").numpy() * 60 + 128
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def prompt_of(folder, frame):
    path = folder / "face.png"
    assert cv2.imwrite(str(path), frame[..., ::-1])
    return Prompt(id="one", video_caption="", audio_caption="", transcript="", image=str(path))


def test_the_same_person_scores_one_and_another_less(context, tmp_path):
    asked = prompt_of(tmp_path, scene(1))
    score = identity.identity_score(context, "arcface")
    held = identity.identity_consistency(context, "arcface")
    same, other = silent_clip([scene(1)] * 11), silent_clip([scene(1)] * 5 + [scene(2)] * 6)
    assert score.score(same, asked).value == pytest.approx(1)
    cosine = held.score(other).value  # Frame 0 against frames 5 and 10.
    assert cosine < 0.9
    assert score.score(other, asked).value == pytest.approx((1 + 2 * cosine) / 3)
    facenet = identity.identity_score(context).spec.identity
    assert score.spec.identity != facenet
    assert "arcface-r50+scrfd" in score.spec.identity


def test_clips_without_an_answer(context, tmp_path, monkeypatch):
    asked = prompt_of(tmp_path, scene(1))
    score, held = (make(context, "arcface") for make in (identity.identity_score, identity.identity_consistency))
    assert score.score(silent_clip([scene(1)])).reason == "no reference image"
    assert (
        held.score(silent_clip([scene(1)])).reason == "too short: one frame with a face has nothing to be compared with"
    )
    monkeypatch.setattr(scrfd, "candidates", lambda outputs: np.zeros((0, 15)))
    assert held.score(silent_clip([scene(1)] * 6)).reason == "no face found"
    assert score.score(silent_clip([scene(1)] * 6), asked).reason == "no face found in the reference image"
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv(assets.TABLE_VARIABLE, raising=False)
    outcome = identity.identity_consistency(MetricContext(NoCache()), "arcface").score(silent_clip([scene(1)] * 6))
    assert outcome.status == "failed"
    assert "assets pull scrfd arcface-r50 --accept non-commercial" in outcome.reason
