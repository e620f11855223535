"""Two runs side by side: verdicts derived by hand, and what does not compare."""

import json

import numpy as np
import pytest

import jova_bench
from jova_bench import cli
from jova_bench.comparison.compare import compare
from jova_bench.errors import BenchError, Incomplete, NotComparable
from jova_bench.records import Outcome
from jova_bench.runs.store import RunStore
from support.compared import EIGHT, rng, row_of, two
from support.made_runs import Clips, Spread, ids, made_run, undefined
from support.specs import clip_spec


def test_a_difference_of_every_prompt_by_hand(tmp_path):
    # Eight differences of 1/4: only two of 256 sign patterns are as far from 0, p = 2/256; one test, so Holm's is that.
    found = two(tmp_path, {"score": EIGHT}, {"score": EIGHT + 0.25})
    row = row_of(found)
    assert (row.verdict, row.n, row.lost, row.gained) == ("better", 8, 0, 0)
    assert (row.a, row.b, row.delta) == pytest.approx((0.4375, 0.6875, 0.25))
    assert (row.p, row.p_holm) == (2 / 256, 2 / 256)
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("direction", "shift", "verdict", "code"),
    [("up", 1, "better", 0), ("up", -1, "worse", 3), ("down", 1, "worse", 3), ("down", -1, "better", 0)],
)
def test_the_verdict_speaks_of_b_in_the_metrics_direction(tmp_path, direction, shift, verdict, code):
    found = two(tmp_path, {"score": EIGHT}, {"score": EIGHT + shift}, [Clips(direction=direction)])
    assert (row_of(found).verdict, found.exit_code) == (verdict, code)


def test_a_distance_that_fails_here_is_failed_with_its_reason(tmp_path):
    """A package may have changed since the run: that is no traceback of ours."""

    class Broken(Spread):
        def distance(self, features):
            clip_spec(params={"x": None})

    vectors = rng().normal(size=(8, 3))
    for side in "ab":
        made_run(tmp_path / side, {"m": {"spread": vectors}}, [Spread()])
    found = compare(tmp_path / "a", tmp_path / "b", [Broken()])
    assert row_of(found, "spread").verdict == "failed"
    assert "MetricSpec: params.x: expected a text or a number, got None" in found.markdown()


def test_runs_that_are_equal_show_no_difference(tmp_path):
    found = two(tmp_path, {"score": EIGHT}, {"score": EIGHT})
    row = row_of(found)
    assert (row.verdict, row.delta, row.p, row.ci, row.worst) == ("no difference shown", 0, 1, (0, 0), ())
    assert found.exit_code == 0


def test_holm_spans_all_metrics_and_models_of_the_table(tmp_path):
    # p = 2/256 alone is enough; among 7 tests it is 7 x 2/256 = 0.055.
    def run(folder, shift):
        models = {"m": {"score": EIGHT + shift, "one": EIGHT, "two": EIGHT}, "n": {"score": EIGHT, "one": EIGHT}}
        return made_run(tmp_path / folder, models)

    found = compare(run("a", 0), run("b", 1))
    assert row_of(found, model="m").p_holm == pytest.approx(5 * 2 / 256)
    assert row_of(found, model="m").verdict == "better"
    assert row_of(found, model="n").p_holm == 1
    six = {"m": {f"s{i}": EIGHT for i in range(6)}}
    more = compare(
        made_run(tmp_path / "c", six | {"n": {"score": EIGHT}}),
        made_run(tmp_path / "d", six | {"n": {"score": EIGHT + 1}}),
    )
    assert row_of(more).p_holm == pytest.approx(7 * 2 / 256)
    # No difference of eight prompts could have been shown among seven tests.
    assert {row.verdict for row in more.rows} == {"underpowered"}
    assert more.exit_code == 5


def test_too_few_prompts_are_underpowered(tmp_path):
    row = row_of(two(tmp_path, {"score": EIGHT[:5]}, {"score": EIGHT[:5] + 1}))
    assert (row.p, row.verdict, row.min_detectable) == (2 / 32, "underpowered", None)
    assert "5 prompts are too few" in row.reason


def test_seeds_are_averaged_within_their_prompt(tmp_path):
    # Seed 1 moves up as much as seed 0 moves down: nothing moves.
    both = np.stack([EIGHT, EIGHT], axis=1)
    row = row_of(two(tmp_path, {"score": both}, {"score": both + np.array([-1, 1])}, seeds=(0, 1)))
    assert (row.n, row.delta, row.p, row.verdict) == (8, 0, 1, "no difference shown")
    assert [(change.prompt_id, change.seed, change.change) for change in row.worst] == [(i, 0, -1) for i in ids(5)]


def test_a_micro_average_weighs_the_differences_by_words(tmp_path):
    metric = Clips("wer", direction="down", micro="transcript_words")
    values = [0.0] * 7
    transcripts = ["blue by green"] + ["blue"] * 6
    row = row_of(two(tmp_path, {"wer": values}, {"wer": [1.0, *values[1:]]}, [metric], transcripts=transcripts), "wer")
    # (3 words x 1 + 6 words x 0) / 9 words.
    assert (row.a, row.b, row.delta) == pytest.approx((0, 1 / 3, 1 / 3))


