"""LTX-2: what it will be asked for, by hand; and a small one with random weights, through the harness to a table.

The small one is a real pipeline of diffusers in its own folder format; only widths and depths differ.
"""

import inspect
import json
import os
import subprocess
import sys
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from jova_baselines.external import home, install, pipeline
from jova_baselines.external.manifest import load
from jova_baselines.ltx_2.plan import samples
from jova_bench.assets import table as assets
from jova_bench.comparison.results import read_run
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from jova_bench.suites.loading import load_suite
from support.asked import planned as planned_by
from support.asked import prompt
from support.tiny_ltx_2 import save

MANIFEST = load("ltx-2")
TEXTS = {"video_caption": "A woman in a red coat", "audio_caption": "Rain", "transcript": "It's late, go home."}
PROMPT = prompt(id="a", **TEXTS)
planned = partial(planned_by, "ltx-2", **TEXTS)
SMALL = {"height": 64, "width": 96, "steps": 2, "stg_block": 1}
"""Two steps of the two-layer network; its picture is not square, so that no axes can be exchanged unseen."""


def test_it_is_asked_for_five_seconds_in_its_own_format():
    job = planned()
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 512, 768, 24_000)
    assert job.seconds == pytest.approx(121 / 24)
    assert job.function_evals == 40 * 4  # text, no text in the same batch, perturbed attention, isolated modalities
    assert job.note == "sound 5.010 s"
    told = job.arguments
    assert (told["num_frames"], told["height"], told["width"], told["frame_rate"]) == (121, 512, 768, 24.0)
    assert (told["guidance_scale"], told["audio_guidance_scale"], told["num_inference_steps"]) == (3.0, 7.0, 40)
    assert (told["spatio_temporal_guidance_blocks"], told["use_cross_timestep"]) == ([29], False)
    json.dumps(dict(told))


def test_words_stand_in_quotes():
    assert planned().arguments["prompt"] == (
        'A woman in a red coat. The person says: "It\'s late, go home." The sound: Rain.'
    )
    assert planned(transcript="", audio_caption="").arguments["prompt"] == "A woman in a red coat."


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"stg": 0.0}, 3),
        ({"cfg": 1.0, "audio_cfg": 1.0}, 3),
        ({"audio_cfg": 1.0}, 4),
        ({"modality": 1.0, "stg": 0.0}, 2),
    ],
)
def test_guidance_that_is_off_costs_nothing(changes, passes):
    assert planned(steps=10, **changes).function_evals == 10 * passes


@pytest.mark.parametrize(("frames", "expected"), [(121, 120_240), (25, 24_240), (9, 7_920)])
def test_sound_is_a_little_shorter_than_the_picture(frames, expected):
    """25 latents a second, rounded; 4 mel frames each but 1 in the first; 240 samples a mel frame."""
    assert samples(frames, Fraction(24), 24_000) == expected


@pytest.mark.parametrize(
    ("image", "size"),
    [
        ((512, 512), (640, 640)),  # sqrt(512 * 768) = 627
        ((1280, 720), (832, 480)),  # 836 x 470
        ((512, 768), (512, 768)),
        ((10, 1000), (64, 6272)),  # 63 x 6271
    ],
)
def test_an_image_gives_its_shape_but_not_its_size(image, size):
    job = planned(image=image)
    assert (job.height, job.width) == (job.arguments["height"], job.arguments["width"]) == size


@pytest.mark.parametrize(
    ("options", "words", "message"),
    [
        ({"height": 500}, 1, "multiples of 32, got 500 x 768"),
        ({"width": 0}, 1, "multiples of 32, got 512 x 0"),
        ({"steps": 0}, 1, "at least 1 step"),
        ({}, 601, "at most 600 words, got 611"),
    ],
)
def test_what_cannot_be_done_is_refused(options, words, message):
    with pytest.raises(BenchError, match=message):
        planned(video_caption="word " * words, **options)


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "assets"))
    return create_model("ltx-2", "cpu")


def test_packages_and_weights_that_are_missing_are_named_with_what_gets_them(baseline, monkeypatch):
    monkeypatch.setattr(pipeline, "find_spec", lambda name: None if name == "accelerate" else object())
    packages, _, files = baseline.check().partition("; ")
    assert packages == "not installed: accelerate: pip install 'jova-bench[diffusers]'"
    monkeypatch.setattr(pipeline, "find_spec", lambda name: object())
    assert baseline.check() == files
    assert files.startswith("weights missing (model_index.json, ")
    assert files.endswith("jova-bench baselines setup ltx-2 --weights")


