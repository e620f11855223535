"""The gate: a planted regression is caught, a planted no-change passes, and nothing that cannot be told does."""

from pathlib import Path

import numpy as np
import pytest

import jova_bench
from jova_bench.cache import NoCache
from jova_bench.comparison.gate import gate, read_tolerances
from jova_bench.comparison.results import read_results
from jova_bench.errors import BenchError
from jova_bench.formatting.text import escaped
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.records import Outcome
from jova_bench.suites.loading import load_suite
from support.commands import call
from support.compared import cells
from support.made_runs import Clips, Spread, made_run, undefined

RESULTS = Path(__file__).parents[3] / "results"
QUALITY = Clips("quality", direction="up")
ERRORS = Clips("errors", direction="down", proportion=True)
METRICS = [ERRORS, QUALITY, Spread()]


def numbers(seed, shift=0.0, count=20, noise=0.05):
    """Twenty prompts of very different difficulty, and a little noise of their own: what a retrained model gives."""
    hard = np.random.default_rng(99).normal(5, 2, count)
    rng = np.random.default_rng(seed)
    return {
        "quality": hard + rng.normal(0, noise, count) + shift,
        "errors": [0.0, 1.0] * (count // 2),
        "spread": rng.normal(size=(count, 3)),
    }


def run(folder, values):
    return made_run(folder, {"m": values}, METRICS)


def check(found, name):
    (one,) = [one for one in found.checks if one.row.spec.name == name]
    return one


# --- what is planted ---


def test_a_planted_regression_is_caught(tmp_path):
    # 0.2 worse, with prompts that differ by 2: seen because the same prompts are compared.
    found = gate(run(tmp_path / "a", numbers(1)), run(tmp_path / "b", numbers(2, -0.2)), metrics=METRICS)
    assert check(found, "quality").verdict == "worse"
    assert {one.verdict for one in found.checks if one.row.spec.name != "quality"} == {"no difference shown"}
    assert found.exit_code == 3
    title, counts, reason = found.markdown().splitlines()[:3]
    assert title == "## Gate: regression"
    assert counts == "1 worse, 0 better, 2 unchanged, 0 underpowered; 3 rows."
    assert reason.startswith("- **worse**: quality ↑ of m: 5.248 → 5.043, -0.204 [-0.222, -0.187]; "), reason
    assert "worst samples: p01 0 -0.267, " in reason


@pytest.mark.parametrize("seed", range(3, 8))
def test_a_planted_no_change_passes(tmp_path, seed):
    found = gate(run(tmp_path / "a", numbers(1)), run(tmp_path / "b", numbers(seed)), metrics=METRICS)
    assert ({one.verdict for one in found.checks}, found.exit_code) == ({"no difference shown"}, 0)
    assert found.markdown().startswith("## Gate: passed\n")


def test_the_table_has_what_a_reader_needs(tmp_path):
    now = numbers(1)
    now["quality"] = now["quality"] - np.linspace(0.1, 2.0, 20)
    found = gate(run(tmp_path / "a", numbers(1)), run(tmp_path / "b", now), {"quality": 0.01}, METRICS)
    model, _, reference, value, difference, p, n, tolerance, verdict, worst = cells(found.markdown(), "quality ↑")
    assert float(reference) == pytest.approx(numbers(1)["quality"].mean(), abs=0.01)
    assert float(value) == pytest.approx(float(reference) - 1.05, abs=0.011)
    assert difference.startswith("-1.05 [-1.3")
    assert (model, p, n, tolerance, verdict) == ("m", "0.0003", "20", "0.01", "**worse**")
    rows = [line for line in found.markdown().splitlines() if line.startswith("| m ")]
    assert " quality ↑ " in rows[0]  # what does not pass comes first, wherever it stands in the catalogue
    page = found.markdown().splitlines()
    assert page.index("<details><summary>All 3 rows</summary>") < page.index(rows[0]) < page.index("</details>")
    # The five that lost most, the worst first.
    assert worst == "p19 0 -2.000, p18 0 -1.900, p17 0 -1.800, p16 0 -1.700, p15 0 -1.600"


# --- tolerances ---


def test_a_tolerance_lets_a_small_loss_pass_and_no_other(tmp_path):
    a, b = run(tmp_path / "a", numbers(1)), run(tmp_path / "b", numbers(2, -0.2))
    found = gate(a, b, {"quality": 0.3}, METRICS)
    assert (check(found, "quality").verdict, found.exit_code) == ("within tolerance", 0)
    assert gate(a, b, {"quality": 0.1}, METRICS).exit_code == 3


def test_a_test_that_cannot_find_the_tolerance_is_underpowered(tmp_path):
    # Noise of 2 in each run: a loss of 0.3 could hide in it.
    a, b = (run(tmp_path / name, numbers(seed, noise=2)) for name, seed in (("a", 1), ("b", 2)))
    found = gate(a, b, {"quality": 0.3}, METRICS)
    assert (check(found, "quality").verdict, found.exit_code) == ("underpowered", 5)
    effect = check(found, "quality").row.min_detectable
    # The differences' sd is 1.506 here; among 3 tests 1.506 / sqrt(20) x (t(1 - 0.05 / 6, 19) + t(0.8, 19)) = 1.174.
    assert effect == pytest.approx(1.174, abs=1e-3)
    assert f"underpowered: finds differences from {effect:.1f}" in found.markdown()
    assert gate(a, b, {"quality": 4}, METRICS).exit_code == 0
    assert gate(a, b, metrics=METRICS).exit_code == 0


def test_a_lost_value_is_beyond_every_tolerance(tmp_path):
    now = numbers(1)
    now["quality"] = [undefined(), *now["quality"][1:]]
    found = gate(run(tmp_path / "a", numbers(1)), run(tmp_path / "b", now), {"quality": 100}, METRICS)
    assert (check(found, "quality").verdict, found.exit_code) == ("worse", 3)
    assert cells(found.markdown(), "quality ↑")[-2:] == ["**worse: 1 clip lost: no face (1)**", "p00 0 (no face)"]


def test_a_moved_target_within_its_tolerance_passes(tmp_path):
    loudness = Clips("loudness", direction="target")
    a = made_run(tmp_path / "a", {"m": {"loudness": np.arange(12.0)}}, [loudness])
    b = made_run(tmp_path / "b", {"m": {"loudness": np.arange(12.0) + 0.5}}, [loudness])
    assert gate(a, b).exit_code == 4
    assert gate(a, b, {"loudness": 1}).exit_code == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("quality = -1", "quality: expected a number of at least 0, got -1"),
        ("quality = true", "got True"),
        ("quality = nan", "got nan"),
        ('quality = "much"', "got 'much'"),
        ("[quality]\nmuch = 1", "quality: expected"),
        ("quality", "TOML"),
        (None, "TOML"),
    ],
)
def test_a_tolerance_file_that_says_something_else_is_refused(tmp_path, text, named):
    path = tmp_path / "tolerances.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BenchError, match=named):
        read_tolerances(path)


