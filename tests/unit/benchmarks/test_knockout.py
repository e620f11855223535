"""The masks of `benchmarks/knockout.py` do what they say, on tiny random models; its page is what its data say."""

import importlib
import json
from pathlib import Path

import pytest
import torch

from jova.flow import Latents
from support.jova_micro import CONFIG, latents, micro, tokens

ROOT = Path(__file__).parents[3]
TIME = torch.tensor([0.1, 0.5, 0.9])
AUDIO, TIMED_WORDS, VIDEO_WORDS, VIDEO = range(4)


def spoken(end_s: float):
    """The prompts, said in 0.1 s to `end_s` seconds."""
    return tokens().with_spans(torch.tensor([[0.1, end_s]] * 3))


@pytest.fixture(scope="module")
def knockout():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")  # It imports the script beside it.
        yield importlib.import_module("knockout")


@torch.inference_mode()
def block_output(model, changed=None):
    """Streams after the first block, of random tokens; those of one stream are others where it is `changed`."""
    context = model.context(latents(3), TIME, spoken(0.3))
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(3, sum(context.streams), CONFIG.width, generator=draw)
    streams = list(x.split(context.streams, dim=1))
    if changed is not None:
        streams[changed] = torch.randn(streams[changed].shape, generator=draw)
    return model.blocks[0](torch.cat(streams, dim=1), context).split(context.streams, dim=1)


