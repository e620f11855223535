"""Columns and rows that were asked for: in their order, with the numbers and verdicts of the whole table."""

import json

import numpy as np
import pytest

from jova_bench import cli
from jova_bench.api.running import Result
from jova_bench.errors import BenchError
from jova_bench.report.choice import choose
from jova_bench.report.files import VIEWS, read_leaderboard
from jova_bench.report.leaderboard import leaderboard
from jova_bench.runs.store import read_run
from jova_bench.summary import Summary
from support.estimates import JUDGES, estimate
from support.made_runs import Clips, blank_manifest, made_run, undefined

MOVA = "lse_c@2/standard/compat:mova@595a976:syncnet-v2[aa]{crop=0.4,detector=s3fd[bb]{1,scale=0.25},edges=padded}"
CLEAN = "lse_c@2/standard:syncnet-v2[aa]{edges=masked}"


def draws(seed, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """near and far differ by a test of their own (p = 0.036), but not among six that share an error rate."""
    values = {
        "near": {"score": draws(0), "errors": [0.5] * 20},
        "far": {"score": draws(0) + draws(9, 0.4), "errors": [undefined("silent")] * 20},
        "third": {"score": draws(3), "errors": [0.1] * 20},
        "best": {"score": draws(4, 9), "errors": [0.2] * 20},
        "real": {"score": draws(5, 20), "errors": [0.0] * 20},
    }
    metrics = [Clips("score"), Clips("errors", direction="down")]
    return made_run(
        tmp_path_factory.mktemp("run") / "run", values, metrics, failed=[("third", "p03", 0), ("real", "p04", 0)]
    )


def test_columns_and_rows_stand_in_the_order_asked_with_the_numbers_of_the_whole(folder):
    whole, some = read_leaderboard(folder), read_leaderboard(folder, metrics=["score"], models=["real", "far", "best"])
    frame = whole.frame()
    assert some.models == ("real", "far", "best")
    kept = [name for name in frame if not name.startswith("errors")]
    assert some.frame().equals(frame.loc[["real", "far", "best"], kept])
    turned = read_leaderboard(folder, metrics=["score", "errors"])
    assert [one.label for one in turned.columns] == ["score", "errors"]
    assert [one.label for one in read_leaderboard(folder, metrics=["errors", "score"]).columns] == ["errors", "score"]
    records = [one for one in whole.records() if one["metric"] == "score" and one["model"] in some.models]
    assert sorted(some.records(), key=str) == sorted(records, key=str)
    assert [one["model"] for one in some.records()] == ["real", "far", "best"]


def test_the_clips_that_all_made_are_those_of_all_models_and_not_of_the_chosen(folder):
    whole, some = read_leaderboard(folder), read_leaderboard(folder, models=["near", "best"])
    assert whole.common.cells == some.common.cells
    assert some.of_common().frame().equals(whole.of_common().frame().loc[["near", "best"]])
    assert "near, far, third, best all made" in some.markdown()


def test_no_test_becomes_significant_because_rows_are_left_out(folder, tmp_path):
    values = {m: {"score": draws(0) + (m == "far") * draws(9, 0.4)} for m in ("near", "far")}
    alone = read_leaderboard(made_run(tmp_path / "run", values))
    (only,) = alone.ranks.values()
    assert {model: rank.text for model, rank in only.items()} == {"far": "1", "near": "2"}
    (some,) = read_leaderboard(folder, metrics=["score"], models=["far", "near"]).ranks.values()
    assert {model: rank.text for model, rank in some.items()} == {"far": "1–2", "near": "1–2"}
    (three,) = read_leaderboard(folder, metrics=["score"], models=["far", "best", "near"]).ranks.values()
    assert {model: (rank.text, rank.of) for model, rank in three.items()} == {
        "near": ("2–3", 3), "far": ("2–3", 3), "best": ("1", 3),
    }  # fmt: skip


def test_the_tables_say_among_whom_and_of_which_pairs_ranks_are(folder):
    some = read_leaderboard(folder, models=["far", "near"])
    said = "Ranks are among the models shown; the pairs are those of near, far, third, best."
    assert said in some.markdown()
    assert json.loads(some.json())["tested"] == ["near", "far", "third", "best"]
    whole = read_leaderboard(folder)
    assert "Holm over pairs of the 4 models of the run" in VIEWS["tex"](some)
    assert "Holm over pairs)" in VIEWS["tex"](whole)
    assert "Ranks are among" not in whole.markdown()
    assert "tested" not in json.loads(whole.json())


def test_how_many_prompts_there_are_is_no_matter_of_what_is_chosen(folder):
    assert read_leaderboard(folder, metrics=["errors"], models=["far"]).about()["prompts"] == 20


def test_chosen_metrics_are_one_table(folder):
    text = read_leaderboard(folder, metrics=["errors", "score"], models=["best", "far"]).markdown()
    lines = text.split("## Chosen metrics\n\n")[1].splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == ["Model", "errors ↓", "score ↑"]
    assert lines[3].startswith("| far ")
    assert "undefined[^" in lines[3]


def board():
    rows = tuple(
        estimate("m", metric, identity)
        for metric, identity in (
            ("lse_c", JUDGES["a"]),
            ("lse_c", JUDGES["b"]),
            ("lse_c", CLEAN),
            ("lse_c", MOVA),
            ("wer", "wer@1/embedded:pocketsphinx"),
        )
    )
    return leaderboard(
        Summary(schema_version=1, suite="s", profile="standard", estimates=rows, cost=()), blank_manifest()
    )


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["wer", "lse_c"], ["wer@1/embedded:pocketsphinx", JUDGES["a"], JUDGES["b"], CLEAN]),
        (["lse_c@syncnet-b", "lse_c"], [JUDGES["b"], JUDGES["a"], CLEAN]),
        (["@mova"], [MOVA]),
        (["lse_c@mova", "lse_c@mova"], [MOVA]),
        (["lse_c@syncnet-v2"], [CLEAN]),
        ([MOVA], [MOVA]),
    ],
)
def test_metrics_are_named_as_users_type_them(names, found):
    assert [one.identity for one in choose(board(), names).columns] == found


