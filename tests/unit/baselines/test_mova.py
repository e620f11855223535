"""Plans of MOVA against numbers of its own code, and its worker on a fake of it."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from jova_baselines.external.manifest import load
from jova_baselines.mova.plan import OFFLOADS, SIDE, cropped
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import planned as planned_by
from support.fake_upstreams import calls, installed
from support.spoken_prompts import sample, suite

UPSTREAM = upstream_api.facts("mova")
FACTS, SCRIPT = UPSTREAM["facts"], UPSTREAM["scripts"]["scripts/inference_single.py"]
planned = partial(planned_by, "mova", image=(352, 640))


@pytest.mark.parametrize(("height", "width", "into_height", "into_width", "kept"), FACTS["crops"])
def test_crops_are_upstreams(height, width, into_height, into_width, kept):
    assert cropped(height, width, into_height, into_width) == tuple(kept)


def test_options_are_upstreams():
    manifest = load("mova")
    ours, readme = manifest.options, FACTS["readme"]
    same = {"steps": "--num_inference_steps", "guidance": "--cfg_scale"}
    assert {name: ours[name] for name in same} == {name: SCRIPT[flag]["default"] for name, flag in same.items()}
    assert ours["negative_prompt"] == FACTS["negative_prompt"]
    assert (ours["height"], ours["width"], ours["offload"]) == (readme["height"], readme["width"], readme["offload"])
    assert manifest.weights[0].hub == readme["weights"]
    assert tuple(SCRIPT["--offload"]["choices"]) == OFFLOADS
    assert (manifest.limits.frames.most, manifest.fps) == (
        SCRIPT["--num_frames"]["default"],
        SCRIPT["--fps"]["default"],
    )
    assert FACTS["multiple"] == SIDE


def test_a_plan_says_what_will_be_made():
    job = planned()
    # 5 s are 120 frames; 121 is the nearest of 4 n + 1.
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 352, 640, None)
    assert (job.seconds, job.function_evals, job.note) == (pytest.approx(5.0417, abs=1e-4), 100, "")
    assert job.arguments["prompt"] == 'a face. The person says: "hello" The sound: a voice.'
    assert planned(image=(512, 512)).note == "upstream crops the image of 512x512 to 512x281"
    assert planned(guidance=1.0).function_evals == 50
    assert planned(steps=30).digest != planned().digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "540p"}, "expected variant of MOVA, got '540p'"),
        ({"offload": "gpu"}, "expected offload of MOVA, got 'gpu'"),
        ({"height": 360}, "in multiples of 16, got 640x360"),
        ({"width": 0}, "in multiples of 16, got 0x352"),
        ({"image": (512, 1)}, "leaves something, got 1x512"),
        ({"video_caption": "a " * 512}, "at most 512 words"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


def test_it_needs_an_image(tmp_path):
    model, asked = create_model("mova", "cuda"), suite(tmp_path / "own", "a face")
    assert model.needs == ("image",)
    plan = model.plan(asked.prompts[0], asked)
    assert (plan.audio, plan.sample_rate_hz) == ("generated", None)
    assert "image of the prompt" in plan.note
    with pytest.raises(BenchError, match="a prompt with image or a reference clip, got 'p0' without"):
        model.plan(asked.prompts[0].model_copy(update={"image": None}), asked)


def test_one_load_serves_all_samples_and_noise_is_of_the_seed_though_upstream_ignores_it(tmp_path, monkeypatch):
    # It imports torch, which takes its time on a busy machine.
    baseline = installed("mova", tmp_path / "assets", monkeypatch, start_timeout_s=1800)
    frames = baseline.manifest.limits.frames.model_copy(update={"least": 13, "most": 13})
    limits = baseline.manifest.limits.model_copy(update={"frames": frames})
    baseline.manifest = baseline.manifest.model_copy(update={"limits": limits})
    baseline.options = {**baseline.options, "height": 32, "width": 48}
    asked = suite(tmp_path / "own", "a face [noise]", "[raise]", "a face", "a face [mute]")
    try:
        first, frames, sound = sample(baseline, asked, 0, seed=1)
        with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
            sample(baseline, asked, 1, seed=1)
        _, same, same_sound = sample(baseline, asked, 2, seed=1)
        _, others, _ = sample(baseline, asked, 2, seed=2)
        without, _, _ = sample(baseline, asked, 3, seed=1)
    finally:
        baseline.close()
    assert frames.shape == (13, 32, 48, 3)
    assert (first.media.fps, first.media.sample_rate_hz, first.function_evals) == (Fraction(24), 48_000, 100)
    # 13 frames are 26000 samples at the checkpoint's rate; upstream makes 26880.
    assert sound.shape == (1, 26_000)
    assert np.array_equal(frames, same)
    assert np.array_equal(sound, same_sound)
    assert not np.array_equal(frames, others)
    # Without sound it is a clip that breaks its plan.
    assert without.media.audio is None
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", "offload"] + ["crop", "pipe"] * 5
    assert len({one["pid"] for one in log}) == 1
    assert log[0] | {"folder": "MOVA-360p", "dtype": "torch.bfloat16"} == log[0]
    assert log[2]["image"] == ["RGB", 64, 64]
    told = {"image": ["RGB", 48, 32], "negative": "色调艳丽", "frames": 13, "fps": 24.0, "steps": 50, "guidance": 5.0}
    assert log[3] | told == log[3]