def test_its_weights_are_fetched_by_this_environment_at_one_commit(baseline):
    (step,) = install.weights(MANIFEST, ())
    python, _, order, folder = step.command
    assert python == sys.executable
    assert folder == str(home.of(MANIFEST).weights)
    assert (json.loads(order)["hub"], len(json.loads(order)["revision"])) == ("Lightricks/LTX-2", 40)


def test_the_part_around_the_centre_has_the_wanted_shape():
    image = np.arange(6 * 10 * 3, dtype=np.uint8).reshape(6, 10, 3)
    assert np.array_equal(pipeline.crop(image, 64, 64), image[:, 2:8])
    assert np.array_equal(pipeline.crop(image, 32, 320), image[2:3])
    assert np.array_equal(pipeline.crop(image, 6, 10), image)


def test_pixels_are_rounded_and_have_to_be_numbers():
    levels = np.array([0, 0.5, 1, 254.4 / 255, 1.0001, -0.1], np.float32).reshape(1, 1, 2, 3)
    assert pipeline.pixels(levels).ravel().tolist() == [0, 128, 255, 254, 255, 0]
    with pytest.raises(BenchError, match="not finite"):
        pipeline.pixels(np.full((1, 1, 1, 3), np.nan, np.float32))


@pytest.mark.parametrize(
    ("device", "offload", "call"),
    [
        ("cpu", True, ("to", "cpu")),
        ("cuda:1", False, ("to", "cuda:1")),
        ("cuda:1", True, ("enable_model_cpu_offload", "cuda:1")),
    ],
)
def test_networks_wait_off_the_gpu_if_asked(device, offload, call):
    calls = []
    pipe = SimpleNamespace(
        to=lambda device: calls.append(("to", device)),
        enable_model_cpu_offload=lambda device: calls.append(("enable_model_cpu_offload", device)),
    )
    pipeline.place(pipe, device, offload)
    assert calls == [call]


def test_beside_models_that_need_an_image_it_begins_with_the_real_clip(tmp_path):
    frames = np.zeros((3, 48, 32, 3), np.uint8)
    media.write(tmp_path / "real.mp4", frames, Fraction(25), None, 0)
    path = tmp_path / "prompts.jsonl"
    path.write_text(PROMPT.model_copy(update={"reference": "real.mp4"}).model_dump_json())
    suite = load_suite(path)
    plain, pictured = (create_model(name, "cpu").plan(suite.prompts[0], suite) for name in ("ltx-2", "ltx-2-image"))
    assert (plain.height, plain.width) == (512, 768)
    assert "no image" in plain.note
    assert (pictured.height, pictured.width) == (768, 512)
    assert "first frame of the real clip" in pictured.note
    assert create_model("ltx-2-image", "cpu").name == "ltx-2-image"
    with pytest.raises(BenchError, match="with image or a reference clip, got 'a' without"):
        create_model("ltx-2-image", "cpu").plan(PROMPT, suite)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pipeline", "image_pipeline"])
