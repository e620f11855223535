"""Plans of HunyuanVideo-Foley against numbers of its own code, its worker on a fake of it, and it as a second stage."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

import jova_bench
from jova_baselines.external import home
from jova_baselines.external.foley import kept
from jova_baselines.external.manifest import load
from jova_baselines.hunyuanvideo_foley.plan import (
    LATENTS_PER_S,
    MOST_SECONDS,
    SEGMENT,
    SYNC_FPS,
    VARIANTS,
    latents,
)
from jova_bench.errors import BenchError, Unavailable
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from jova_bench.runs import provenance
from jova_bench.runs.store import read_run
from support import upstream_api
from support.asked import film, prompt, suite_of
from support.asked import planned as planned_by
from support.fake_upstreams import calls, impatient, installed
from support.made_runs import origin
from support.spoken_prompts import sample

UPSTREAM = upstream_api.facts("hunyuanvideo-foley")
FACTS, SCRIPT = UPSTREAM["facts"], UPSTREAM["scripts"]["infer.py"]
CASCADE = "wan2.2-ti2v-hunyuanvideo-foley"


def planned(video=None, audio_caption="footsteps on gravel", **options):
    return planned_by("hunyuanvideo-foley", video=video or film(), audio_caption=audio_caption, **options)


def films(folder, *captions, frames=30, fps=25):
    """A prompt for each caption of sound, with a real clip that is silent."""
    folder.mkdir()
    picture = np.zeros((frames, 48, 64, 3), np.uint8)
    picture[:] = 4 * np.arange(frames, dtype=np.uint8)[:, None, None, None]
    media.write(folder / "real.mp4", picture, Fraction(fps), None, 0)
    said = {"video_caption": "a man walks", "reference": "real.mp4"}
    prompts = [prompt("", id=f"p{k}", audio_caption=one, **said) for k, one in enumerate(captions)]
    return suite_of(*prompts, folder=folder)


@pytest.mark.parametrize(("frames", "fps", "clip", "sync", "made"), FACTS["reads"])
def test_what_is_read_of_a_film_and_the_sound_that_it_gets_are_upstreams(frames, fps, clip, sync, made):
    one = film(frames, fps)
    assert (kept(one, 8), kept(one, SYNC_FPS)) == (clip, sync)
    assert latents(sync) == made


def test_options_are_upstreams():
    manifest = load("hunyuanvideo-foley")
    flags = {"variant": "--model_size", "steps": "--num_inference_steps", "guidance": "--guidance_scale"}
    same = {name: SCRIPT[flag]["default"] for name, flag in flags.items()}
    assert dict(manifest.options) == {**same, "negative_prompt": FACTS["negative_prompt"], "offload": False}
    assert SCRIPT["--enable_offload"] == {"action": "store_true"}
    assert set(VARIANTS) == set(SCRIPT["--model_size"]["choices"]) == set(FACTS["gpu_gb"])
    assert (FACTS["latents_per_s"], FACTS["sync_fps"], FACTS["segment"]) == (LATENTS_PER_S, SYNC_FPS, SEGMENT)
    assert FACTS["seconds"] == MOST_SECONDS
    assert manifest.produces.sample_rate_hz == FACTS["rate_hz"] == LATENTS_PER_S * FACTS["samples_per_latent"]
    assert (manifest.memory.gpu_gb, manifest.limits.prompt_words) == (FACTS["gpu_gb"]["xxl"], FACTS["tokens"] - 2)
    assert list(manifest.weights[0].files) == FACTS["files"]
    assert [one.hub for one in manifest.weights if one.by_name] == FACTS["by_name"]
    assert all(one.pinned for one in manifest.weights)


def test_sound_is_as_long_as_what_is_read_of_the_film():
    job = planned()
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 96, 128, 48_000)
    # Of 121 frames of 24 a second upstream reads 125 of 25: 5 s of 5.0417 s.
    assert (job.function_evals, job.note) == (100, "the sound ends 0.042 s before the picture")
    assert job.arguments["prompt"] == "footsteps on gravel."
    assert planned(film(200, 50)).note == ""
    assert planned(film(375, 25)).frames == 375
    assert planned(guidance=FACTS["unguided_to"]).function_evals == 50
    assert planned(variant="xl").sample_rate_hz == 48_000
    assert planned(steps=30).digest != planned().digest


@pytest.mark.parametrize(
    ("video", "options", "message"),
    [
        (film(15, 25), {}, r"upstream reads at least 0\.64 s, got 0\.60 s"),
        (film(376, 25), {}, r"at most 15 s and 900 frames, got 376 in 15\.04 s"),
        (film(901, 120), {}, r"got 901 in 7\.51 s"),
        (film(size=(97, 128)), {}, "even sides, got 128x97"),
        (film(size=(96, 127)), {}, "even sides, got 127x96"),
        (film(), {"variant": "xxxl"}, "expected a variant of HunyuanVideo-Foley, got 'xxxl'"),
        (film(), {"steps": 0}, "at least 1 step, got 0"),
        (film(), {"audio_caption": "a " * 76}, "at most 75 words, got 76"),
    ],
)
def test_what_it_cannot_do_is_refused(video, options, message):
    with pytest.raises(BenchError, match=message):
        planned(video, **options)


def test_whose_film_it_is_and_that_it_needs_a_caption(tmp_path):
    model, asked = create_model("hunyuanvideo-foley", "cuda"), films(tmp_path / "own", "rain")
    assert model.needs == ("reference",)
    plan = model.plan(asked.prompts[0], asked)
    assert (plan.audio, plan.sample_rate_hz, plan.frames, plan.fps) == ("generated", 48_000, 30, 25.0)
    assert "picture of the real clip" in plan.note
    for part, message in (("reference", "a prompt with video, its reference clip"), ("audio_caption", "audio caption")):
        with pytest.raises(BenchError, match=f"{message}.* got 'p0' without"):
            model.plan(asked.prompts[0].model_copy(update={part: "" if part == "audio_caption" else None}), asked)
    assert model.settings["ignored"] == ["video_caption", "transcript", "image", "audio"]
    assert "not in the EU, the UK and South Korea" in model.settings["weights"][0]


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "collect", lambda *_: origin("0"))  # Asks git and every package: slow, and tested.
    made = installed("hunyuanvideo-foley", tmp_path / "assets", monkeypatch)
    yield made
    made.close()


def test_one_load_serves_films_of_all_lengths_whose_frames_stay_what_they_were(tmp_path, baseline):
    asked = films(tmp_path / "own", "rain [noise]", "rain", "[mute]")
    long = films(tmp_path / "long", "wind", frames=57)
    first, frames, sound = sample(baseline, asked, 0, seed=1)
    _, _, same = sample(baseline, asked, 1, seed=1)
    _, _, other = sample(baseline, asked, 1, seed=2)
    _, most, late = sample(baseline, long, seed=1)
    without, _, _ = sample(baseline, asked, 2, seed=1)
    assert np.array_equal(frames, media.read(tmp_path / "own" / "real.mp4").frames)
    assert (first.media.fps, first.media.sample_rate_hz, first.function_evals) == (Fraction(25), 48_000, 100)
    assert first.timing == "free"
    # Of 30 frames upstream reads 29, and 29 / 25 * 50 is a little less than 58.
    assert sound.shape == (1, 57 * 960)
    assert np.array_equal(sound, same)
    assert not np.array_equal(sound, other)
    assert (len(most), late.shape) == (57, (1, latents(kept(film(57, 25), 25)) * 960))
    # Without sound it is a clip that breaks its plan.
    assert without.media.audio is None
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", *["infer"] * 5]
    assert log[0] | {"config": "configs/hunyuanvideo-foley-xxl.yaml", "offload": False, "size": "xxl"} == log[0]
    told = {"prompt": "rain [noise].", "negative": "noisy, harsh", "steps": 50, "guidance": 4.5, "networks": "networks"}
    assert log[1] | told == log[1]


def test_samples_of_one_load_each_have_their_fate(tmp_path, baseline, monkeypatch):
    impatient(monkeypatch)
    orders = ("rain", "[raise]", "[leave] [hang]", "[silent]", "[mute]", "[eat]")
    asked = films(tmp_path / "own", *orders)
    jova_bench.run([baseline], asked, profile="standard", seeds=(1,), out=tmp_path / "run", scoring=False)
    samples = read_run(tmp_path / "run").samples
    fates = [one.reason or one.status for one in samples]
    assert [fates[k] for k in (0, 1, 3, 4, 5)] == [
        "ok", "ValueError: the prompt is too strange", "ok", "no sound where the plan promises it", "ok",
    ]  # fmt: skip
    assert fates[2].startswith("no answer within 0.5 s")
    assert "silent" in {finding.code for finding in samples[3].findings}
    # Loaded at first, and after the hang.
    assert [one["call"] for one in calls(baseline)].count("load") == 2


def test_weights_of_another_network_are_refused_and_no_file_runs_code(tmp_path, baseline):
    asked = films(tmp_path / "own", "rain")
    sample(baseline, asked, seed=1)
    assert [one["call"] for one in calls(baseline)] == ["load", "infer"]
    baseline.close()
    (home.of(baseline.manifest).weights / "hunyuanvideo_foley.pth").write_bytes(b"other weights")
    with pytest.raises(Unavailable, match="got a file without 1 parameters, such as final_layer"):
        sample(baseline, asked, seed=1)


@pytest.mark.parametrize("image", [False, True])
def test_as_a_second_stage_its_plan_and_lacks_are_of_both(image, tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    model = create_model(f"{CASCADE}-image" if image else CASCADE, "cuda")
    assert model.needs == (("image",) if image else ())
    assert "baselines setup wan2.2-ti2v --weights" in model.check()
    assert "baselines setup hunyuanvideo-foley --weights" in model.check()
    if image:
        return
    one = partial(prompt, "", video_caption="a street", audio_caption="rain")
    asked = suite_of(one(), folder=tmp_path)
    plan = model.plan(one(), asked)
    assert (plan.frames, plan.fps, plan.sample_rate_hz, plan.audio) == (121, 24.0, 48_000, "generated")
    assert "hunyuanvideo-foley: the sound ends 0.042 s before the picture" in plan.note
    settings = model.settings
    assert settings["title"] == "Wan2.2-TI2V-5B, then HunyuanVideo-Foley"
    assert settings["audio"] == "generated by hunyuanvideo-foley for the film of wan2.2-ti2v"
    assert settings["stages"] == ["wan2.2-ti2v", "hunyuanvideo-foley"]
    with pytest.raises(BenchError, match="audio caption"):
        model.plan(one(audio_caption=""), asked)
