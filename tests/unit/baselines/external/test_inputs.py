"""What a prompt gives a model: where image and sound come from, what is refused, and the files a worker gets."""

from fractions import Fraction

import av
import numpy as np
import pytest

from jova_baselines.external.generator import Baseline
from jova_baselines.external.inputs import DURATION_S, driving, files, first_frame, model_input
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Consumes, load
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.base import Media
from jova_bench.suites.loading import load_suite

RATE_HZ = 22_050


def consumes(**needs):
    captions = {"video_caption": "required", "audio_caption": "optional", "transcript": "optional"}
    return Consumes(**{**captions, "image": "ignored", "audio": "ignored", "video": "ignored"} | needs)


def picture(path, array, pix_fmt):
    """Writes an image with an encoder's pixel format."""
    context = av.CodecContext.create("png", "w")
    context.height, context.width = array.shape[:2]
    context.pix_fmt, context.time_base = pix_fmt, Fraction(1)
    frame = av.VideoFrame.from_ndarray(array, format=pix_fmt)
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(0, 255, (20, 6, 8, 3), np.uint8), 8, axis=1).repeat(8, axis=2)
    # On the grid of 16 bits, so that it comes back exactly.
    audio = (rng.integers(-20_000, 20_000, (2, RATE_HZ)) / 32768).astype(np.float32)
    media.write(folder / "real.mp4", frames, Fraction(20), audio, RATE_HZ)
    media.write(folder / "mute.mp4", frames, Fraction(20), None, 0)
    media.write(folder / "voice.flac", None, Fraction(0), audio[:, : RATE_HZ // 2], RATE_HZ)
    picture(folder / "grey.png", rng.integers(0, 255, (30, 20), np.uint8), "gray")
    captions = '"video_caption": "a", "audio_caption": "b", "transcript": ""'
    extra = {
        "bare": "", "real": ', "reference": "real.mp4"', "mute": ', "reference": "mute.mp4"',
        "own": ', "reference": "real.mp4", "image": "grey.png", "audio": "voice.flac"',
        "swapped": ', "image": "voice.flac", "audio": "grey.png"',
    }  # fmt: skip
    (folder / "prompts.jsonl").write_text(
        "".join(f'{{"id": "{name}", {captions}{more}}}\n' for name, more in extra.items())
    )
    return load_suite(folder / "prompts.jsonl")


def asked(suite, name, **needs):
    return model_input(next(prompt for prompt in suite.prompts if prompt.id == name), suite, consumes(**needs))


def test_what_a_prompt_names_comes_before_its_real_clip(suite):
    inputs = asked(suite, "own", image="required", audio="required")
    assert (inputs.image.origin, inputs.image.height, inputs.image.width) == ("prompt", 30, 20)
    assert (inputs.audio.origin, inputs.audio.seconds, inputs.audio.sample_rate_hz) == ("prompt", 0.5, RATE_HZ)
    inputs = asked(suite, "real", image="required", audio="required", video="required")
    assert (inputs.image.origin, inputs.image.height, inputs.image.width) == ("reference", 48, 64)
    assert (inputs.audio.origin, inputs.audio.seconds) == ("reference", 1.0)
    assert (inputs.video.frames, inputs.video.fps, inputs.video.seconds) == (20, 20, 1.0)


def test_what_is_optional_is_not_taken_from_the_real_clip_and_what_is_ignored_not_at_all(suite):
    assert asked(suite, "real", image="optional", audio="optional").image is None
    inputs = asked(suite, "own", image="optional")
    assert inputs.image.origin == "prompt"
    assert inputs.audio is None


def test_the_length_to_aim_at_is_that_of_what_drives(suite):
    assert asked(suite, "own", audio="required").seconds == 0.5
    assert asked(suite, "real", video="required").seconds == 1.0
    assert asked(suite, "own").seconds == DURATION_S


@pytest.mark.parametrize(
    ("name", "needs", "message"),
    [
        ("bare", {"image": "required"}, "with image or a reference clip, got 'bare' without"),
        ("bare", {"video": "required"}, "with video, its reference clip, got 'bare' without"),
        ("bare", {"transcript": "required"}, "with transcript, got 'bare' without"),
        ("bare", {"audio_caption": "refused"}, "without audio caption, got 'bare' with it; this model cannot do it"),
        ("own", {"image": "refused"}, "without image, got 'own' with it"),
        ("mute", {"audio": "required"}, r"expected audio in .*mute\.mp4, got none"),
        ("swapped", {"image": "required"}, r"expected an image or a video in .*voice\.flac"),
        ("swapped", {"audio": "required"}, r"expected audio in .*grey\.png, got none"),
    ],
)
def test_what_a_model_cannot_do_is_refused(suite, name, needs, message):
    with pytest.raises(BenchError, match=message):
        asked(suite, name, **needs)


def test_files_of_a_worker_are_rgb_pictures_and_exact_sound(suite, tmp_path):
    inputs = asked(suite, "own", image="required", audio="required")
    paths = files(inputs, tmp_path)
    assert set(paths) == {"image", "audio"}
    with av.open(paths["image"]) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "rgb24"
    grey = first_frame(suite.root / "grey.png")
    assert np.array_equal(first_frame(tmp_path / "image.png"), grey)
    assert np.array_equal(grey[..., 0], grey[..., 2])
    clip = media.read(paths["audio"])
    assert np.array_equal(clip.audio, driving(inputs))
    assert clip.audio.shape == (2, RATE_HZ // 2)
    inputs = asked(suite, "real", image="required", video="required")
    paths = files(inputs, tmp_path)
    assert paths["video"] == str(suite.root / "real.mp4")
    first = media.read(suite.root / "real.mp4").frames[0].astype(int)
    assert np.abs(first_frame(tmp_path / "image.png").astype(int) - first).max() <= 1


@pytest.fixture
def driven():
    """A baseline that is driven by sound."""
    manifest = load("ovi")
    produces = manifest.produces.model_copy(update={"audio": "driving", "sample_rate_hz": None})
    needs = consumes(audio="required")
    return Baseline(manifest.model_copy(update={"produces": produces, "consumes": needs}), lambda *_: JOB, "cpu")


JOB = Job({"prompt": "a"}, frames=4, fps=Fraction(16), height=8, width=8, sample_rate_hz=None)


def test_driving_sound_comes_back_untouched_and_as_long_as_the_picture(driven, suite, tmp_path):
    prompt = next(prompt for prompt in suite.prompts if prompt.id == "own")
    plan = driven.plan(prompt, suite)
    assert (plan.audio, plan.sample_rate_hz, plan.frames) == ("driving", RATE_HZ, 4)
    assert "driven by the sound of the prompt" in plan.note
    inputs, job = driven.request(prompt, suite)
    np.save(tmp_path / "frames.npy", np.zeros((4, 8, 8, 3), np.uint8))
    made = driven.clip(inputs, job, tmp_path, {"frames": "frames.npy", "fps": 16})
    # 0.25 s of the half second.
    assert np.array_equal(made.media.audio, driving(inputs)[:, : round(0.25 * RATE_HZ)])
    assert made.timing == "free"
    real = next(prompt for prompt in suite.prompts if prompt.id == "real")
    inputs, job = driven.request(real, suite)
    assert driven.clip(inputs, job, tmp_path, {"frames": "frames.npy", "fps": 16}).timing == "aligned"
    assert "driven by the sound of the real clip" in driven.plan(real, suite).note


def test_a_film_of_upstream_is_kept_and_must_lie_in_the_samples_folder(driven, suite, tmp_path):
    prompt = next(prompt for prompt in suite.prompts if prompt.id == "own")
    inputs, job = driven.request(prompt, suite)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.mp4").write_bytes(b"film")
    (tmp_path / "y.mp4").write_bytes(b"film")
    made = driven.clip(inputs, job, tmp_path / "in", {"file": "x.mp4", "function_evals": 7})
    assert (made.media, made.function_evals) == (tmp_path / "in" / "x.mp4", 7)
    for name in ("../y.mp4", str(tmp_path / "y.mp4"), "no.mp4"):
        with pytest.raises(BenchError, match=r"expected a file in the sample's folder, got"):
            driven.clip(inputs, job, tmp_path / "in", {"file": name})


def test_sound_without_samples_is_no_sound(suite, tmp_path):
    baseline = Baseline(load("ovi"), lambda *_: JOB, "cpu")
    np.save(tmp_path / "frames.npy", np.zeros((4, 8, 8, 3), np.uint8))
    np.save(tmp_path / "audio.npy", np.zeros((1, 0), np.float32))
    result = {"frames": "frames.npy", "fps": "24000/1001", "audio": "audio.npy", "rate_hz": 16_000}
    made = baseline.clip(asked(suite, "bare"), JOB, tmp_path, result)
    assert isinstance(made.media, Media)
    assert (made.media.audio, made.media.fps) == (None, Fraction(24000, 1001))
