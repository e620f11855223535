"""Wan2.2-TI2V: what it will be asked for, by hand; and a small one with random weights that really makes films."""

import inspect
from functools import partial

import numpy as np
import pytest

from jova_baselines.external import home
from jova_baselines.external.manifest import load
from jova_baselines.wan22_ti2v.plan import CELL
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from support.asked import planned as planned_by
from support.asked import prompt, suite_of
from support.tiny_wan22 import save

MANIFEST = load("wan2.2-ti2v")
TEXTS = {"video_caption": "A woman in a red coat", "audio_caption": "Rain", "transcript": "It's late."}
PROMPT = prompt(**TEXTS)
planned = partial(planned_by, "wan2.2-ti2v", **TEXTS)


def test_it_is_asked_for_five_seconds_in_its_own_format():
    job = planned()
    # Upstream's own: 121 frames at 24, 1280*704, 50 steps, guidance 5 (wan/configs/wan_ti2v_5B.py @42bf4cf).
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 704, 1280, None)
    assert (job.function_evals, job.note) == (100, "")
    told = job.arguments
    assert (told["num_frames"], told["num_inference_steps"], told["guidance_scale"]) == (121, 50, 5.0)
    assert (told["prompt"], told["negative_prompt"][:4]) == ("A woman in a red coat.", "色调艳丽")
    assert planned(cfg=1.0).function_evals == 50


def test_an_image_gives_its_shape_but_not_its_size():
    job = planned(image=(512, 512))  # sqrt(704 * 1280) = 949
    assert (job.height, job.width) == (job.arguments["height"], job.arguments["width"]) == (960, 960)
    assert (job.height % CELL, job.width % CELL) == (0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 720}, "multiples of 32, got 720 x 1280"),
        ({"steps": 0}, "at least 1 step, got 0"),
        ({"video_caption": "a " * 513}, "at most 512 words, got 513"),
    ],
)
def test_what_cannot_be_done_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


def test_its_films_are_silent(tmp_path):
    model = create_model("wan2.2-ti2v", "cuda")
    made = model.plan(PROMPT, suite_of(PROMPT, folder=tmp_path))
    assert (made.audio, made.sample_rate_hz, made.frames) == ("none", None, 121)
    assert "no image" in made.note
    assert model.settings["ignored"] == ["audio_caption", "transcript", "audio", "video"]
    assert create_model("wan2.2-ti2v-image", "cuda").needs == ("image",)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The model with small random weights, asked for 5 frames."""
    pytest.importorskip("diffusers")
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "assets"))
    where = home.of(MANIFEST)
    where.weights.mkdir(parents=True)
    save(where.weights)
    (where.folder / "options.toml").write_text("height = 64\nwidth = 96\nsteps = 2\n")
    model = create_model("wan2.2-ti2v", "cpu")
    frames = MANIFEST.limits.frames.model_copy(update={"most": 5})
    model.manifest = MANIFEST.model_copy(update={"limits": MANIFEST.limits.model_copy(update={"frames": frames})})
    return model


@pytest.mark.slow
def test_a_small_one_makes_films_from_words_and_from_images_by_one_loading(small, tmp_path):
    from PIL import Image

    Image.new("RGB", (90, 60), (250, 0, 0)).save(tmp_path / "red.png")
    prompts = (PROMPT, PROMPT.model_copy(update={"image": "red.png"}))
    asked = suite_of(*prompts, folder=tmp_path)
    assert small.check() is None
    (first,) = small.generate([prompts[0]], 0, asked)
    (shown,) = small.generate([prompts[1]], 0, asked)
    # What the weights' own index says of times per token is no network, and has to be carried over as well.
    assert type(small.pipe).__name__ == "WanImageToVideoPipeline"
    assert small.pipe.config.expand_timesteps is True
    (again,) = small.generate([prompts[0]], 0, asked)
    (other,) = small.generate([prompts[0]], 1, asked)
    assert [one.load_s is None for one in (first, shown, again, other)] == [False, True, True, True]
    assert (first.media.frames.shape, first.media.audio, first.media.fps) == ((5, 64, 96, 3), None, 24)
    assert shown.media.frames.shape == (5, 64, 96, 3)
    assert np.array_equal(first.media.frames, again.media.frames)
    assert np.abs(first.media.frames.astype(int) - other.media.frames).mean() > 1
    assert np.abs(first.media.frames.astype(int) - shown.media.frames).mean() > 1
    assert (first.function_evals, first.timing) == (4, "free")
    small.close()
    assert small.pipe is None
    # Loaded anew, and with the other pipeline first.
    (same,) = small.generate([prompts[1]], 0, asked)
    assert np.array_equal(same.media.frames, shown.media.frames)
    assert (same.load_s is None, small.pipe.config.expand_timesteps) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pipeline", "image_pipeline"])
def test_the_library_knows_every_argument(kind):
    diffusers = pytest.importorskip("diffusers")
    called = getattr(diffusers, getattr(MANIFEST.diffusers, kind))
    extras = {"generator", "output_type"} | ({"image"} if kind == "image_pipeline" else set())
    assert {*planned().arguments, *extras} <= set(inspect.signature(called.__call__).parameters)
    assert set(MANIFEST.diffusers.float32) <= set(inspect.signature(called.__init__).parameters)
    # Without this package it fails, or leaves prompts unmended.
    assert "ftfy" in inspect.getsource(inspect.getmodule(called))
