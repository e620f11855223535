"""Plans of JavisDiT++ against numbers of its own code, and its worker on a fake of it."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from jova_baselines.external import home
from jova_baselines.external.manifest import load, package
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, installed
from support.spoken_prompts import sample, suite

FACTS = upstream_api.facts("javisdit")["facts"]
CONFIGURATION = FACTS["configuration"]
planned = partial(planned_by, "javisdit", video_caption="a dog", audio_caption="barks twice")


@pytest.mark.parametrize(("resolution", "aspect", "asked", "made"), FACTS["sizes"])
def test_sizes_are_upstreams(resolution, aspect, asked, made):
    job = planned(resolution=resolution, aspect=aspect)
    assert [job.arguments["height"], job.arguments["width"]] == asked
    assert [job.height, job.width] == made
    assert job.note == ("" if asked == made else f"upstream's own size is {asked[1]}x{asked[0]}, rounded up")


def test_counts_of_frames_are_those_that_upstream_makes_unchanged():
    made, limits = dict(FACTS["frames"]), load("javisdit").limits.frames
    whole = [int(count) for count, frames in made.items() if count == str(frames)]
    assert whole == [33, 65, 81]
    assert all((count - limits.offset) % limits.step == 0 for count in whole)
    assert (limits.least, limits.most) == (whole[0], whole[-1])
    # The README's recipe for its own benchmark, of "4s" at 16 frames a second, is 6.6 s long.
    assert made["4s"] / CONFIGURATION["save_fps"] == 6.5625
    assert [round(count / 16) for count in (limits.least, limits.most)] == FACTS["seconds"]


def test_options_are_of_upstreams_own_configuration():
    manifest = load("javisdit")
    same = {
        "resolution": "resolution", "aspect": "aspect_ratio", "steps": "steps", "guidance": "guidance",
        "negative_prompt": "neg_prompt",
    }  # fmt: skip
    assert dict(manifest.options) == {name: CONFIGURATION[key] for name, key in same.items()}
    assert manifest.fps == CONFIGURATION["fps"] == CONFIGURATION["save_fps"]
    assert manifest.produces.sample_rate_hz == CONFIGURATION["audio_fps"]
    # Nothing is done to a prompt, and the worker's precision is the configuration's.
    assert (CONFIGURATION["use_text_preprocessing"], CONFIGURATION["aes"], CONFIGURATION["flow"]) == (False, None, None)
    assert (CONFIGURATION["dtype"], "torch.bfloat16" in (package("javisdit") / "worker.py").read_text()) == (
        "bf16",
        True,
    )


@pytest.mark.parametrize(("seconds", "frames"), [(None, 81), (1.0, 33), (3.0, 49), (4.0, 65), (60.0, 81)])
def test_a_length_is_the_nearest_that_it_was_made_for(seconds, frames):
    assert planned(seconds=seconds).frames == frames


def test_a_plan_says_what_will_be_made():
    job = planned()
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (81, 16, 240, 432, 16_000)
    assert (job.seconds, job.function_evals) == (5.0625, 100)
    # What is said is not for it.
    assert job.arguments["prompt"] == "a dog. barks twice."
    assert planned(steps=30).function_evals == 60
    assert planned(negative_prompt="").digest != planned().digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": "250p"}, "expected resolution of JavisDiT, got '250p'; did you mean '240p'"),
        ({"aspect": "21:9"}, "expected aspect of JavisDiT, got '21:9'"),
        ({"steps": 0}, "expected steps of at least 1, got 0"),
        ({"video_caption": "a " * 512}, "at most 512 words"),
        ({"video_caption": "a {dog}"}, "without '{', which this model reads as markup"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


def test_it_needs_captions_alone_and_says_that_it_is_not_told_the_words(tmp_path):
    model, asked = create_model("javisdit", "cuda"), suite(tmp_path / "own", "a dog")
    assert model.needs == ()
    plan = model.plan(asked.prompts[0], asked)
    assert (plan.audio, plan.sample_rate_hz, plan.seconds) == ("generated", 16_000, 5.0625)
    assert model.settings["ignored"] == ["transcript", "image", "audio", "video"]
    assert model.settings["seconds_asked"] == 5.0
    assert model.check().count("--accept non-commercial") == 1


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The baseline on its fake, making 33 frames of 32 x 48."""
    # It imports torch, which takes its time on a busy machine.
    baseline = installed("javisdit", tmp_path / "assets", monkeypatch, start_timeout_s=1800)
    monkeypatch.setattr("jova_baselines.javisdit.plan.SIZES", {"240p": ((32, 42),)})
    monkeypatch.setattr("jova_baselines.external.inputs.DURATION_S", 2.0)
    yield baseline
    baseline.close()


def test_one_load_serves_all_samples_each_with_a_seed_of_its_own(tmp_path, small):
    asked = suite(tmp_path / "own", "a dog [noise]", "[raise]", "a dog")
    first, frames, sound = sample(small, asked, 0, seed=1)
    with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
        sample(small, asked, 1, seed=1)
    # Whatever was made before.
    _, same, same_sound = sample(small, asked, 2, seed=1)
    _, others, other_sound = sample(small, asked, 2, seed=2)
    assert frames.shape == (33, 32, 48, 3)
    assert (first.media.fps, first.media.sample_rate_hz, first.function_evals) == (Fraction(16), 16_000, 100)
    # As long as the picture.
    assert sound.shape == (1, 33_000)
    assert np.array_equal(frames, same)
    assert np.array_equal(sound, same_sound)
    assert not np.array_equal(frames, others)
    assert not np.array_equal(sound, other_sound)
    log = calls(small)
    assert [one["call"] for one in log] == ["text", "net", *["sample"] * 4]
    assert len({one["pid"] for one in log}) == 1
    assert log[0] | {"device": "cpu", "dtype": "torch.bfloat16"} == log[0]
    told = {
        "prompts": ["a dog [noise]. a calm voice."], "negative": ["色调艳丽"], "steps": 50, "guidance": 5.0,
        "size": [32, 42], "frames": 33, "fps": 16, "dtype": "torch.bfloat16",
        "shapes": {"video": [1, 16, 9, 4, 6], "audio": [1, 8, 32, 16]},
    }  # fmt: skip
    assert log[2] | told == log[2]


def test_what_upstream_publishes_beside_the_weights_is_added_to_them(tmp_path, small):
    small.options = {**small.options, "steps": 3, "guidance": 2.0}
    (home.of(small.manifest).weights / "JavisDiT-v1.0-jav" / "lora").mkdir()
    made, _, _ = sample(small, suite(tmp_path / "own", "a dog"), seed=1)
    log = calls(small)
    assert [one["call"] for one in log] == ["text", "net", "merge", "sample"]
    assert log[3] | {"steps": 3, "guidance": 2.0} == log[3]
    assert made.function_evals == 6
