"""Plans of OmniAvatar against numbers of its own code, and its worker on a fake of it."""

import json
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

import jova_bench
from jova_baselines.external import home
from jova_baselines.external.client import LoadFailed
from jova_baselines.external.manifest import load, package
from jova_baselines.omniavatar.plan import SIZES, heard, matched, window, windows
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from jova_bench.runs import provenance
from jova_bench.runs.store import read_run
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, impatient, installed
from support.made_runs import origin
from support.spoken_prompts import sample, suite

STORED = upstream_api.facts("omniavatar")
FACTS, CONFIGURATION = STORED["facts"], STORED["facts"]["configuration"]
planned = partial(planned_by, "omniavatar", image=(512, 512))
CHECKPOINT = json.dumps(FACTS["checkpoint"])


@pytest.mark.parametrize(("height", "width", "small", "large"), FACTS["sizes"])
def test_sizes_are_upstreams(height, width, small, large):
    assert matched(height, width, SIZES[720]) == tuple(small)
    assert matched(height, width, SIZES[1280]) == tuple(large)


@pytest.mark.parametrize(("samples", "height", "width", "overlap", "tokens", "frames", "times"), FACTS["clips"])
def test_frames_and_windows_are_upstreams(samples, height, width, overlap, tokens, frames, times):
    # The first is the image.
    assert heard(samples) == frames - 1
    assert windows(heard(samples), window(tokens, height, width), overlap) == times


def test_options_are_upstreams():
    manifest = load("omniavatar")
    same = {
        "max_hw": "max_hw", "max_tokens": "max_tokens", "overlap": "overlap_frame", "steps": "num_steps",
        "guidance": "guidance_scale", "negative_prompt": "negative_prompt",
    }  # fmt: skip
    ours = manifest.options
    assert {name: ours[name] for name in same} == {name: CONFIGURATION[key] for name, key in same.items()}
    assert CONFIGURATION["audio_scale"] is None  # which is the guidance
    assert ours["audio_guidance"] == ours["guidance"]
    assert CONFIGURATION["num_persistent_param_in_dit"] is None  # which is our -1
    assert {720: CONFIGURATION["image_sizes_720"], 1280: CONFIGURATION["image_sizes_1280"]} == {
        side: [list(size) for size in sizes] for side, sizes in SIZES.items()
    }
    # Half a frame of silence less than upstream's.
    assert CONFIGURATION["silence_duration_s"] * 25 == ours["silence_frames"] + 0.5
    assert (manifest.fps, CONFIGURATION["sample_rate"], CONFIGURATION["tea_cache_l1_thresh"]) == (25, 16_000, 0)
    assert (manifest.memory.gpu_gb, manifest.limits.prompt_words) == (FACTS["gpu_gb"], FACTS["text_tokens"])


def test_the_worker_gives_upstreams_flags_and_paths():
    source = (package("omniavatar") / "worker.py").read_text()
    assert {"--config", "--exp_path"} <= set(STORED["scripts"]["OmniAvatar/utils/args_config.py"])
    (given,) = (set(names) for positional, names in upstream_api.calls(source, "update") if not positional)
    assert set(FACTS["paths"]) - given == {"exp_path"}
    assert given - set(CONFIGURATION) == {"dit_path", "text_encoder_path", "vae_path", "wav2vec_path"}
    assert all(f'"{name}"' in source for name in FACTS["checkpoint"])


def test_a_video_begins_with_its_sound_and_is_as_long():
    job = planned(5.0)
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (125, 25, 720, 720, None)
    # 132 frames are three windows: 57, and 44 more each.
    assert (job.function_evals, job.note) == (3 * 50 * 2, "")
    assert (job.arguments["first"], job.arguments["silence_s"]) == (8, 0.28)
    assert (job.arguments["prompt"], planned(2.01).frames) == ("a face.", 51)
    assert planned(5.0, silence_frames=0).arguments["first"] == 1
    assert planned(5.0, audio_guidance=3.0).function_evals == 3 * 50 * 3
    assert planned(5.0, guidance=1.0).function_evals == 3 * 50
    assert planned(5.0, max_tokens=80_000).function_evals == 50 * 2
    assert planned(5.0, steps=25).digest != planned(5.0).digest


def test_what_is_cut_off_an_image_is_said():
    assert planned(1.0, image=(400, 720)).note == ""
    job = planned(1.0, image=(480, 832))
    # 480 rows become 415 of 720 columns, of which 400 are left.
    assert ((job.height, job.width), job.note) == ((400, 720), "upstream cuts off 4% of the image")
    assert planned(1.0, image=(1000, 300)).note == "upstream cuts off 46% of the image"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": 60.01}, "driving sound of 1 to 1500 frames at 25 per second, got 60.01 s"),
        ({"variant": "5B"}, "expected a variant of OmniAvatar, got '5B'"),
        ({"max_hw": 480}, "max_hw of 720 or 1280, got 480"),
        ({"overlap": 12}, r"overlap of n \* 4 \+ 1 frames, got 12"),
        ({"overlap": -3}, "got -3"),
        ({"max_tokens": 5000}, r"windows of over 13 frames, got 9 of \(720, 720\)"),
        ({"steps": 0}, "steps of at least 1, got 0"),
        ({"silence_frames": -1}, "silence_frames of at least 0, got -1"),
        ({"video_caption": "a " * 513}, "at most 512 words, got 513"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**{"seconds": 5.0, **change})


