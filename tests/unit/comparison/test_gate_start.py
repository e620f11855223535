"""The beginning of a gate: what can be tested, the tolerances that a test can tell, and a first gate that is green."""

import re
import shutil

import numpy as np
import pytest
import yaml
from scipy import stats

import jova_bench
from jova_bench.comparison.gate import gate, read_tolerances
from jova_bench.comparison.gate_start import rounded_up, start
from jova_bench.comparison.results import freeze
from jova_bench.errors import BenchError
from jova_bench.records import Outcome
from jova_bench.suites.loading import SHIPPED
from support.commands import call
from support.made_runs import Clips, made_run, undefined
from support.shown import ROOT

QUALITY = Clips("quality", direction="up")
METRICS = [Clips("errors", direction="down", proportion=True), QUALITY, Clips("judge_lips")]


def numbers(seed=1, noise=0.0):
    """Twenty prompts; other seeds draw other noise, as a model does that is trained again."""
    hard = np.random.default_rng(99).normal(5, 2, 20)
    rng = np.random.default_rng(seed)
    return {
        "quality": hard + rng.normal(0, noise, 20),
        "errors": [0.0, 0.25] * 10,
        "judge_lips": hard,
    }


def run(folder, values, **options):
    return made_run(folder, {"m": values}, METRICS, **options)


def tolerances(begun):
    return {one.name: one.tolerance for one in begun.metrics}


def test_a_tolerance_is_a_tenth_of_the_interval_where_the_test_can_tell_it(tmp_path):
    begun = start(run(tmp_path / "a", numbers()))
    width = 2 * stats.t.ppf(0.975, 19) * numbers()["quality"].std(ddof=1) / np.sqrt(20)
    found = tolerances(begun)
    assert found.keys() == {"errors", "quality"}
    assert width / 10 <= found["quality"] < width / 10 * 1.1
    # Rates of few values: that no prompt changed cannot exclude a loss of a tenth.
    assert found["errors"] is None
    assert {one.name: one.detectable > 0.1 for one in begun.metrics}["errors"]
    assert begun.left_out == ("judge_lips of m: a language model judges",)


def test_the_first_gate_is_green_and_says_why_the_next_is_red(tmp_path):
    begun = start(run(tmp_path / "a", numbers()))
    (tmp_path / "reference.json").write_text(freeze(begun.reference))
    allowed = {name: value for name, value in tolerances(begun).items() if value is not None}
    same = gate(tmp_path / "reference.json", run(tmp_path / "b", numbers()), allowed)
    assert (same.exit_code, {check.verdict for check in same.checks}) == (0, {"no difference shown"})
    assert same.not_gated == ()
    worse = numbers()
    worse["quality"] = worse["quality"] - 0.5
    found = gate(tmp_path / "reference.json", run(tmp_path / "c", worse), allowed)
    assert found.exit_code == 3
    assert found.markdown().splitlines()[2].startswith("- **worse**: quality ↑ of m: ")


def test_a_model_that_draws_other_clips_passes_again(tmp_path):
    a, b, c = (run(tmp_path / str(seed), numbers(seed, noise=1.0)) for seed in (1, 2, 3))
    alone = {name: value for name, value in tolerances(start(a)).items() if value is not None}
    assert gate(a, b, alone, ["quality"]).exit_code == 5  # A tenth cannot be told from its noise.
    both = tolerances(start(a, b))
    assert both["quality"] is None
    assert gate(a, c, {name: value for name, value in both.items() if value is not None}).exit_code == 0


def test_what_moved_in_an_unchanged_model_is_allowed(tmp_path):
    moved = numbers()
    moved["quality"] = moved["quality"] - np.linspace(0.9, 1.1, 20)
    a, b = run(tmp_path / "a", numbers()), run(tmp_path / "b", moved)
    assert tolerances(start(a, b))["quality"] == 2.0
    assert gate(a, b, {"quality": 2.0}).exit_code == 0


def test_what_has_no_value_is_left_out_with_its_reason(tmp_path):
    begun = start(run(tmp_path / "a", numbers() | {"errors": [undefined("no speech")] * 20}))
    assert "errors of m: undefined: no speech" in begun.left_out
    assert "errors" not in {spec.name for spec in begun.specs}
    assert start(run(tmp_path / "b", numbers()), metrics=["quality"]).specs == (QUALITY.spec,)


def test_too_few_prompts_are_told_how_many_would_do(tmp_path):
    few = {"quality": np.arange(6.0), "errors": [0.0, 1.0] * 3}
    a = made_run(tmp_path / "a", {"m": few}, METRICS[:2])
    # Of 2^6 outcomes two are the most extreme: 2 / 64 > 0.05 / 2, and 2 / 64 < 0.05.
    with pytest.raises(BenchError, match=r"expected 7 prompts or more for 2 tests, got 6 .* one of one model takes 6"):
        start(a)
    assert tolerances(start(a, metrics=["quality"])).keys() == {"quality"}


def test_a_run_whose_gate_could_not_pass_is_refused(tmp_path):
    lost = {"quality": [Outcome(status="failed", reason="no clip: it crashed"), *range(19)]}
    a = made_run(tmp_path / "a", {"m": lost}, [QUALITY], failed=[("m", "p00", 0)])
    with pytest.raises(BenchError, match="1 sample that failed"):
        start(a)
    nothing = made_run(tmp_path / "b", {"m": {"quality": [undefined()] * 20}}, [QUALITY])
    with pytest.raises(BenchError, match=r"with values .* quality of m: undefined: no face"):
        start(nothing)


