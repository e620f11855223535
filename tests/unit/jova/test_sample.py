"""Prompt to clip with a tiny model and tiny codecs, through the pipeline, the command line and the harness."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jova.codecs.audio import AudioCodec, AudioCodecConfig
from jova.codecs.video import VideoCodec, VideoCodecConfig
from jova.data.folder import read_clip, write_clip
from jova.parts import FILES
from jova.pipeline import JovaPipeline, generator_of, noise
from jova.sample import main, read_image
from jova.text import Prompt
from support import jova_micro
from support.jova_micro import PROMPTS, micro

FAST = {"steps": 2, "guidance": 1.5}
SIZE, FRAMES, SAMPLES = 32, 9, 9 * 640  # 4 x 4 latent cells of 8 x 8 pixels


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    video = VideoCodec(VideoCodecConfig(3, SIZE, widths=(8, 8, 8), blocks=(1, 1, 1)))
    audio = AudioCodec(replace(AudioCodecConfig(), channels=6))
    audio.fit(audio.stacks(0.1 * torch.randn(8, SAMPLES)).flatten(0, 1))
    micro().save(folder / FILES[0])
    video.save(folder / FILES[1])
    audio.save(folder / FILES[2])
    return folder


@pytest.fixture(scope="module")
def pipeline(weights) -> JovaPipeline:
    return JovaPipeline.from_pretrained(weights)


def image(value: int) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), value, dtype=np.uint8)


def test_clips_have_the_lengths_of_the_timeline(pipeline):
    clips = pipeline.sample(PROMPTS, [0, 1, 2], **FAST)
    assert clips.frames.shape == (3, FRAMES, SIZE, SIZE, 3)
    assert clips.frames.dtype == np.uint8
    assert clips.audio.shape == (3, SAMPLES)
    assert clips.function_evals == 3  # guided at t = 0, no more at t = 0.5
    assert pipeline.sample(PROMPTS[:1], [0], steps=3, guidance=1.0, sampler="heun").function_evals == 5


def test_half_precision_gives_nearly_the_same_clip(pipeline):
    """bfloat16 resolves 2^-8: every clip moves a little. (Sound would not do: its phases are found from nothing.)"""
    exact = pipeline.sample(PROMPTS, [0, 1, 2], **FAST)
    rounded = pipeline.sample(PROMPTS, [0, 1, 2], precision="bfloat16", **FAST)
    again = pipeline.sample(PROMPTS, [0, 1, 2], precision="bfloat16", **FAST)
    assert np.array_equal(rounded.frames, again.frames)
    apart = np.abs(rounded.frames.astype(int) - exact.frames)  # levels of 255
    assert (apart.mean(axis=(1, 2, 3, 4)) > 0).all()
    assert (apart.mean(axis=(1, 2, 3, 4)) < 0.05).all()
    with pytest.raises(ValueError, match="expected precision to be one of float32, bfloat16, got 'half'"):
        pipeline.sample(PROMPTS, [0, 1, 2], precision="half", **FAST)


def test_a_clip_does_not_depend_on_its_batch(pipeline):
    together = pipeline.sample(PROMPTS, [4, 5, 6], [None, image(200), None], **FAST)
    alone = pipeline.sample(PROMPTS[1:2], [5], [image(200)], **FAST)
    # Rounding to bytes may turn a difference of 1e-6 into one level.
    assert np.abs(alone.frames[0].astype(int) - together.frames[1]).max() <= 1
    again = pipeline.sample(PROMPTS, [4, 5, 6], [None, image(200), None], **FAST)
    assert np.array_equal(again.frames, together.frames)
    assert np.array_equal(again.audio, together.audio)


def test_noise_comes_from_prompt_and_seed_alone(pipeline):
    first, same = (noise(pipeline.config, generator_of(PROMPTS[0], 3)) for _ in range(2))
    assert torch.equal(first.video, same.video)
    for key in ((PROMPTS[1], 3), (PROMPTS[0], 4)):
        other = noise(pipeline.config, generator_of(*key))
        assert not torch.equal(first.video, other.video)
        assert not torch.equal(first.audio, other.audio)
    # 144 + 30 values: standard error of the mean .076.
    values = torch.cat([first.video.flatten(), first.audio.flatten()])
    assert abs(values.mean().item()) < 0.3
    assert values.std().item() == pytest.approx(1, abs=0.25)


def test_an_image_changes_the_clip_and_must_fit(pipeline):
    plain = pipeline.sample(PROMPTS[:1], [0], **FAST)
    none = pipeline.sample(PROMPTS[:1], [0], [None], **FAST)
    dark, light = (pipeline._encode_images([image(value)], pipeline.config) for value in (20, 230))
    assert np.array_equal(plain.frames, none.frames)
    assert not torch.equal(dark.data.video, light.data.video)
    with pytest.raises(ValueError, match=r"expected frames of 32 x 32, got \(64, 64\)"):
        pipeline.sample(PROMPTS[:1], [0], [np.zeros((64, 64, 3), np.uint8)], **FAST)


def test_an_audio_driven_model_makes_pictures_for_the_sound_it_is_given(pipeline):
    driven = JovaPipeline(micro(task="audio-driven"), pipeline.video_codec, pipeline.audio_codec)
    loud, quiet = (level * np.sin(np.arange(SAMPLES) / 9).astype(np.float32) for level in (0.5, 0.01))
    a, b, again = (driven.sample(PROMPTS[:1], [0], audios=[sound], **FAST) for sound in (loud, quiet, loud))
    assert np.array_equal(a.audio[0], loud)
    assert np.array_equal(a.frames, again.frames)
    assert not np.array_equal(a.frames, b.frames)
    with pytest.raises(ValueError, match="expected audio for an audio-driven model and none for a joint one, got none"):
        driven.sample(PROMPTS[:1], [0], **FAST)
    with pytest.raises(ValueError, match="got some"):
        pipeline.sample(PROMPTS[:1], [0], audios=[loud], **FAST)


def test_codecs_of_another_size_are_refused(pipeline):
    with pytest.raises(ValueError, match="expected a video codec of 5 channels, got one of 3"):
        JovaPipeline(micro(video_channels=5), pipeline.video_codec, pipeline.audio_codec)


def test_pictures_are_resized(tmp_path):
    write_clip(tmp_path / "clip.mp4", np.full((5, 64, 48, 3), 90, np.uint8), np.zeros(5 * 640, np.float32))
    picture = read_image(tmp_path / "clip.mp4", (SIZE, SIZE))
    assert picture.shape == (SIZE, SIZE, 3)
    assert np.abs(picture.astype(int) - 90).max() <= 3


@pytest.mark.parametrize(("height", "width"), [(96, 48), (48, 96)])
def test_the_central_square_of_a_picture_is_taken(tmp_path, height, width):
    """A disc of 20 pixels in the middle of a picture of 48 x 96 is one of 13 and a third in 32 x 32."""
    y, x = np.mgrid[:height, :width]
    inside = (y - height / 2 + 0.5) ** 2 + (x - width / 2 + 0.5) ** 2 < 10**2
    frames = np.where(inside, 220, 30).astype(np.uint8)[None, ..., None].repeat(5, 0).repeat(3, 3)
    write_clip(tmp_path / "clip.mp4", frames, np.zeros(5 * 640, np.float32))
    disc = read_image(tmp_path / "clip.mp4", (SIZE, SIZE))[..., 1] > 125
    for axis in (0, 1):
        where = np.flatnonzero(disc.any(axis=axis))
        assert len(where) == pytest.approx(20 * 32 / 48, abs=1.5)
        assert (where[0] + where[-1]) / 2 == pytest.approx(15.5, abs=0.5)


def test_a_folder_that_takes_no_clip_is_told_before_weights_are_read(monkeypatch, capsys):
    monkeypatch.setattr("jova.sample.JovaPipeline.from_pretrained", lambda *_, **__: pytest.fail("read"))
    words = ["--video-caption", "red hair", "--audio-caption", "low voice", "--transcript", "place red now"]
    monkeypatch.setattr("sys.argv", ["jova.sample", *words, "--out", "/proc/nothing/e.mp4"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "expected a folder that can be written, got /proc/nothing" in capsys.readouterr().err


def flags(weights: Path, out: Path, transcript: str) -> list[str]:
    words = ["--video-caption", "red hair", "--audio-caption", "low voice", "--transcript", transcript]
    return ["--weights", str(weights), "--steps", "1", "--out", str(out), *words]


def test_command_line(weights, tmp_path):
    command = [sys.executable, "-m", "jova.sample", *flags(weights, tmp_path / "clip.mp4", "place red now")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    frames, audio = read_clip(tmp_path / "clip.mp4")
    assert (frames.shape, audio.shape) == ((FRAMES, SIZE, SIZE, 3), (SAMPLES,))


def test_a_word_that_the_model_does_not_know_is_named(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["jova.sample", *flags(weights, tmp_path / "clip.mp4", "place green now")])
    with pytest.raises(SystemExit, match="2"):
        main()
    said = capsys.readouterr().err
    assert "got 'green' in the transcript" in said
    assert "Traceback" not in said


def test_the_first_example_of_the_help_has_words_that_the_shipped_model_knows():
    from jova.data.vocabulary import words
    from jova.text import WordTokenizer
    from jova_bench.cli.training import SAMPLE_EXAMPLES

    texts = re.findall(r'"([^"]+)"', SAMPLE_EXAMPLES.partition("--out")[0])
    assert len(texts) == 3
    WordTokenizer(words(), 24)([Prompt(*texts)])


def test_harness_runs_jova(weights, tmp_path):
    from jova_baselines.jova import JovaGenerator
    from jova_bench.errors import BenchError

    model = JovaGenerator("cpu", weights)
    assert model.check() is None
    suite = jova_micro.suite(tmp_path)
    plan = model.plan(suite.prompts[0], suite)
    assert (plan.frames, plan.fps, plan.height, plan.sample_rate_hz) == (FRAMES, 25, SIZE, 16000)
    (made,) = model.generate(suite.prompts, 3, suite)
    direct = model._pipeline.sample([Prompt(*PROMPTS[0])], [3])
    assert np.array_equal(made.media.frames, direct.frames[0])
    assert made.media.audio.shape == (1, SAMPLES)
    assert made.timing == "free"
    assert made.function_evals == 32  # 25 Euler steps, the first 7 of them guided
    assert made.peak_memory_bytes > 10_000_000
    unknown = jova_micro.suite(tmp_path, transcript="place green")
    with pytest.raises(BenchError, match="got 'green'"):
        model.plan(unknown.prompts[0], unknown)


def test_half_precision_is_told_in_plan_and_settings(weights, tmp_path):
    from jova_baselines.jova import JovaGenerator, Sampling

    suite = jova_micro.suite(tmp_path)
    exact, half = JovaGenerator("cpu", weights), JovaGenerator("cpu", weights, "half", Sampling(precision="bfloat16"))
    assert "bfloat16" in half.plan(suite.prompts[0], suite).note
    assert half.settings["options"]["precision"] == "bfloat16"
    # Run folders hold what was said before there was a choice.
    assert "float32" not in exact.plan(suite.prompts[0], suite).note
    assert "precision" not in exact.settings["options"]


def test_harness_gives_jova_the_first_frame_of_the_real_clip(weights, tmp_path):
    from jova_baselines.jova import JovaFromImage
    from jova_bench.errors import BenchError

    frames = np.full((FRAMES, SIZE, SIZE, 3), 90, np.uint8)
    frames[1:] = 200  # only the first frame is to count
    write_clip(tmp_path / "real.mp4", frames, np.zeros(SAMPLES, np.float32))
    model, suite = JovaFromImage("cpu", weights), jova_micro.suite(tmp_path, reference="real.mp4")
    assert "image real.mp4" in model.plan(suite.prompts[0], suite).note
    (made,) = model.generate(suite.prompts, 3, suite)
    first = read_image(tmp_path / "real.mp4", (SIZE, SIZE))
    assert np.abs(first.astype(int) - 90).max() <= 3
    direct = model._pipeline.sample([Prompt(*PROMPTS[0])], [3], [first])
    assert np.array_equal(made.media.frames, direct.frames[0])
    bare = jova_micro.suite(tmp_path)
    with pytest.raises(BenchError, match="got 'p' without either"):
        model.plan(bare.prompts[0], bare)


def test_harness_runs_the_codec_control(weights, tmp_path):
    from jova_baselines.jova import CodecRoundTrip
    from jova_bench.errors import BenchError

    write_clip(tmp_path / "real.mp4", np.full((FRAMES, SIZE, SIZE, 3), 90, np.uint8), np.zeros(SAMPLES, np.float32))
    model, suite = CodecRoundTrip("cpu", weights), jova_micro.suite(tmp_path, reference="real.mp4")
    assert model.check() is None
    assert "encoded and decoded" in model.plan(suite.prompts[0], suite).note
    (made,) = model.generate(suite.prompts, 0, suite)
    assert made.media.frames.shape == (FRAMES, SIZE, SIZE, 3)
    assert made.media.audio.shape == (1, SAMPLES)
    assert made.timing == "aligned"
    bare = jova_micro.suite(tmp_path)
    with pytest.raises(BenchError, match="with a reference clip, got prompt 'p' without one"):
        model.plan(bare.prompts[0], bare)


def test_missing_weights_are_named(tmp_path):
    from jova_baselines.jova import CodecRoundTrip, JovaGenerator

    assert "jova-tiny.safetensors, video-codec.safetensors" in JovaGenerator("cpu", tmp_path).check()
    assert CodecRoundTrip("cpu", tmp_path).check().startswith("weights missing: video-codec.safetensors, audio-codec")
