"""Plans of Pocket TTS against facts of its own code, and its worker on a fake of it."""

from functools import partial

import numpy as np
import pytest

import jova_bench
from jova_baselines.external.manifest import load
from jova_baselines.pocket_tts.plan import VOICES
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from jova_bench.runs import provenance
from jova_bench.runs.store import read_run
from support import upstream_api
from support.asked import planned as planned_by
from support.asked import prompt, suite_of
from support.fake_upstreams import calls, installed
from support.made_runs import origin

FACTS = upstream_api.facts("pocket-tts")["facts"]
planned = partial(planned_by, "pocket-tts", transcript="It's late,\n go home.")


def test_options_and_weights_are_upstreams():
    manifest = load("pocket-tts")
    names = ("temperature", "decode_steps", "eos_threshold", "voice")
    assert dict(manifest.options) == {name: FACTS[name] for name in names}
    assert sorted(VOICES) == FACTS["voices"]
    model, voices = manifest.weights
    assert {one.hub for one in manifest.weights} == {FACTS["repository_of_weights"]}
    assert (model.revision, voices.revision) == (FACTS["model"], FACTS["voices_of"])
    assert list(model.files) == FACTS["files"]
    assert manifest.produces.sample_rate_hz == FACTS["sample_rate_hz"]
    assert FACTS["language"] in manifest.title.lower()


def test_it_is_asked_for_the_words_and_makes_sound_alone():
    job = planned()
    assert job.arguments == {"words": "It's late, go home."}
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz, job.seconds) == (0, 0, 0, 0, 24_000, 0.0)
    assert planned(language="en-GB") == job


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"language": "zh"}, "a transcript in English, got 'zh'; these weights speak no other"),
        ({"voice": "alva"}, "expected a voice of Pocket TTS, got 'alva'; did you mean 'alba'"),
        ({"decode_steps": 0}, "at least 1 decode step, got 0"),
        ({"transcript": "a " * 101}, "at most 100 words, got 101"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


def test_nobody_knows_its_length_before_it_speaks(tmp_path):
    model, asked = create_model("pocket-tts", "cuda"), suite_of(prompt(id="p0"), folder=tmp_path)
    made = model.plan(asked.prompts[0], asked)
    assert (made.frames, made.fps, made.height, made.width, made.seconds) == (None,) * 5
    assert (made.audio, made.sample_rate_hz, model.needs) == ("generated", 24_000, ())
    assert model.settings["seconds_asked"] == "of its speech"
    with pytest.raises(BenchError, match="a prompt with transcript, got 'p0' without"):
        model.plan(prompt(" ", id="p0"), asked)


def test_one_load_serves_all_and_what_breaks_off_is_no_speech(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "collect", lambda *_: origin("0"))
    baseline = installed("pocket-tts", tmp_path / "assets", monkeypatch, start_timeout_s=1800)
    words = ("Good day to you", "[raise]", "[break] so", "[silent] is gold", "Good day to you [noise]", "[mute]")
    prompts = [prompt(one, id=f"p{k}") for k, one in enumerate(words)]
    asked = suite_of(*prompts, folder=tmp_path)
    jova_bench.run([baseline], asked, profile="standard", seeds=(1, 2), out=tmp_path / "run", scoring=False)
    samples = {(one.prompt_id, one.seed): one for one in read_run(tmp_path / "run").samples}
    assert [samples[f"p{k}", 1].status for k in range(6)] == ["ok", "failed", "failed", "ok", "ok", "failed"]
    assert "ValueError: the prompt is too strange" in samples["p1", 1].reason
    assert "Pocket TTS broke off: Error in autoregressive generation: the cache is too short" in samples["p2", 1].reason
    assert "silent" in {one.code for one in samples["p3", 1].findings}
    clip, other = (media.read(tmp_path / "run" / samples["p0", seed].clip) for seed in (1, 2))
    assert (clip.frames, clip.audio.shape, clip.sample_rate_hz) == (None, (1, 4 * 1920), 24_000)
    assert not np.array_equal(clip.audio, other.audio)
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", "voice"] + ["generate"] * 12
    assert log[0] | {"language": "english", "temperature": 0.7, "steps": 1, "threshold": -4.0} == log[0]
    assert (log[1]["name"], log[2]["words"]) == ("alba", "Good day to you")
