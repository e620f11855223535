"""Plans of daVinci-MagiHuman against numbers of its own code, and its worker on a fake of it."""

from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jova_baselines.davinci_magihuman.plan import LATENT, SIDE, VARIANTS, cropped, frames_of
from jova_baselines.external.manifest import load
from jova_bench.errors import BenchError
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, impatient, installed
from support.spoken_prompts import sample, suite

FACTS = upstream_api.facts("davinci-magihuman")["facts"]
planned = partial(planned_by, "davinci-magihuman")


@pytest.mark.parametrize(("height", "width", "into_height", "into_width", "kept"), FACTS["crops"])
def test_crops_are_upstreams(height, width, into_height, into_width, kept):
    assert cropped(height, width, into_height, into_width) == tuple(kept)


@pytest.mark.parametrize(("seconds", "sound", "picture"), FACTS["lengths"])
def test_lengths_are_upstreams(seconds, sound, picture):
    time, *_ = FACTS["vae_stride"]
    assert frames_of(seconds, FACTS["fps"]) == time * (picture - 1) + 1
    assert sound == seconds * FACTS["sound"]["latents_per_second"] + 1
    assert time == LATENT


def test_limits_and_rates_are_upstreams():
    manifest, sound = load("davinci-magihuman"), FACTS["sound"]
    most, fewer = sound["stretch"]
    assert manifest.produces.sample_rate_hz == sound["latents_per_second"] * sound["samples_per_latent"] * most / fewer
    assert (manifest.fps, manifest.limits.prompt_words) == (FACTS["fps"], FACTS["t5_gemma_target_length"])
    assert FACTS["vae_stride"][1] * FACTS["patch_size"][1] == SIDE
    assert manifest.limits.frames.most == frames_of(5, 25)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_upstreams_examples(name):
    base, made, steps, passes, upscaling_steps, upscaling_passes, *_ = FACTS["examples"][name]
    job = planned(variant=name, height=made[0], width=made[1], steps=steps)
    assert [job.arguments["base_height"], job.arguments["base_width"]] == base
    assert [job.height, job.width] == made
    assert job.function_evals == steps * passes + (upscaling_steps or 0) * (upscaling_passes or 0)


def test_options_are_upstreams():
    ours = load("davinci-magihuman").options
    _, made, steps, _, upscaling_steps, *_ = FACTS["examples"][ours["variant"]]
    assert [ours["height"], ours["width"], ours["steps"], ours["upscaling_steps"]] == [*made, steps, upscaling_steps]


def test_a_plan_says_what_will_be_made():
    job = planned()
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (125, 25, 512, 896, 44_100)
    assert (job.seconds, job.function_evals, job.note) == (5.0, 69, "")
    assert job.arguments["prompt"] == (
        'a face. The person says: "hello" a voice.\n\nDialogue:\n<The person, English>: "hello"'
    )
    # Of the area of the options, in the image's shape.
    tall = planned(image=(1024, 768))
    assert (tall.height, tall.width, tall.note) == (768, 576, "")
    assert (tall.arguments["base_height"], tall.arguments["base_width"]) == (384, 288)
    assert planned(image=(720, 1280)).note == "upstream crops the image of 1280x720 to 1260x720"
    assert planned(steps=30).digest != planned().digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "720p"}, "expected a variant of daVinci-MagiHuman, got '720p'"),
        ({"height": 500}, "multiples of 32, got 500 x 896"),
        ({"video_caption": "a " * 640}, "at most 640 words"),
        ({"transcript": "<S>hello<E>"}, "without '<', which this model reads as markup"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """One second of 64 x 96."""
    made = installed("davinci-magihuman", tmp_path / "assets", monkeypatch)
    frames = made.manifest.limits.frames.model_copy(update={"most": 25})
    limits = made.manifest.limits.model_copy(update={"frames": frames})
    made.manifest = made.manifest.model_copy(update={"limits": limits})
    made.options = {**made.options, "height": 64, "width": 96}
    yield made
    made.close()


def test_one_load_serves_all_samples_and_what_becomes_of_each(baseline, tmp_path):
    asked = suite(tmp_path / "own", "a face [noise]", "[raise]", "a face", "a face [silent]", "[exit]", size=(64, 96))
    first, frames, sound = sample(baseline, asked, 0, seed=1)
    with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
        sample(baseline, asked, 1, seed=1)
    _, same, _ = sample(baseline, asked, 2, seed=1)
    _, others, _ = sample(baseline, asked, 2, seed=2)
    _, _, silence = sample(baseline, asked, 3, seed=1)
    assert frames.shape == (25, 64, 96, 3)
    assert (first.media.fps, first.media.sample_rate_hz, first.function_evals) == (Fraction(25), 44_100, 69)
    assert np.array_equal(frames, same)
    assert (int(frames[0, 0, 0, 0]), int(others[0, 0, 0, 0])) == (60, 80)
    # 26 latents, in two channels; the pitch is the seed's.
    assert sound.shape == (2, 26 * 1764)
    assert np.allclose(sound[0], 0.3 * np.sin(2 * np.pi * 221 * np.arange(26 * 1764) / 44_100), atol=1e-6)
    assert not silence.any()
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load"] + ["evaluate"] * 5
    assert len({one["pid"] for one in log}) == 1
    told = {"model": "base", "upscaler": "540p_sr", "passes": [2, 1], "CPU_OFFLOAD": "true", "SR2_1080": "false"}
    assert log[0] | told == log[0]
    told = {"seconds": 1, "steps": [32, 5], "first": [64, 32], "image": ["RGB", 96, 64], "sound": None, "seed": 1}
    assert log[1] | told == log[1]
    with pytest.raises(BenchError, match="the worker ended with 137"):
        sample(baseline, asked, 4, seed=1)
    # Started anew, for the sample that it died of and for the next.
    sample(baseline, asked, 2, seed=1)
    assert [one["call"] for one in calls(baseline)[6:]] == ["evaluate", *["load", "evaluate"] * 2]


def test_a_hang_is_ended(baseline, tmp_path, monkeypatch):
    impatient(monkeypatch)
    asked = suite(tmp_path / "own", "[hang]", size=(64, 96))
    with pytest.raises(BenchError, match=r"no answer within 0\.5 s"):
        sample(baseline, asked)


def test_the_distilled_model_takes_one_pass_and_no_super_resolution(baseline, tmp_path):
    baseline.options = {**baseline.options, "variant": "distill", "steps": 8, "cpu_offload": False}
    weights = Path(baseline.worker.command.load["weights"])
    (weights / "MagiHuman" / "base").rename(weights / "MagiHuman" / "distill")
    first, frames, _ = sample(baseline, suite(tmp_path / "own", "a face", size=(64, 96)))
    assert (frames.shape, first.function_evals) == ((25, 64, 96, 3), 8)
    told = {"model": "distill", "upscaler": None, "passes": [1, 1], "CPU_OFFLOAD": "false", "SR2_1080": "false"}
    assert calls(baseline)[0] | told == calls(baseline)[0]
