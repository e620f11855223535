"""Slices: the same estimates for the prompts that share a value of a tag, in the summary or asked for later."""

import json

import numpy as np
import pytest

import jova_bench
from jova_bench import cli
from jova_bench.comparison.compare import compare
from jova_bench.comparison.gate import gate
from jova_bench.comparison.results import freeze, read_results
from jova_bench.errors import BenchError
from jova_bench.keys import PromptSeed
from jova_bench.prompts import Prompt
from jova_bench.records import Outcome
from jova_bench.report.common import COMMON
from jova_bench.report.files import VIEWS, read_leaderboard, write_report
from jova_bench.runs.estimates import slice_estimates
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite
from support.made_runs import Clips, Spread, made_run, undefined
from support.tiny_runs import Level, Tones, prompts

TAGS = ({"place": "in"}, {"place": "out", "sound": "music | speech"}, {"place": "out", "sound": "speech"}, {})


def tagged(count=8):
    return tuple(one.model_copy(update={"tags": TAGS[i % len(TAGS)]}) for i, one in enumerate(prompts(count)))


def suite(tmp_path, slices=("place",), count=8):
    return Suite("tiny", tagged(count), tmp_path, f"digest of {count}", None, None, slices=slices)


def run(tmp_path, name, slices, metrics=None):
    return jova_bench.run(
        [Tones("one"), Tones("two", die=("p1", 0), error=ValueError)], suite(tmp_path, slices), profile="standard",
        metrics=metrics or [Level(undefined={"p2"})], device="cpu", out=tmp_path / name,
    )  # fmt: skip


def test_a_prompt_is_in_every_slice_that_its_tag_names():
    prompt = Prompt(
        id="a", video_caption="", audio_caption="", transcript="", tags={"a": "x | y|x ", "b": " z ", "c": ""}
    )
    assert [prompt.values(tag) for tag in ("a", "b", "c", "d")] == [("x", "y"), ("z",), (), ()]


def test_values_and_counts_of_a_slice_are_of_its_prompts_alone(tmp_path):
    summary = run(tmp_path, "run", ("place", "sound")).summary
    found = {(e.model, e.slice): e for e in summary.estimates}
    assert list(found)[:4] == [("one", None), ("two", None), ("one", "place=in"), ("two", "place=in")]
    assert [name for model, name in found if model == "one"] == [
        None, "place=in", "place=out", "sound=music", "sound=speech"
    ]  # fmt: skip
    # A tone's level is its prompt's number + 1: p0 and p4 are in, p1, p2, p5, p6 out; p3 and p7 have no tag.
    assert found["one", "place=in"].value == pytest.approx((1 + 5) / 2)
    out = found["one", "place=out"]
    assert (out.value, out.n_ok, out.n_undefined, out.n_failed, out.n_prompts) == (pytest.approx(5), 3, 1, 0, 3)
    assert out.reasons == {"no speech": 1}
    # Model two died at p1, and lost the rest of its batch of two only.
    assert (found["two", "place=out"].n_ok, found["two", "place=out"].n_failed) == (2, 1)
    assert found["one", "sound=music"].value == pytest.approx((2 + 6) / 2)
    assert found["one", "sound=speech"].n_ok + found["one", "sound=speech"].n_undefined == 4


def test_a_suite_that_asks_for_none_has_none_and_the_same_numbers_otherwise(tmp_path):
    without, with_ = run(tmp_path, "a", ()).summary, run(tmp_path, "b", ("place",)).summary
    assert all(e.slice is None for e in without.estimates)
    assert [e for e in with_.estimates if e.slice is None] == list(without.estimates)


def test_slices_of_a_later_question_are_those_of_the_summary(tmp_path):
    run(tmp_path, "a", ())
    run(tmp_path, "b", ("place", "sound"))
    later = read_leaderboard(tmp_path / "a", ("place", "sound")).summary.estimates
    assert later == read_run(tmp_path / "b").summary.estimates
    # Asking again for what is there changes nothing.
    assert read_leaderboard(tmp_path / "b", ("sound",)).summary.estimates == later


def test_markdown_has_a_row_per_value_and_model_and_else_stays_as_it_was(tmp_path):
    run(tmp_path, "a", ())
    whole = VIEWS["md"](read_leaderboard(tmp_path / "a"))
    sliced = VIEWS["md"](read_leaderboard(tmp_path / "a", ("place",)))
    before, _, after = sliced.partition("## By place\n")
    assert whole.startswith(before)
    rows = [line for line in after.splitlines() if line.startswith("| ")]
    assert [row.replace(" ", "").split("|")[1:3] for row in rows[:6]] == [
        ["place", "Model"], ["---" + "-" * 2, "-----"], ["in", "one"], ["in", "two"], ["out", "one"], ["out", "two"]
    ]  # fmt: skip
    assert "| 3 [-22, 28] (2) " in rows[2]
    assert "(3/1/0)[^1]" in rows[4]


def test_every_view_has_the_slices(tmp_path):
    run(tmp_path, "a", ())
    board = read_leaderboard(tmp_path / "a", ("place",))
    lines = board.csv().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [model, name] for name in ("", COMMON, "place=in", "place=out") for model in ("one", "two")
    ]
    assert r"tiny suite, place=out: means" in VIEWS["tex"](board)
    slices = {record["slice"] for record in json.loads(board.json())["records"]}
    assert slices == {None, "place=in", "place=out"}
    # Without slices the column tells what every model made alone: one clip failed.
    lines = read_leaderboard(tmp_path / "a").csv().splitlines()
    assert [line.split(",")[1] for line in lines] == ["slice", "", "", COMMON, COMMON]
    assert r"tiny suite, made by every model: means" in VIEWS["tex"](board)