@pytest.mark.parametrize(("value", "up"), [(0.123, 0.13), (0.12, 0.12), (0.00999, 0.01), (1.01, 1.1), (123.0, 130.0)])
def test_tolerances_have_two_digits(value, up):
    assert rounded_up(value) == up


# --- the files ---


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """`real` on twelve prompts of the embedded suite, with metrics that take no time."""
    folder = tmp_path_factory.mktemp("gate") / "good"
    options = {"metrics": ["mouth_audio_corr", "kad"], "limit": 12, "device": "cpu", "workers": 0}
    jova_bench.run(["real"], "embedded", out=folder, **options)
    return folder


def test_init_writes_a_gate_that_passes_and_keeps_what_is_there(capsys, tmp_path, good):
    said = call(capsys, "gate", "init", good, "--out", tmp_path, "--uses", "me/jova_bench@v1")
    assert said.code == 0, said.err
    assert said.out.startswith("## Gate: passed\n0 worse, 0 better, 2 unchanged, 0 underpowered; 2 rows.\n")
    assert read_tolerances(tmp_path / "gate/tolerances.toml").keys() == {"mouth_audio_corr", "kad"}
    page = (tmp_path / "gate/README.md").read_text()
    words = "run --model real --suite embedded --profile embedded --metrics mouth_audio_corr,kad --limit 12"
    assert f"jova-bench {words} --out runs/next\n" in page
    (step,) = [
        step
        for step in yaml.safe_load((tmp_path / ".github/workflows/gate.yml").read_text())["jobs"]["gate"]["steps"]
        if step["uses"] == "me/jova_bench@v1"
    ]
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert step["with"].keys() <= action["inputs"].keys()
    assert step["with"]["run"] == words
    (tmp_path / "gate/tolerances.toml").write_text("mouth_audio_corr = 0.5\n")
    (tmp_path / "gate/README.md").unlink()
    said = call(capsys, "gate", "init", good, "--out", tmp_path)
    assert said.code == 0
    assert "kept" in said.err
    assert read_tolerances(tmp_path / "gate/tolerances.toml") == {"mouth_audio_corr": 0.5}
    assert (tmp_path / "gate/README.md").read_text() == page
    # What the page says to remove is all that another reference makes stale.
    for name in re.findall(r"`(\S+/\S+\.\w+)`", page.partition("## When a change is wanted")[2]):
        (tmp_path / name).unlink()
    said = call(capsys, "gate", "init", good, "--out", tmp_path, "--uses", "me/it@v2", "--metrics", "kad")
    assert (said.code, said.err.count("kept"), said.err.count("wrote")) == (0, 0, 4)


@pytest.mark.parametrize(
    ("kept", "text", "named"),
    [
        ("tolerances.toml", "wer = 0.1\n", "a metric of the reference, got 'wer'"),
        ("tolerances.toml", "kad = no\n", "tolerances.toml"),
        ("reference.json", "{}", "reference.json"),
    ],
)
def test_a_kept_file_that_no_gate_can_use_is_told_before_anything_is_written(capsys, tmp_path, good, kept, text, named):
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / kept).write_text(text)
    said = call(capsys, "gate", "init", good, "--out", tmp_path, "--uses", "me/it@v1")
    assert (said.code, said.out, said.err.count("\n"), named in said.err) == (2, "", 1, True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "gate" / kept]


def test_the_command_of_scored_clips_has_their_prompts(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    clips = sorted((SHIPPED / "embedded" / "clips").glob("*.mp4"))[:6]
    for clip in clips:
        (tmp_path / "mine").mkdir(exist_ok=True)
        shutil.copy(clip, tmp_path / "mine")
    lines = [
        f'{{"id": "{clip.stem}", "video_caption": "a", "audio_caption": "b", "transcript": "c"}}' for clip in clips
    ]
    (tmp_path / "asked.jsonl").write_text("\n".join(lines))
    options = {"metrics": ["loudness"], "device": "cpu", "workers": 0}
    jova_bench.score("mine", out="bare", **options)
    jova_bench.score("mine", "asked.jsonl", out="given", **options)
    words = "--profile standard --metrics loudness"
    code, _, err = call(capsys, "gate", "init", "given")
    assert (code, "expected --suite" in err) == (2, True)
    shutil.copy("asked.jsonl", "who's.jsonl")  # The action refuses quotes.
    code, _, err = call(capsys, "gate", "init", "given", "--suite", "who's.jsonl", "--uses", "me/it@v1")
    assert (code, "expected names without spaces and quotes" in err, (tmp_path / "gate").exists()) == (2, True, False)
    for run, flags, command in (
        ("given", ["--suite", "asked.jsonl"], f"run --model clips:mine --suite asked.jsonl {words}"),
        ("bare", [], f"score mine {words}"),
    ):
        assert call(capsys, "gate", "init", run, "--out", f"of {run}", *flags).code == 0
        assert f"\njova-bench {command} --out runs/next\n" in (tmp_path / f"of {run}/gate/README.md").read_text()


def test_a_folder_called_init_is_a_reference_where_it_is_a_path(capsys, monkeypatch, tmp_path, good):
    shutil.copytree(good, tmp_path / "init")
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "gate", "./init", good)[0] == 0
    assert not (tmp_path / "gate").exists()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--uses", "jova_bench"], "expected --uses as OWNER/NAME@REF, got 'jova_bench'"),
        (["--suite", "embedded-edits"], "expected --suite with the prompts of"),
        (["--metrics", "mouth"], "known are: mouth_audio_corr"),
    ],
)
def test_mistakes_write_nothing(capsys, tmp_path, good, flags, named):
    code, out, err = call(capsys, "gate", "init", good, "--out", tmp_path, *flags)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert named in err
    assert not list(tmp_path.iterdir())