def test_a_clip_that_lost_its_value_is_a_regression_however_good_the_others(tmp_path):
    found = two(tmp_path, {"score": EIGHT}, {"score": [undefined(), *(EIGHT[1:] + 1)]})
    row = row_of(found)
    assert (row.verdict, row.lost, row.n, found.exit_code) == ("worse", 1, 7, 3)
    assert row.reason == "1 clip lost: no face (1)"
    assert row.delta == pytest.approx(1)  # of the seven pairs
    assert (row.worst[0].prompt_id, row.worst[0].change, row.worst[0].reason) == ("p00", None, "no face")


def test_a_seed_without_a_value_leaves_on_both_sides(tmp_path):
    a = np.stack([EIGHT, EIGHT + 10], axis=1)
    b = [[x, y] for x, y in a]
    a = [[undefined(), b[0][1]], *b[1:]]
    row = row_of(two(tmp_path, {"score": a}, {"score": b}, seeds=(0, 1)))
    # Averaging b's seed 0 into p00 would make b worse by 5 there.
    assert (row.delta, row.gained, row.lost, row.n) == (0, 1, 0, 8)


@pytest.mark.parametrize(
    ("a", "b", "verdict", "code"),
    [
        (undefined(), undefined(), "undefined", 0),
        (undefined(), Outcome(status="failed", reason="not installed"), "undefined", 0),
        (undefined(), 1.0, "undefined", 0),
        (1.0, undefined(), "worse", 3),
        (1.0, Outcome(status="failed", reason="it crashed"), "worse", 3),
    ],
)
def test_a_metric_without_values(tmp_path, a, b, verdict, code):
    found = two(tmp_path, {"score": [a] * 8}, {"score": [b] * 8})
    row = row_of(found)
    assert (row.verdict, found.exit_code, row.n, row.p) == (verdict, code, 0, None)
    assert "no face" in row.reason or "it crashed" in row.reason


def test_undefined_metrics_take_no_share_of_the_error(tmp_path):
    none = {f"none{i}": [undefined()] * 8 for i in range(20)}
    found = two(tmp_path, {"score": EIGHT} | none, {"score": EIGHT + 1} | none)
    assert row_of(found).p_holm == 2 / 256


def test_a_sample_that_failed_in_b_gives_5(tmp_path):
    values = {"score": [Outcome(status="failed", reason="no clip: it crashed"), *EIGHT[1:]]}
    lost = {"failed": [("m", "p00", 0)]}
    a = made_run(tmp_path / "a", {"m": values}, **lost)
    assert compare(a, a).exit_code == 5


def test_a_target_whose_real_clips_failed_is_failed_and_not_undefined(tmp_path):
    metric = Clips("loudness", direction="target")
    for reason, said in (
        (Outcome(status="failed", reason="weights missing"), ("failed", "the real clip: weights missing")),
        (undefined("silent"), ("undefined", "the real clip has no value")),
    ):
        values = {"m": {"loudness": EIGHT}, "real": {"loudness": [reason] * 8}}
        a = made_run(tmp_path / said[0], values, [metric])
        row = next(row for row in compare(a, a).rows if row.model == "m")
        assert (row.verdict, row.reason) == said


def test_a_target_metric_is_judged_by_its_distance_from_the_real_clips(tmp_path):
    metric = Clips("loudness", direction="target")
    # a is 1 too loud everywhere, b 0.5 too quiet: nearer, though 1.5 below a.
    values = {"real": {"loudness": EIGHT}, "m": {"loudness": EIGHT + 1}}
    a = made_run(tmp_path / "a", values, [metric])
    b = made_run(tmp_path / "b", {"m": {"loudness": EIGHT - 0.5}, "real": {"loudness": EIGHT}}, [metric])
    row = row_of(compare(a, b), "loudness", "m")
    assert (row.verdict, row.a, row.b, row.from_real) == ("better", 1, 0.5, True)
    assert "Loudness (LUFS), distance from real ↓" in compare(a, b).markdown()
    # Real clips in one of the two runs are enough.
    alone = made_run(tmp_path / "c", {"m": {"loudness": EIGHT - 0.5}}, [metric])
    assert row_of(compare(a, alone), "loudness", "m").verdict == "better"


def test_without_real_clips_nobody_can_say_which_is_nearer(tmp_path):
    metric = Clips("loudness", direction="target")
    moved = two(tmp_path, {"loudness": EIGHT}, {"loudness": EIGHT + 1}, [metric])
    assert (row_of(moved, "loudness").verdict, moved.exit_code) == ("not comparable", 4)
    assert "nearer the real clips" in row_of(moved, "loudness").reason
    same = two(tmp_path / "same", {"loudness": EIGHT}, {"loudness": EIGHT}, [metric])
    assert (row_of(same, "loudness").verdict, same.exit_code) == ("no difference shown", 0)


