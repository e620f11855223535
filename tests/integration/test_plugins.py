"""Somebody else's package brings a model, a metric and a suite by entry points, and a run uses all three."""

import json
import os
import subprocess
import sys
import tomllib
from fractions import Fraction
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest

from jova_bench import registry
from jova_bench.cache import NoCache
from jova_bench.cli import main
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import ENTRY_POINTS, broken, build, usual
from jova_bench.metrics.entry import MetricEntry
from jova_bench.records import Profile
from support import shown

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "tone-bench"
version = "1.0"

[project.entry-points."jova_bench.models"]
tone = "tone_bench:Tone"
[project.entry-points."jova_bench.metrics"]
peak = "tone_bench:PEAK"
[project.entry-points."jova_bench.suites"]
scales = "tone_bench:SCALES"

[tool.setuptools]
packages = ["tone_bench"]
[tool.setuptools.package-data]
tone_bench = ["scales/*"]
"""

MODEL = '''
from fractions import Fraction

import numpy as np

from jova_bench import Generated, Media, Plan


class Tone:
    """One second of grey with a tone, as loud as the prompt's transcript is long."""

    name, batch_size, needs = "tone", 1, ()

    def __init__(self, device):
        self.device = device

    def check(self):
        return None

    def plan(self, prompt, suite):
        return Plan(frames=25, fps=25, height=64, width=64, sample_rate_hz=16_000, seconds=1.0, settings={"version": 1})

    def generate(self, prompts, seed, suite):
        for prompt in prompts:
            frames = np.full((25, 64, 64, 3), 128, np.uint8)
            wave = np.sin(np.arange(16_000) * 0.1 * (seed + 1), dtype=np.float32) * len(prompt.transcript) / 16
            yield Generated(Media(frames, Fraction(25), wave[None], 16_000), timing="free")
