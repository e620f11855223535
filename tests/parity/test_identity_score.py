"""Identity: FaceNet and DINOv3 against the originals on random checkpoints, likeness by hand, and clips without one."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics import faces
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.networks.facenet import FaceNet
from jova_bench.metrics.picture import facenet as face_embed
from jova_bench.metrics.picture import identity
from jova_bench.prompts import Prompt
from jova_bench.records import Sample
from jova_bench.runs import score_table as grid
from jova_bench.runs.store import RunStore
from jova_bench.suites.loading import load_suite
from support import every_asset, upstream
from support.clips import silent_clip

cv2 = pytest.importorskip("cv2")
FACENET, DINOV3 = upstream.parity("facenet"), upstream.parity("dinov3")


def prompt_with(image):
    return Prompt(id="one", video_caption="a face", audio_caption="", transcript="", image=image and str(image))


def save(path, frame):
    assert cv2.imwrite(str(path), frame[..., ::-1])
    return path


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    shapes = every_asset.shapes_of(FaceNet())
    # The original's names and shapes, classifier apart.
    digest = hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest()
    assert digest == FACENET["shapes_sha256"]
    return every_asset.written(tmp_path_factory.mktemp("weights"), "facenet-vggface2", "dinov3-vitl16")


@pytest.fixture
def weights(checkpoints, own_assets):
    return own_assets(checkpoints)


def people():
    """The picture that the original looked at."""
    ramp = np.linspace(-120, 120, 400)[None, :, None] * np.array([1, -1, 1])
    return (upstream.fake((300, 400, 3), "people").numpy() * 40 + 128 + ramp).clip(0, 255).astype(np.uint8)


def test_faces_are_cut_out_and_embedded_as_by_the_original(weights):
    expected = FACENET["outputs"]
    crops = [face_embed.cut_out(people(), np.array(box)) for box in expected["boxes"]]
    assert all(crop.shape == (face_embed.SIDE, face_embed.SIDE, 3) for crop in crops)
    sums = [((crop.astype(np.float64) - 127.5) / 128).sum() for crop in crops]
    np.testing.assert_allclose(sums, expected["pixel_sums"], rtol=1e-6)
    found = face_embed._embed(crops, MetricContext(NoCache()))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(found[:, ::9], expected["embeddings"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found @ found.T, expected["cosines"], rtol=1e-6)


@pytest.mark.parametrize("pair", sorted(DINOV3["outputs"]))
def test_versebench_equals_the_original(weights, tmp_path, pair):
    first, second = map(tuple, json.loads(f"[{pair.replace('] [', '], [')}]"))
    image = save(tmp_path / "image.png", upstream.fake_pictures(first, f"anchor {first}"))
    frame = upstream.fake_pictures(second, f"frame {second}")
    expected = DINOV3["outputs"][pair]
    tokens = identity.patch_tokens(upstream.fake_pictures(first, f"anchor {first}")[None], MetricContext(NoCache()))
    np.testing.assert_allclose(tokens[0, ::8], expected["feature"], rtol=1e-3, atol=1e-5)
    metric = identity.identity_score(MetricContext(NoCache(), "cpu"), "versebench")
    outcome = metric.score(silent_clip([frame, frame]), prompt_with(image), None)
    assert outcome.value == pytest.approx(expected["cosine"], abs=1e-5)


def test_versebench_sees_one_patch_and_no_face(weights, tmp_path):
    """Whatever is drawn over the rest of the picture moves it far less than what is drawn over its corner."""
    frame = upstream.fake_pictures((224, 224), "scene")
    image = save(tmp_path / "image.png", frame)
    metric = identity.identity_score(MetricContext(NoCache(), "cpu"), "versebench")
    same = metric.score(silent_clip([frame]), prompt_with(image), None).value
    assert same == pytest.approx(1)
    face, corner = frame.copy(), frame.copy()
    face[64:80, 96:112] = 255  # A patch in the middle.
    corner[208:, 192:208] = 255  # The last but one.
    of_face, of_corner = (metric.score(silent_clip([f]), prompt_with(image), None).value for f in (face, corner))
    assert 1 - of_corner > 3 * (1 - of_face)


ALONG, ACROSS, BETWEEN = np.eye(3)[0], np.eye(3)[1], np.array([0.6, 0.8, 0])


def test_likeness_by_hand():
    frames = [np.array([ALONG]), np.array([ACROSS, BETWEEN]), np.zeros((0, 3))]
    # The most similar face of each frame; a frame without a face is left out.
    assert identity.likeness(frames, ALONG) == pytest.approx((1 + 0.6) / 2)
    assert identity.likeness(frames, ACROSS) == pytest.approx((0 + 1) / 2)
    # Against the clip's own first face, which is not compared with itself.
    assert identity.likeness(frames, None) == pytest.approx(0.6)


def test_likeness_of_too_few_faces_is_undefined():
    none = np.zeros((0, 3))
    with pytest.raises(Undefined, match="no face found"):
        identity.likeness([none, none], ALONG)
    with pytest.raises(Undefined, match="a face in 1 of 3 frames, at least 50%"):
        identity.likeness([np.array([ALONG]), none, none], ALONG)
    with pytest.raises(Undefined, match="nothing to be compared with"):
        identity.likeness([np.array([ALONG])], None)


@pytest.fixture
def found(weights, monkeypatch):
    """Boxes where a test says that faces are, instead of a detector."""
    boxes = {}

    def tracks(clip, name, context, every=faces.EVERY):
        assert name == "s3fd"
        return boxes.get(clip.digest, boxes.get(None, []))

    monkeypatch.setattr(faces, "tracks", tracks)
    monkeypatch.setattr(face_embed, "missing", lambda detector, assets: None)
    return boxes


def box(x, y, size, frames):
    return np.tile([x, y, x + size, y + size], (frames, 1)).astype(float)


def test_the_person_of_the_image_scores_one_and_another_less(found, tmp_path):
    person = people()[:200, 250:400]
    image = save(tmp_path / "image.png", person)
    still = face_embed.still(identity.reference_image(prompt_with(image)))
    found[still.digest] = [faces.Track(0, box(10, 10, 100, 1))]
    found[None] = [faces.Track(0, box(10, 10, 100, 11))]
    metric = identity.identity_score(MetricContext(NoCache(), "cpu"))
    same = metric.score(silent_clip([person] * 11), prompt_with(image), None)
    other = metric.score(silent_clip([people()[:200, :150]] * 11), prompt_with(image), None)
    assert same.value == pytest.approx(1)
    assert other.value < 0.999
    mixed = metric.score(silent_clip([person] * 5 + [people()[:200, :150]] * 6), prompt_with(image), None)
    assert mixed.value == pytest.approx((same.value + 2 * other.value) / 3)  # Frames 0, 5 and 10.


def test_a_bystander_is_no_harm_and_the_largest_face_of_the_image_counts(found, tmp_path):
    scene = people()
    image = save(tmp_path / "image.png", scene)
    still = face_embed.still(scene)
    small, large = faces.Track(0, box(10, 10, 60, 1)), faces.Track(0, box(280, 100, 90, 1))
    found[still.digest] = [small, large]
    found[None] = [faces.Track(0, box(10, 10, 60, 6)), faces.Track(0, box(280, 100, 90, 6))]
    metric = identity.identity_score(MetricContext(NoCache(), "cpu"))
    assert metric.score(silent_clip([scene] * 6), prompt_with(image), None).value == pytest.approx(1)
    found[None] = found[None][:1]  # Only the bystander is there.
    assert metric.score(silent_clip([scene] * 6), prompt_with(image), None).value < 0.999


def test_consistency_of_a_still_is_one_and_of_another_face_less(found):
    found[None] = [faces.Track(0, box(10, 10, 100, 11))]
    person, stranger = people()[:200, 250:400], people()[:200, :150]
    metric = identity.identity_consistency(MetricContext(NoCache(), "cpu"))
    assert metric.score(silent_clip([person] * 11), None, None).value == pytest.approx(1)
    assert metric.score(silent_clip([person] * 5 + [stranger] * 6), None, None).value < 0.999


def test_faces_outside_of_their_track_or_of_the_picture_are_none(found):
    found[None] = [faces.Track(5, box(10, 10, 100, 3)), faces.Track(0, box(500, 10, 20, 11))]
    clip = silent_clip([people()] * 11)
    assert [len(frame) for frame in face_embed.embeddings(clip, "s3fd", MetricContext(NoCache()))] == [0, 1, 0]


@pytest.mark.parametrize("make", [identity.identity_score, identity.identity_consistency])
def test_no_face_is_undefined(found, make, tmp_path):
    image = save(tmp_path / "image.png", people())
    found[face_embed.still(people()).digest] = [faces.Track(0, box(10, 10, 100, 1))]
    outcome = make(MetricContext(NoCache(), "cpu")).score(silent_clip([people()[::-1]] * 6), prompt_with(image), None)
    assert (outcome.status, outcome.reason) == ("undefined", "no face found")


def test_no_face_in_the_image_is_undefined(found, tmp_path):
    image = save(tmp_path / "image.png", people())
    outcome = identity.identity_score(MetricContext(NoCache(), "cpu")).score(
        silent_clip([people()] * 6), prompt_with(image), None
    )
    assert (outcome.status, outcome.reason) == ("undefined", "no face found in the reference image")


@pytest.mark.parametrize("protocol", ["clean", "versebench"])
def test_no_image_is_undefined_and_an_unreadable_one_fails(found, tmp_path, protocol):
    metric = identity.identity_score(MetricContext(NoCache(), "cpu"), protocol)
    clip = silent_clip([people()])
    for prompt in (None, prompt_with(None)):
        outcome = metric.score(clip, prompt, None)
        assert (outcome.status, outcome.reason) == ("undefined", "no reference image")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    outcome = metric.score(clip, prompt_with(tmp_path / "broken.jpg"), None)
    assert outcome.status == "failed"
    assert "cannot read the reference image" in outcome.reason


def test_no_video_is_undefined():
    clip = clip_from_arrays(None, Fraction(0), np.zeros((1, 8000), np.float32), 16000)
    metrics = [
        identity.identity_score(MetricContext(NoCache(), "cpu"), protocol) for protocol in ("clean", "versebench")
    ]
    for metric in (*metrics, identity.identity_consistency(MetricContext(NoCache(), "cpu"))):
        outcome = metric.score(clip, prompt_with("any.png"), None)
        assert (outcome.status, outcome.reason) == ("undefined", "no video stream")


def test_missing_weights_fail(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    clip, prompt = silent_clip([people()]), prompt_with("any.png")
    ours = identity.identity_score(MetricContext(NoCache(), "cpu"), "opencv-haar").score(clip, prompt, None)
    assert ours.status == "failed"
    assert "assets pull facenet-vggface2" in ours.reason
    theirs = identity.identity_score(MetricContext(NoCache(), "cpu"), "versebench").score(clip, prompt, None)
    assert theirs.status == "failed"
    assert "assets pull dinov3-vitl16" in theirs.reason


@pytest.mark.parametrize(("height", "width"), [(97, 131), (240, 33)])
def test_odd_sizes_go_through_a_real_detector(weights, height, width):
    clip = silent_clip(np.full((3, height, width, 3), 127, np.uint8))
    outcome = identity.identity_consistency(MetricContext(NoCache(), "cpu"), "opencv-haar").score(clip, None, None)
    assert (outcome.status, outcome.reason) == ("undefined", "no face found")


def test_an_image_is_read_as_it_is_meant_to_be_seen(tmp_path):
    frame = upstream.fake_pictures((20, 30), "any")
    path = save(tmp_path / "image.png", frame)
    np.testing.assert_array_equal(identity.reference_image(prompt_with(path)), frame)
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), frame[..., 0])
    assert identity.reference_image(prompt_with(grey)).shape == (20, 30, 3)


def test_a_metric_is_told_where_the_image_lies(tmp_path):
    save(tmp_path / "face.png", upstream.fake_pictures((8, 8), "any"))
    line = {"id": "one", "video_caption": "a face", "audio_caption": "", "transcript": "", "image": "face.png"}
    (tmp_path / "prompts.jsonl").write_text(json.dumps(line))
    suite = load_suite(tmp_path / "prompts.jsonl")
    sample = Sample(model="m", prompt_id="one", seed=0, status="ok", clip="clips/one.mp4", clip_digest="0")
    job = grid._job(sample, suite.prompts[0], suite, RunStore(tmp_path / "run"), ("any",))
    assert identity.reference_image(job.prompt).shape == (8, 8, 3)
    assert Path(job.prompt.image).is_absolute()


def test_the_detector_and_the_protocol_are_in_the_identity(weights):
    identities = {
        identity.identity_score(MetricContext(NoCache(), "cpu"), protocol).spec.identity
        for protocol in ("clean", "opencv-haar", "versebench")
    }
    assert len(identities) == 3
    assert sum("compat:versebench@5645a09" in text for text in identities) == 1
