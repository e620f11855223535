"""Any pipeline by its repository's name: what its call and weights tell, and a small one from the command to clips."""

import json

import pytest

import jova_bench as jb
from jova_baselines.any_pipeline.plan import plan
from jova_baselines.any_pipeline.recipe import Address, manifest_of
from jova_baselines.external import home
from jova_baselines.external.inputs import ModelInput
from jova_baselines.setup import main, named
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model, with_folder
from jova_bench.runs.planning import anywhere
from jova_bench.runs.store import read_run
from support.asked import prompt, suite_of
from support.tiny_ltx_2 import save

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = f"diffusers:someone/tiny@{COMMIT}"


@pytest.mark.parametrize(
    "address", ["", "tiny", "someone/tiny", "someone/tiny@main", f"../tiny@{COMMIT}", f"a/b/c@{COMMIT}"]
)
def test_a_repository_is_named_with_a_commit(address):
    with pytest.raises(BenchError, match=r"expected diffusers:OWNER/NAME@COMMIT with the 40 hex digits"):
        create_model(f"diffusers:{address}", "cpu")


def test_without_weights_it_says_what_fetches_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    assert f"baselines setup {NAME} --weights" in create_model(NAME, "cpu").check()
    planned, real = jb.dry_run([NAME, "real"], "embedded", limit=1, device="cpu", scoring=False).models
    (why,) = planned.cannot
    assert why.startswith("what it makes is known once its weights are here: jova-bench baselines setup ")
    assert (planned.to_make, planned.requirements.missing[1], real.to_make) == (0, (f"someone/tiny@{COMMIT}",), 1)
    assert "run it as diffusers:OWNER/NAME@COMMIT, such as " in create_model("diffusers", "cpu").check()
    assert main([NAME, "--weights", "--dry-run"]) == 0
    order = json.loads(capsys.readouterr().out.partition("'")[2].rpartition("'")[0])
    assert (order["hub"], order["revision"]) == ("someone/tiny", COMMIT)
    assert named(NAME).weights[0].pinned


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An assets folder with the small LTX-2.0 as somebody's."""
    pytest.importorskip("diffusers")
    folder = tmp_path_factory.mktemp("assets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(assets.FOLDER_VARIABLE, str(folder))
        place = home.of(named(NAME))
        place.weights.mkdir(parents=True)
        save(place.weights)
        small = {
            "height": 64,
            "width": 96,
            "frame_rate": 5,
            "num_inference_steps": 2,
            "stg_scale": 0,
            "audio_stg_scale": 0,
        }
        (place.folder / "options.toml").write_text("".join(f"{key} = {value}\n" for key, value in small.items()))
    return folder


@pytest.mark.slow
def test_a_small_one_goes_from_its_name_to_clips(weights, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(weights))
    asked = {"profile": "standard", "metrics": ["loudness"], "device": "cpu", "workers": 0, "seeds": [0, 1]}
    result = jb.run([NAME], suite_of(prompt(id="a")), out=tmp_path / "run", **asked)
    assert result.exit_code == 0
    run = read_run(tmp_path / "run")
    assert [(one.model, one.status) for one in run.samples] == [("tiny-0123456", "ok")] * 2
    first, second = (media.read(tmp_path / "run" / one.clip) for one in run.samples)
    assert (first.frames.shape, first.fps) == ((25, 64, 96, 3), 5)
    assert (first.audio.shape, first.sample_rate_hz) == ((2, (125 * 4 - 3) * 240), 24_000)
    assert first.digest != second.digest
    settings = run.manifest.models["tiny-0123456"].settings
    assert settings["title"] == "someone/tiny (LTX2Pipeline)"
    assert settings["options"]["num_inference_steps"] == 2


def test_other_processes_get_the_address_and_the_path_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert with_folder(NAME, anywhere) == NAME
    assert with_folder("jova:mine", anywhere) == f"jova:{tmp_path / 'mine'}"


@pytest.mark.slow
def test_its_plan_is_what_its_call_and_codec_state(weights, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(weights))
    manifest = manifest_of(Address("someone/tiny", COMMIT))
    assert manifest.consumes.image == "ignored"  # Another class of the library takes one.
    options = manifest.options
    # The library's own for LTX2Pipeline, and 8 frames per latent of this codec.
    assert (options["height"], options["width"], options["frame_rate"], options["frame_step"]) == (512, 768, 24.0, 8)
    assert not {"num_frames", "output_type", "sigmas"} & set(options)
    job = plan(ModelInput(prompt()), manifest, {**options, "frame_rate": 30.0})
    assert (job.frames, job.fps, job.arguments["num_frames"]) == (153, 30, 153)  # 8 n + 1 nearest to 150
    assert not {"frame_step", "offload"} & set(job.arguments)
    with pytest.raises(BenchError, match=r"does not state height and frame_step: write them into its options.toml"):
        plan(ModelInput(prompt()), manifest, {**options, "height": 0, "frame_step": 0})
    with pytest.raises(BenchError, match=r"expected numbers above 0 in its options.toml, got height = -5"):
        plan(ModelInput(prompt()), manifest, {**options, "height": -5})


@pytest.mark.slow
def test_weights_with_code_and_unknown_or_silent_pipelines_are_refused(weights, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(weights))
    place = home.of(named(NAME))
    index = place.weights / "model_index.json"
    text = index.read_text()
    for name, message in (
        ("NoSuchPipeline", r"expected a pipeline of diffusers .* got 'NoSuchPipeline'"),
        ("AutoencoderKL", "expected a pipeline of diffusers"),
        ("StableDiffusionPipeline", "expected a pipeline that is called with prompt, num_frames, height, width and"),
    ):
        index.write_text(text.replace('"LTX2Pipeline"', f'"{name}"'))
        with pytest.raises(BenchError, match=message):
            create_model(NAME, "cpu")
    index.write_text("[]")
    with pytest.raises(BenchError, match=r"index.json: expected a JSON object, got \[\]; fetch the weights again"):
        create_model(NAME, "cpu")
    index.write_text(text)
    codec = place.weights / "vae" / "config.json"
    stated = codec.read_text()
    codec.write_text("[1]")
    with pytest.raises(BenchError, match=r"config.json: expected a JSON object, got \[1\]"):
        create_model(NAME, "cpu")
    codec.write_text(stated)
    code = place.weights / "transformer" / "own.py"
    code.write_text("raise SystemExit\n")
    with pytest.raises(BenchError, match=r"expected weights without code, got .*own.py"):
        create_model(NAME, "cpu")
    code.unlink()