def test_it_needs_a_picture_and_driving_sound(tmp_path):
    model, asked = create_model("omniavatar", "cuda"), suite(tmp_path / "own", "a face")
    assert model.needs == ("image", "audio")
    for part in ("image", "audio"):
        lacking = asked.prompts[0].model_copy(update={part: None})
        with pytest.raises(BenchError, match=f"a prompt with {part} or a reference clip, got 'p0' without"):
            model.plan(lacking, asked)
    assert model.settings["ignored"] == ["audio_caption", "transcript", "video"]


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """OmniAvatar makes films of a tenth of their sides."""
    monkeypatch.setitem(SIZES, 720, ((40, 72), (72, 72), (72, 40)))
    monkeypatch.setattr(provenance, "collect", lambda *_: origin("0"))  # Asks git and every package: slow, and tested.
    made = installed("omniavatar", tmp_path / "assets", monkeypatch)
    (home.of(made.manifest).weights / "OmniAvatar-14B" / "config.json").write_text(CHECKPOINT)
    yield made
    made.close()


def test_samples_of_one_load_each_have_their_fate(tmp_path, baseline, monkeypatch):
    impatient(monkeypatch)
    baseline.check = lambda: None  # The fake needs no ffmpeg.
    orders = ("", "[noise] [eat]", "[raise]", "[overflow]", "[still]", "[leave] [hang]", "")
    asked = suite(tmp_path / "own", *(f"a face {one}" for one in orders))
    jova_bench.run([baseline], asked, profile="standard", seeds=(1,), out=tmp_path / "run", scoring=False)
    run = read_run(tmp_path / "run")
    fates = [one.reason or one.status for one in run.samples]
    hung = fates.pop(5)
    assert fates == [
        "ok", "ok", "ValueError: the prompt is too strange", "ValueError: expected finite frames, got NaN or infinity",
        "ok", "ok",
    ]  # fmt: skip
    assert hung.startswith("no answer within 0.5 s")
    assert "frozen" in {finding.code for finding in run.samples[4].findings}
    assert run.samples[0].clip_digest == run.samples[1].clip_digest
    # Loaded at first, and after the hang.
    assert [one["call"] for one in calls(baseline)].count("load") == 2


def test_picture_and_sound_begin_together(tmp_path, baseline):
    asked = suite(tmp_path / "own", "a face", size=(64, 112))
    try:
        first, frames, sound = sample(baseline, asked, seed=1)
        _, others, _ = sample(baseline, asked, seed=2)
    finally:
        baseline.close()
    assert (frames.shape, first.media.fps, first.timing) == ((25, 40, 72, 3), Fraction(25), "free")
    # The square moves a column a frame; eight frames, the image and the silence, are cut off.
    assert int(np.argmax(frames[0, 6, :, 0])) == 8
    assert not np.array_equal(frames, others)
    assert np.array_equal(sound, media.read(tmp_path / "own" / "voice.wav").audio)
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", *["silence", "forward"] * 2]
    told = {"prompt": "a face.", "steps": 50, "guidance": 4.5, "sound": 4.5, "overlap": 13, "quiet_s": 0.28}
    assert log[2] | told == log[2]
    assert log[0]["group"] == dict(zip(log[0]["group"], ("0", "0", "1", "127.0.0.1", "0"), strict=True))
    assert (log[0]["networks"], log[0]["persistent"], log[0]["tokens"]) == (1, None, 30_000)


def test_without_silence_the_sound_is_given_as_it_is_and_another_checkpoint_is_told(tmp_path, baseline):
    baseline.options = {**baseline.options, "silence_frames": 0}
    asked = suite(tmp_path / "own", "a face")
    _, frames, _ = sample(baseline, asked, seed=1)
    baseline.close()
    assert (len(frames), int(np.argmax(frames[0, 6, :, 0]))) == (25, 1)
    assert [one["call"] for one in calls(baseline)] == ["load", "forward"]
    other = home.of(baseline.manifest).weights / "OmniAvatar-14B" / "config.json"
    other.write_text(json.dumps({**FACTS["checkpoint"], "random_prefix_frames": False}))
    with pytest.raises(LoadFailed, match=r"expected random_prefix_frames in the checkpoint's config\.json"):
        sample(baseline, asked, seed=1)
