"""Models and metrics of a user: whatever is wrong with them is one line, before anything is written."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import jova_bench as jb
from jova_bench.models.base import Generated, Media, Plan
from support.tiny_runs import RATE_HZ, Level, Spread, Tones, suite

SOUND = np.full((1, 1000), 0.5, np.float32)
FILM = np.zeros((5, 64, 64, 3), np.uint8)


def changed(thing, **attributes):
    """The same object with other attributes."""
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


def run(tmp_path, models, metrics=None):
    return jb.run(
        models, suite(tmp_path), profile="standard", metrics=metrics or Level(), out=tmp_path / "run", workers=0,
        device="cpu",
    )  # fmt: skip


def refusal(tmp_path, models, metrics=None):
    with pytest.raises(jb.BenchError) as refused:
        run(tmp_path, models, metrics)
    assert not (tmp_path / "run").exists()
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("attribute", "values", "said"),
    [
        ("batch_size", (0, -1, 1.5, "2", None, True, float("nan")), "`batch_size`, a whole number of at least 1, got"),
        ("name", (None, 5, b"x"), "expected `name`, a text, got"),
        ("name", ("", "a/b", "..", "a b", "x" * 200), "`name`: expected 1 to 120 letters"),
        ("name", ("e\u0301",), "`name` in composed characters"),
        ("needs", ("image", ("imag",), None, 5, [["image"]], ("image", 5)), "`needs`, a tuple of texts out of"),
        ("settings", (5, "text", None, {1: 2}), "expected `settings`, names and values, got"),
        ("settings", ({"a": object()}, {"a": float("nan")}), "`settings` that a JSON file can hold"),
        ("reads_files", (5, "no"), "expected `reads_files`, True or False, got"),
        ("edits_files", (None,), "expected `edits_files`, True or False, got None"),
        ("check", (None, 5), "expected a method 'check'"),
        ("plan", (None, lambda prompt: None), "'plan'"),
        ("generate", (None, lambda: None), "'generate'"),
        ("close", (None, 5), "expected a method 'close'"),
    ],
)
def test_an_attribute_of_another_kind_is_one_line(tmp_path, attribute, values, said):
    for value in values:
        message = refusal(tmp_path, changed(Tones(), **{attribute: value}))
        assert message.startswith("the model Tones: ")
        assert said in message
        assert "docs/model.md" in message


@pytest.mark.parametrize("attribute", ["name", "batch_size"])
def test_a_missing_attribute_is_named(tmp_path, attribute):
    model = Tones()
    delattr(model, attribute)
    assert f"expected an attribute `{attribute}`, got Tones without it" in refusal(tmp_path, model)


def test_what_is_no_model_says_so(tmp_path):
    class Raises(Tones):
        @property
        def needs(self):
            raise RuntimeError("no\nneeds")

    assert "expected a model, got the class Tones; make one of it: Tones(...)" in refusal(tmp_path, Tones)
    assert "names of models, or objects with the interface of `Generator`, got None" in refusal(tmp_path, [None])
    assert "attributes that can be read, got RuntimeError: no needs" in refusal(tmp_path, Raises())
    for two in ([Tones(), Tones()], ["real", Tones("real")], [Tones("real"), "real"]):
        assert "expected models of different names, got" in refusal(tmp_path, two)
    same = Tones()
    assert run(tmp_path, [same, same]).exit_code == 0


@pytest.mark.parametrize("value", [5, True, False])
def test_check_returns_none_or_a_text(tmp_path, value):
    message = refusal(tmp_path, changed(Tones(), check=lambda: value))
    assert f"the model 'tones': expected `check` to return None or a text that says why not, got {value}" in message


@pytest.mark.parametrize("value", [5, None, "plan", {}, Plan])
def test_plan_returns_a_plan(tmp_path, value):
    message = refusal(tmp_path, changed(Tones(), plan=lambda prompt, suite: value))
    assert "the model 'tones': expected `plan` to return a Plan, got" in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frames", "25"), ("frames", True), ("frames", 2.0), ("fps", float("nan")), ("settings", [1]),
        ("settings", {"a": [1]}), ("settings", {1: 2}), ("note", None), ("audio", "x"), ("weights", 5),
        ("sample_rate_hz", np.int64(16_000)),
    ],
)  # fmt: skip
def test_a_field_of_a_plan_has_its_kind(tmp_path, field, value):
    with pytest.raises(jb.BenchError, match=f"the model 'tones': its plan for prompt 'p0': {field}.*: "):
        run(tmp_path, changed(Tones(), plan=lambda prompt, suite: Plan(**{field: value})))


def media(**changes):
    return Media(**{"frames": None, "fps": Fraction(0), "audio": SOUND, "sample_rate_hz": RATE_HZ} | changes)


def generated(**changes):
    return Generated(**{"media": media(), "timing": "free"} | changes)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (5, "expected `generate` to yield a Generated or an exception, got int"),
        (None, "expected `generate` to yield a Generated or an exception, got None"),
        (media(), "expected `generate` to yield a Generated or an exception, got Media"),
        (ValueError, "got type"),
        (generated(timing="x"), "expected `timing`, one of free, aligned, reference, got 'x'"),
        (generated(function_evals="4"), "expected `function_evals`, a whole number of at least 0 or None, got '4'"),
        (generated(peak_memory_bytes=1.5), "expected `peak_memory_bytes`, a whole number"),
        (generated(seconds="1"), "expected `seconds`, seconds of at least 0 or None, got '1'"),
        (generated(seconds=float("nan")), "expected `seconds`, seconds of at least 0 or None, got nan"),
        (generated(load_s=-1), "expected `load_s`, seconds of at least 0 or None, got -1"),
        (generated(timed=None), "expected `timed`, True or False, got None"),
        (generated(media="a.mp4"), "expected `media`, a Media or the Path of a file, got str"),
        (generated(media=Path("/nowhere.mp4")), "No such file"),
        (generated(media=media(audio=[0.0])), "expected `audio`, a numpy array or None, got list"),
        (generated(media=media(audio=SOUND * np.nan)), "expected finite audio samples"),
        (generated(media=media(sample_rate_hz="16")), "expected `sample_rate_hz`, a whole number, got '16'"),
        (generated(media=media(frames=FILM, fps="25")), "expected `fps`, a Fraction or a number, got '25'"),
        (generated(media=media(frames=FILM, fps=0)), "expected (T, H, W, 3) uint8 at fps > 0"),
        (generated(media=media(layout="FL")), "expected `layout`, a tuple of texts, got 'FL'"),
    ],
)
def test_what_is_no_clip_is_a_failed_sample_that_says_so(tmp_path, item, said):
    result = run(tmp_path, changed(Tones(batch_size=5), generate=lambda prompts, seed, suite: [item] * 5))
    assert result.exit_code == 5
    assert [said in sample.reason for sample in result.failed] == [True] * 5


@pytest.mark.parametrize("value", [None, 5])
def test_generate_yields(tmp_path, value):
    result = run(tmp_path, changed(Tones(batch_size=5), generate=lambda prompts, seed, suite: value))
    assert {one.reason for one in result.failed} == {f"expected `generate` to yield clips, got {value}"}


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (Level, "expected a metric, got the class Level; make one of it: Level(...)"),
        (changed(Level(), spec="x"), "expected a MetricSpec as `spec`, got str"),
        (changed(Level(), spec=Spread().spec), 'expected a spec of level="clip" of a ClipMetric, got level="set"'),
        (changed(Level(), measure=None), "expected a method 'measure'"),
        (changed(Spread(), features=lambda: 1), "'features'"),
        (changed(Spread(), reference_clips=[5]), "`reference_clips`, a sequence of ReferenceClip, got [5]"),
        ([Level(), Level()], "metrics of different identities, got two of level@1/standard:peak"),
    ],
)
def test_what_is_no_metric_says_so(tmp_path, metric, said):
    assert said in refusal(tmp_path, Tones(), metric)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (changed(Level(), check=lambda: False), "expected `check` to return None or a text, got False"),
        (changed(Level(), measure=lambda *_: None), "expected a number, got None; raise Undefined where there is none"),
        (changed(Spread(), features=lambda clip: np.float64(3)), "expected features as numbers, (d,) or (p, d)"),
        (changed(Spread(), features=lambda clip: np.array([np.nan])), "expected finite features"),
        (changed(Spread(), features=lambda clip: np.zeros(round(clip.audio.max() * 16))), "features of one size"),
        (changed(Spread(), distance=lambda features: np.nan), "expected a finite distance, got nan"),
        (changed(Spread(), details=lambda features: None), "expected details as numbers by name, got None"),
        (changed(Spread(), details=lambda features: {"n": "x"}), "expected a finite n, got 'x'"),
    ],
)
def test_a_result_of_another_kind_is_a_failed_score(tmp_path, metric, said):
    (estimate,) = run(tmp_path, Tones(), metric).summary.estimates
    assert (estimate.value, estimate.n_failed) == (None, 5)
    (reason,) = estimate.reasons
    assert said in reason
