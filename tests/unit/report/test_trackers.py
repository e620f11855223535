"""What a tracker is told of a run, and what becomes of a run whose tracker fails."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.report.trackers.tracked import params, values
from jova_bench.report.trackers.tracking import TRACKERS, check_trackers, track
from jova_bench.runs.store import read_run
from jova_bench.summary import Estimate, Summary
from support.tiny_runs import Level, Spread, Tones, go

IMPORTED = {"mlflow": "mlflow", "wandb": "wandb", "tensorboard": "torch.utils.tensorboard"}


@pytest.fixture
def board(tmp_path):
    """A leaderboard in the folder of a finished run."""
    file = go(tmp_path, [Tones()], [Level(), Spread()]).folder / "leaderboard.md"
    file.write_text("| model | level |\n|---|---|\n| tones | 3 |\n")
    return file


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


def test_no_two_values_share_a_name_whatever_the_script():
    """Ids of models have letters of any script, and marks, which MLflow refuses: only there a digest follows."""
    models = ["模型", "视频", "é", "ü", "हिन्दी", "हिन्दु"]
    rows = [estimate("lse_c", "lse_c@2/standard:syncnet", float(k), model=name) for k, name in enumerate(models)]
    # Two identities whose signs all become the same.
    rows += [estimate("wer", f"wer@1/standard:whisper{{a={way}b}}", 0.5, model="m") for way in "+="]
    found = values(Summary(schema=1, suite="s", profile="standard", cost=(), estimates=tuple(rows)))
    assert [found[f"lse_c/{name}"] for name in models[:4]] == [0, 1, 2, 3]
    assert len(found) == len(models) + 2
    assert {value for name, value in found.items() if re.fullmatch(r"lse_c/ह_न_द_-[0-9a-f]{8}", name)} == {4, 5}
    assert all(re.fullmatch(r"[\w\-./ :]+", name) for name in found)


def test_parameters_say_what_was_asked(tmp_path):
    go(tmp_path, [Tones()], [Level()], seeds=(3, 1))
    told = params(read_run(tmp_path / "run").manifest)
    assert told["suite"] == "tiny"
    assert (told["seeds"], told["models"], told["prompts"], told["device"]) == ("[1, 3]", '["tones"]', "5", "cpu")
    assert all(isinstance(text, str) and len(text) <= 500 for text in told.values())


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_that_is_not_there_is_told_before_any_work(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, IMPORTED[name], None)
    out = tmp_path / "run"
    assert cli.main(["run", "--model", "real", "--limit", "1", "--out", str(out), "--track", name]) == 2
    assert capsys.readouterr().err == f"jova-bench: not installed: {name}; pip install 'jova-bench[{name}]'\n"
    assert not out.exists()


def test_there_may_be_no_tracker_and_no_other(monkeypatch):
    check_trackers(None)
    with pytest.raises(BenchError, match="expected a tracker, mlflow, wandb, tensorboard, got 'comet'"):
        check_trackers(["tensorboard", "comet"])


def test_mlflow_gets_values_and_files(board, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: pip install 'jova-bench[mlflow]'")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    number = track("mlflow", board.parent, [board]).removeprefix("logged to MLflow as ")
    client = mlflow.MlflowClient()
    logged = client.get_run(number)
    assert logged.info.status == "FINISHED"
    assert logged.info.run_name == "run"
    assert client.get_experiment(logged.info.experiment_id).name == "jova-bench"
    # Levels 1 to 5.
    assert logged.data.metrics == {"level/tones": pytest.approx(3), "spread/tones": pytest.approx(3)}
    assert logged.data.params["suite_digest"] == "digest of 5"
    assert {file.path for file in client.list_artifacts(number)} == {"leaderboard.md", "summary.json"}


def test_tensorboard_reads_values_and_texts_of_the_latest_call_alone(board):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = Path(track("tensorboard", board.parent, [board]).removeprefix("logged to TensorBoard as "))
    assert folder == board.parent / "tensorboard"
    board.write_text("| model | level |\n|---|---|\n| tones | 4 |\n")
    track("tensorboard", board.parent, [board])
    events = EventAccumulator(str(folder))
    events.Reload()
    assert {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]} == {
        "level/tones": [(0, 3.0)],
        "spread/tones": [(0, 3.0)],
    }
    texts = {
        tag: [e.tensor_proto.string_val[0].decode() for e in events.Tensors(tag)] for tag in events.Tags()["tensors"]
    }
    assert texts["leaderboard/text_summary"] == [board.read_text()]
    assert "| suite_digest | digest of 5 |" in " ".join(texts["parameters/text_summary"][0].split())


class Logged:
    """A run of W&B 0.31 as far as it is used: what an offline run answered, and what it was told."""

    def __init__(self, folder, told, **given):
        self.id, self.offline, self.url = "d82fijdj", True, None
        self.dir = str(folder / "offline-run-20261130_095330-d82fijdj" / "files")
        self.told = told | {"init": given}
        told["run"] = self

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.told["exit_code"] = 1 if error else 0

    def log(self, data):
        self.told["log"] = data

    def log_artifact(self, artifact):
        self.told["artifact"] = artifact


class Artifact:
    def __init__(self, name, type):
        self.name, self.type, self.files = name, type, []

    def add_file(self, local_path):
        self.files.append(Path(local_path).name)


def test_wandb_gets_values_and_files(board, tmp_path, monkeypatch):
    told = {}
    fake = SimpleNamespace(init=lambda **given: Logged(tmp_path, told, **given), Artifact=Artifact)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    said = track("wandb", board.parent, [board])
    assert said == f"logged to W&B as {tmp_path / 'offline-run-20261130_095330-d82fijdj'}"
    found = told["run"].told
    assert found["init"] == {"project": "jova-bench", "name": "run", "config": params(read_run(board.parent).manifest)}
    assert found["log"] == {"level/tones": 3.0, "spread/tones": 3.0}
    assert (found["artifact"].name, found["artifact"].type) == ("leaderboard-d82fijdj", "leaderboard")
    assert (found["artifact"].files, found["exit_code"]) == (["summary.json", "leaderboard.md"], 0)
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    track("wandb", board.parent, [board])
    assert told["run"].told["init"]["project"] == "mine"


def test_wandb_itself_keeps_values_offline(board, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="W&B is not installed: pip install 'jova-bench[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    folder = Path(track("wandb", board.parent, [board]).removeprefix("logged to W&B as "))
    (kept,) = folder.glob("run-*.wandb")
    # Records of protocol buffers, with values as JSON texts.
    assert all(text in kept.read_bytes() for text in (b"jova-bench", b"level/tones", b"digest of 5", b"leaderboard-"))


def test_a_tracker_that_fails_costs_no_run_and_no_other_tracker_and_prints_no_result(tmp_path, monkeypatch, capsys):
    def init(**given):
        print("hello from a tracker")
        raise RuntimeError("quota")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    out = tmp_path / "scored"
    command = ["run", "--model", "real", "--limit", "1", "--metrics", "loudness", "--workers", "0", "--out", str(out)]
    trackers = ["--track", "wandb", "--track", "tensorboard", "--track", "wandb"]
    assert cli.main([*command, *trackers, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("{")
    assert "hello" not in captured.out
    assert captured.err.count(f"jova-bench: W&B does not take {out}: RuntimeError: quota\n") == 1
    assert f"logged to TensorBoard as {out / 'tensorboard'}\n" in captured.err
    assert len(list((out / "tensorboard").iterdir())) == 1
    assert read_run(out).summary is not None
