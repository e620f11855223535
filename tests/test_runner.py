"""A run: every clip and score accounted for, the same result however often it is stopped."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import jova_bench
from jova_bench.models import Generated, Media, Plan
from jova_bench.store import read_run
from jova_bench.suites import Suite, load_suite
from jova_bench.types import BenchError, MetricSpec, Outcome, Prompt, Undefined

RATE_HZ = 16_000
COUNT = 5


def prompts(count=COUNT):
    return tuple(Prompt(id=f"p{i}", video_caption="v", audio_caption="a", transcript=f"word {i}") for i in range(count))


def suite(tmp_path, count=COUNT):
    return Suite("tiny", prompts(count), tmp_path, f"digest of {count}", None, None)


class Tones:
    """Sound alone: 1000 samples of (prompt index + 1) / 16 + seed / 256. Dies where it is told to."""

    needs = ()

    def __init__(self, name="tones", batch_size=2, die=None, error=KeyboardInterrupt, note="v1"):
        self.name, self.batch_size, self.die, self.error, self.note = name, batch_size, die, error, note
        self.calls = []

    def check(self):
        return None

    def plan(self, prompt, suite):
        return Plan(None, None, None, None, RATE_HZ, 1000 / RATE_HZ, self.note)

    def generate(self, prompts, seed, suite):
        self.calls.append((tuple(prompt.id for prompt in prompts), seed))
        for prompt in prompts:
            if (prompt.id, seed) == self.die:
                raise self.error("out of memory")
            level = (int(prompt.id[1:]) + 1) / 16 + seed / 256
            audio = np.full((1, 1000), level, np.float32)
            yield Generated(Media(None, Fraction(0), audio, RATE_HZ), "free", function_evals=4)


class Level:
    """Loudest sample, times 16; undefined where told, dying where told."""

    def __init__(self, name="level", undefined=(), die=None, error=KeyboardInterrupt, missing=None, micro=None):
        self.spec = MetricSpec(
            name=name, version=1, profile="standard", backend="peak", direction="up", needs=("audio",), domain="any",
            description="loudest sample", micro=micro,
        )  # fmt: skip
        self.undefined, self.die, self.error, self.missing = undefined, die, error, missing
        self.scored = 0

    def check(self):
        return self.missing

    def score(self, clip, prompt, reference):
        if self.scored == self.die:
            raise self.error("boom")
        self.scored += 1
        if prompt is not None and prompt.id in self.undefined:
            return Outcome(status="undefined", reason="no speech")
        return Outcome(status="ok", value=float(clip.audio.max()) * 16)


class Spread:
    """Set metric: |mean of the features|; needs two clips."""

    def __init__(self, die=None):
        self.spec = MetricSpec(
            name="spread", version=1, profile="standard", backend="mean", level="set", direction="down",
            needs=("audio",), domain="any", description="mean of the means",
        )  # fmt: skip
        self.extracted, self.die = 0, die

    def check(self):
        return None

    def features(self, clip):
        if self.extracted == self.die:
            raise KeyboardInterrupt
        self.extracted += 1
        return np.array([float(clip.audio.mean()) * 16, 1.0])

    def distance(self, features):
        if len(features) < 2:
            raise Undefined("1 clip, needs 2")
        return float(abs(features[:, 0].mean()))

    def details(self, features):
        return {"n": float(len(features)), "d": 2.0}


def go(tmp_path, models, metrics, out="run", count=COUNT, **options):
    options = {"profile": "standard", "device": "cpu", "workers": 0} | options
    return jova_bench.run(models, suite(tmp_path, count), metrics=metrics, out=tmp_path / out, **options)


def content(folder):
    """What has to be equal: clips by name and bytes, score rows, summary apart from the time it took."""
    clips = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.glob("clips/**/*.*"))}
    rows = sorted(score.model_dump_json() for score in read_run(folder).scores)
    summary = read_run(folder).summary.model_dump()
    costs = [{k: v for k, v in cost.items() if k in ("model", "function_evals")} for cost in summary.pop("cost")]
    return clips, rows, summary, costs


def estimate(result, metric="level", model="tones"):
    (found,) = [e for e in result.summary.estimates if (e.metric, e.model) == (metric, model)]
    return found


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


@pytest.mark.parametrize("die", [("p0", 0), ("p1", 0), ("p3", 0), ("p4", 1)])
def test_generation_that_is_killed_and_resumed_equals_an_unbroken_one(tmp_path, die):
    seeds = (0, 1)
    go(tmp_path, [Tones()], [Level(), Spread()], out="whole", seeds=seeds)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, [Tones(die=die)], [Level(), Spread()], seeds=seeds)
    resumed = Tones()
    go(tmp_path, [resumed], [Level(), Spread()], seeds=seeds)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    # Batches are those of the whole suite, and finished ones are not made again.
    batches = [(ids, seed) for seed in seeds for ids in (("p0", "p1"), ("p2", "p3"), ("p4",))]
    assert (
        resumed.calls == batches[next(i for i, (ids, seed) in enumerate(batches) if die[0] in ids and die[1] == seed) :]
    )


@pytest.mark.parametrize("die", [0, 1, 4])
def test_scoring_that_is_killed_and_resumed_equals_an_unbroken_one(tmp_path, die):
    go(tmp_path, [Tones()], [Level(), Spread()], out="whole")
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, [Tones()], [Spread(die=die), Level()])
    level, spread, model = Level(), Spread(), Tones()
    go(tmp_path, [model], [level, spread])
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert model.calls == []
    # Extracted once, and not again for the clips whose features were kept.
    assert spread.extracted == COUNT - die


HARD_KILL = """
import os, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from test_runner import Level, Spread, Tones, go

