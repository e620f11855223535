"""Plans of LongCat-Video-Avatar 1.5 against numbers of its own code, and its worker on a fake of it."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from jova_baselines.external.manifest import load
from jova_baselines.longcat_video_avatar_15 import plan as planning
from jova_baselines.longcat_video_avatar_15.plan import STEPS, nearest
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, impatient, installed
from support.spoken_prompts import sample, suite

STORED = upstream_api.facts("longcat-video-avatar-1.5")
FACTS, FLAGS = STORED["facts"], STORED["scripts"]["run_demo_avatar_single_audio_to_video.py"]
SETTINGS = FACTS["settings"]
planned = partial(planned_by, "longcat-video-avatar-1.5", image=(512, 768))


@pytest.mark.parametrize(("resolution", "height", "width", "made"), FACTS["sizes"])
def test_shapes_are_upstreams(resolution, height, width, made):
    assert nearest(height, width, resolution) == tuple(made)


def test_options_and_limits_are_upstreams():
    manifest = load("longcat-video-avatar-1.5")
    ours, frames = manifest.options, manifest.limits.frames
    assert {name: ours[name] for name in ("resolution", "ref_img_index", "mask_frame_range")} == {
        name: FLAGS[f"--{name}"]["default"] for name in ("resolution", "ref_img_index", "mask_frame_range")
    }
    assert set(FLAGS["--resolution"]["choices"]) == set(planning.SHAPES)
    assert (manifest.fps, STEPS) == (SETTINGS["save_fps"], SETTINGS["num_inference_steps"])
    assert (frames.least, frames.offset) == (SETTINGS["num_frames"], SETTINGS["num_cond_frames"])
    assert frames.step == SETTINGS["num_frames"] - SETTINGS["num_cond_frames"]
    assert manifest.limits.prompt_words == SETTINGS["max_sequence_length"]
    assert [one.pinned for one in manifest.weights if one.url] == [True] * 3


@pytest.mark.parametrize(
    ("seconds", "pieces", "frames", "note"),
    [
        # 93 frames are 3.72 s.
        (1.0, 1, 25, ""),
        (3.72, 1, 93, ""),
        (3.73, 2, 94, ""),
        # 93 + 80 frames, of which the sound needs fewer.
        (5.0, 2, 125, ""),
        (6.92, 2, 173, ""),
        (10.0, 3, 250, ""),
        (60.0, 13, 1053, "the last 17.88 s of the sound are cut"),
    ],
)
def test_a_sound_is_covered_by_as_few_pieces_as_can(seconds, pieces, frames, note):
    job = planned(seconds)
    assert (job.arguments["pieces"], job.frames, job.note) == (pieces, frames, note)
    # The worker gets the sound of the film, with all that it has of one that is not cut.
    assert job.heard_s > seconds or (job.heard_s, frames) == (43.12, 1053)
    # Every piece but the first begins with a pass over what it continues.
    assert job.function_evals == 8 * pieces + pieces - 1


def test_a_plan_says_what_will_be_made():
    job = planned(5.0, image=(720, 1280))
    assert (job.fps, job.height, job.width, job.sample_rate_hz) == (25, 480, 832, None)
    assert job.note == "upstream crops the image of 1280x720 to the shape of 832x480"
    assert job.arguments["prompt"] == "a face."
    assert planned(5.0, resolution="720p").height == 800
    assert planned(5.0).digest != planned(5.0, ref_img_index=30).digest


def test_what_it_cannot_do_is_refused(tmp_path):
    with pytest.raises(BenchError, match="expected a resolution of LongCat-Video-Avatar, got '540p'; did you mean"):
        planned(5.0, resolution="540p")
    model, asked = create_model("longcat-video-avatar-1.5", "cuda"), suite(tmp_path / "own", "a face")
    assert model.needs == ("image", "audio")
    for part in ("image", "audio"):
        lacking = asked.prompts[0].model_copy(update={part: None})
        with pytest.raises(BenchError, match=f"a prompt with {part} or a reference clip, got 'p0' without"):
            model.plan(lacking, asked)


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """Images of 32 x 48 keep their size."""
    monkeypatch.setitem(planning.SHAPES, "480p", ((0.67, 32, 48),))
    made = installed("longcat-video-avatar-1.5", tmp_path / "assets", monkeypatch)
    yield made
    made.close()


def test_pieces_are_put_together_and_each_hears_its_own_part_of_the_sound(baseline, tmp_path):
    asked = suite(tmp_path / "own", "a face [noise]", "[later]", "a face", seconds=4.0, size=(32, 48))
    first, frames, sound = sample(baseline, asked, 0, seed=1)
    with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
        sample(baseline, asked, 1, seed=1)
    _, others, _ = sample(baseline, asked, 2, seed=2)
    # 173 frames are made of 4 s.
    assert frames.shape == (100, 32, 48, 3)
    assert (first.media.fps, first.function_evals, first.timing) == (Fraction(25), 17, "free")
    assert (int(frames[0, 0, 0, 0]), int(others[0, 0, 0, 0])) == (60, 80)
    # The square moves by a pixel a frame, through the seam at frame 93.
    left = [int(frames[k, 8, :, 0].argmax()) for k in (0, 39, 92, 93, 99)]
    assert left == [0, 39, 92 % 40, 93 % 40, 99 % 40]
    given = media.read(tmp_path / "own" / "voice.wav")
    assert np.array_equal(sound, given.audio)
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", *["separate", "embed", "first", "next"] * 3]
    assert len({one["pid"] for one in log}) == 1
    loaded = {"dit": "base_model_int8", "loras": [[1.0, 128, 64]], "version": "avatar-v1.5"}
    assert log[0] | loaded | {"encoder": "avatar-v1.5 on cpu", "extractor": "avatar-v1.5"} == log[0]
    # Silence fills the sound up to 173 frames; no voice of the sample before is left.
    assert log[2] | {"frames": 173, "version": "avatar-v1.5"} == log[2]
    assert log[2]["silent"] >= 73 * 640
    assert [one["others"] for one in log if one["call"] == "separate"] == [0, 0, 0]
    told = {"steps": 8, "distilled": True, "resolution": "480p", "image": "RGB", "guidance": [1.0, 1.0]}
    assert log[3] | told | {"heard": [[0, 0, 0, 1, 2], [90, 91, 92, 93, 94]]} == log[3]
    told = {"steps": 8, "distilled": True, "tail": False, "given": 93, "index": 10, "mask": 3}
    told |= {"reference": [1, 16, 1, 2, 2, 0], "heard": [[78, 79, 80, 81, 82], [170, 171, 172, 172, 172]]}
    assert log[4] | told == log[4]


def test_sound_without_a_voice_fails_a_dead_worker_is_started_anew_and_a_hang_is_ended(baseline, tmp_path, monkeypatch):
    impatient(monkeypatch)
    asked = suite(tmp_path / "own", "a face", "[exit]", "[hang]", size=(32, 48))
    media.write(tmp_path / "own" / "silence.wav", None, Fraction(0), np.zeros((1, 24_000), np.float32), 24_000)
    silent = replace(asked, prompts=(asked.prompts[0].model_copy(update={"audio": "silence.wav"}),))
    with pytest.raises(BenchError, match="RuntimeError: LongCat-Video-Avatar's separator found no voice in the sound"):
        sample(baseline, silent)
    _, frames, _ = sample(baseline, asked)
    assert len(frames) == 25
    with pytest.raises(BenchError, match="the worker ended with 137"):
        sample(baseline, asked, 1)
    with pytest.raises(BenchError, match=r"no answer within 0\.5 s"):
        sample(baseline, asked, 2)
    log = [one["call"] for one in calls(baseline)]
    assert log[:12] == ["load", *["separate", "embed", "first"] * 2, "load", "separate", "embed", "first", "load"]


def test_without_int8_the_whole_network_is_loaded(baseline, tmp_path):
    baseline.options = {**baseline.options, "int8": False}
    own = tmp_path / "assets/baselines/longcat-video-avatar-1.5/weights/LongCat-Video-Avatar-1.5"
    (own / "base_model_int8").rename(own / "base_model")
    sample(baseline, suite(tmp_path / "own", "a face", size=(32, 48)))
    assert calls(baseline)[0] | {"dit": "base_model", "loras": [[1.0, 128, 64]]} == calls(baseline)[0]