'''
"""`docs/model.md` shows this one."""

METRIC_AND_SUITE = """

from pathlib import Path

from jova_bench import ClipMetric, MetricEntry, MetricSpec

SCALES = Path(__file__).parent / "scales"


class Peak(ClipMetric):
    spec = MetricSpec(
        name="peak", version=1, profile="standard", backend="max", direction="up", needs=("audio",), domain="any sound",
        description="loudest sample",
    )

    def measure(self, clip, prompt, reference):
        return float(abs(clip.mono()).max())


PEAK = MetricEntry("peak", "Peak", "Peaks", "standard", Peak)
"""

SUITE = """name = "scales"
description = "two tones"
profile = "standard"
licence = "CC0-1.0"
slices = ["key"]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder to put on the path, made by pip from the package's source without any network."""
    root = tmp_path_factory.mktemp("plugin")
    package = root / "src" / "tone_bench"
    (package / "scales").mkdir(parents=True)
    (root / "src" / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").write_text(MODEL + METRIC_AND_SUITE)
    (package / "scales" / "suite.toml").write_text(SUITE)
    lines = [
        {"id": f"p{i}", "video_caption": "grey", "audio_caption": "a tone", "transcript": "x" * (4 * i + 4),
         "tags": {"key": "c" if i < 2 else "d"}} for i in range(3)
    ]  # fmt: skip
    (package / "scales" / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return shown.installed(root / "site", root / "src")


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    """The metric that docs/plugins.md shows, installed likewise."""
    root = tmp_path_factory.mktemp("bright")
    found = shown.files(shown.ROOT / "docs" / "plugins.md", "## A metric")
    return shown.installed(root / "site", shown.written(root / "src", found))


@pytest.fixture
def bench(monkeypatch, capsys):
    """The command of a user who has a package, in this process: what it prints, read as JSON."""

    def run(installed, *words):
        monkeypatch.syspath_prepend(installed)
        code = main([*map(str, words), "--json"])
        said, talk = capsys.readouterr()
        assert code == 0, talk
        return json.loads(said)

    return run


def test_all_three_run_by_name(installed, tmp_path):
    """In processes of a user, as typed: a run's workers find the package, too."""
    path = os.pathsep.join([str(installed), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    words = (
        "run", "--model", "tone", "--suite", "scales", "--profile", "standard", "--metrics", "peak",
        "--device", "cpu", "--seed", "0", "--seed", "1", "--out", "run", "--json",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "jova_bench", *words],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {e["slice"]: e for e in json.loads(done.stdout)["estimates"]}
    # Transcripts of 4, 8 and 12 letters are peaks of 1/4, 1/2 and 3/4; FLAC keeps 16 bits.
    assert found[None]["value"] == pytest.approx(0.5, abs=1e-3)
    assert (found[None]["n_ok"], found[None]["n_seeds"]) == (6, 2)
    assert found["key=c"]["value"] == pytest.approx(0.375, abs=1e-3)
    assert found["key=d"]["value"] == pytest.approx(0.75, abs=1e-3)
    assert found[None]["identity"] == "peak@1/standard:max"


def test_listings_show_them(bench, installed):
    for what, name in (("models", "tone"), ("suites", "scales"), ("metrics", "peak")):
        (one,) = [item for item in bench(installed, "ls", what) if item["name"] == name]
        assert one["available"], one


def test_the_metric_of_the_page_measures(bench, bright, tmp_path):
    clips = tmp_path / "my_clips"
    clips.mkdir()
    for name, level in (("dark", 51), ("light", 204)):  # Grey survives H.264 to the level.
        frames = np.full((5, 64, 64, 3), level, np.uint8)
        media.write(clips / f"{name}.mp4", frames, Fraction(25), None, 0)
    sound = np.zeros((1, 1600), np.float32)
    media.write(clips / "heard.wav", None, Fraction(0), sound, 16_000)
    how = ("--device", "cpu", "--workers", 0, "--out", tmp_path / "run")
    (one,) = bench(bright, "score", clips, "--metrics", "brightness", *how)["estimates"]
    assert one["identity"] == "brightness@1/standard:mean"
    assert one["value"] == pytest.approx((51 + 204) / 2 / 255, abs=0.01)
    assert (one["n_ok"], one["n_undefined"], one["reasons"]) == (2, 1, {"no video stream": 1})
    (found,) = [one for one in bench(bright, "ls", "metrics") if one["name"] == "brightness"]
    assert (found["available"], found["direction"]) == (True, "target")


def test_the_set_metric_of_the_page_is_given_the_suites_real_clips(bench, bright, tmp_path):
    suite, made = tmp_path / "suite", tmp_path / "made"
    for folder in (suite / "real", made):
        folder.mkdir(parents=True)
    levels = range(60, 114, 6)
    for k, level in enumerate(levels):  # Grey: all three channels alike, so the distance is that of one, three times.
        for folder, more in ((suite / "real", 0), (made, 51)):
            frames = np.full((5, 64, 64, 3), level + more, np.uint8)
            media.write(folder / f"p{k}.mp4", frames, Fraction(25), None, 0)
    lines = [
        {"id": f"p{k}", "video_caption": "grey", "audio_caption": "", "transcript": ""} for k in range(len(levels))
    ]
    (suite / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (suite / "suite.toml").write_text(
        'name = "greys"\ndescription = ""\nprofile = "standard"\nlicence = "CC0-1.0"\nreference_set = "real"\n'
    )
    words = ("run", "--model", f"clips:{made}", "--suite", suite / "prompts.jsonl", "--profile", "standard")
    how = ("--metrics", "colour_distance", "--device", "cpu", "--workers", 0, "--out", tmp_path / "run")
    (one,) = bench(bright, *words, *how)["estimates"]
    # The sets differ in their means alone: 3 channels x (51 / 255)^2.
    assert one["value"] == pytest.approx(3 * 0.2**2, abs=0.005)
    assert "reference=suite:" in one["identity"]
    table = (tmp_path / "run" / "leaderboard.md").read_text()
    assert "Colour distance" in table.partition("Distance from real clips")[2]


def test_a_metric_that_cannot_be_built_is_named(monkeypatch):
    module = ModuleType("someones")
    module.crash = MetricEntry("mine", "Mine", "Mine", "standard", lambda context: 1 / 0)
    module.other = MetricEntry("mine", "Mine", "Mine", "standard", lambda context: Path("no metric"))
    module.factory = lambda cache, device: None
    module.another = MetricEntry("yours", "Yours", "Mine", "standard", lambda context: None)
    monkeypatch.setitem(sys.modules, "someones", module)
    for attribute, message in (
        ("crash", r"the metric 'mine' of an installed package cannot be built: ZeroDivisionError"),
        ("other", r"cannot be built: expected a ClipMetric or a SetMetric, got PosixPath"),
        ("factory", r"expected a MetricEntry, got function"),
        ("another", r"expected its entry to have that name, got 'yours'"),
        ("gone", r"the metric 'mine' cannot be loaded from someones:gone"),
    ):
        points = [EntryPoint("mine", f"someones:{attribute}", ENTRY_POINTS)]
        monkeypatch.setattr(registry, "entry_points", lambda group, points=points: points * (group == ENTRY_POINTS))
        with pytest.raises(BenchError, match=message):
            build(["mine"], "standard", MetricContext(NoCache()))
    monkeypatch.setattr(registry, "entry_points", lambda group: [])
    loudness = build(["loudness"], "standard", MetricContext(NoCache()))[0]
    module.twin = MetricEntry("mine", "Mine", "Mine", "standard", lambda context: loudness)
    points = [EntryPoint("mine", "someones:twin", ENTRY_POINTS)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points * (group == ENTRY_POINTS))
    with pytest.raises(BenchError, match=r"expected a spec of the name 'mine', as its entry has, got 'loudness'"):
        build(["mine"], "standard", MetricContext(NoCache()))
    assert usual("standard", MetricContext(NoCache()))[0].count("loudness") == 1


@pytest.mark.parametrize("claims", [1, 2])
def test_whoever_claims_a_built_in_name_is_named_and_takes_it_from_nobody(monkeypatch, claims):
    context = MetricContext(NoCache())
    before = {profile: [one.spec.identity for one in build(None, profile, context)] for profile in get_args(Profile)}
    module = ModuleType("someones")
    module.a = module.b = MetricEntry("loudness", "Mine", "Mine", "standard", lambda context: None)
    monkeypatch.setitem(sys.modules, "someones", module)
    points = [EntryPoint("loudness", f"someones:{attribute}", ENTRY_POINTS) for attribute in "ab"[:claims]]
    monkeypatch.setattr(registry, "entry_points", lambda group: points * (group == ENTRY_POINTS))
    said = "redefines the metric 'loudness'" if claims > 1 else "expected a name that no built-in metric has"
    assert list(broken(context)) == ["loudness"]
    assert said in broken(context)["loudness"]
    assert said in "".join(usual("standard", context)[1])
    assert before == {p: [one.spec.identity for one in build(None, p, context)] for p in before}
    assert [one.spec.backend for one in build(["loudness"], "standard", context)] == ["bs1770-4"]


def test_a_page_shows_the_model_that_is_installed_here():
    page = shown.ROOT / "docs" / "model.md"
    assert MODEL.strip() in [block.strip() for block in shown.blocks(page, "python")]
    (points,) = shown.blocks(page, "toml")
    ours = tomllib.loads(PROJECT)["project"]["entry-points"]["jova_bench.models"]
    assert tomllib.loads(points)["project"]["entry-points"]["jova_bench.models"] == ours
