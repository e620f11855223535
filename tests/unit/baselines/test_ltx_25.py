"""LTX-2.3 and LTX-2.5: what they are asked for, by hand; and a small 2.5 whose network runs as often as is said."""

import pytest

from jova_baselines.external import home
from jova_baselines.external.manifest import load
from jova_baselines.ltx_2.plan import plan
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from support.asked import prompt, suite_of
from support.tiny_ltx_2 import save

SIGMAS = [1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875]


def planned(name, **changes):
    manifest = load(name)
    suite = suite_of(prompt())
    inputs, _ = create_model(name, "cpu").request(suite.prompts[0], suite)
    return plan(inputs, manifest, {**manifest.options, **changes})


def test_the_newer_ones_are_asked_as_their_authors_do():
    job = planned("ltx-2.3")
    told = job.arguments
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 512, 768, 48_000)
    assert (job.function_evals, job.note) == (30 * 4, "sound 5.010 s")
    assert (told["num_inference_steps"], told["spatio_temporal_guidance_blocks"]) == (30, [28])
    assert told["use_cross_timestep"] is True
    job = planned("ltx-2.5")
    told = job.arguments
    assert (job.frames, job.sample_rate_hz, job.function_evals) == (121, 48_000, 8)
    assert told["sigmas"] == SIGMAS
    assert "num_inference_steps" not in told
    assert [told[f"{kind}guidance_scale"] for kind in ("", "audio_")] == [1.0, 1.0]
    assert [told[f"{kind}stg_scale"] for kind in ("", "audio_")] == [0.0, 0.0]
    assert [told[f"{kind}modality_scale"] for kind in ("", "audio_")] == [1.0, 1.0]


@pytest.mark.parametrize("sigmas", ["", "1.0 high", "1.2 0.5", "0.5 0.5", "0.9 0.0", "nan 0.5"])
def test_a_schedule_falls_from_one_to_above_zero(sigmas):
    with pytest.raises(BenchError, match="expected sigmas as falling numbers"):
        planned("ltx-2.5", sigmas=sigmas)


@pytest.mark.slow
def test_its_schedule_is_the_librarys():
    utils = pytest.importorskip("diffusers.pipelines.ltx2.utils")
    assert planned("ltx-2.5").arguments["sigmas"] == utils.DISTILLED_SIGMA_VALUES


@pytest.mark.slow
def test_a_small_one_runs_its_network_once_a_step(tmp_path, monkeypatch):
    pytest.importorskip("diffusers")
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    place = home.of(load("ltx-2.5"))
    place.weights.mkdir(parents=True)
    save(place.weights, "2.5")
    (place.folder / "options.toml").write_text("height = 64\nwidth = 96\n")
    suite, model = suite_of(prompt()), create_model("ltx-2.5", "cpu")
    assert model.check() is None
    inputs, job = model.request(suite.prompts[0], suite)
    model.ready(inputs)
    times = []
    model.pipe.transformer.register_forward_pre_hook(
        lambda _, given, named: times.append(float(named["timestep"].max())), with_kwargs=True
    )
    (made,) = model.generate(suite.prompts, 0, suite)
    assert len(times) == job.function_evals == 8
    assert times == pytest.approx([1000 * sigma for sigma in SIGMAS])
    assert made.media.frames.shape == (121, 64, 96, 3)
    # 126 latents of sound, 4 mel frames each but 1 in the first, 480 samples a mel frame.
    assert (made.media.audio.shape, made.media.sample_rate_hz) == ((2, (126 * 4 - 3) * 480), 48_000)
    assert job.note == f"sound {(126 * 4 - 3) * 480 / 48_000:.3f} s"
