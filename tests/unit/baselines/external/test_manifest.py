"""Every baseline's manifest, plan and worker fit together, and mistakes in a manifest are named."""

import ast
import re
import sys
from fractions import Fraction

import numpy as np
import pytest

from jova_baselines.external import home
from jova_baselines.external.costs import Memory, Speed
from jova_baselines.external.inputs import model_input
from jova_baselines.external.manifest import (
    ROOT,
    Consumes,
    Diffusers,
    Environment,
    Frames,
    Limits,
    Manifest,
    Produces,
    Source,
    known,
    load,
    package,
    read,
)
from jova_baselines.external.render import RENDERERS
from jova_baselines.external.weights import Weights
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import MODELS, create_model
from jova_bench.suites.loading import load_suite
from support import shown

WORKERS = [name for name in known() if load(name).kind == "worker"]
ONLY_STDLIB = [ROOT / "external" / f"{name}.py" for name in ("arrays", "child", "descendants")]
PAGE = shown.ROOT / "docs" / "baselines.md"
IN_UPSTREAMS = ONLY_STDLIB + [package(name) / "worker.py" for name in WORKERS]


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "assets"))


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """One prompt with everything a model could ask for, and one with captions alone; 5 s."""
    folder = tmp_path_factory.mktemp("suite")
    frames = np.random.default_rng(0).integers(0, 255, (125, 128, 128, 3), np.uint8)
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 80_000)).astype(np.float32)
    media.write(folder / "real.mp4", frames, Fraction(25), audio, 16_000)
    media.write(folder / "voice.wav", None, Fraction(0), audio, 16_000)
    captions = '"video_caption": "a woman", "audio_caption": "a low voice", "transcript": "good day"'
    (folder / "prompts.jsonl").write_text(
        f'{{"id": "all", {captions}, "image": "real.mp4", "audio": "voice.wav", "reference": "real.mp4"}}\n'
        f'{{"id": "words", {captions}}}\n'
    )
    return load_suite(folder / "prompts.jsonl")


@pytest.mark.parametrize("name", known())
def test_a_manifest_is_whole_and_its_baseline_can_be_named(name):
    manifest = load(name)
    assert manifest.renderer in RENDERERS
    assert name in MODELS
    model = create_model(name, "cpu")
    assert (model.name, model.needs) == (name, manifest.needs)
    why_not = model.check()
    assert f"jova-bench baselines setup {name}" in why_not
    for terms in manifest.terms:
        assert f"--accept {terms}" in why_not


@pytest.mark.parametrize("name", WORKERS)
def test_a_plan_gives_the_worker_what_it_takes(name, suite):
    model = create_model(name, "cpu")
    inputs = model_input(suite.prompts[0], suite, model.manifest.consumes)
    job = model.planner(inputs, model.manifest, model.options)
    parts = [part for part in ("image", "audio", "video") if getattr(inputs, part) is not None]
    tree = ast.parse((package(name) / "worker.py").read_text(encoding="utf-8"))
    functions = {node.name: [one.arg for one in node.args.args] for node in tree.body if hasattr(node, "args")}
    assert functions["load"] == ["weights", "device", "options"]
    assert set(functions["generate"][1:]) == {"seed", "folder", *job.arguments, *parts}
    # The same prompt, the same plan; a plan says what will be made.
    plan = model.plan(suite.prompts[0], suite)
    assert plan == model.plan(suite.prompts[0], suite)
    assert job.digest in plan.note
    # Sound alone has no frames, and a length that nobody knows yet.
    assert (plan.frames or 0) == job.frames
    assert (plan.seconds or 0) == pytest.approx(job.frames / job.fps if job.frames else 0)


@pytest.mark.parametrize("name", WORKERS)
def test_every_option_tells_versions_apart(name, suite):
    model = create_model(name, "cpu")
    note = model.plan(suite.prompts[0], suite).note
    for key, value in model.options.items():
        assert f"{key} {value}" in note


