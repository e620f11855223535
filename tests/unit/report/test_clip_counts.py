"""What the leaderboard says of the clips themselves, and of the clips that every model made."""

import json

import numpy as np
import pytest

from jova_bench.records import Finding, Outcome, Sample
from jova_bench.report.clip_counts import ClipCounts, clips_rows, count_clips
from jova_bench.report.common import completed_by_all
from jova_bench.report.files import read_leaderboard
from jova_bench.report.native_formats import format_rows
from support.made_runs import Clips, Spread, blank_manifest, fairness, made_run

GONE = Outcome(status="failed", reason="no clip: it crashed")


def sample(model="m", prompt_id="p", seed=0, status="ok", codes=(), **more):
    findings = tuple(Finding(code=code, detail="d") for code in codes)
    reason = None if status == "ok" else "it crashed"
    return Sample(model=model, prompt_id=prompt_id, seed=seed, status=status, reason=reason, findings=findings, **more)


def test_clips_are_counted_by_model_and_finding():
    found = count_clips(
        [
            sample(codes=("silent", "length_mismatch"), load_s=40.0),
            sample(seed=1, codes=("silent", "silent")),
            sample(seed=2, status="failed"),
            sample(seed=3, load_s=50.0),
            sample("other"),
        ]
    )
    assert found["m"] == ClipCounts(4, 1, {"length_mismatch": 1, "silent": 2}, 45.0)
    header, body = clips_rows(["other", "m", "unknown"], found)
    assert header == ["Model", "Asked", "Made", "Failed", "length mismatch", "silent"]
    assert body == [["other", "1", "1", "0", "0", "0"], ["m", "4", "3", "1", "1", "2"]]


def test_settings_stand_beside_native_formats_only_where_a_model_says_them():
    plain = {"native_formats": {"m": ["64x64"]}, "devices": {"m": "cpu"}}
    assert format_rows(["m"], blank_manifest(fairness=fairness(**plain))) == (
        ["Model", "Native format", "Device"],
        [["m", "64x64", "cpu"]],
    )
    driven = {
        "audio": "driving",
        "inputs": {"audio": "of the prompt, else of its real clip"},
        "ignored": ["audio_caption", "transcript"],
        "options": {"steps": 40, "negative_prompt": "ugly" * 20},
        "seconds_asked": "of the driving sound",
        "unpinned": "a/b_c@ddd (unpinned)",
    }
    header, body = format_rows(["m", "n"], blank_manifest(fairness=fairness(**plain, settings={"m": driven, "n": {}})))
    assert header[3:] == ["Seconds asked", "Not read", "Given", "Sound", "Unpinned weights", "Settings"]
    assert body[0][3:] == [
        "of the driving sound",
        "audio caption, transcript",
        "audio of the prompt, else of its real clip",
        "driving",
        "a/b_c@ddd (unpinned)",
        f"steps 40, negative_prompt {'ugly' * 14}ugl…",
    ]
    assert body[1] == ["n", *[""] * 8]


def test_what_all_models_made_leaves_out_controls_and_models_that_made_nothing():
    samples = [
        sample("a", "p"), sample("a", "q"), sample("a", "q", 1),
        sample("b", "p"), sample("b", "q", status="failed"), sample("b", "q", 1),
        sample("none", "p", status="failed"), sample("real", "p"),
    ]  # fmt: skip
    assert completed_by_all(samples, ["a", "b", "none", "real"]) == (("a", "b"), {("p", 0), ("q", 1)})
    assert completed_by_all(samples, ["none"]) == ((), frozenset())


@pytest.fixture
def board(tmp_path, monkeypatch):
    """`picky` has no clip of p00, the hardest; 0.1 for the other."""
    spread = Spread("spread")
    monkeypatch.setattr("jova_bench.report.common.set_metrics", lambda *_, **__: {spread.spec.identity: spread})
    vectors = [np.array([float(k), 1.0]) for k in range(4)]
    values = {
        "picky": {"score": [GONE, 0.6, 0.8, 1.0], "spread": [GONE, *vectors[1:]]},
        "whole": {"score": [0.1, 0.5, 0.6, 0.7], "spread": vectors},
    }
    made_run(tmp_path, values, [Clips("score"), spread], failed=[("picky", "p00", 0)])
    return read_leaderboard(tmp_path)


def test_means_over_what_both_made_stand_beside_each_models_own(board):
    def values(summary, metric):
        return {e.model: (e.value, e.n_ok, e.n_failed) for e in summary.estimates if e.metric == metric}

    assert values(board.summary, "score") == {
        "picky": (pytest.approx(0.8), 3, 1),
        "whole": (pytest.approx(0.475), 4, 0),
    }
    common = board.common
    assert (common.clips, common.prompts, common.models) == (3, 3, ("picky", "whole"))
    assert values(common.summary, "score") == {
        "picky": (pytest.approx(0.8), 3, 0),
        "whole": (pytest.approx(0.6), 3, 0),
    }
    # Distances are measured again: (0 + 1 + 4 + 9) / 4 + 1 over all, (1 + 4 + 9) / 3 + 1 over three.
    assert values(board.summary, "spread")["whole"][0] == pytest.approx(4.5)
    assert [value for value, _, _ in values(common.summary, "spread").values()] == [pytest.approx(17 / 3)] * 2


def test_the_views_show_them(board):
    text = board.markdown()
    section = text.split("## On the clips that every model made")[1].split("\n## ")[0]
    assert "over the 3 clips of 3 prompts that picky, whole all made" in section
    assert "0.6" in section
    assert "failed" not in section
    clips = text.split("## Clips")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in clips]
    assert ["picky", "4", "3", "1"] in rows
    assert ["whole", "4", "4", "0"] in rows
    value = json.loads(board.json())
    assert value["common"]["clips"] == 3
    counts = {record["model"]: record["n_ok"] for record in value["common"]["records"] if record["metric"] == "score"}
    assert counts == {"picky": 3, "whole": 3}
    assert value["made"][0] == {"model": "picky", "asked": 4, "failed": 1, "findings": {}, "load_s": None}


def test_models_that_made_the_same_have_no_such_section(tmp_path):
    values = {"a": {"score": [0.1, 0.2]}, "b": {"score": [0.3, 0.4]}}
    made_run(tmp_path, values, [Clips("score")])
    assert read_leaderboard(tmp_path).common is None