def test_other_questions_prompts_seeds_or_evaluators_do_not_compare(tmp_path):
    a = made_run(tmp_path / "a", {"m": {"score": EIGHT}})
    others = {
        "another suite": made_run(tmp_path / "b", {"m": {"score": EIGHT}}, question="other"),
        "other prompts: p06, p07 in A alone": made_run(tmp_path / "c", {"m": {"score": EIGHT[:6]}}),
        "other seeds: 0 in A alone, 1 in B alone": made_run(tmp_path / "d", {"m": {"score": EIGHT}}, seeds=(1,)),
        "another evaluator: score@2": made_run(tmp_path / "e", {"m": {"score": EIGHT}}, [Clips(version=2)]),
        "not measured in B": made_run(tmp_path / "f", {"m": {"other": EIGHT}}),
    }
    for reason, b in others.items():
        found = compare(a, b)
        assert (row_of(found).verdict, found.exit_code) == ("not comparable", 4)
        assert reason in row_of(found).reason


def test_one_model_each_whatever_their_names_else_by_name(tmp_path):
    a = made_run(tmp_path / "a", {"old": {"score": EIGHT}})
    b = made_run(tmp_path / "b", {"new": {"score": EIGHT + 1}})
    assert [row.model for row in compare(a, b).rows] == ["old → new"]
    many = made_run(tmp_path / "c", {"old": {"score": EIGHT}, "older": {"score": EIGHT}})
    found = compare(many, a)
    assert ([row.model for row in found.rows], found.only_a) == (["old"], ("older",))
    assert "Models of A alone: older." in found.markdown()
    with pytest.raises(NotComparable, match="expected a model in both, got old, older"):
        compare(many, b)


def test_what_b_has_beyond_a_is_left_out(tmp_path):
    a = made_run(tmp_path / "a", {"m": {"score": EIGHT}})
    b = made_run(tmp_path / "b", {"m": {"score": EIGHT, "other": EIGHT}})
    assert [row.spec.name for row in compare(a, b).rows] == ["score"]


def test_metrics_are_chosen_by_name_and_misspelt_ones_named(tmp_path):
    a = made_run(tmp_path / "a", {"m": {"score": EIGHT, "other": EIGHT}})
    assert [row.spec.name for row in compare(a, a, ["other"]).rows] == ["other"]
    with pytest.raises(BenchError, match="did you mean 'score'"):
        compare(a, a, ["scroe"])
    bench = [Clips("score"), Clips("lse", protocol="mova@123")]
    made_run(tmp_path / "b", {"m": {"score": EIGHT, "lse": EIGHT}}, bench)
    assert [row.spec.name for row in compare(tmp_path / "b", tmp_path / "b", ["lse@mova"]).rows] == ["lse"]


def test_unfinished_runs_say_nothing(tmp_path):
    a = made_run(tmp_path / "a", {"m": {"score": EIGHT}})
    (a / "summary.json").unlink()
    with pytest.raises(Incomplete, match="repeat its command") as raised:
        compare(a, a)
    assert raised.value.exit_code == 5
    for words in (("report", a), ("report", a, "--html", tmp_path / "pages"), ("freeze", a), ("gate", a, a)):
        assert cli.main([str(word) for word in words]) == 5
    b = made_run(tmp_path / "b", {"m": {"score": EIGHT}})
    with RunStore(b) as store:
        store.add_sample(store.samples()[0].model_copy(update={"seed": 7}))
    with pytest.raises(Incomplete, match="not"):
        compare(b, b)
    with pytest.raises(BenchError, match="not there"):
        compare(tmp_path / "none", b)


def test_runs_that_kept_no_specifications_are_refused(tmp_path):
    a = made_run(tmp_path / "a", {"m": {"score": EIGHT}})
    manifest = json.loads((a / "manifest.json").read_text())
    (a / "manifest.json").write_text(json.dumps(manifest | {"specs": []}))
    with pytest.raises(BenchError, match="repeat its command"):
        compare(a, a)


def test_python_and_json_give_the_same_rows(tmp_path):
    a = made_run(tmp_path / "a", {"m": {"score": EIGHT}})
    b = made_run(tmp_path / "b", {"m": {"score": EIGHT - 0.25}})
    found = jova_bench.compare(a, b)
    table, record = found.table(), json.loads(json.dumps(found.record(), allow_nan=False))
    assert list(table["verdict"]) == ["worse"]
    assert list(table["identity"]) == [record["rows"][0]["identity"]] == ["score@1/standard:made"]
    assert table["delta"][0] == record["rows"][0]["delta"] == -0.25
    assert record["rows"][0]["worst"][0] == {"prompt_id": "p00", "seed": 0, "change": -0.25, "reason": None}
    text = found.markdown()
    assert "| m " in text
    assert "| 0.438 | 0.188 | -0.250 [-0.250, -0.250] | 0.0078 " in text