@pytest.mark.parametrize("path", IN_UPSTREAMS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_runs_in_upstreams_environment_is_python_3_9_and_imports_at_its_top_only_what_every_python_has(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in tree.body:
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_counts_of_frames():
    # LTX-2: 8n + 1. 5 s at 24 fps are 120 frames: 121 is nearest.
    eight = Frames(step=8, offset=1, least=9, most=257)
    assert [eight.nearest(s, Fraction(24)) for s in (0.1, 5.0, 5.3, 60)] == [9, 121, 129, 257]
    # Wan2.2-S2V: 80n - 3. 4.81 s at 16 fps are one clip; a little more are two to cover it, one as the nearest.
    wan = Frames(step=80, offset=-3, least=77, most=637)
    assert [wan.covering(s, Fraction(16)) for s in (77 / 16, 4.82, 5.0)] == [77, 157, 157]
    assert [wan.nearest(s, Fraction(16)) for s in (4.82, 7.3, 7.4)] == [77, 77, 157]
    # UniVerse-1: one length.
    assert Frames(step=1, offset=0, least=125, most=125).nearest(2.0, Fraction(25)) == 125
    with pytest.raises(ValueError, match=r"expected n \* 8 \+ 1, got 120"):
        Frames(step=8, offset=1, least=9, most=120)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('kind = "worker"', r"kind: expected 'worker' or 'diffusers'"),
        ("[source]", "expected source for kind worker"),
        ("frames = {", "expected limits.frames, because the model generates video"),
        ('fps = "24"', "produces.fps: expected a rate above 0 as a text, got '0'"),
        ('commit = "', "source.commit: expected the 40 hex digits of a commit, got 'x"),
        ('hub = "chetwinlow1/Ovi"', "weights.0: expected `hub` with `files`, or `url` with one file"),
    ],
)
def test_a_mistake_in_a_manifest_is_named(tmp_path, change, message):
    text = (ROOT / "ovi" / "manifest.toml").read_text(encoding="utf-8")
    broken = {
        'kind = "worker"': 'kind = "wrokerr"', "[source]": None, 'fps = "24"': 'fps = "0"', 'commit = "': 'commit = "x',
        'hub = "chetwinlow1/Ovi"': "", "frames = {": "# frames = {",
    }[change]  # fmt: skip
    if broken is None:
        start = text.index(change)
        text = text[:start] + text[text.index("[environment]") :]
    else:
        text = text.replace(change, broken)
    (tmp_path / "manifest.toml").write_text(text)
    with pytest.raises(BenchError, match=message):
        read(tmp_path / "manifest.toml")


