"""Plans of UniVerse-1 against numbers of its own code, and its worker on a fake of it."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from jova_baselines.external import home
from jova_baselines.external.manifest import load
from jova_baselines.universe_1 import plan as planning
from jova_baselines.universe_1.plan import nearest
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, installed
from support.spoken_prompts import sample, suite

FACTS = upstream_api.facts("universe-1")["facts"]
planned = partial(planned_by, "universe-1", image=(512, 512))


@pytest.mark.parametrize(("height", "width", "made"), FACTS["sizes"])
def test_sizes_are_upstreams(height, width, made):
    assert nearest(height, width) == tuple(made)


def test_length_and_options_are_upstreams():
    manifest, theirs = load("universe-1"), FACTS["command"]
    assert manifest.limits.frames.nearest(5.0, manifest.fps) == theirs["num_frames"]
    # The first latent is one frame.
    assert theirs["num_frames"] == FACTS["latent_frames"] * (FACTS["latents"] - 1) + 1
    same = ["num_inference_steps", "guidance_scale_vid", "guidance_scale_aud", "cpu_offload"]
    assert list(manifest.options.values()) == [theirs[name] for name in same]


def test_a_plan_says_what_will_be_made():
    job = planned(image=(1080, 1920))
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (125, 25, 480, 768, 16_000)
    assert (job.seconds, job.function_evals) == (5.0, 70)
    assert job.note == "upstream stretches the image of 1920x1080"
    assert planned(image=(960, 1536)).note == ""
    assert job.arguments["prompt"] == {
        "video_prompt": "a face.",
        "audio_prompt": ["a voice."],
        "speech_prompt": {"speaker": "the person", "text": "hello"},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video_guidance": 1.0}, "video_guidance above 1, else audio_guidance is ignored as well, got 1"),
        ({"video_caption": "a " * 513}, "video caption of at most 512 words, got 513"),
        ({"audio_caption": "a " * 257}, "audio caption of at most 256 words, got 257"),
        ({"audio_caption": "nonetheless calm"}, "without 'none', which this model reads as markup"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


def test_its_package_is_of_the_commit_that_is_run():
    manifest = load("universe-1")
    assert manifest.environment.pip[-1] == (f"fastvideo @ git+{manifest.source.repository}@{manifest.source.commit}",)


def test_it_needs_an_image(tmp_path):
    model, asked = create_model("universe-1", "cuda"), suite(tmp_path / "own", "a face")
    assert model.needs == ("image",)
    with pytest.raises(BenchError, match="a prompt with image or a reference clip, got 'p0' without"):
        model.plan(asked.prompts[0].model_copy(update={"image": None}), asked)


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """13 frames of 32 x 48."""
    monkeypatch.setattr(planning, "SIZES", ((32, 48),))
    # It imports torch, which takes its time on a busy machine.
    made = installed("universe-1", tmp_path / "assets", monkeypatch, start_timeout_s=1800)
    frames = made.manifest.limits.frames.model_copy(update={"least": 13, "most": 13})
    limits = made.manifest.limits.model_copy(update={"frames": frames})
    made.manifest = made.manifest.model_copy(update={"limits": limits})
    yield made
    made.close()


def test_one_load_serves_all_samples_and_words_that_upstream_would_lose_fail(baseline, tmp_path):
    asked = suite(tmp_path / "own", "a face", "[raise]", "a face", "a face", "a face")
    changes = [
        {},
        {},
        {"transcript": "good § day"},
        {"transcript": "a " * 127},
        {"audio_caption": "", "transcript": ""},
    ]
    prompts = [one.model_copy(update=change) for one, change in zip(asked.prompts, changes, strict=True)]
    asked = replace(asked, prompts=tuple(prompts))
    first, frames, sound = sample(baseline, asked, 0, seed=1)
    for index, message in (
        (1, "ValueError: the prompt is too strange"),
        # Upstream prints the tokenizer's exception and makes a film without words.
        (2, "RuntimeError: UniVerse-1 could not read the transcript and would have gone on without it"),
        (3, "RuntimeError: the transcript is 129 tokens to UniVerse-1, which reads 128; the rest would be cut"),
    ):
        with pytest.raises(BenchError, match=message):
            sample(baseline, asked, index, seed=1)
    _, others, another = sample(baseline, asked, 4, seed=2)
    assert frames.shape == (13, 32, 48, 3)
    assert (first.media.fps, first.media.sample_rate_hz, first.function_evals) == (Fraction(25), 16_000, 70)
    # The shade is the seed's, through floats in [0, 1] and back.
    assert (int(frames[0, 0, 0, 0]), int(others[0, 0, 0, 0])) == (60, 80)
    # 13 frames are 0.52 s; the left channel's pitch is the seed's.
    assert sound.shape == (1, 8320)
    assert np.allclose(sound[0], 0.3 * np.sin(2 * np.pi * 221 * np.arange(8320) / 16_000), atol=1e-6)
    assert not np.allclose(sound, another)
    # Upstream's commit has bytecode: written anew, it would be a changed checkout.
    assert not list(home.of(baseline.manifest).checkout.rglob("*.pyc"))
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", "offload", "sound", "pipe", "pipe"]
    assert len({one["pid"] for one in log}) == 1
    assert log[2]["rates"] == [16_000, 25_600]
    spoken, silent = log[3:]
    # Two words and an end of 512 places; the negative one is an end alone.
    assert (spoken["text"], spoken["negative"]) == ([[1, 512, 4], 3], 1)
    assert (spoken["image"], spoken["steps"], spoken["guidance"]) == (["RGB", 64, 64], 35, [1.2, 5.0])
    assert spoken["speech"] == [[261, 7, 6, 2]]
    assert (spoken["ambient"], spoken["mask"]) == ([1, 4, 4], [1, 4])
    assert (silent["speech"], silent["ambient"], silent["seed"]) == ([[0] * 32], [1, 1, 4], 2)