@pytest.mark.parametrize(
    ("metrics", "models", "named"),
    [
        (["wre"], None, "expected a metric of the run, got 'wre'; did you mean 'wer'"),
        (["pesq"], None, "got 'pesq'; known are: lse_c, lse_c@mova, wer"),
        ([], None, "expected a metric of the run, got none; known are: lse_c, lse_c@mova, wer"),
        (None, ["n"], "expected a model of the run, got 'n'; known are: m"),
        (None, [], "expected a model of the run, got none; known are: m"),
        (None, [3], "expected a model of the run, got 3; known are: m"),
    ],
)
def test_names_that_the_run_does_not_have_are_told_with_those_it_has(metrics, models, named):
    with pytest.raises(BenchError, match=named.replace("(", r"\(")):
        choose(board(), metrics, models)


def call(capsys, *args):
    code = cli.main(["report", *args])
    return code, capsys.readouterr()


def test_the_command_takes_them_in_every_format(folder, capsys):
    # A flag that is given again goes on with its list.
    asked = (str(folder), "--models", "best", "--models", "real", "--metrics", "score@1/standard:made, errors")
    for form, told, row in (
        ("md", "| Model | score", "| best "),
        ("csv", "model,slice,score,", "\nbest,"),
        ("json", '"label": "score"', '"model": "best"'),
    ):
        code, streams = call(capsys, *asked, "--format", form)
        assert code == 0
        assert told in streams.out
        assert row in streams.out
        assert row.replace("best", "real") in streams.out
        assert "third" not in streams.out.replace('"third",', "").replace("third, best", "")
    for wrong, told in (
        (("--html", "--models", "best"), "without --html"),
        (("--models", "bets"), "did you mean 'best'"),
        (("--metrics", ""), "got none"),
    ):
        code, streams = call(capsys, str(folder), *wrong)
        assert (code, streams.out) == (2, "")
        assert told in streams.err


def test_in_python_a_result_shows_what_is_asked(folder):
    result = Result(folder=folder, summary=read_run(folder).summary, failed=())
    assert list(result.table("errors", ["real", "far"]).index) == ["real", "far"]
    assert next(iter(result.table("errors"))) == "errors"
    with pytest.raises(BenchError, match="known are: near, far"):
        result.table(models="x")
