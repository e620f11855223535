"""Rank ranges from paired tests, their LaTeX, and the table of what papers report."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from jova_bench import cli
from jova_bench.comparison.results import read_results
from jova_bench.errors import BenchError
from jova_bench.report import files
from jova_bench.report.files import read_leaderboard, write_report
from jova_bench.report.latex import escaped, latex
from jova_bench.report.leaderboard import leaderboard
from jova_bench.report.paper import paper
from jova_bench.report.ranks import Rank, ranks
from jova_bench.report.reported import read_reported
from jova_bench.summary import Estimate, Summary
from support.made_runs import Clips, Spread, blank_manifest, made_run, undefined

RESULTS = Path(__file__).parents[3] / "results"
TWENTY = np.random.default_rng(0).normal(5, 2, 20)


def noise(seed):
    return np.random.default_rng(seed).normal(0, 0.05, 20)


def run(folder):
    """best > {second, third}, which nothing tells apart; real is above all, and a control."""
    values = {
        "best": {"score": TWENTY + 1, "errors": [0.0] * 20},
        "second": {"score": TWENTY + noise(1), "errors": [0.0] * 20},
        "real": {"score": TWENTY + 3, "errors": [0.0] * 20},
        "third": {"score": TWENTY + noise(2), "errors": [undefined("silent")] * 20},
    }
    return made_run(folder, values, [Clips("score"), Clips("errors", direction="down", proportion=True)])


def found_ranks(folder, models, sets=None):
    results = read_results(folder)
    by_name = {results.specs[identity].name: of for identity, of in ranks(results, models, sets or {})[0].items()}
    return {name: {model: rank.text for model, rank in of.items()} for name, of in by_name.items()}


def test_models_that_no_test_tells_apart_share_a_range(tmp_path):
    found = found_ranks(run(tmp_path / "run"), ["best", "second", "third"])
    assert found["score"] == {"best": "1", "second": "2–3", "third": "2–3"}
    # A model without a value is not ranked.
    assert found["errors"] == {"best": "1–2", "second": "1–2"}


def test_a_direction_of_less_turns_the_order(tmp_path):
    values = {"low": {"cost": TWENTY}, "high": {"cost": TWENTY + 1}}
    made_run(tmp_path / "run", values, [Clips("cost", direction="down")])
    assert found_ranks(tmp_path / "run", ["high", "low"]) == {"cost": {"high": "2", "low": "1"}}


def test_sets_are_ranked_by_swaps(tmp_path):
    near = np.random.default_rng(3).normal(size=(20, 3))
    made_run(tmp_path / "run", {"near": {"spread": near}, "far": {"spread": 2 * near}}, [Spread()])
    sets = {Spread().spec.identity: Spread()}
    assert found_ranks(tmp_path / "run", ["near", "far"], sets) == {"spread": {"near": "1", "far": "2"}}
    # Without what measures the distance nothing is tested, which is no tie.
    assert found_ranks(tmp_path / "run", ["near", "far"]) == {}


def test_a_model_that_lacks_values_is_not_put_first(tmp_path):
    picky = [undefined(), *(TWENTY[1:] + 1)]
    made_run(tmp_path / "run", {"picky": {"score": picky}, "whole": {"score": TWENTY}})
    assert found_ranks(tmp_path / "run", ["picky", "whole"])["score"] == {"picky": "1–2", "whole": "1–2"}
    # Lacking values does not save it from standing behind.
    worse = [undefined(), *(TWENTY[1:] - 1)]
    made_run(tmp_path / "worse", {"picky": {"score": worse}, "whole": {"score": TWENTY}})
    assert found_ranks(tmp_path / "worse", ["picky", "whole"])["score"] == {"picky": "2", "whole": "1"}


def test_models_with_other_seeds_are_not_ranked_apart(tmp_path):
    made_run(tmp_path / "run", {"one": {"score": TWENTY}, "two": {"score": TWENTY + 1}})
    records = (
        (tmp_path / "run" / "scores.jsonl")
        .read_text()
        .replace('"two","prompt_id":"p00","seed":0', '"two","prompt_id":"p00","seed":1')
    )
    (tmp_path / "run" / "scores.jsonl").write_text(records)
    samples = (
        (tmp_path / "run" / "samples.jsonl")
        .read_text()
        .replace('"two","prompt_id":"p00","seed":0', '"two","prompt_id":"p00","seed":1')
    )
    (tmp_path / "run" / "samples.jsonl").write_text(samples)
    assert found_ranks(tmp_path / "run", ["one", "two"]) == {}
    (why,) = read_leaderboard(tmp_path / "run").untested.values()
    assert why.startswith("other seeds: ")


def test_every_view_says_that_a_distance_without_features_has_no_test(tmp_path, monkeypatch):
    """With features `near` is first; without them no view takes it for a tie, and the other column keeps its tests."""
    monkeypatch.setattr(files, "set_metrics", lambda *given, **more: {Spread().spec.identity: Spread()})
    near = np.random.default_rng(3).normal(size=(20, 3))
    values = {"near": {"spread": near, "score": TWENTY + 1}, "far": {"spread": 2 * near, "score": TWENTY}}
    folder = made_run(tmp_path / "run", values, [Spread(), Clips("score")])
    whole = read_leaderboard(folder, metrics=["spread", "score"])
    assert not whole.untested
    assert whole.ranks[Spread().spec.identity]["near"].best
    shutil.rmtree(folder / "features")
    board = read_leaderboard(folder, metrics=["spread", "score"])
    assert [(board.columns[1].identity)] == list(board.ranks)
    said = (
        "Not every pair could be tested, so that nothing here says whether these models differ: spread "
        "(the run no longer has their features)."
    )
    family = read_leaderboard(folder)
    assert all(said in text for text in (board.markdown(), paper(board), latex(family), family.markdown()))
    reason = {"identity": Spread().spec.identity, "reason": "the run no longer has their features"}
    assert json.loads(board.json())["untested"] == [reason]
    assert "Bold: paired tests" in paper(board)
    alone = paper(read_leaderboard(folder, metrics=["spread"]))
    assert "Nothing is bold, for no test was made" in alone
    assert said in alone
    assert str(tmp_path) not in alone


def test_the_leaderboard_shows_ranges_and_no_total(tmp_path):
    board = read_leaderboard(run(tmp_path / "run"))
    section = board.markdown().split("## Ranks\n")[1].split("\n## ")[0]
    rows = [[text.strip() for text in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert rows[0] == ["Metric", "best", "second", "third"]
    assert ["score ↑", "1", "2–3", "2–3"] in rows
    assert ["errors ↓", "1–2", "1–2", ""] in rows
    assert "no total" in section
    (rank,) = [one for one in json.loads(board.json())["ranks"] if one["model"] == "best" and one["of"] == 3]
    assert rank == {"identity": "score@1/standard:made", "model": "best", "first": 1, "last": 1, "of": 3}


def test_a_run_that_cannot_be_tested_has_no_ranks(tmp_path):
    folder = run(tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"specs": []}))
    assert "## Ranks" not in read_leaderboard(folder).markdown()
    alone = made_run(tmp_path / "alone", {"m": {"score": TWENTY}, "real": {"score": TWENTY}})
    assert "## Ranks" not in read_leaderboard(alone).markdown()


# --- LaTeX ---


def rows_of(text):
    """The cells of the lines that end a row, by their first."""
    lines = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r"\\")]
    return {line[0]: line[1:] for line in lines}


def test_bold_only_where_the_tests_say_best(tmp_path):
    text = latex(read_leaderboard(run(tmp_path / "run")))
    rows = rows_of(text)
    assert rows["Model"] == [r"score $\uparrow$", r"errors $\downarrow$"]
    assert re.fullmatch(r"\\textbf\{5\.6\}\\textsuperscript\{1\} \{\\scriptsize \[.*\]\}", rows["best"][0])
    assert r"\textsuperscript{2--3}" in rows["second"][0]
    # Equal errors are nobody's best, controls are neither ranked nor bold, and a word stands where there is no value.
    assert r"\textsuperscript{1--2}" in rows["best"][1]
    assert "textsuperscript" not in rows["real"][0]
    assert rows["third"][1] == r"{\scriptsize undefined}"
    assert text.count(r"\textbf") == 1


def test_tables_are_whole(tmp_path):
    text = latex(read_leaderboard(run(tmp_path / "run")))
    for command in ("toprule", "bottomrule"):
        assert text.count(rf"\{command}") == 1
    # The ranked models, a rule, the controls.
    assert text.index("third") < text.rindex(r"\midrule") < text.index("real &")
    assert text.count("{") == text.count("}")
    columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])
    assert {len(cells) + 1 for cells in rows_of(text).values()} == {columns}


def test_signs_that_latex_reads_are_escaped():
    assert escaped("50% a_b & {c}$ #1 ~^ <\\>") == (
        r"50\% a\_b \& \{c\}\$ \#1 \textasciitilde{}\textasciicircum{} \textless{}\textbackslash{}\textgreater{}"
    )
    estimate = Estimate(
        model="m_1", metric="a_b", identity="a_b@1/standard:x", level="clip", value=-0.5, ci=(-1.0, 0.0), unit="",
        direction="target", n_ok=3, n_undefined=1, n_failed=2, n_prompts=3, n_seeds=1,
    )  # fmt: skip
    rows = rows_of(
        latex(
            leaderboard(
                Summary(schema=1, suite="s", profile="standard", estimates=(estimate,), cost=()), blank_manifest()
            )
        )
    )
    assert rows["Model"] == [r"a\_b $\to$ real"]
    assert rows[r"m\_1"] == [r"$-$0.5 {\scriptsize [$-$1.0, 0.0]} {\scriptsize (3/1/2)}"]


def test_best_needs_somebody_to_be_better_than():
    assert [Rank(1, 1, 1).best, Rank(1, 1, 2).best, Rank(1, 2, 3).best] == [False, True, False]


def test_everything_comes_from_the_folder_alone(tmp_path, capsys):
    folder = run(tmp_path / "run")
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    (path,) = write_report(moved, ["tex"])
    assert path.read_text(encoding="utf-8") == latex(read_leaderboard(moved))
    assert cli.main(["report", str(moved), "--format", "tex"]) == 0
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")


# --- as reported ---


def test_the_committed_table_is_what_its_data_say():
    assert read_reported(RESULTS / "as-reported.toml").markdown() == (RESULTS / "as-reported.md").read_text("utf-8")


def test_numbers_as_reported_keep_their_digits_and_their_source(capsys):
    path = str(RESULTS / "as-reported.toml")
    assert cli.main(["report", path]) == 0
    text = capsys.readouterr().out
    cells = [
        text.strip() for text in next(line for line in text.splitlines() if line.startswith("| UniVerse-1")).split("|")
    ]
    assert cells[1:9] == ["UniVerse-1", "1.62", "0.37", "1.04", "0.83", "0.16", "3.68", "3.90"]
    assert text.count("Source: ") == text.count("\n## ")
    assert "compare with nothing" in " ".join(text.split())
    assert cli.main(["report", path, "--format", "tex"]) == 0
    out = capsys.readouterr().out
    assert rows_of(out)["JoVA"][:2] == ["6.64", "0.18"]
    assert r"\textbf" not in out
    assert cli.main(["report", path, "--format", "csv"]) == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            '[[table]]\ntitle = "t"\nsource = "s"\nmetrics = {A = "up"}\nrows = {m = ["1", "2"]}',
            "expected 1 values, got 2",
        ),
        ('[[table]]\ntitle = "t"\nsource = "s"\nmetrics = {A = "up"}\nrows = {m = ["one"]}', "one"),
        ('[[table]]\ntitle = "t"\nmetrics = {A = "up"}\nrows = {m = ["1"]}', "source"),
        ('[[table]]\ntitle = "t"\nsource = "s"\nmetrics = {A = "high"}\nrows = {m = ["1"]}', "A"),
        ("title", "TOML"),
    ],
)
def test_broken_files_of_reported_numbers_are_named(tmp_path, text, named):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(BenchError, match=named):
        read_reported(tmp_path / "r.toml")
    with pytest.raises(BenchError, match="TOML"):
        read_reported(tmp_path / "none.toml")


def test_rates_whose_transcripts_are_gone_are_not_ranked(tmp_path):
    values = {"a": {"wer": [0.2] * 12}, "b": {"wer": [0.1, *[0.3] * 11]}}
    metrics = [Clips("wer", micro="transcript_words", direction="down")]
    made_run(tmp_path, values, metrics, failed=[("b", "p11", 0)])
    assert len(read_leaderboard(tmp_path).ranks) == 1
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for prompt in manifest["prompts"]:  # As a run is published whose suite has no licence.
        prompt["transcript"] = ""
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    gone = read_leaderboard(tmp_path)
    assert gone.ranks == {}
    assert "WER (the run no longer has the transcripts of its prompts)" in gone.markdown()
    assert {"the transcripts that wer" in why for why in read_results(tmp_path).gone.values()} == {True}