def test_tolerances_are_numbers_by_metric_and_a_misspelt_one_is_named(tmp_path):
    path = tmp_path / "tolerances.toml"
    path.write_text("# allowed\nquality = 0.5\nspread = 2\n")
    assert read_tolerances(path) == {"quality": 0.5, "spread": 2.0}
    a = run(tmp_path / "a", numbers(1))
    with pytest.raises(BenchError, match="did you mean 'quality'"):
        gate(a, a, {"qality": 0.1})


# --- what never passes ---


def test_what_the_reference_has_and_the_run_lacks_does_not_pass(tmp_path):
    two = made_run(tmp_path / "two", {"m": numbers(1), "other": numbers(1)}, METRICS)
    one = run(tmp_path / "one", numbers(1))
    found = gate(two, made_run(tmp_path / "again", {"m": numbers(1), "third": numbers(1)}, METRICS), metrics=METRICS)
    assert (found.missing, found.exit_code) == (("other",), 4)
    assert "no model other" in found.markdown()
    # The other way round there is only more than was asked.
    assert gate(one, one, metrics=METRICS).exit_code == 0
    lacking = {k: v for k, v in numbers(1).items() if k != "errors"}
    found = gate(one, made_run(tmp_path / "lacking", {"m": lacking}, METRICS), metrics=METRICS)
    assert (check(found, "errors").verdict, found.exit_code) == ("not comparable", 4)


