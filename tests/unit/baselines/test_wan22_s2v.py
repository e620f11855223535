"""Plans of Wan2.2-S2V against numbers of its own code, and its worker on a fake of it."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from jova_baselines.external.inputs import ReferenceImage
from jova_baselines.external.manifest import load
from jova_baselines.wan22_s2v.plan import AREAS, bars, clips_of, fitted
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, installed
from support.spoken_prompts import sample, suite

FACTS = upstream_api.facts("wan2.2-s2v")["facts"]
planned = partial(planned_by, "wan2.2-s2v", image=(512, 512))


@pytest.mark.parametrize(("size", "height", "width", "made", "black"), FACTS["sizes"])
def test_sizes_and_black_bars_are_upstreams(size, height, width, made, black):
    assert fitted(height, width, AREAS[size]) == tuple(made)
    note = bars(ReferenceImage(None, height, width, "prompt"), *made)
    assert note == (f"upstream fills the image with {black} black pixels along its longer side" if black else "")


@pytest.mark.parametrize(("seconds", "clips"), FACTS["clips"])
def test_clips_are_upstreams(seconds, clips):
    assert clips_of(seconds) == clips


def test_options_are_upstreams():
    manifest, theirs = load("wan2.2-s2v"), FACTS["configuration"]
    ours = manifest.options
    assert [manifest.fps, ours["steps"], ours["shift"], ours["guidance"]] == list(theirs.values())
    assert ours["size"] == FACTS["readme_size"]
    assert FACTS["areas"] == AREAS


@pytest.mark.parametrize(
    ("seconds", "clips", "frames", "note"),
    [
        (3.0, 1, 48, ""),
        # A clip is 77 frames, 4.8125 s.
        (4.8125, 1, 77, ""),
        (5.0, 1, 77, "the last 0.19 s of the sound are cut"),
        # 121 frames at 24 per second, the usual real clip: upstream alone would make a second clip.
        (121 / 24, 1, 77, "the last 0.23 s of the sound are cut"),
        (5.1, 2, 82, ""),
        (7.0, 2, 112, ""),
        (10.0, 2, 157, "the last 0.19 s of the sound are cut"),
        (10.2, 3, 164, ""),
        (60.0, 8, 637, "the last 20.19 s of the sound are cut"),
    ],
)
def test_a_sound_is_covered_by_as_few_clips_as_lose_little_of_it(seconds, clips, frames, note):
    job = planned(seconds)
    assert (job.arguments["clips"], job.frames, job.note) == (clips, frames, note)
    assert job.arguments["frames"] == job.frames
    assert job.function_evals == 80 * clips


def test_no_more_clips_are_planned_than_upstream_makes():
    assert planned(5.0, may_lose_s=0.0).frames == 77
    assert planned(5.04, may_lose_s=0.0).frames == 81


def test_a_plan_says_what_will_be_made():
    job = planned(5.0, image=(480, 832), size="832*480", guidance=1.0)
    assert (job.fps, job.height, job.width, job.sample_rate_hz) == (16, 448, 832, None)
    assert job.function_evals == 40
    assert job.note.endswith("cut; upstream fills the image with 56 black pixels along its longer side")
    assert job.arguments["prompt"] == "a face."
    assert planned(5.0).digest != planned(5.0, steps=20).digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "832x480"}, r"got '832x480'; did you mean '832\*480'"),
        ({"solver": "euler"}, "got 'euler'"),
        ({"seconds": 0.03}, "driving sound of at least 0.05 s, got 0.03 s"),
        ({"image": (1, 100_000)}, "an image that fits 720896 pixels"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**{"seconds": 5.0, **change})


def test_it_is_driven_by_the_prompts_sound_or_by_that_of_its_real_clip(tmp_path):
    model = create_model("wan2.2-s2v", "cuda")
    assert model.needs == ("image", "audio")
    own, real = suite(tmp_path / "own", "a face"), suite(tmp_path / "real", "a face", own=False)
    assert "image of the prompt; driven by the sound of the prompt" in model.plan(own.prompts[0], own).note
    plan = model.plan(real.prompts[0], real)
    assert "first frame of the real clip; driven by the sound of the real clip" in plan.note
    assert (plan.audio, plan.sample_rate_hz) == ("driving", 24_000)
    silent = own.prompts[0].model_copy(update={"audio": None})
    with pytest.raises(BenchError, match="a prompt with audio or a reference clip, got 'p0' without"):
        model.plan(silent, own)


def test_one_load_serves_all_samples_and_frames_never_pass_through_upstreams_files(tmp_path, monkeypatch):
    baseline = installed("wan2.2-s2v", tmp_path / "assets", monkeypatch)
    asked = suite(tmp_path / "own", "a face [noise]", "[raise]", "[nothing]", "a face", "[overflow]")
    real = suite(tmp_path / "real", "a face", own=False)
    try:
        first, frames, sound = sample(baseline, asked, 0, seed=1)
        with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
            sample(baseline, asked, 1, seed=1)
        with pytest.raises(BenchError, match=r"RuntimeError: Wan2\.2-S2V gave nothing"):
            sample(baseline, asked, 2, seed=1)
        with pytest.raises(BenchError, match="ValueError: expected finite frames"):
            sample(baseline, asked, 4, seed=1)
        second, others, _ = sample(baseline, asked, 3, seed=2)
        third, _, _ = sample(baseline, real, 0, seed=2)
    finally:
        baseline.close()
    # A clip of 77 frames, of which one second has sound.
    assert frames.shape == (16, 64, 64, 3)
    assert (first.media.fps, first.function_evals, first.timing, third.timing) == (Fraction(16), 80, "free", "aligned")
    assert (int(frames[0, 0, 0, 0]), int(others[0, 0, 0, 0])) == (60, 80)
    given = media.read(tmp_path / "own" / "voice.wav")
    assert np.array_equal(sound, given.audio)
    assert first.media.sample_rate_hz == given.sample_rate_hz
    assert first.load_s
    assert second.load_s is None
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load"] + ["generate"] * 6
    assert len({one["pid"] for one in log}) == 1
    assert [one["seed"] for one in log[1:]] == [1, 1, 1, 1, 2, 2]
    told = {"clips": 1, "area": 1024 * 704, "solver": "unipc", "steps": 40, "shift": 3.0, "guidance": 4.5}
    assert log[5] | told | {"tts": False, "offload": True} == log[5]
    assert log[0] | {"config": "Config: Wan S2V 14B", "device": 0, "convert": True} == log[0]