def test_report_takes_tags_and_names_a_wrong_one(tmp_path, capsys):
    run(tmp_path, "a", ())
    assert cli.main(["report", str(tmp_path / "a"), "--slices", "place,sound"]) == 0
    text = capsys.readouterr().out
    assert text.index("## By place") < text.index("## By sound")
    assert cli.main(["report", str(tmp_path / "a"), "--slices", "plce"]) == 2
    assert "expected a tag of the run's prompts, got 'plce'; did you mean 'place'?" in capsys.readouterr().err
    assert cli.main(["report", "results/as-reported.toml", "--slices", "place"]) == 2


def test_a_comparison_of_a_slice_is_of_its_prompts_alone(tmp_path, capsys):
    run(tmp_path, "a", ())
    found = compare(tmp_path / "a", tmp_path / "a", of_slice="place=in")
    # Levels 1 and 5; what died is elsewhere.
    assert [(row.model, row.a, row.n) for row in found.rows] == [
        ("one", pytest.approx(3), 2),
        ("two", pytest.approx(3), 2),
    ]
    assert (found.failed, compare(tmp_path / "a", tmp_path / "a", of_slice="place=out").failed) == (0, 1)
    assert "both of the prompts with place=in alone. Means" in found.markdown()
    assert found.record()["slice"] == "place=in"
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "a"), "--slice", "place=inn"]) == 2
    assert "got 'place=inn'; did you mean 'place=in'?" in capsys.readouterr().err
    (tmp_path / "b.json").write_text(freeze(read_results(tmp_path / "a")))
    assert compare(tmp_path / "b.json", tmp_path / "a", of_slice="place=in").rows[0].n == 2
    with pytest.raises(BenchError, match="expected a run folder on one side for the slice"):
        compare(tmp_path / "b.json", tmp_path / "b.json", of_slice="place=in")


def test_a_distance_of_too_few_clips_is_undefined_in_a_slice_and_known_of_all():
    features = {PromptSeed(f"p{i}", 0): np.full(2, float(i)) for i in range(8)}
    metric = Spread(least=4)
    parts = {("m", metric.spec.identity): features}
    found = slice_estimates(["m"], [metric], parts, tagged(), ("place",))
    assert [(e.slice, e.value, e.n_ok, e.n_undefined) for e in found] == [
        ("place=in", None, 0, 2),
        ("place=out", pytest.approx(2 * (1 + 4 + 25 + 36) / 4), 4, 0),
    ]
    # A specification is enough of a clip metric, and says why a distance cannot be measured again.
    values = {PromptSeed("p0", 0): Outcome(status="ok", value=1.0), PromptSeed("p4", 0): undefined()}
    clip = {("m", Clips().spec.identity): values}
    (mean,) = slice_estimates(["m"], [Clips().spec], clip, tagged(), ("place",))
    assert (mean.slice, mean.value, mean.n_ok, mean.n_undefined) == ("place=in", 1.0, 1, 1)
    (gone, _) = slice_estimates(["m"], [metric.spec], parts, tagged(), ("place",))
    assert (gone.value, gone.n_failed) == (None, 2)
    assert "no metric of this identity" in next(iter(gone.reasons))


def test_slices_never_gate(tmp_path):
    """A frozen reference and a gate are the same with and without slices."""
    run(tmp_path, "a", ())
    run(tmp_path, "b", ("place",))
    frozen = [json.loads(freeze(read_results(tmp_path / name))) for name in ("a", "b")]
    for one in frozen:
        one.pop("made_by")
    assert frozen[0] == frozen[1]
    (tmp_path / "reference.json").write_text(freeze(read_results(tmp_path / "a")))
    table = gate(tmp_path / "reference.json", tmp_path / "b", {})
    assert len(table.checks) == 2
    assert "place" not in table.markdown()


def test_a_run_folder_of_numbers_is_sliced_too(tmp_path):
    folder = made_run(tmp_path / "made", {"m": {"score": [1, 2, 3], "spread": [(1, 1), (2, 2), (3, 3)]}},
                      metrics=[Clips("score"), Spread()])  # fmt: skip
    manifest = json.loads((folder / "manifest.json").read_text())
    for prompt, value in zip(manifest["prompts"], ("a", "a", "b"), strict=True):
        prompt["tags"] = {"kind": value}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = {(e.metric, e.slice): e for e in read_leaderboard(folder, ("kind",)).summary.estimates}
    assert found["score", "kind=a"].value == 1.5
    assert found["score", "kind=b"].ci is None
    assert found["spread", "kind=a"].n_failed == 2  # `made` metrics are in no catalogue.
    assert write_report(folder, ["md"])[0].read_text().count("By kind") == 0


def test_slices_of_a_suite_name_tags_that_there_are(tmp_path):
    (tmp_path / "p.jsonl").write_text(tagged(2)[0].model_dump_json() + "\n")
    info = 'name = "p"\ndescription = "d"\nprofile = "standard"\nlicence = "CC0-1.0"\nslices = ["%s"]\n'
    (tmp_path / "suite.toml").write_text(info % "place")
    found = jova_bench.suites.loading.load_suite(tmp_path / "p.jsonl")
    assert found.slices == ("place",)
    (tmp_path / "suite.toml").write_text(info % "plcae")
    with pytest.raises(BenchError, match=r"suite\.toml: slices: expected a tag of a prompt, got 'plcae'; did you mean"):
        jova_bench.suites.loading.load_suite(tmp_path / "p.jsonl")
    (tmp_path / "suite.toml").unlink()
    # What is asked does not depend on how it is sliced.
    assert jova_bench.suites.loading.load_suite(tmp_path / "p.jsonl").slices == ()