@pytest.mark.parametrize(
    ("arm", "streams"),
    [
        ("hide-audio", {AUDIO}),
        ("hide-timed-words", {TIMED_WORDS}),
        ("hide-both", {AUDIO, TIMED_WORDS}),
        ("hide-nothing", set()),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_in_a_block_the_video_side_hears_nothing_of_hidden_streams_and_everything_of_the_others(
    knockout, arm, streams, shared
):
    model = micro(separate_blocks=0 if shared else 2, shared_blocks=2 if shared else 0)
    plain = block_output(model)
    knockout.hide(model, knockout.HIDDEN[arm])
    before = block_output(model)
    # The audio side sees what it saw.
    for stream in (AUDIO, TIMED_WORDS):
        torch.testing.assert_close(before[stream], plain[stream], atol=1e-6, rtol=0)
    for changed in range(4):
        after = block_output(model, changed)
        for seer in range(4):
            blind = seer in (VIDEO_WORDS, VIDEO) and changed in streams
            assert torch.equal(before[seer], after[seer]) is blind, (changed, seer)


def video_of(model, noisy, text):
    with torch.inference_mode():
        return model(noisy, TIME, text).video


@pytest.mark.parametrize(
    ("arm", "sound_arrives", "times_arrive"),
    [
        ("hide-nothing", True, True),
        # Each still arrives through the other, which attends to it.
        ("hide-audio", True, True),
        ("hide-timed-words", True, True),
        ("hide-both", False, False),
    ],
)
def test_through_all_blocks_only_hiding_both_cuts_the_picture_off(knockout, arm, sound_arrives, times_arrive):
    model, x, other = micro(separate_blocks=2, shared_blocks=2), latents(3), latents(3, seed=1)
    knockout.hide(model, knockout.HIDDEN[arm])
    before = video_of(model, x, spoken(0.3))
    assert torch.equal(before, video_of(model, Latents(x.video, other.audio), spoken(0.3))) is not sound_arrives
    assert torch.equal(before, video_of(model, x, spoken(0.2))) is not times_arrive
    assert not torch.equal(before, video_of(model, Latents(other.video, x.audio), spoken(0.3)))


def test_with_one_block_the_other_stream_carries_nothing(knockout):
    """What a stream carries on it must attend to first: one block is too short a way."""
    model, x, other = micro(separate_blocks=1, shared_blocks=0), latents(3), latents(3, seed=1)
    knockout.hide(model, ["audio"])
    before = video_of(model, x, spoken(0.3))
    assert torch.equal(before, video_of(model, Latents(x.video, other.audio), spoken(0.3)))
    assert not torch.equal(before, video_of(model, x, spoken(0.2)))  # text-for-audio is in sight


def test_padding_stays_hidden(knockout):
    model, x, text = micro(), latents(3), spoken(0.3)
    longer = type(text)(*(torch.nn.functional.pad(field, (0, 5)) for field in text[:-1]), text.spans)
    knockout.hide(model, ["audio"])
    torch.testing.assert_close(video_of(model, x, text), video_of(model, x, longer), atol=1e-5, rtol=0)


def test_nothing_hidden_is_the_model_itself_and_other_fusions_are_refused(knockout):
    plain, same, x = micro(), micro(), latents(3)
    knockout.hide(same, knockout.HIDDEN["hide-nothing"])
    assert torch.equal(video_of(plain, x, spoken(0.3)), video_of(same, x, spoken(0.3)))
    with pytest.raises(ValueError, match="expected a model of fusion joint, got cross"):
        knockout.hide(micro(fusion="cross"), ["audio"])


def test_every_arm_makes_other_clips_with_plans_of_its_own(knockout):
    """Through the model of the harness that the measurement runs: a mask that is gone when it samples shows here."""
    from jova_bench.suites.loading import load_suite

    suite = load_suite("embedded")
    prompt, clips, plans = suite.prompts[0], {}, {}
    for arm in knockout.HIDDEN:
        model = knockout.Knockout(arm)
        plans[arm] = model.plan(prompt, suite)
        (made,) = model.generate([prompt], 0, suite)
        clips[arm] = made.media.frames
    assert len({frames.tobytes() for frames in clips.values()}) == len(knockout.HIDDEN)
    assert [plan.settings["hidden"] for plan in plans.values()] == [
        "nothing", "text-for-audio", "audio", "audio, text-for-audio",
    ]  # fmt: skip


def test_the_help_shows_how_it_is_called(knockout, capsys):
    with pytest.raises(SystemExit, match="0"):
        knockout.main(["--help"])
    assert "python benchmarks/knockout.py runs/knockout > results/knockout.json" in capsys.readouterr().out


def values(model, value, **counts):
    estimate = {
        "model": model, "metric": "m", "identity": "m@1/embedded:x", "level": "clip", "value": value, "unit": "",
        "direction": "up", "ci": None if value is None else (value - 0.01, value + 0.01), "n_prompts": 4, "n_seeds": 1,
    }  # fmt: skip
    return {"label": "M", "n_ok": 4, "n_undefined": 0, "n_failed": 0} | estimate | counts


def test_the_file_of_another_script_is_refused(knockout, capsys):
    path = str(ROOT / "results" / "two-trainings.json")
    with pytest.raises(SystemExit, match="2"):
        knockout.main(["--page", path])
    said = f"{path}: expected results that begin with hide-nothing, got shipped: another script made them"
    assert said in capsys.readouterr().err


def test_a_page_shows_values_differences_and_why_there_are_none(knockout, tmp_path, capsys):
    lost = {"n_ok": 0, "n_undefined": 4, "reasons": {"the mouth does not move": 4}}
    found = {
        "suite": "s", "suite_digest": "0" * 64, "prompts": 4, "sampling_seeds": [0],
        "hidden": {"hide-nothing": [], "hide-audio": ["audio"]},
        "values": [values("hide-nothing", 0.5), values("hide-audio", None, **lost), values("shuffled", 0.1)],
        "differences": [
            {"model": "hide-audio", "label": "M", "verdict": "worse", "reason": None, "delta": -0.25}
            | {"ci": [-0.3, -0.2]},
        ],
        "made_by": {"device_name": "abacus"},
    }  # fmt: skip
    path = tmp_path / "k.json"
    path.write_text(json.dumps(found))
    knockout.main(["--page", str(path)])
    page = capsys.readouterr().out
    assert "| hide-nothing | 0.500 [0.490, 0.510] (4) |" in page
    assert "| hide-audio   | undefined[^1]            |" in page
    assert "[^1]: the mouth does not move (4 clips)" in page
    assert "-0.25 [-0.30, -0.20] worse" in page
