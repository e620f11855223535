"""What a tracker is told of a run."""

import sys

import pytest

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.report.mlflow import check_tracker, params, to_mlflow, values
from jova_bench.runs.store import read_run
from jova_bench.summary import Estimate, Summary
from support.tiny_runs import Level, Spread, Tones, go


def estimate(metric, identity, value, model="m", part=None):
    return Estimate(
        model=model, metric=metric, identity=identity, slice=part, level="clip", value=value, unit="", direction="up",
        n_ok=1, n_undefined=0, n_failed=0, n_prompts=1, n_seeds=1,
    )  # fmt: skip


def test_values_are_named_by_metric_and_model():
    summary = Summary(
        schema=1,
        suite="s",
        profile="standard",
        cost=(),
        estimates=(
            estimate("lse_c", "lse_c@2/standard:syncnet[ab]", 6.5),
            estimate("lse_c", "lse_c@2/standard:syncnet[ab]", 7.5, model="n"),
            estimate("lse_c", "lse_c@2/standard/compat:mova@595a976:syncnet[ab]", 6.25),
            estimate("lse_c", "lse_c@2/standard:syncnet[ab]", 5.5, part="voice=low"),
            estimate("lse_d", "lse_d@1/embedded:syncnet-a[cd]{edges=masked}", 1.5),
            estimate("lse_d", "lse_d@1/embedded:syncnet-b[ef]{edges=masked}", 1.25),
            estimate("fvd", "fvd@1/standard:i3d", None),
            estimate("wer", "wer@1/standard:whisper{size=tiny}", 0.5),
            estimate("wer", "wer@1/standard:whisper{size=small}", 0.25),
        ),
    )
    assert values(summary) == {
        "lse_c/m": 6.5,
        "lse_c/n": 7.5,
        "lse_c.mova/m": 6.25,
        "lse_d.syncnet-a/m": 1.5,
        "lse_d.syncnet-b/m": 1.25,
        "wer_1/standard:whisper_size_tiny_/m": 0.5,
        "wer_1/standard:whisper_size_small_/m": 0.25,
    }


def test_parameters_say_what_was_asked(tmp_path):
    go(tmp_path, [Tones()], [Level()], seeds=(3, 1))
    told = params(read_run(tmp_path / "run").manifest)
    assert told["suite"] == "tiny"
    assert (told["seeds"], told["models"], told["prompts"], told["device"]) == ("[1, 3]", '["tones"]', "5", "cpu")
    assert all(isinstance(text, str) and len(text) <= 500 for text in told.values())


def test_a_tracker_that_is_not_there_is_told_before_any_work(monkeypatch, tmp_path, capsys):
    check_tracker(None)
    with pytest.raises(BenchError, match="expected tracker mlflow, got 'wandb'"):
        check_tracker("wandb")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    out = tmp_path / "run"
    assert cli.main(["run", "--model", "real", "--limit", "1", "--out", str(out), "--track", "mlflow"]) == 2
    assert "pip install 'jova-bench[mlflow]'" in capsys.readouterr().err
    assert not out.exists()


def test_a_run_is_logged_with_its_values_and_files(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: pip install 'jova-bench[mlflow]'")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    result = go(tmp_path, [Tones()], [Level(), Spread()])
    board = tmp_path / "leaderboard.md"
    board.write_text("| model |")
    number = to_mlflow(result.folder, [board])
    client = mlflow.MlflowClient()
    logged = client.get_run(number)
    assert logged.info.status == "FINISHED"
    assert logged.info.run_name == "run"
    assert client.get_experiment(logged.info.experiment_id).name == "jova-bench"
    # Levels 1 to 5.
    assert logged.data.metrics == {"level/tones": pytest.approx(3), "spread/tones": pytest.approx(3)}
    assert logged.data.params["suite_digest"] == "digest of 5"
    assert {file.path for file in client.list_artifacts(number)} == {"leaderboard.md", "summary.json"}
