"""A baseline of somebody else's package, as docs/baselines.md shows it: listed, set up and run, on a fake upstream."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jova_baselines import setup
from jova_baselines.external import home, manifest
from jova_bench.errors import BenchError
from support.shown import ROOT, files, installed, written

PROMPT = {"id": "a", "video_caption": "a face", "audio_caption": "a voice", "transcript": "good morning"}
UPSTREAM = """
import numpy as np


class Model:
    def __init__(self, weights, device):
        assert open(weights).read() == "weights"

    def speak(self, words, frames, steps):
        assert (words, frames, steps) == ("good morning", 125, 20)
        picture = np.random.randint(0, 255, (frames, 64, 64, 3)).astype(np.uint8)
        return picture, np.sin(np.arange(frames * 640) / 9).astype(np.float32) / 2
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The package of the page, installed by pip."""
    root = tmp_path_factory.mktemp("own")
    shown = files(ROOT / "docs" / "baselines.md", "## From a package of your own")
    assert len(shown) == 5
    return installed(written(root / "src", {**shown, "my_bench/__init__.py": ""}), root / "site")


def command(site, folder, *words):
    path = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])
    given = os.environ | {"PYTHONPATH": path, "JOVA_BENCH_ASSETS": str(folder / "assets")}
    return subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, cwd=folder, env=given
    )


def test_it_is_listed_set_up_and_run(site, tmp_path, monkeypatch):
    done = command(site, tmp_path, "jova_bench", "ls", "models", "--json")
    (found,) = [one for one in json.loads(done.stdout) if one["name"] == "my-model"]
    assert found["why_not"].endswith("jova-bench baselines setup my-model --weights")
    assert found["settings"]["title"] == "My model (base)"
    done = command(site, tmp_path, "jova_baselines.setup", "my-model", "--weights", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "fetch --quiet --depth 1 https://example.org/my-upstream.git 0123456789abcdef" in done.stdout
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


def fill(site, folder, monkeypatch):
    """What `jova_baselines.setup` would leave, with a fake of the upstream."""
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(folder / "assets"))
    recipe = manifest.read(site / "my_bench" / "my_model" / "manifest.toml")
    where = home.of(recipe)
    for inside in ("objects", "refs"):
        (where.checkout / ".git" / inside).mkdir(parents=True)
    (where.checkout / ".git" / "HEAD").write_text(f"{recipe.source.commit}\n")
    (where.checkout / "my_upstream.py").write_text(UPSTREAM)
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