class Deadly(Level):
    def score(self, clip, prompt, reference):
        if self.scored == 3:
            os._exit(9)
        return super().score(clip, prompt, reference)

go(Path({tmp!r}), [Tones()], [Deadly(), Spread()])
"""


def test_a_process_that_vanishes_leaves_a_run_that_resumes(tmp_path):
    code = HARD_KILL.format(tests=str(Path(__file__).parent), tmp=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert len(read_run(tmp_path / "run").scores) in (2, 3)
    go(tmp_path, [Tones()], [Level(), Spread()])
    go(tmp_path, [Tones()], [Level(), Spread()], out="whole")
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_more_seeds_models_metrics_and_prompts_are_the_same_command_with_more(tmp_path):
    go(tmp_path, [Tones()], [Level()], limit=3)
    first = read_run(tmp_path / "run")
    assert {sample.prompt_id for sample in first.samples} == {"p0", "p1", "p2"}
    level = Level()
    go(tmp_path, [Tones(), Tones("other")], [level, Level("again"), Spread()], seeds=(0, 1))
    assert level.scored == 2 * 2 * COUNT - 3
    go(tmp_path, [Tones(), Tones("other")], [Level(), Level("again"), Spread()], out="whole", seeds=(0, 1))
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_a_limit_does_not_change_the_batches(tmp_path):
    cut = Tones(batch_size=4)
    go(tmp_path, [cut], [Level()], limit=1)
    assert cut.calls == [(("p0", "p1", "p2", "p3"), 0)]
    assert len(read_run(tmp_path / "run").samples) == 1


def test_running_again_does_and_changes_nothing(tmp_path):
    go(tmp_path, [Tones()], [Level(undefined=("p1",), die=3, error=ValueError), Spread()])
    lines = [(tmp_path / "run" / name).read_bytes() for name in ("samples.jsonl", "scores.jsonl")]
    model, level = Tones(), Level(undefined=("p1",), die=0, error=ValueError)
    go(tmp_path, [model], [level, Spread()])
    assert [(tmp_path / "run" / name).read_bytes() for name in ("samples.jsonl", "scores.jsonl")] == lines
    assert model.calls == []


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


def test_a_model_that_cannot_run_says_why_for_every_prompt(tmp_path):
    class Weightless(Tones):
        def check(self):
            return "weights missing: x"

    model = Weightless()
    result = go(tmp_path, [model], [Level()], limit=2)
    assert result.exit_code == 5
    assert [sample.reason for sample in result.failed] == ["weights missing: x"] * 2
    assert model.calls == []
    assert estimate(result).value is None


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
    with pytest.raises(BenchError, match=r"clips of another version of 'tones'.*another --out"):
        go(tmp_path, [Tones(note="v2")], [Level()])
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
        ({"seeds": (-1,)}, r"seeds of at least 0, got \[-1\]"),
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
    assert manifest["suite_digest"] == "digest of 5"
    assert manifest["seeds"] == [3]
    assert [prompt["id"] for prompt in manifest["prompts"]] == ["p0", "p1", "p2", "p3", "p4"]
    assert manifest["models"]["tones"]["plans"]["p0"]["note"] == "v1"
    assert manifest["fairness"]["devices"] == {"tones": "cpu"}


def test_score_takes_any_folder_and_names_what_cannot_be_read(tmp_path):
    folder = tmp_path / "mine"
    (generated,) = Tones().generate(prompts(1), 0, None)
    from jova_bench import media

    folder.mkdir()
    media.write(folder / "p0.wav", None, Fraction(0), generated.media.audio, RATE_HZ)
    media.write(folder / "nobody asked.wav", None, Fraction(0), generated.media.audio, RATE_HZ)
    (folder / "broken.mp4").write_bytes(b"not a film")
    (folder / "prompts.jsonl").write_text(json.dumps(prompts(1)[0].model_dump()) + "\n")

    class Asked(Level):
        def score(self, clip, prompt, reference):
            return super().score(clip, prompt, reference) if prompt else Outcome(status="undefined", reason="no prompt")

    result = jova_bench.score(folder, metrics=[Level(), Asked("asked")], out=tmp_path / "run", device="cpu")
    assert result.exit_code == 5
    (failed,) = result.failed
    assert failed.prompt_id == "broken"
    assert f"cannot decode {folder}/broken.mp4" in failed.reason
    level, asked = (estimate(result, name, "mine") for name in ("level", "asked"))
    assert (level.n_ok, level.n_undefined, level.n_failed) == (2, 0, 1)
    assert (asked.n_ok, asked.n_undefined, asked.n_failed) == (1, 1, 1)
    assert load_suite(folder / "prompts.jsonl").prompts[0].id == "p0"