def test_a_regression_counts_before_what_does_not_compare(tmp_path):
    a = made_run(tmp_path / "a", {"m": numbers(1)}, METRICS)
    newer = [Clips("quality"), Clips("errors", version=2, direction="down"), Spread()]
    b = made_run(tmp_path / "b", {"m": numbers(2, -1)}, newer)
    found = gate(a, b, metrics=METRICS)
    assert ({one.verdict for one in found.checks} >= {"worse", "not comparable"}, found.exit_code) == (True, 3)


def test_undefined_on_both_sides_does_not_gate(tmp_path):
    values = numbers(1) | {"errors": [undefined("free generation")] * 20}
    a = run(tmp_path / "a", values)
    found = gate(a, a, metrics=METRICS)
    assert (check(found, "errors").verdict, found.exit_code) == ("undefined", 0)
    assert "undefined: free generation" in found.markdown()


FAILED = Outcome(status="failed", reason="weights missing")


@pytest.mark.parametrize(
    ("reference", "now", "said", "hidden"),
    [
        (FAILED, FAILED, "failed: weights missing", "undefined"),
        (undefined(), undefined(), "undefined: no face", "failed"),
        (undefined(), FAILED, "undefined: no face; failed in this run: weights missing", "failed: "),
        (FAILED, undefined(), "failed: weights missing", "undefined"),
        (FAILED, 1.0, "failed: weights missing", "undefined"),
    ],
)
def test_a_gate_in_which_nothing_was_measured_is_not_green(capsys, tmp_path, reference, now, said, hidden):
    """A lost cache of weights when a reference was frozen would else be green for ever."""
    sides = [{"m": {name: [side] * 20 for name in ("quality", "errors", "spread")}} for side in (reference, now)]
    if now == 1.0:
        sides[1]["m"]["spread"] = numbers(1)["spread"]
    a, b = (made_run(tmp_path / name, side, METRICS) for name, side in zip("ab", sides, strict=True))
    found = gate(a, b, metrics=METRICS)
    assert found.exit_code == 5
    text = found.markdown()
    assert text.startswith("## Gate: nothing was measured\n")
    assert "No metric has a value on both sides" in text
    assert cells(text, "quality ↑")[-2] == said
    assert hidden not in cells(text, "quality ↑")[-2]
    assert f"0 worse, 0 better, 0 unchanged, 0 underpowered, 3 {said.partition(':')[0]}; 3 rows." in text
    a, b = (
        made_run(tmp_path / f"{name} alone", {"m": {"quality": [one] * 20}}, [QUALITY])
        for name, one in (("a", reference), ("b", now))
    )
    code, out, _ = call(capsys, "gate", a, b)
    assert code == 5
    assert out.startswith("## Gate: nothing was measured")
    assert "No metric has a value on both sides" in call(capsys, "compare", a, b)[1]


def test_one_value_on_both_sides_is_a_measurement_and_what_failed_is_counted(tmp_path):
    values = numbers(1) | {"errors": [FAILED] * 19 + [undefined("silent")]}
    a = run(tmp_path / "a", values)
    found = gate(a, a, metrics=METRICS)
    assert found.exit_code == 0
    assert found.markdown().splitlines()[1] == "0 worse, 0 better, 2 unchanged, 0 underpowered, 1 failed; 3 rows."
    # Both words, each with its own reason.
    assert check(found, "errors").text == "failed: weights missing; undefined: silent"


def test_a_set_that_failed_is_not_undefined_and_the_reverse(tmp_path):
    gone = Outcome(status="failed", reason="no clip: it crashed")
    silent = numbers(1) | {"spread": [gone, *[undefined("silent")] * 19]}
    silent |= {name: [gone, *silent[name][1:]] for name in ("quality", "errors")}
    a = made_run(tmp_path / "a", {"m": silent}, METRICS, failed=[("m", "p00", 0)])
    assert check(gate(a, a, metrics=METRICS), "spread").text == "failed: no clip: it crashed; undefined: silent"
    missing = numbers(1) | {"spread": [FAILED] * 20}
    b = run(tmp_path / "b", missing)
    assert check(gate(b, b, metrics=METRICS), "spread").text == "failed: weights missing"