@pytest.mark.parametrize(
    ("line", "broken", "message"),
    [
        ('renderer = "ovi"', 'renderer = "ovo"', "renderer: expected the name of a prompt renderer, got 'ovo'; did"),
        ('renderer = "ovi"', 'renderer = 3', "renderer: expected the name of a prompt renderer, got 3; known are: "),
        ('commit = "5b69b25a4b3115216e9ea53a37a04410be6ad39a"', 'commit = "main"',
         "source.commit: expected the 40 hex digits of a commit, got 'main'; branches and tags move: write what `git"),
        ('commit = "5b69b25a4b3115216e9ea53a37a04410be6ad39a"', 'commit = "5b69b25"', "got '5b69b25'; branches"),
        ("qint8 = false", "bogus = [1]",
         "options.bogus: expected true, false, a number or a text, got [1]; write one value per option"),
        ("qint8 = false", "bogus = { a = 1 }", "options.bogus: expected true, false, a number or a text, got {'a': 1}"),
        ("qint8 = false", "bogus = 2025-01-01", "bogus: expected true, false, a number or a text, got 2025"),
        ('python = "3.10"', "python = 3.10", 'expected a minor version of Python as a text, got 3.1'),
        ('before = "2025-11-15"', "before = 2025-11-15", "expected a date as a text, got 2025-11-15;"),
        ('before = "2025-11-15"', 'before = "2025-13-45"', "expected a date as a text, got '2025-13-45'"),
        ('fps = "24"', "fps = 24", "produces.fps: expected a rate above 0 as a text, got 24; write it in quotes, such"),
        ('fps = "24"', 'fps = "24/0"', "produces.fps: expected a rate above 0 as a text, got '24/0'; "),
        ('fps = "24"', 'fps = "fast"', "produces.fps: expected a rate above 0 as a text, got 'fast'; "),
        ('licence = "unverified"', 'licence = "x"\nsha256 = "ab"',
         "weights.0.sha256: expected 64 hex digits, got 'ab'; write what `sha256sum FILE` prints"),
        ("sample_rate_hz = 16000", "sample_rate_hz = 0", "produces.sample_rate_hz: expected greater than"),
        ("gpu_gb = 80", "gpu_gb = -1", "memory.gpu_gb: expected greater than 0, got -1"),
        ('kind = "worker"', 'kind = "worker"\ndevices = []', "devices: expected at least 1 item, got []"),
    ],
)  # fmt: skip
def test_a_value_that_no_baseline_can_have_is_refused_when_the_manifest_is_read(tmp_path, line, broken, message):
    text = (ROOT / "ovi" / "manifest.toml").read_text(encoding="utf-8")
    assert line in text
    path = tmp_path / "manifest.toml"
    path.write_text(text.replace(line, broken, 1))
    with pytest.raises(BenchError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_that_a_baseline_may_have_are_read(tmp_path):
    text = (ROOT / "ovi" / "manifest.toml").read_text(encoding="utf-8")
    for rate in ("24", "30000/1001", "23.976"):
        (tmp_path / "manifest.toml").write_text(text.replace('fps = "24"', f'fps = "{rate}"'))
        assert read(tmp_path / "manifest.toml").fps == Fraction(rate)
    options = "a = true\nb = 1\nc = 0.5\nd = 'x'\n"
    (tmp_path / "manifest.toml").write_text(text + options)
    assert [(type(one), one) for one in list(read(tmp_path / "manifest.toml").options.values())[-4:]] == [
        (bool, True), (int, 1), (float, 0.5), (str, "x"),
    ]  # fmt: skip


def test_the_page_lists_every_field_and_no_other():
    section = PAGE.read_text(encoding="utf-8").partition("\n### Fields of the manifest\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE))
    parts = {"consumes": Consumes, "produces": Produces, "limits": Limits, "limits.frames": Frames, "source": Source,
             "environment": Environment, "weights": Weights, "diffusers": Diffusers, "memory": Memory,
             "speed": Speed}  # fmt: skip
    fields = {field.alias or name for name, field in Manifest.model_fields.items()}
    fields |= {f"{part}.{name}" for part, record in parts.items() for name in record.model_fields}
    assert listed == fields - set(parts)
    for name in RENDERERS:
        assert f"`{name}`" in section


def test_an_unknown_baseline_is_named_with_the_nearest():
    with pytest.raises(BenchError, match=r"got 'ovo'; did you mean 'ovi'"):
        load("ovo")


def test_a_users_options_stand_in_the_place_of_the_manifests(suite):
    path = home.of(load("ovi")).folder / "options.toml"
    path.parent.mkdir(parents=True)
    path.write_text("steps = 30\nshift = 3\n")
    model = create_model("ovi", "cpu")
    assert (model.options["steps"], model.options["shift"], model.options["solver"]) == (30, 3.0, "unipc")
    assert "steps 30" in model.plan(suite.prompts[1], suite).note
    assert model.settings["options"]["steps"] == 30
    for line, message in (
        ("stpes = 30", "got 'stpes'; did you mean 'steps'"),
        ("steps = 'many'", "steps: expected int, got 'many'"),
        ("steps = true", "steps: expected int, got True"),
        ("steps =", "expected TOML"),
    ):
        path.write_text(line)
        with pytest.raises(BenchError, match=message):
            home.options(load("ovi"))
