"""The verbs that compare: what they print, return and refuse."""

import json
import shutil

import numpy as np
import pytest

from support.commands import call
from support.compared import cells
from support.made_runs import Clips, made_run

HARD = np.random.default_rng(99).normal(5, 2, 20)
"""Prompts of very different difficulty."""
QUALITY = Clips("quality", direction="up")


def clip_run(folder, shift=0.0):
    return made_run(folder, {"m": {"quality": HARD + shift}}, [QUALITY])


def test_freeze_then_gate(capsys, tmp_path):
    good = clip_run(tmp_path / "good")
    code, frozen, err = call(capsys, "freeze", good)
    assert (code, err) == (0, "")
    reference = tmp_path / "reference.json"
    reference.write_text(frozen)
    shutil.rmtree(good)  # the file alone is enough
    (tmp_path / "t.toml").write_text("quality = 0.5")
    assert call(capsys, "gate", reference, clip_run(tmp_path / "same"))[0] == 0
    code, out, err = call(capsys, "gate", reference, clip_run(tmp_path / "bad", -0.2))
    assert (code, err) == (3, "")
    assert "**worse**" in out
    assert call(capsys, "gate", reference, tmp_path / "bad", "--tolerances", tmp_path / "t.toml")[0] == 0


def test_a_gate_on_a_terminal_begins_with_the_reason_and_has_what_changed(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "dumb")
    code, out, _ = call(capsys, "gate", clip_run(tmp_path / "a"), clip_run(tmp_path / "b", -0.2))
    assert code == 3
    assert "- worse: quality ↑ of m" in out.splitlines()[2]
    row = next(line for line in out.splitlines() if line.startswith("m "))
    assert all(part in row for part in ("quality ↑", "worse", "-0.2"))
    assert "|" not in out.replace("| less", "")


def test_compare_prints_a_table_or_an_object(capsys, tmp_path):
    a, b = clip_run(tmp_path / "a"), clip_run(tmp_path / "b", -0.2)
    code, out, _ = call(capsys, "compare", a, b)
    assert code == 3
    assert cells(out, "quality ↑")[-1] == "worse"
    code, out, _ = call(capsys, "compare", b, a, "--metrics", "quality", "--json")
    assert code == 0
    assert [row["verdict"] for row in json.loads(out)["rows"]] == ["better"]


@pytest.mark.parametrize(
    ("argv", "code", "named"),
    [
        (["compare", "{a}"], 2, "B"),
        (["compare", "{a}", "{none}"], 2, "not there"),
        (["compare", "{a}", "{a}", "--metrics", "qualty"], 2, "did you mean 'quality'"),
        (["compare", "{two}", "{other}"], 4, "expected a model in both"),
        (["gate", "{a}", "{unfinished}"], 5, "repeat its command"),
        (["gate", "{a}", "{a}", "--tolerances", "{none}"], 2, "TOML"),
        (["freeze", "{none}"], 2, "not there"),
    ],
)
def test_mistakes_get_one_line(capsys, tmp_path, argv, code, named):
    values = {"quality": HARD}
    places = {
        "a": clip_run(tmp_path / "a"),
        "two": made_run(tmp_path / "two", {"m": values, "n": values}, [QUALITY]),
        "other": made_run(tmp_path / "other", {"x": values, "y": values}, [QUALITY]),
        "unfinished": clip_run(tmp_path / "unfinished"),
        "none": tmp_path / "none",
    }
    (tmp_path / "unfinished" / "summary.json").unlink()
    found, out, err = call(capsys, *(word.format(**places) for word in argv))
    assert (found, out) == (code, "")
    assert named in err
    assert err.count("\n") == 1
