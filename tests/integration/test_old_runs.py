"""Run folders that earlier versions wrote: they open, `report` reads them, and their command resumes them.

`old_runs/schema_1` is a folder as `run` left it before manifests were written from records; `old_runs/oldest` has the
manifest and the samples that replace its own, with the fields that the first version wrote.
"""

import json
import shutil
from pathlib import Path

import pytest

import jova_bench
from jova.codecs.base import WEIGHTS
from jova.pipeline import FILES
from jova_baselines.weights import digest
from jova_bench.cli import main
from jova_bench.runs.store import read_run

OLD = Path(__file__).parent / "old_runs"
SHIPPED = {"6a35791f6b70": digest(WEIGHTS, FILES), "9174a52bdda6": digest(WEIGHTS, FILES[1:])}
"""Weights of the model and of its codecs that shipped when the folders were made, and those that ship now."""
MODELS, METRICS = ("real", "codec", "jova"), ("lse_c", "loudness", "wer")


@pytest.fixture(params=["schema_1", "oldest"])
def folder(request, tmp_path):
    """A copy that may be written."""
    copy = tmp_path / "run"
    shutil.copytree(OLD / "schema_1", copy)
    shutil.copytree(OLD / request.param, copy, dirs_exist_ok=True)
    return copy


def resume(folder, metrics=METRICS, models=MODELS):
    """The command that made the folder, with the weights that it names: those that ship now stand for them."""
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    for then, now in SHIPPED.items():
        text = text.replace(f"weights {then}", f"weights {now}")
    manifest.write_text(text)
    return jova_bench.run(models, "embedded", metrics=metrics, limit=2, device="cpu", workers=0, out=folder)


def measured(record):
    """What a record of the leaderboard says in numbers."""
    return {key: record[key] for key in ("model", "identity", "value", "ci", "n_ok", "n_undefined", "n_failed")}


def test_it_opens_and_is_reported(folder, capsys):
    run = read_run(folder)
    assert (tuple(run.manifest.models), run.manifest.metrics, len(run.samples)) == (MODELS, METRICS, 6)
    assert run.manifest.models["jova"].plans["test-00001"].frames == 73
    assert main(["report", str(folder), "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)["records"]
    before = json.loads((OLD / "schema_1/leaderboard.json").read_text())["records"]
    assert [measured(one) for one in records] == [measured(one) for one in before]


def test_its_command_generates_and_scores_nothing_again(folder):
    kept = {path: path.read_bytes() for path in (folder / "scores.jsonl", *sorted(folder.glob("clips/*/*")))}
    known = {(s.model, s.prompt_id): s.clip_digest for s in read_run(folder).samples}
    before = json.loads((folder / "summary.json").read_text())["estimates"]
    result = resume(folder)
    assert result.exit_code == 0
    assert {path: path.read_bytes() for path in kept} == kept
    assert {(s.model, s.prompt_id): s.clip_digest for s in read_run(folder).samples} == known
    assert json.loads((folder / "summary.json").read_text())["estimates"] == before
    assert read_run(folder).samples[0].file_digest is not None


def test_its_command_refuses_other_weights_than_it_was_made_with(folder, capsys):
    before = {path: path.read_bytes() for path in folder.rglob("*.json*")}
    words = ["run", "--suite", "embedded", "--limit", "2", "--metrics", "loudness", "--device", "cpu", "--workers", "0"]
    assert main([*words, "--model", "codec", "--out", str(folder)]) == 2
    assert "weights was 9174a52bdda6, is " in " ".join(capsys.readouterr().err.split())
    assert {path: path.read_bytes() for path in before} == before


def test_a_metric_is_added_to_the_old_ones(folder):
    before = (folder / "scores.jsonl").read_bytes()
    resume(folder, ("lse_d",), MODELS[:1])
    added = (folder / "scores.jsonl").read_bytes().removeprefix(before)
    # Two evaluators of six clips; the old metrics stay those of the run.
    assert [json.loads(line)["metric"] for line in added.splitlines()] == ["lse_d"] * 12
    assert read_run(folder).manifest.metrics == (*METRICS, "lse_d")
