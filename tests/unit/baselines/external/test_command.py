"""A baseline by its own command line, against a fake of its upstream."""

import json

import numpy as np
import pytest

from jova_baselines.external import command as frame
from jova_baselines.external.command import BatchItem
from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.manifest import load
from jova_baselines.ovi import command, plan
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import prompt, prompts, suite_of
from support.fake_upstreams import calls, installed


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """Ovi by its command line; 25 frames of 64 x 64."""
    monkeypatch.setitem(plan.VARIANTS, "960x960_5s", plan.Variant(frames=25, area=64 * 64))
    made = installed("ovi-command", tmp_path / "assets", monkeypatch)
    made.options = {**made.options, "height": 64, "width": 64}
    return made


def item(caption, **paths):
    manifest = load("ovi")
    inputs = ModelInput(prompt("hi", video_caption=caption))
    return BatchItem(inputs, plan.plan(inputs, manifest, manifest.options), paths)


def test_one_command_makes_a_batch_and_its_files_find_their_prompts(baseline, tmp_path):
    asked = suite_of(*prompts("a cat", "a dog / a bird", audio_caption="a", transcript=""), folder=tmp_path)
    clips = []
    for made in baseline.generate(asked.prompts, 5, asked):
        clips.append(media.read(made.media))
        assert made.seconds > 0
        assert made.function_evals == 100
    assert [clip.frames.shape for clip in clips] == [(25, 64, 64, 3)] * 2
    assert clips[0].sample_rate_hz == 16_000
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", "generate", "generate", "end"]
    assert [one["seed"] for one in log[1:3]] == [5, 5]
    assert log[2]["text_prompt"] == "a dog / a bird. Audio: a."


def test_prompts_that_would_overwrite_each_other_get_a_command_each(baseline, tmp_path):
    same = "a very long caption whose first fifty characters are the same "
    asked = suite_of(*prompts(same + "cat", same + "dog", audio_caption="a", transcript=""), folder=tmp_path)
    made = [np.array(media.read(one.media).frames) for one in baseline.generate(asked.prompts, 0, asked)]
    assert len(made) == 2
    assert [one["call"] for one in calls(baseline)] == ["load", "generate", "end"] * 2


def test_one_sample_that_ends_the_command_takes_those_behind_it_along_and_all_say_why(baseline, tmp_path):
    asked = suite_of(*prompts("a cat", "a dog [raise]", "a bird", audio_caption="a", transcript=""), folder=tmp_path)
    first, second, third = [
        one if isinstance(one, Exception) else "clip" for one in baseline.generate(asked.prompts, 0, asked)
    ]
    assert first == "clip"
    assert isinstance(second, BenchError)
    reason = "the command left no clip: it ended with 1: "
    assert str(second).startswith(reason)
    assert str(second).endswith("TypeError: cannot unpack non-iterable NoneType object")
    assert str(third) == str(second)


def test_a_command_that_hangs_is_killed(baseline, tmp_path, monkeypatch):
    limits = baseline.manifest.limits.model_copy(update={"start_timeout_s": 1.0, "sample_timeout_s": 1.0})
    baseline.manifest = baseline.manifest.model_copy(update={"limits": limits})
    asked = suite_of(*prompts("[hang]", audio_caption="a", transcript=""), folder=tmp_path)
    (lost,) = baseline.generate(asked.prompts, 0, asked)
    assert str(lost).startswith("the command left no clip: it was killed after 2 s")


def test_batches_that_upstream_cannot_make_at_once():
    assert command.together([item("a"), item("b")])
    assert command.together([item("a", image="x.png"), item("b", image="y.png")])
    assert not command.together([item("a", image="x.png"), item("b")])
    assert not command.together([item("a" * 60), item("a" * 61)])
    # Tags do not count, so these are one name to upstream.
    assert not command.together([item("a"), item("a")])


def test_the_configuration_has_what_upstreams_has(tmp_path):
    manifest = load("ovi")
    made = command.arguments([item("a", image="x.png")], 3, tmp_path, tmp_path / "weights", manifest.options)
    assert made == ["inference.py", "--config-file", str(tmp_path / "ovi.json")]
    assert set(upstream_api.facts("ovi")["scripts"]["ovi/utils/utils.py"]) == {"--config-file", "--local_rank"}
    configuration = json.loads((tmp_path / "ovi.json").read_text())
    facts = upstream_api.facts("ovi")["facts"]
    assert {key: configuration[key] for key in facts["configuration"]} == facts["configuration"]
    known = {*facts["configuration"], *facts["configuration_keys"], *facts["script_keys"]}
    assert set(configuration) <= known
    assert (configuration["mode"], configuration["seed"]) == ("i2v", 3)


def test_it_is_named_apart_from_the_worker_and_shares_its_plan(tmp_path):
    worker, line = create_model("ovi", "cuda"), create_model("ovi-command", "cuda")
    assert (worker.name, line.name) == ("ovi", "ovi-command")
    asked = suite_of(*prompts("a cat", audio_caption="a", transcript=""), folder=tmp_path)
    assert worker.plan(asked.prompts[0], asked) == line.plan(asked.prompts[0], asked)
    assert isinstance(line, frame.CommandBaseline)
