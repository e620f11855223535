"""A clip against its plan, and a whole run of models that do not keep to theirs."""

import json
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import jova_bench
from jova_bench.media.files import clip_from_arrays
from jova_bench.models.base import Generated, Media, Plan
from jova_bench.runs import provenance
from jova_bench.runs.plan_check import media_findings, plan_violation
from jova_bench.runs.store import read_run
from support.made_runs import origin
from support.tiny_runs import RATE_HZ, Tones, suite

PLAN = Plan(25, 25.0, 48, 64, RATE_HZ, 1.0, "")


def clip(frames=25, height=48, width=64, fps=25, seconds=1.0, rate=RATE_HZ, level=0.5):
    picture = None if frames is None else np.zeros((frames, height, width, 3), np.uint8)
    sound = None if seconds is None else np.full((1, round(seconds * rate)), level, np.float32)
    return clip_from_arrays(picture, Fraction(fps), sound, rate)


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({}, None),
        ({"frames": 24}, None),
        ({"frames": 26}, None),
        ({"frames": 23}, "23 frames where the plan says 25"),
        ({"frames": 27}, "27 frames where the plan says 25"),
        ({"frames": None}, "no picture where the plan promises one"),
        ({"fps": 24}, "24 frames per second where the plan says 25"),
        ({"width": 48, "height": 64}, "48x64 where the plan says 64x48"),
        ({"seconds": None}, "no sound where the plan promises it"),
        ({"rate": 24_000}, "24000 Hz where the plan says 16000"),
        # Streams of different lengths, silence and stillness are findings of media.read, not failures.
        ({"seconds": 0.5}, None),
        ({"level": 0.0}, None),
    ],
)
def test_what_breaks_a_plan(changes, why_not):
    assert plan_violation(clip(**changes), PLAN) == why_not


@pytest.mark.parametrize(
    ("plan", "changes", "why_not"),
    [
        (Plan(None, None, None, None, None, None, ""), {"seconds": None}, None),
        (Plan(25, 25.0, 48, 64, None, 1.0, "", "driving"), {"rate": 8000}, None),
        (Plan(25, 25.0, 48, 64, None, 1.0, "", "generated"), {"seconds": None}, "no sound where the plan promises it"),
        (Plan(25, 25.0, 48, 64, None, 1.0, "", "none"), {"seconds": None}, None),
        (Plan(None, None, None, None, RATE_HZ, 1.0, ""), {"frames": None, "seconds": 1.09}, None),
        (
            Plan(None, None, None, None, RATE_HZ, 1.0, ""),
            {"frames": None, "seconds": 1.2},
            "1.20 s where the plan says 1.00",
        ),
        # Of what a model drives by its own speech nobody knows the length.
        (replace(PLAN, frames=None, seconds=None), {"frames": 77, "seconds": 3.08}, None),
        (replace(PLAN, frames=None, seconds=None), {"frames": None}, "no picture where the plan promises one"),
        (replace(PLAN, frames=None, seconds=None), {"fps": 24}, "24 frames per second where the plan says 25"),
    ],
)
def test_what_a_plan_leaves_open_is_not_looked_at(plan, changes, why_not):
    assert plan_violation(clip(**changes), plan) == why_not


def test_clipped_sound_is_noticed():
    loud = np.zeros((1, 1000), np.float32)
    loud[0, :10] = 1.0
    assert media_findings(clip_from_arrays(None, Fraction(0), loud, RATE_HZ)) == ()
    loud[0, 10] = -1.0
    (finding,) = media_findings(clip_from_arrays(None, Fraction(0), loud, RATE_HZ))
    assert (finding.code, finding.detail) == ("clipped", "1.1% of the samples at full scale")
    assert media_findings(clip(seconds=None)) == ()


def samples(tmp_path, monkeypatch, model, **options):
    monkeypatch.setattr(provenance, "collect", lambda *_: origin("0"))
    jova_bench.run([model], suite(tmp_path), profile="standard", out=tmp_path / "run", scoring=False, **options)
    return {sample.prompt_id: sample for sample in read_run(tmp_path / "run").samples}


def test_a_clip_that_is_not_as_planned_is_a_failed_sample(tmp_path, monkeypatch):
    class Short(Tones):
        def generate(self, prompts, seed, suite):
            for prompt, made in zip(prompts, super().generate(prompts, seed, suite), strict=True):
                audio = np.tile(made.media.audio, 4) if prompt.id == "p1" else made.media.audio
                yield Generated(Media(None, Fraction(0), audio, RATE_HZ), "free")

    found = samples(tmp_path, monkeypatch, Short())
    assert {i: sample.reason for i, sample in found.items() if sample.status == "failed"} == {
        "p1": "0.25 s where the plan says 0.06"
    }


def test_a_model_may_lose_one_clip_of_a_batch(tmp_path, monkeypatch):
    class Loses(Tones):
        def generate(self, prompts, seed, suite):
            for prompt, made in zip(prompts, super().generate(prompts, seed, suite), strict=True):
                yield ValueError("too strange") if prompt.id == "p1" else made

    found = samples(tmp_path, monkeypatch, Loses(batch_size=5))
    assert [sample.status for sample in found.values()] == ["ok", "failed", "ok", "ok", "ok"]
    assert found["p1"].reason == "ValueError: too strange"


def test_loading_is_no_part_of_what_a_clip_took_and_a_model_is_closed(tmp_path, monkeypatch):
    now, closed = iter(range(0, 10_000, 100)), []
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))

    class Loads(Tones):
        """Every clip takes 100 s by the clock; the first has loaded for 60 of them."""

        def generate(self, prompts, seed, suite):
            for made in super().generate(prompts, seed, suite):
                load_s = 60.0 if prompts[0].id == "p0" and not closed else None
                closed.append("made")
                yield Generated(made.media, "free", load_s=load_s, seconds=7.0 if prompts[0].id == "p4" else None)

        def close(self):
            closed.append("closed")

    found = samples(tmp_path, monkeypatch, Loads())
    assert [sample.load_s for sample in found.values()] == [60.0, None, None, None, None]
    # The batches of two share 140 and 200 s; the last measured itself.
    assert [sample.generate_s for sample in found.values()] == [70.0, 70.0, 100.0, 100.0, 7.0]
    assert closed == ["made"] * 5 + ["closed"]


def test_a_model_is_closed_when_a_run_is_stopped(tmp_path, monkeypatch):
    closed = []
    model = Tones(die=("p2", 0))
    model.close = lambda: closed.append(True)
    with pytest.raises(KeyboardInterrupt):
        samples(tmp_path, monkeypatch, model)
    assert closed == [True]


def test_a_plan_of_an_older_folder_that_says_less_is_the_same_plan(tmp_path, monkeypatch):
    found = samples(tmp_path, monkeypatch, Tones())
    path = tmp_path / "run" / "manifest.json"
    manifest = json.loads(path.read_text())
    for plan in manifest["models"]["tones"]["plans"].values():
        assert plan.pop("audio") is None
        del plan["settings"], plan["weights"]
    path.write_text(json.dumps(manifest | {"schema": 1}))
    assert samples(tmp_path, monkeypatch, Tones()) == found
