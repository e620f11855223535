"""Plans of FantasyTalking against numbers of its own code, and its worker on a fake of it."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from jova_baselines.external.manifest import load, package
from jova_baselines.fantasytalking.plan import STEPS, covering, fitted
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, installed
from support.spoken_prompts import sample, suite

STORED = upstream_api.facts("fantasytalking")
FACTS, FLAGS = STORED["facts"], STORED["scripts"]["infer.py"]
planned = partial(planned_by, "fantasytalking", image=(512, 512))


@pytest.mark.parametrize(("height", "width", "made"), FACTS["sizes"])
def test_sizes_are_upstreams(height, width, made):
    assert fitted(height, width, 512) == tuple(made)


@pytest.mark.parametrize(("seconds", "frames"), FACTS["frames"])
def test_lengths_are_upstreams(seconds, frames):
    assert covering(seconds, 23) == frames


def test_options_are_upstreams():
    manifest = load("fantasytalking")
    same = {
        "image_size": "--image_size", "max_frames": "--max_num_frames", "audio_scale": "--audio_scale",
        "prompt_guidance": "--prompt_cfg_scale", "audio_guidance": "--audio_cfg_scale",
    }  # fmt: skip
    assert {name: manifest.options[name] for name in same} == {
        name: FLAGS[flag]["default"] for name, flag in same.items()
    }
    assert manifest.fps == FLAGS["--fps"]["default"]
    assert FLAGS["--num_persistent_param_in_dit"]["default"] is None  # which is our -1
    assert FACTS["steps"] == STEPS


def test_the_worker_fills_in_upstreams_own_command_line():
    source = (package("fantasytalking") / "worker.py").read_text()
    given = {f"--{name}" for _, names in upstream_api.calls(source, "Namespace") for name in names}
    assert given == set(FLAGS)


@pytest.mark.parametrize(
    ("seconds", "options", "frames", "note"),
    [
        # 73 are made for 3 s, and the film ends with its sound.
        (3.0, {}, 69, ""),
        (81 / 23, {}, 81, ""),
        (5.0, {}, 81, "the last 1.48 s of the sound are cut"),
        (5.0, {"max_frames": 117}, 115, ""),
        (10.0, {"max_frames": 117}, 117, "the last 4.91 s of the sound are cut"),
    ],
)
def test_a_film_is_as_long_as_its_sound_or_as_the_model_was_trained_for(seconds, options, frames, note):
    job = planned(seconds, **options)
    assert (job.frames, job.note) == (frames, note)
    assert (job.fps, job.function_evals, job.sample_rate_hz) == (23, 90, None)


def test_without_guidance_by_the_prompt_a_step_is_two_passes():
    assert planned(3.0, prompt_guidance=1.0).function_evals == 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_frames": 80}, r"max_frames of n \* 4 \+ 1 from 5 to 241, got 80"),
        ({"max_frames": 245}, "got 245"),
        ({"image": (1, 1000)}, "got 1000x1"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(5.0, **change)


def test_it_needs_a_portrait_and_driving_sound(tmp_path):
    model, asked = create_model("fantasytalking", "cuda"), suite(tmp_path / "own", "a face")
    assert model.needs == ("image", "audio")
    for part in ("image", "audio"):
        lacking = asked.prompts[0].model_copy(update={part: None})
        with pytest.raises(BenchError, match=f"a prompt with {part} or a reference clip, got 'p0' without"):
            model.plan(lacking, asked)


def test_samples_of_one_second_have_one_name_upstream_and_stay_apart(tmp_path, monkeypatch):
    baseline = installed("fantasytalking", tmp_path / "assets", monkeypatch)
    baseline.options = {**baseline.options, "image_size": 64}
    asked = suite(tmp_path / "own", "a face", "[raise]", "[nothing]", size=(48, 64))
    try:
        first, frames, sound = sample(baseline, asked, 0, seed=1)
        with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
            sample(baseline, asked, 1, seed=1)
        with pytest.raises(BenchError, match="RuntimeError: FantasyTalking's pipeline made no frames"):
            sample(baseline, asked, 2, seed=1)
        _, others, _ = sample(baseline, asked, 0, seed=2)
    finally:
        baseline.close()
    # 25 frames are made of one second.
    assert frames.shape == (23, 48, 64, 3)
    assert (first.media.fps, first.function_evals, first.timing) == (Fraction(23), 90, "free")
    assert (int(frames[0, 0, 0, 0]), int(others[0, 0, 0, 0])) == (60, 80)
    given = media.read(tmp_path / "own" / "voice.wav")
    assert np.array_equal(sound, given.audio)
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", *["main", "pipe"] * 4]
    assert len({one["pid"] for one in log}) == 1
    assert [one["seed"] for one in log if one["call"] == "pipe"] == [1, 1, 1, 2]
    assert log[2] | {"frames": 25, "height": 48, "width": 64} == log[2]
    assert log[1] | {"prompt": "a face.", "audio_scale": 1.0, "prompt_guidance": 5.0, "audio_guidance": 5.0} == log[1]
    assert log[0]["persistent"] is None
