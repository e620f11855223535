"""A baseline of somebody else's package: the template, filled in, installed, set up and run on a fake upstream."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jova_baselines import setup
from jova_baselines.external import home, install, manifest
from jova_bench.errors import BenchError
from support.shown import ROOT, files, installed

TEMPLATE = ROOT / "examples" / "baseline_package"
PROMPT = {"id": "a", "video_caption": "a face", "audio_caption": "a voice", "transcript": "good morning"}
UPSTREAM = """
import os
import sys

import numpy as np


class Model:
    def __init__(self, weights, device):
        assert open(weights).read() == "weights"
        assert not {"jova_bench", "jova_baselines", "my_bench"} & set(sys.modules)
        print("made by", os.getpid())

    def speak(self, words, frames, steps):
        assert (words, frames, steps) == ("good morning", 125, 20)
        picture = np.random.randint(0, 255, (frames, 64, 64, 3)).astype(np.uint8)
        return picture, np.sin(np.arange(frames * 640) / 9).astype(np.float32) / 2
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A repository of somebody's, and its commit."""
    folder = tmp_path_factory.mktemp("upstream")
    (folder / "my_upstream.py").write_text(UPSTREAM)
    git = ["git", "-C", str(folder), "-c", "user.name=one", "-c", "user.email=one@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "One"]):
        subprocess.run([*git, *words], check=True)
    found = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return str(folder), found.stdout.strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory, theirs):
    """The template with the upstream's address and commit in its manifest, installed by pip."""
    root = tmp_path_factory.mktemp("own")
    shutil.copytree(TEMPLATE, root / "src")
    recipe = root / "src" / "my_bench" / "my_model" / "manifest.toml"
    text, old = recipe.read_text(), manifest.read(recipe).source
    for before, after in zip((old.repository, old.commit), theirs, strict=True):
        assert text.count(before) == 1
        text = text.replace(before, after)
    recipe.write_text(text)
    return installed(root / "site", root / "src")


def test_the_page_shows_the_template():
    shown = files(ROOT / "docs" / "baselines.md", "## From a package of your own")
    inside = [path for path in TEMPLATE.rglob("*") if path.is_file()]
    assert shown == {path.relative_to(TEMPLATE).as_posix(): path.read_text() for path in inside}


def command(site, folder, *words):
    path = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])
    given = os.environ | {"PYTHONPATH": path, "JOVA_BENCH_ASSETS": str(folder / "assets")}
    return subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, cwd=folder, env=given
    )


def test_it_is_listed_set_up_and_run(site, theirs, tmp_path, monkeypatch):
    done = command(site, tmp_path, "jova_bench", "ls", "models", "--json")
    (found,) = [one for one in json.loads(done.stdout) if one["name"] == "my-model"]
    assert found["why_not"].endswith("jova-bench baselines setup my-model --weights")
    assert found["settings"]["title"] == "My model (base)"
    done = command(site, tmp_path, "jova_baselines.setup", "my-model", "--weights", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"fetch --quiet --depth 1 {' '.join(theirs)}" in done.stdout
    done = command(site, tmp_path, "jova_baselines.setup")
    assert "my-model       My model (base): GPU memory not stated (not measured); code MIT, weights MIT" in done.stdout
    fill(site, tmp_path, monkeypatch)
    (tmp_path / "mine.jsonl").write_text(json.dumps(PROMPT) + "\n")
    words = ("jova_bench", "run", "--model", "my-model", "--suite", "mine.jsonl", "--profile", "standard")
    done = command(site, tmp_path, *words, "--metrics", "loudness", "--device", "cpu", "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["estimates"]
    assert (one["model"], one["n_ok"]) == ("my-model", 1)
    said = json.loads((tmp_path / "run" / "samples.jsonl").read_text())
    assert (said["function_evals"], said["clip_s"]) == (20, 5.0)
    # The worker was a process of its own: the log is named after the one that asked it.
    (log,) = (tmp_path / "assets" / "baselines" / "my-model" / "log").iterdir()
    worker = log.read_text().partition("made by ")[2].split()[0]
    assert worker not in log.stem.split("-")


def fill(site, folder, monkeypatch):
    """What `jova_baselines.setup` would leave; the checkout by its own commands, the environment is this one."""
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(folder / "assets"))
    recipe = manifest.read(site / "my_bench" / "my_model" / "manifest.toml")
    where = home.of(recipe)
    fetched = [step for step in install.code(recipe) if step.command[0] == "git"]
    assert [setup.carry_out(step) for step in fetched] == [0, 0, 0]
    where.python.parent.mkdir(parents=True)
    where.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    where.python.chmod(0o755)
    where.installed.write_text(home.recipe(recipe))
    where.weights.mkdir()
    (where.weights / "my-model.safetensors").write_text("weights")


def test_a_broken_one_hides_no_other(site, tmp_path, monkeypatch, capsys):
    """Its manifest, or the package around it."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "bad_bench").mkdir()
    (tmp_path / "bad_bench" / "__init__.py").write_text("raise SystemExit('never')\n")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "__init__.py").write_text("")
    (tmp_path / "torn" / "manifest.toml").write_text("schema = 1\n")
    ovi = (manifest.ROOT / "ovi" / "manifest.toml").read_text()
    for name, text in (("copied", ovi), ("mine", ovi.replace('name = "ovi"', 'name = "mine"', 1))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "manifest.toml").write_text(text)
    ours = {"copied": "copied:one", "mine": "mine:one", "mine-command": "mine:two"}
    targets = ours | {
        "bad": "bad_bench.inside:model",
        "torn": "torn:model",
        "plain": "json:loads",
        "gone": "no_such_one:model",
    }
    monkeypatch.setattr(manifest, "model_registry", lambda: type("Registry", (), {"added": targets}))
    assert setup.main([]) == 0
    out = capsys.readouterr().out
    assert "bad            [the model 'bad' cannot be found in bad_bench.inside:model: SystemExit: never]" in out
    assert f"torn           [{tmp_path / 'torn' / 'manifest.toml'}: name: expected a value, got none]" in out
    assert out.count("\novi            Ovi") == 1
    assert "copied         [" in out
    assert (
        "copied/manifest.toml: the name 'ovi', of the entry point 'copied', is that of another baseline; choose" in out
    )
    assert out.count("\nmine ") == 1
    assert manifest.load("mine").folder == tmp_path / "mine"
    with pytest.raises(BenchError) as caught:  # Two names of one model: its entry point's, and its manifest's.
        manifest.load("mine-command")
    assert str(caught.value) == (
        f"expected the name of a baseline, got 'mine-command', an entry point; its manifest "
        f"{tmp_path / 'mine' / 'manifest.toml'} has name = 'mine': use that name, or give both the same"
    )
    for name, message in (("torn", "expected a value"), ("bad", "SystemExit"), ("gone", "expected the name of a base")):
        with pytest.raises(BenchError, match=message):
            manifest.load(name)
    assert manifest.load("ovi").folder == Path(manifest.ROOT) / "ovi"
    assert manifest.load("ovi").model_copy(update={"title": "x"}).folder == Path(manifest.ROOT) / "ovi"
