"""Models that are driven by sound, through their own command lines, on fakes that lie as their upstreams do."""

import pytest

from jova_baselines.external.command import BatchItem
from jova_baselines.fantasytalking import command as fantasytalking
from jova_baselines.wan22_s2v import command as wan
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from jova_bench.runs.plan_check import plan_violation
from support import upstream_api
from support.fake_upstreams import calls, installed
from support.spoken_prompts import sample, suite

NAMES = {"wan2.2-s2v": (wan, "generate.py"), "fantasytalking": (fantasytalking, "infer.py")}


def clip(baseline, asked, index=0):
    """A clip of the command, and how it differs from its plan."""
    run = baseline.generate([asked.prompts[index]], 3, asked)
    made = next(run)
    if isinstance(made, Exception):
        raise made
    found = media.read(made.media)
    return found, plan_violation(found, baseline.plan(asked.prompts[index], asked))


@pytest.mark.parametrize("name", NAMES)
def test_options_are_those_of_upstreams_script(name, tmp_path):
    command, script = NAMES[name]
    model, asked = create_model(name, "cuda"), suite(tmp_path / "own", "-a face")
    inputs, job = model.request(asked.prompts[0], asked)
    item = BatchItem(inputs, job, {"image": "image.png", "audio": "audio.wav"})
    first, *flags = command.arguments([item], 3, tmp_path, tmp_path / "weights", model.options)
    assert first == script
    given, known = dict(flag.partition("=")[::2] for flag in flags), upstream_api.facts(name)["scripts"][script]
    assert set(given) <= set(known)
    assert given["--prompt"] == "-a face."
    for flag, value in given.items():
        kind = {"int": int, "float": float}.get(known[flag].get("type"), str)
        assert value in known[flag].get("choices", [value]) or isinstance(known[flag]["choices"], str)
        kind(value)
    assert not command.together([item, item])


def test_a_film_that_upstream_could_not_write_is_a_failure_though_it_ends_well(tmp_path, monkeypatch):
    baseline = installed("wan2.2-s2v-command", tmp_path / "assets", monkeypatch)
    asked = suite(tmp_path / "own", "a face", "[no film]", "[no sound]")
    found, wrong = clip(baseline, asked)
    assert (found.frames.shape, found.sample_rate_hz, wrong) == ((16, 64, 64, 3), 24_000, None)
    with pytest.raises(BenchError, match=r"left no clip: it ended with 0: .*save_video failed.* no such codec"):
        clip(baseline, asked, 1)
    assert clip(baseline, asked, 2)[1] == "77 frames where the plan says 16"
    assert [one["call"] for one in calls(baseline)] == ["load", "generate"] * 3
    assert calls(baseline)[1] | {"seed": 3, "clips": 1, "steps": 40, "offload": True} == calls(baseline)[1]


def test_a_film_named_by_the_second_is_found_and_one_without_sound_is_not_taken_for_it(tmp_path, monkeypatch):
    baseline = installed("fantasytalking-command", tmp_path / "assets", monkeypatch)
    baseline.options = {**baseline.options, "image_size": 64}
    asked = suite(tmp_path / "own", "a face", "[mux]", size=(48, 64))
    found, wrong = clip(baseline, asked)
    assert (found.frames.shape, found.sample_rate_hz, wrong) == ((23, 48, 64, 3), 24_000, None)
    with pytest.raises(BenchError, match=r"left no clip: it ended with 1: .*ffmpeg returned non-zero"):
        clip(baseline, asked, 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_worker_makes_what_the_command_makes(name, tmp_path, monkeypatch):
    worker = installed(name, tmp_path / "worker", monkeypatch)
    asked = suite(tmp_path / "own", "a face")
    try:
        _, frames, _ = sample(worker, asked, seed=3)
    finally:
        worker.close()
    line = installed(f"{name}-command", tmp_path / "command", monkeypatch)
    found, _ = clip(line, asked)
    assert found.frames.shape == frames.shape
    # Up to the codec.
    assert abs(found.frames.astype(float) - frames).mean() < 3
