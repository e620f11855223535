"""A run: every clip and score accounted for, and every mistake told."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

import jova_bench
from jova_bench.errors import BenchError, Undefined
from jova_bench.metrics.base import Measured
from jova_bench.prompts import Prompt
from jova_bench.records import Finding
from jova_bench.report.clip_counts import count_clips
from jova_bench.runs.store import RunStore, read_run
from jova_bench.suites.loading import Suite, load_suite
from support.tiny_runs import RATE_HZ, Level, Spread, Tones, estimate, go, prompts


def test_values_are_means_over_prompts_with_costs_and_counts(tmp_path):
    result = go(tmp_path, [Tones()], [Level(), Spread()])
    level = estimate(result)
    # Levels 1, 2, 3, 4, 5: mean 3, and Student's t with 4 degrees of freedom: 2.776 * sqrt(2.5 / 5) = 1.963.
    assert level.value == pytest.approx(3)
    assert level.ci == pytest.approx((3 - 1.963, 3 + 1.963), abs=1e-3)
    assert (level.n_ok, level.n_undefined, level.n_failed, level.n_prompts, level.n_seeds) == (5, 0, 0, 5, 1)
    spread = estimate(result, "spread")
    assert (spread.value, spread.level, spread.extra) == (pytest.approx(3), "set", {"n": 5.0, "d": 2.0})
    # The jackknife of a mean is the textbook interval.
    assert spread.ci == pytest.approx(level.ci)
    (cost,) = result.summary.cost
    assert cost.function_evals == 4
    assert cost.real_time_factor == pytest.approx(cost.seconds_per_clip / (1000 / RATE_HZ))
    assert result.exit_code == 0
    assert result.failed == ()


def test_models_whose_need_no_prompt_has_are_refused_alone_and_left_out_beside_others(tmp_path):
    suite = Suite("mine", prompts(2), tmp_path, "d", None, None)
    for model, given, said in (
        ("unedited", "embedded", "expected prompts with an edit, got none in the suite 'embedded'; use a s"),
        ("real", suite, "expected prompts with a reference clip, got none in the suite 'mine'; use a s"),
    ):  # fmt: skip
        with pytest.raises(BenchError, match=said) as error:
            jova_bench.run([model], given, metrics=["loudness"], limit=2, out=tmp_path / "run", workers=0)
        assert error.value.exit_code == 2
        assert str(error.value).startswith(f"the model '{model}': ")
        assert "embedded-edits" in str(error.value)
        assert not (tmp_path / "run").exists()
    result = jova_bench.run(["real", Tones()], suite, metrics=[Level()], out=tmp_path / "run", workers=0)
    assert (result.exit_code, list(result.unable), result.failed) == (5, ["real"], ())
    assert result.unable["real"].startswith(said)
    assert [(one.model, one.n_ok) for one in result.summary.estimates] == [("tones", 2)]


def test_seeds_are_averaged_within_their_prompt(tmp_path):
    result = go(tmp_path, [Tones()], [Level(), Spread()], seeds=(0, 16))
    # Seed 16 adds 16/256 * 16 = 1 to every level: 1.5, 2.5, ... and a mean of 3.5.
    assert estimate(result).value == pytest.approx(3.5)
    assert (estimate(result).n_ok, estimate(result).n_prompts, estimate(result).n_seeds) == (10, 5, 2)
    # A set metric is the mean of two sets of 5, never one set of 10.
    assert estimate(result, "spread").value == pytest.approx(3.5)
    assert estimate(result, "spread").extra["n"] == 5


def test_a_micro_average_weighs_clips_by_their_words(tmp_path):
    lengths = ("blue", "blue by green")
    asked = tuple(
        Prompt(id=f"p{i}", video_caption="v", audio_caption="a", transcript=text) for i, text in enumerate(lengths)
    )
    two = Suite("two", asked, tmp_path, "d", None, None)
    result = jova_bench.run(
        [Tones()], two, metrics=[Level(micro="transcript_words")], out=tmp_path / "run", profile="standard",
        device="cpu", workers=0,
    )  # fmt: skip
    # (1 word * 1 + 3 words * 2) / 4 words.
    assert estimate(result).value == pytest.approx(1.75)


def test_a_model_that_crashes_fails_its_sample_and_no_other(tmp_path):
    result = go(tmp_path, [Tones(batch_size=1, die=("p2", 0), error=RuntimeError), Tones("other")], [Level(), Spread()])
    assert result.exit_code == 5
    (failed,) = result.failed
    assert (failed.prompt_id, failed.status, failed.reason) == ("p2", "failed", "RuntimeError: out of memory")
    # Levels 1, 2, 4, 5; the failed one is counted, not averaged.
    assert estimate(result).value == pytest.approx(3)
    assert (estimate(result).n_ok, estimate(result).n_failed) == (4, 1)
    assert (estimate(result, "spread").n_ok, estimate(result, "spread").n_failed) == (4, 1)
    assert dict(estimate(result).reasons) == {"no clip: RuntimeError: out of memory": 1}
    assert estimate(result, model="other").n_ok == 5
    # The same command tries the failed one again, and its scores.
    mended = go(tmp_path, [Tones(batch_size=1), Tones("other")], [Level(), Spread()])
    assert mended.exit_code == 0
    assert (estimate(mended).n_ok, estimate(mended).n_failed) == (5, 0)


def test_a_model_that_gives_too_few_clips_is_found_out(tmp_path):
    class Short(Tones):
        def generate(self, prompts, seed, suite):
            return list(super().generate(prompts, seed, suite))[:1]

    result = go(tmp_path, [Short(batch_size=5)], [Level()])
    assert len(result.failed) == 4
    assert result.failed[0].reason == "the model gave fewer clips than it was asked for"


def test_a_model_that_cannot_run_is_left_out_with_one_reason(tmp_path):
    class Weightless(Tones):
        def check(self):
            return "weights missing: x"

    model = Weightless()
    result = go(tmp_path, [model], [Level()])
    assert (result.exit_code, result.unable, result.failed) == (5, {"tones": "weights missing: x"}, ())
    assert (result.summary, model.calls, (tmp_path / "run").exists()) == (None, [], False)
    both = go(tmp_path, [model, Tones("others")], [Level()], limit=2)
    assert (both.exit_code, both.unable, both.failed) == (5, {"tones": "weights missing: x"}, ())
    assert [(one.model, one.n_ok, one.n_failed) for one in both.summary.estimates] == [("others", 2, 0)]
    assert {one.model for one in read_run(tmp_path / "run").samples} == {"others"}


def test_a_metric_that_crashes_fails_its_row_and_no_other(tmp_path):
    result = go(tmp_path, [Tones()], [Level(die=2, error=ValueError), Level("sound")])
    # `die` counts from 0, and a crash does not count: p2 and all after it.
    assert (estimate(result).n_ok, estimate(result).n_failed, estimate(result).value) == (2, 3, pytest.approx(1.5))
    assert dict(estimate(result).reasons) == {"ValueError: boom": 3}
    assert estimate(result, "sound").n_ok == 5
    assert result.exit_code == 0


def test_failed_scores_are_tried_again_and_undefined_ones_are_not(tmp_path):
    go(tmp_path, [Tones()], [Level(undefined=("p0",), die=1, error=ValueError)])
    level = Level()
    result = go(tmp_path, [Tones()], [level])
    # p0 was undefined, all after it had failed.
    assert (estimate(result).n_ok, estimate(result).n_undefined) == (4, 1)
    assert level.scored == 4


def test_a_metric_that_is_not_installed_fails_every_row_without_being_asked(tmp_path):
    missing = Level(missing="not installed: pip install x")
    result = go(tmp_path, [Tones()], [missing])
    assert missing.scored == 0
    assert dict(estimate(result).reasons) == {"not installed: pip install x": 5}
    assert estimate(result).value is None
    assert result.exit_code == 0


def test_a_set_that_is_too_small_is_undefined_as_a_whole(tmp_path):
    spread = estimate(go(tmp_path, [Tones()], [Spread()], limit=1), "spread")
    assert (spread.value, spread.n_ok, spread.n_undefined) == (None, 0, 1)
    assert dict(spread.reasons) == {"1 clip, needs 2": 1}
    # Two are enough, one fewer is not: a distance without an interval.
    spread = estimate(go(tmp_path, [Tones()], [Spread()], limit=2), "spread")
    assert (spread.value, spread.ci, spread.n_ok) == (pytest.approx(1.5), None, 2)


def test_another_version_suite_or_profile_does_not_enter_a_folder(tmp_path):
    go(tmp_path, [Tones()], [Level()])
    with pytest.raises(
        BenchError, match=r"another version of 'tones': prompt 'p0': settings was .*1}, is .*another out="
    ):
        go(tmp_path, [Tones(version=2)], [Level()])
    with pytest.raises(BenchError, match="was made with suite_digest"):
        go(tmp_path, [Tones()], [Level()], count=3)
    with pytest.raises(BenchError, match="was made with profile standard, got embedded"):
        go(tmp_path, [Tones()], [Level()], profile="embedded")


def test_embedded_metrics_are_undefined_outside_their_domain(tmp_path):
    # Whatever is installed: with it there would be no answer either.
    level = Level(missing="not installed: pip install x")
    level.spec = level.spec.model_copy(update={"profile": "embedded"})
    result = go(tmp_path, [Tones()], [level], profile="embedded")
    assert dict(estimate(result).reasons) == {"outside the embedded domain": 5}
    assert level.scored == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": (-1,)}, r"seeds of at least 0, below 2\^63, got \[-1\]"),
        ({"seeds": (2**63,)}, r"below 2\^63, got"),
        ({"limit": 0}, "at least 1 prompt, got 0"),
        ({"profile": "best"}, "got 'best'"),
        ({"device": "tpu"}, "got 'tpu'"),
        ({"device": "cuda:99"}, "got 'cuda:99'"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(BenchError, match=message):
        go(tmp_path, [Tones()], [Level()], **options)
    assert not (tmp_path / "run").exists()


def test_two_models_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        folder = tmp_path / name / "clips"
        folder.mkdir(parents=True)
        (folder / "p0.mp4").write_bytes(b"x")
    with pytest.raises(BenchError, match="got 'clips' twice"):
        go(tmp_path, [f"clips:{tmp_path}/a/clips", f"clips:{tmp_path}/b/clips"], [Level()])


def test_the_manifest_says_what_was_asked(tmp_path):
    go(tmp_path, [Tones()], [Level()], seeds=(3,))
    manifest = read_run(tmp_path / "run").manifest
    assert manifest.suite_digest == "digest of 5"
    assert manifest.seeds == (3,)
    assert [prompt.id for prompt in manifest.prompts] == ["p0", "p1", "p2", "p3", "p4"]
    assert manifest.models["tones"].plans["p0"].note == "v1"
    assert manifest.fairness.devices == {"tones": "cpu"}


def test_a_run_that_names_no_metric_has_those_of_its_suite_too(tmp_path):
    suite = load_suite("embedded-edits")
    options = {"limit": 1, "device": "cpu", "workers": 0}
    usual, named = (
        jova_bench.run("unedited", replace(suite, metrics=metrics), **options, out=tmp_path / f"run{len(metrics)}")
        for metrics in ((), suite.metrics)
    )
    added = {one.metric for one in named.summary.estimates} - {one.metric for one in usual.summary.estimates}
    assert added == {"wer_new", "kept_psnr", "kept_audio"} == set(suite.metrics)
    assert usual.exit_code == named.exit_code == 0


def test_clips_that_were_made_without_scoring_are_measured_by_what_is_asked_for_then(tmp_path):
    options = {"limit": 1, "device": "cpu", "workers": 0, "profile": "standard", "out": tmp_path / "run"}
    assert read_run(jova_bench.run("real", "embedded", **options, scoring=False).folder).manifest.metrics == ()
    found = jova_bench.run("real", "embedded", **options, metrics="loudness")
    assert {one.metric for one in found.summary.estimates} == {"loudness"}
    # One that the folder has is measured of new clips, too, and so its weights are part of the plan.
    assert jova_bench.dry_run("real", "embedded", **options, metrics="loudness").metric_weights == ()
    store = RunStore(tmp_path / "run")
    store.write_manifest(store.manifest().model_copy(update={"metrics": ("loudness", "wer")}))
    assert jova_bench.dry_run("real", "embedded", **options, metrics="loudness").metric_weights


def test_score_takes_any_folder_and_names_what_cannot_be_read(tmp_path):
    folder = tmp_path / "mine"
    (generated,) = Tones().generate(prompts(1), 0, None)
    from jova_bench.media import files as media

    folder.mkdir()
    media.write(folder / "p0.wav", None, Fraction(0), generated.media.audio, RATE_HZ)
    media.write(folder / "nobody asked.wav", None, Fraction(0), generated.media.audio, RATE_HZ)
    (folder / "broken.mp4").write_bytes(b"not a film")
    (folder / "prompts.jsonl").write_text(json.dumps(prompts(1)[0].model_dump()) + "\n")

    class Asked(Level):
        def measure(self, clip, prompt, reference):
            if prompt is None:
                raise Undefined("no prompt")
            return super().measure(clip, prompt, reference)

    result = jova_bench.score(folder, metrics=[Level(), Asked("asked")], out=tmp_path / "run", device="cpu")
    assert result.exit_code == 5
    (failed,) = result.failed
    assert failed.prompt_id == "broken"
    assert f"cannot decode {folder}/broken.mp4" in failed.reason
    level, asked = (estimate(result, name, "mine") for name in ("level", "asked"))
    assert (level.n_ok, level.n_undefined, level.n_failed) == (2, 0, 1)
    assert (asked.n_ok, asked.n_undefined, asked.n_failed) == (1, 1, 1)
    assert load_suite(folder / "prompts.jsonl").prompts[0].id == "p0"


def test_what_a_metric_notices_of_a_clip_is_a_finding_of_the_sample_and_counted(tmp_path):
    looped = Finding(code="transcript_loop", detail="0.00 to 1.00 s, 8.2 times as long as compressed")

    class Listener(Level):
        def measure(self, clip, prompt, reference):
            value = super().measure(clip, prompt, reference)
            return Measured(value, (looped,) if value > 3 else ())

    for _ in range(2):  # A second run finds everything done.
        result = go(tmp_path, [Tones()], [Level(), Listener("wer"), Listener("cer")])
        assert estimate(result, "wer").value == estimate(result).value
        run = read_run(tmp_path / "run")
        assert {sample.prompt_id for sample in run.samples if looped in sample.findings} == {"p3", "p4"}
        assert count_clips(run.samples)["tones"].findings == {"no_video": 5, "transcript_loop": 2}
        assert len((tmp_path / "run" / "samples.jsonl").read_text().splitlines()) == 7
    assert all(
        "findings" not in json.loads(row) for row in (tmp_path / "run" / "scores.jsonl").read_text().splitlines()
    )
