"""Plans of InfiniteTalk against numbers of its own code, and its worker on a fake of it."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from jova_baselines.external.manifest import load
from jova_baselines.infinitetalk import plan as planning
from jova_baselines.infinitetalk.plan import RATE_HZ, SHIFTS, clips_of, frames_of, nearest
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, impatient, installed
from support.spoken_prompts import sample, suite

STORED = upstream_api.facts("infinitetalk")
FACTS, FLAGS = STORED["facts"], STORED["scripts"]["generate_infinitetalk.py"]
SETTINGS = FACTS["settings"]
planned = partial(planned_by, "infinitetalk", image=(512, 768))


@pytest.mark.parametrize(("size", "height", "width", "made"), FACTS["sizes"])
def test_shapes_are_upstreams(size, height, width, made):
    assert nearest(height, width, size) == tuple(made)


@pytest.mark.parametrize(("heard", "most", "clip", "repeated", "clips", "frames"), FACTS["clips"])
def test_clips_and_lengths_are_upstreams(heard, most, clip, repeated, clips, frames):
    assert (clips_of(min(heard, most), clip, repeated), min(heard, most)) == (clips, frames)
    options = {"clip_frames": clip, "motion_frames": repeated, "max_frames": most, "text_guidance": 1.0, "steps": 1}
    job = planned((heard + 0.4) / 25, **options)
    assert (job.frames, job.function_evals) == (frames, 2 * clips)


def test_options_and_limits_are_upstreams():
    manifest = load("infinitetalk")
    same = {
        "size": "--size", "text_guidance": "--sample_text_guide_scale", "audio_guidance": "--sample_audio_guide_scale",
        "clip_frames": "--frame_num", "motion_frames": "--motion_frame", "max_frames": "--max_frame_num",
        "color_correction": "--color_correction_strength",
    }  # fmt: skip
    assert {name: manifest.options[name] for name in same} == {
        name: FLAGS[flag]["default"] for name, flag in same.items()
    }
    assert (manifest.options["steps"], SHIFTS) == (SETTINGS["sample_steps"], SETTINGS["sample_shift"])
    assert (manifest.fps, RATE_HZ) == (SETTINGS["fps"], SETTINGS["sample_rate"])
    assert manifest.limits.prompt_words == SETTINGS["text_len"]
    assert manifest.limits.frames.most == FLAGS["--max_frame_num"]["default"]


@pytest.mark.parametrize(
    ("seconds", "frames", "note"),
    [
        (3.28, 82, ""),
        (5.0, 125, ""),
        # 121 frames at 24 per second, the usual real clip: upstream rounds down.
        (121 / 24, 126, ""),
        (5.0599, 126, "the last 0.02 s of the sound are cut"),
        (60.0, 1000, "the last 20.00 s of the sound are cut"),
    ],
)
def test_a_film_is_as_long_as_its_sound(seconds, frames, note):
    job = planned(seconds)
    assert (job.frames, job.note) == (frames, note)
    # The worker gets the sound of the film, with all that it has of one that is not cut.
    assert job.heard_s > seconds or (job.heard_s, frames) == (40.04, 1000)
    assert frames_of(seconds, 25) >= frames


def test_frames_are_counted_in_upstreams_floating_point():
    # 9.04 s are 226 frames, and 25 times 9.04 is a little less.
    assert (frames_of(9.04, 25), frames_of(9.05, 25)) == (225, 226)


def test_a_plan_says_what_will_be_made():
    job = planned(5.0, image=(720, 1280))
    assert (job.fps, job.height, job.width, job.sample_rate_hz) == (25, 448, 896, None)
    assert (job.function_evals, job.arguments["shift"]) == (240, 7.0)
    assert job.note == "upstream crops the image of 1280x720 to the shape of 896x448"
    assert job.arguments["prompt"] == "a face."
    assert planned(5.0, size="infinitetalk-720").arguments["shift"] == 11.0
    assert planned(5.0).digest != planned(5.0, steps=8).digest


@pytest.mark.parametrize(
    ("seconds", "change", "message"),
    [
        (3.27, {}, r"driving sound of at least 3\.28 s, got 3\.27 s; or set clip_frames lower"),
        (5.0, {"size": "480p"}, "expected a size of InfiniteTalk, got '480p'"),
        (5.0, {"clip_frames": 80}, r"clip_frames of n \* 4 \+ 1 from 5, got 80"),
        (5.0, {"motion_frames": 81}, "motion_frames from 1 to 80, fewer than clip_frames, got 81"),
        (5.0, {"max_frames": 81}, "max_frames from 82 to 1000, got 81"),
    ],
)
def test_what_it_cannot_do_is_refused(seconds, change, message):
    with pytest.raises(BenchError, match=message):
        planned(seconds, **change)


def test_it_needs_an_image_and_driving_sound(tmp_path):
    model, asked = create_model("infinitetalk", "cuda"), suite(tmp_path / "own", "a face", seconds=4.0)
    assert model.needs == ("image", "audio")
    assert model.plan(asked.prompts[0], asked).sample_rate_hz == 24_000
    for part in ("image", "audio"):
        lacking = asked.prompts[0].model_copy(update={part: None})
        with pytest.raises(BenchError, match=f"a prompt with {part} or a reference clip, got 'p0' without"):
            model.plan(lacking, asked)


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """Images of 32 x 48 keep their size, and half a second is enough."""
    monkeypatch.setitem(planning.SHAPES, "infinitetalk-480", ((0.67, 32, 48),))
    made = installed("infinitetalk", tmp_path / "assets", monkeypatch)
    made.options = {**made.options, "clip_frames": 13, "motion_frames": 5}
    yield made
    made.close()


def test_one_load_serves_all_samples_and_frames_never_pass_through_upstreams_files(baseline, tmp_path):
    asked = suite(tmp_path / "own", "a face [noise]", "[raise]", "[nothing]", "a face", size=(32, 48))
    media.write(tmp_path / "own" / "silence.wav", None, Fraction(0), np.zeros((1, 24_000), np.float32), 24_000)
    silent = replace(asked, prompts=(asked.prompts[0].model_copy(update={"audio": "silence.wav"}),))
    first, frames, sound = sample(baseline, asked, 0, seed=1)
    with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
        sample(baseline, asked, 1, seed=1)
    with pytest.raises(BenchError, match="RuntimeError: InfiniteTalk gave nothing"):
        sample(baseline, asked, 2, seed=1)
    with pytest.raises(BenchError, match="ValueError: InfiniteTalk's embedding of the sound has NaN"):
        sample(baseline, silent)
    _, others, _ = sample(baseline, asked, 3, seed=2**63 - 6)
    # 13 frames, and twice 8 more, of which one second has 25.
    assert frames.shape == (25, 32, 48, 3)
    assert (first.media.fps, first.function_evals, first.timing) == (Fraction(25), 3 * 40 * 3, "free")
    assert (int(frames[0, 0, 0, 0]), int(others[0, 0, 0, 0])) == (60, 80)
    given = media.read(tmp_path / "own" / "voice.wav")
    assert np.array_equal(sound, given.audio)
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", *["embed", "generate"] * 3, "embed", "embed", "generate"]
    assert len({one["pid"] for one in log}) == 1
    assert log[0] | {"config": "Config: Wan MultiTalk AI2V 14B", "device": 0} == log[0]
    assert log[1] | {"frames": 25, "by": ["extractor", "encoder on cpu"]} == log[1]
    told = {"size": "infinitetalk-480", "shift": 7.0, "steps": 40, "seed": 1, "offload": True, "color": 1.0}
    told |= {"clip": [13, 5, 1000], "guidance": [5.0, 4.0], "image": "RGB", "heard": 25, "prompt": "a face [noise]."}
    assert log[2] | told == log[2]


def test_a_dead_worker_is_started_anew_with_its_setting_and_a_hang_is_ended(baseline, tmp_path, monkeypatch):
    impatient(monkeypatch)
    baseline.options = {**baseline.options, "persistent_parameters": 0, "max_frames": 20}
    asked = suite(tmp_path / "own", "[exit once]", "[hang]", seconds=4.0, size=(32, 48))
    _, frames, _ = sample(baseline, asked)
    assert len(frames) == 20
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", "persistent", "embed", "generate"] * 2
    assert log[1] | {"number": 0, "managed": True} == log[1]
    # Of 100 frames' sound it hears the film's, and one more.
    assert log[2]["frames"] == 21
    with pytest.raises(BenchError, match=r"no answer within 0\.5 s"):
        sample(baseline, asked, 1)