def test_failed_samples_give_5(tmp_path):
    values = numbers(1)
    for column in ("quality", "errors", "spread"):
        values[column] = [Outcome(status="failed", reason="no clip: it crashed"), *values[column][1:]]
    a = made_run(tmp_path / "a", {"m": values}, METRICS, failed=[("m", "p00", 0)])
    found = gate(a, a, metrics=METRICS)
    assert found.exit_code == 5
    assert "1 sample of the run failed." in found.markdown()


# --- our own reference ---


def test_the_committed_reference_is_of_this_suite_and_these_metrics():
    reference = read_results(RESULTS / "ci-reference.json")
    assert reference.prompts_digest == load_suite("embedded").prompts_digest
    here = {metric.spec.identity for metric in build(None, "embedded", MetricContext(NoCache()))}
    # Another identity would not compare: `make reference` after a new version of a metric.
    assert set(reference.specs) <= here
    assert {"real", "codec", "shuffled"} <= set(reference.models)
    assert all(len(reference.cells(model)) == 16 for model in reference.models)
    names = {spec.name for spec in reference.specs.values()}
    assert set(read_tolerances(RESULTS / "ci-tolerances.toml")) <= names


# --- real clips ---


@pytest.fixture(scope="module")
def controls(tmp_path_factory):
    """`real` and `shuffled` on twelve prompts of the embedded suite, twice, with metrics that take no time."""
    folder = tmp_path_factory.mktemp("controls")
    options = {"metrics": ["loudness", "kad", "mouth_audio_corr"], "limit": 12, "device": "cpu", "workers": 0}
    for name, model in (("real", "real"), ("again", "real"), ("shuffled", "shuffled")):
        jova_bench.run([model], "embedded", out=folder / name, **options)
    return folder


def test_real_clips_pass_against_themselves_and_shuffled_ones_do_not(controls):
    assert gate(controls / "real", controls / "again").exit_code == 0
    found = gate(controls / "real", controls / "shuffled")
    assert found.exit_code == 3
    verdicts = {one.row.spec.name: one.verdict for one in found.checks}
    # The same sounds in another order: the mouth no longer fits, and the set of sounds is as before.
    assert (verdicts["mouth_audio_corr"], verdicts["kad"]) == ("worse", "no difference shown")


def test_a_frozen_run_gates_set_metrics_without_its_folder(controls, capsys, tmp_path):
    code, frozen, _ = call(capsys, "freeze", controls / "real")
    assert code == 0
    (tmp_path / "reference.json").write_text(frozen)
    code, out, _ = call(capsys, "gate", tmp_path / "reference.json", controls / "again")
    assert (code, cells(out, "KAD (embedded) ↓")[-2]) == (0, "no difference shown")


# --- judges by language models ---


def test_a_judge_gates_where_it_is_named_alone(tmp_path):
    metrics = [QUALITY, Clips("judge_lips", direction="up")]
    good = {"quality": numbers(1)["quality"], "judge_lips": numbers(1)["quality"]}
    a = made_run(tmp_path / "a", {"m": good}, metrics)
    b = made_run(tmp_path / "b", {"m": {**good, "judge_lips": good["judge_lips"] - 1}}, metrics)
    found = gate(a, b)
    assert ([one.row.spec.name for one in found.checks], found.exit_code) == (["quality"], 0)
    assert f"Not gated, because a language model judges: {escaped('judge_lips')}." in found.markdown()
    for asked in ({"metrics": ["judge_lips"]}, {"tolerances": {"judge_lips": 0.5}}):
        named = gate(a, b, **asked)
        assert (check(named, "judge_lips").verdict, named.exit_code) == ("worse", 3)
        assert "Not gated" not in named.markdown()


def test_a_reference_of_judges_alone_gates_nothing_silently(tmp_path):
    run = made_run(tmp_path / "a", {"m": {"judge_lips": [0.1, 0.2]}})
    with pytest.raises(BenchError, match=r"no language model judges in .*, got judge_lips alone; a tolerance"):
        gate(run, run)
