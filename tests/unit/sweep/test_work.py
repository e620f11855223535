"""A sweep from beginning to end, with a model that trains at once: what is done again, reused, claimed."""

import json
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from jova_bench.assets.table import TABLE_VARIABLE, asset_table
from jova_bench.cli import main
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.base import Generated, Media, Plan
from jova_bench.report.curves import curves
from jova_bench.sweep.model import Setting, Training
from jova_bench.sweep.spec import SweepSpec
from jova_bench.sweep.tables import dry_run, markdown
from jova_bench.sweep.work import plan_sweep, sweep

LIMIT = 6
"""The fewest prompts with which a paired test can show anything."""
FRAMES = 50


@cache
def beginning(path):
    """The first two seconds of a real clip."""
    clip = media.read(path)
    return clip.frames[:FRAMES], clip.audio[:, : FRAMES * clip.sample_rate_hz // 25], clip.sample_rate_hz


class Late:
    """Beginnings of real clips whose sound comes `late` frames after the picture, and a little more with every seed."""

    batch_size = 3
    needs = ("reference",)

    def __init__(self, name, late, seed, calls):
        self.name, self.late, self.seed, self.calls = name, late, seed, calls

    def check(self):
        return None

    def plan(self, prompt, suite):
        return Plan(None, None, None, None, None, None, f"late {self.late}, seed {self.seed}")

    def generate(self, prompts, seed, suite):
        for prompt in prompts:
            self.calls.append((self.name, prompt.id))
            frames, audio, rate_hz = beginning(suite.path(prompt.reference))
            samples = round((self.late + 0.1 * self.seed) * rate_hz / 25)
            yield Generated(Media(frames, Fraction(25), np.roll(audio, samples, axis=1), rate_hz), "free")


class Model:
    """Its weights are its settings. Dies while training where it is told to."""

    name = "late"
    settings = (
        Setting("late", 0, "frames", least=0),
        Setting("kind", "plain", "of the model", ("plain", "other")),
    )

    def __init__(self, die=None, error=BenchError):
        self.die, self.error = die, error
        self.prepared, self.trained_arms, self.sampled = 0, [], []

    def made_by(self, shipped):
        return {"format": "late@1"}

    def prepare(self, settings, shared, threads):
        self.prepared += 1

    def train(self, settings, seed, out, shared, threads):
        if (settings["late"], seed) == self.die:
            raise self.error("stopped")
        self.trained_arms.append((settings["late"], settings["kind"], seed))
        out.mkdir(parents=True)
        (out / "weights.json").write_text(json.dumps({"late": settings["late"], "seed": seed}))

    def trained(self, out):
        return Training(10, 40, 1000, 0.5, "0123456789ab") if (out / "weights.json").is_file() else None

    def generator(self, name, weights, settings, device):
        stored = json.loads((weights / "weights.json").read_text())
        return Late(name, stored["late"], stored["seed"], self.sampled)


def spec(name="late", **fields):
    fields = {"factors": {"late": (0, 8)}, "limit": LIMIT} | fields
    return SweepSpec(name=name, metrics=("mouth_audio_corr",), controls=("real",), **fields)


def go(out, model, made=None, seeds=(0,), **options):
    plan = plan_sweep(made or spec(), model, seeds=seeds, out=out, **options)
    return sweep(plan, model, device="cpu")


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweeps")
    model = Model()
    return out, model, go(out, model, seeds=(0, 1))


def test_every_training_is_shown_and_compared_with_every_training_of_the_base(two_seeds):
    _, model, result = two_seeds
    assert model.prepared == 2  # once for each arm's settings
    assert model.trained_arms == [(0, "plain", 0), (8, "plain", 0), (0, "plain", 1), (8, "plain", 1)]
    assert [(row.label, row.seed) for row in result.rows] == [("base", 0), ("base", 1), ("late=8", 0), ("late=8", 1)]
    values = [row.estimates[0].value for row in result.rows]
    assert min(values[:2]) > 0.9 > 0.6 > max(values[2:])
    assert values[0] != values[1]
    assert [(pair.seed, pair.base_seed) for pair in result.pairs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    (claim,) = result.claims
    assert (claim.verdict, claim.text) == ("worse", "worse in all 4 pairs of trainings")
    differences = [arm - base for arm in values[2:] for base in values[:2]]
    assert (claim.least, claim.most) == pytest.approx((min(differences), max(differences)))
    assert result.exit_code == 0


def test_a_sweep_asks_only_the_table_of_weights_that_it_is_given(tmp_path, monkeypatch):
    given = asset_table()
    monkeypatch.setenv(TABLE_VARIABLE, str(tmp_path / "none.toml"))
    with pytest.raises(BenchError, match=r"none\.toml"):
        go(tmp_path / "out", Model())
    assert go(tmp_path / "out", Model(), spec(limit=1), assets=given).exit_code == 0


def test_many_trainings_are_compared_by_their_means_and_not_in_pairs(two_seeds):
    out, _, _ = two_seeds
    result = go(out, Model(), seeds=range(6))
    assert result.pairs == ()
    (claim,) = result.claims
    base, arm = ([row.estimates[0].value for row in result.rows if row.label == label] for label in ("base", "late=8"))
    assert claim.verdict == "worse"
    assert claim.test.n == (6, 6)
    assert claim.test.delta == pytest.approx(sum(arm) / 6 - sum(base) / 6)
    (record,) = json.loads(json.dumps(result.record()))["claims"]
    assert record["over_trainings"] == {
        "delta": claim.test.delta, "ci": list(claim.test.ci), "p": claim.test.p, "n": [6, 6],
        "min_detectable": claim.test.min_detectable, "p_holm": claim.test.p,
    }  # fmt: skip
    assert "worse over 6 and 6 trainings (p = " in markdown(result)


def test_the_record_and_the_tables_say_the_same(two_seeds):
    _, _, result = two_seeds
    record = json.loads(json.dumps(result.record()))
    assert record["base"] == {"late": 0, "kind": "plain"}
    assert [(arm["arm"], arm["training_seed"], arm["steps"], arm["cpu_minutes"]) for arm in record["arms"]] == [
        ("base", 0, 10, 0.5), ("base", 1, 10, 0.5), ("late=8", 0, 10, 0.5), ("late=8", 1, 10, 0.5),
    ]  # fmt: skip
    assert [(value["arm"], value["control"]) for value in record["values"]][-1] == ("real", True)
    assert all(value["interval"][0] < value["value"] < value["interval"][1] for value in record["values"])
    text = markdown(result)
    assert "| base: late=0 | 0 " in text
    assert "worse in all 4 pairs of trainings" in text
    assert f"{LIMIT} prompts" in text
    assert curves(record).count("<circle") == 4
    assert curves(record) == curves(result.record())


def test_a_picture_that_cannot_be_drawn_costs_no_result(two_seeds, tmp_path, monkeypatch):
    _, _, result = two_seeds
    monkeypatch.setattr("jova_bench.sweep.work.sweep", lambda *_, **__: result)
    monkeypatch.setattr("jova_bench.report.curves.curves", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["sweep", "guidance", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "guidance.json").read_bytes()) == json.loads(json.dumps(result.record()))
    assert (tmp_path / "guidance.md").read_text(encoding="utf-8") == markdown(result)


def test_what_is_done_is_not_done_again(two_seeds):
    out, _, before = two_seeds
    again = Model()
    assert "2 arms and seeds, 2 done, 0 left" in dry_run(plan_sweep(spec(), again, out=out), again)
    after = go(out, again, seeds=(0, 1))
    assert (again.prepared, again.trained_arms, again.sampled) == (0, [], [])
    assert after.record()["values"] == before.record()["values"]


def test_another_sweep_reuses_the_arms_that_it_shares(two_seeds):
    out, _, _ = two_seeds
    other = Model()
    result = go(out, other, spec("kinds", factors={"kind": ("other",)}))
    assert other.trained_arms == [(0, "other", 0)]
    assert len(other.sampled) == LIMIT
    (claim,) = result.claims
    assert claim.verdict == "no claim"
    assert claim.text == "no difference shown in the one pair, but with one training on a side: these checkpoints only"


STOPPED = spec(factors={"late": (8, 4)}, limit=1)


def test_a_sweep_that_was_stopped_goes_on_where_it_was(tmp_path):
    killed = Model(die=(8, 0))
    with pytest.raises(BenchError, match="stopped"):
        go(tmp_path, killed, STOPPED)
    assert killed.sampled == []
    resumed = Model()
    state = dry_run(plan_sweep(STOPPED, resumed, out=tmp_path), resumed)
    assert state.count("to sample and score") == len(killed.trained_arms)
    assert state.count("to train, sample and score") == 3 - len(killed.trained_arms)
    result = go(tmp_path, resumed, STOPPED)
    assert sorted(killed.trained_arms + resumed.trained_arms) == [(0, "plain", 0), (4, "plain", 0), (8, "plain", 0)]
    assert len(result.rows) == 3


def test_one_arm_and_the_base_alone(tmp_path):
    model = Model()
    made = spec(factors={"late": (4, 8)}, limit=1)
    result = go(tmp_path, model, made, only=["late=8"])
    assert [row.label for row in result.rows] == ["base", "late=8"]
    with pytest.raises(BenchError, match="an arm of this sweep, got 'late=9'; known are: base; late=4; late=8"):
        plan_sweep(made, model, only=["late=9"], out=tmp_path)


def test_unknown_metrics_are_told_before_any_training(tmp_path):
    model = Model()
    made = spec().model_copy(update={"metrics": ("mouth_audio_cor",)})
    with pytest.raises(BenchError, match="did you mean 'mouth_audio_corr'"):
        plan_sweep(made, model, out=tmp_path)