def test_the_library_knows_every_argument_and_every_part_that_is_left_out(kind):
    diffusers = pytest.importorskip("diffusers")
    recipe = MANIFEST.diffusers
    called = getattr(diffusers, getattr(recipe, kind))
    known = set(inspect.signature(called.__call__).parameters)
    extras = {"generator", "output_type", "negative_prompt"} | ({"image"} if kind == "image_pipeline" else set())
    assert {*planned().arguments, *extras} <= known
    assert set(recipe.without) == set(called._optional_components)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An assets folder with the small LTX-2."""
    pytest.importorskip("diffusers")
    folder = tmp_path_factory.mktemp("assets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(assets.FOLDER_VARIABLE, str(folder))
        place = home.of(MANIFEST)
        place.weights.mkdir(parents=True)
        save(place.weights)
        lines = [f"{key} = {value}" for key, value in SMALL.items()]
        (place.folder / "options.toml").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """Two prompts of words and one with an upright image."""
    folder = tmp_path_factory.mktemp("suite")
    image = np.zeros((90, 60, 3), np.uint8)
    image[:45, :, 0] = 250
    from PIL import Image

    Image.fromarray(image).save(folder / "half.png")
    prompts = [
        PROMPT,
        PROMPT.model_copy(update={"id": "b", "video_caption": "A dog on a hill"}),
        PROMPT.model_copy(update={"id": "c", "image": "half.png"}),
    ]
    path = folder / "prompts.jsonl"
    path.write_text("".join(prompt.model_dump_json() + "\n" for prompt in prompts))
    return path


@pytest.fixture(scope="module")
def run(weights, suite, tmp_path_factory):
    """The folder of a run by the command line, and what it printed."""
    out = tmp_path_factory.mktemp("run")
    ask = ["--model", "ltx-2", "--metrics", "loudness,av_align@mova", "--device", "cpu", "--workers", "0", "--json"]
    command = [
        sys.executable,
        "-m",
        "jova_bench",
        "run",
        "--profile",
        "standard",
        *ask,
        "--suite",
        str(suite),
        "--out",
        str(out),
    ]
    variables = {**os.environ, assets.FOLDER_VARIABLE: str(weights), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


@pytest.mark.slow
def test_a_small_one_goes_from_weights_to_a_table(run):
    folder, summary = run
    samples = read_run(folder).samples
    assert [sample.prompt_id for sample in samples] == ["a", "b", "c"]
    for sample in samples:
        assert sample.status == "ok", sample.reason
        clip = media.read(folder / sample.clip)
        assert clip.frames.shape == (121, *((96, 64) if sample.prompt_id == "c" else (64, 96)), 3)
        assert (clip.fps, clip.audio.shape, clip.sample_rate_hz) == (24, (2, 120_240), 24_000)
        assert not {"length_mismatch", "silent", "frozen", "vfr"} & {finding.code for finding in sample.findings}
        assert (sample.function_evals, sample.timing) == (2 * 4, "free")
    # Weights are loaded once, and that is no part of what a clip took.
    assert [sample.load_s is None for sample in samples] == [False, True, True]
    assert all(sample.generate_s > 0 for sample in samples)
    assert len({sample.clip_digest for sample in samples}) == 3  # neither words nor image are lost on the way

    found = {estimate["metric"]: estimate for estimate in summary["estimates"] if estimate["slice"] is None}
    assert -40 < found["loudness"]["value"] < 0
    assert 0 <= found["av_align"]["value"] <= 1
    assert [(found[name]["n_ok"], found[name]["n_failed"]) for name in ("loudness", "av_align")] == [(3, 0)] * 2
    table = (folder / "leaderboard.md").read_text()
    assert "ltx-2" in table
    assert "av_align" in table


@pytest.fixture
def one_thread():
    """As the run had: sums of several threads differ in their last bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_noise_is_the_seeds_and_both_pipelines_share_their_networks(run, weights, suite, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(weights))
    loaded, model = load_suite(suite), create_model("ltx-2", "cpu")
    words, _, pictured = loaded.prompts
    (first,) = model.generate([words], 0, loaded)
    networks = dict(model.pipe.components)
    assert networks["processor"] is None
    (shown,) = model.generate([pictured], 0, loaded)
    assert type(model.pipe).__name__ == "LTX2ImageToVideoPipeline"
    assert all(model.pipe.components[name] is network for name, network in networks.items())
    # Whatever was made before, and in whichever process.
    (again,) = model.generate([words], 0, loaded)
    (other,) = model.generate([words], 1, loaded)
    assert [made.load_s is None for made in (first, shown, again, other)] == [False, True, True, True]
    digests = {sample.prompt_id: sample.clip_digest for sample in read_run(run[0]).samples}
    assert [stored(made, tmp_path) for made in (first, shown, again)] == [digests[name] for name in "aca"]
    assert np.abs(other.media.audio - first.media.audio).max() > 0.01
    assert np.abs(other.media.frames.astype(int) - first.media.frames).mean() > 1
    model.close()
    assert model.pipe is None


def stored(made, folder):
    """The digest of a clip that went through a file, as a run's clips do."""
    path, clip = folder / "clip.mp4", made.media
    media.write(path, clip.frames, clip.fps, clip.audio, clip.sample_rate_hz)
    return media.read(path).digest
