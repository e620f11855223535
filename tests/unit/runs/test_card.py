"""A suite's generation card: what clips should be, and what of each model's plans is not so or is not stated."""

import json
import shutil
from dataclasses import asdict

import pytest

from jova_bench import compare, run
from jova_bench.comparison.parity import parity
from jova_bench.errors import BenchError
from jova_bench.models.base import Plan
from jova_bench.report.files import read_leaderboard
from jova_bench.report.native_formats import format_rows
from jova_bench.runs.card_check import off_card
from jova_bench.runs.manifest import NoPlan, PlanRecord
from jova_bench.suites.card import Card
from jova_bench.suites.loading import load_suite
from support.clips import write_noise
from support.commands import call
from support.suite_sources import put

INFO = 'name = "mine"\ndescription = "d"\nprofile = "standard"\nlicence = "CC0-1.0"\n'
WHOLE = Card(width=832, height=480, fps=24, seconds=(5, 10), enhancer=False)
GOOD = {"width": 832, "height": 480, "fps": 24, "frames": 121}


def record(**fields):
    return PlanRecord(**asdict(Plan(**fields)))


@pytest.mark.parametrize(
    ("plan", "settings", "off"),
    [
        (GOOD, {"prompt_enhancer": False}, ()),
        (GOOD | {"settings": {"prompt_enhancer": False}}, {}, ()),
        (GOOD | {"frames": None, "seconds": 10.05}, {"prompt_enhancer": False}, ()),
        (GOOD | {"frames": None, "seconds": 4.8}, {"prompt_enhancer": True}, ("4.80 s", "prompt enhancer on")),
        (GOOD | {"frames": 96}, {"prompt_enhancer": False}, ("4.00 s",)),
        (GOOD | {"height": 832, "width": 480}, {"prompt_enhancer": False}, ("480x832",)),
        (GOOD | {"fps": 25, "seconds": 5.0}, {}, ("25 fps", "prompt enhancer not stated")),
        ({}, {}, ("size not stated", "frame rate not stated", "length not stated", "prompt enhancer not stated")),
    ],
)
def test_what_a_plan_has_otherwise_or_does_not_state_is_told(plan, settings, off):
    assert off_card(WHOLE, {"a": record(**plan)}, settings) == off


def test_a_fault_of_some_prompts_says_of_how_many_and_what_cannot_be_made_has_no_format():
    plans = {"a": record(**GOOD), "b": record(**GOOD | {"frames": 48}), "c": NoPlan(why_not="no image")}
    assert off_card(Card(seconds=5), plans, {}) == ("2.00 s (1 of 2 prompts)",)
    assert off_card(Card(fps=24), plans, {}) == ()
    assert off_card(Card(enhancer=True), plans, {}) == ()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("width = 832", "generation.height: expected width and height, got one of them"),
        ("seconds = [10, 5]", "generation.seconds: expected the shortest before the longest, got [10.0, 5.0]"),
        ("fps = 0", "generation.fps: "),
        ("", "generation: expected width and height, fps, seconds or enhancer, got none of them"),
        ("size = 3", "generation.size: "),
        ('enhancer = "no"', "generation.enhancer: "),
    ],
)
def test_a_card_that_is_none_is_told(capsys, tmp_path, line, fault):
    put(tmp_path / "prompts.jsonl", {"id": "a", "video_caption": "v", "audio_caption": "", "transcript": ""})
    put(tmp_path / "suite.toml", f"{INFO}[generation]\n{line}\n")
    code, _, err = call(capsys, "suites", "validate", tmp_path)
    assert (code, fault in err) == (2, True), err


def test_a_run_states_who_keeps_to_the_card(tmp_path):
    put(tmp_path / "s/prompts.jsonl", {"id": "a", "video_caption": "v", "audio_caption": "", "transcript": ""})
    plain = load_suite(put(tmp_path / "s/suite.toml", INFO).parent)
    put(tmp_path / "s/suite.toml", f"{INFO}[generation]\nwidth = 832\nheight = 480\nseconds = 5\nenhancer = false\n")
    suite = load_suite(tmp_path / "s")
    assert (plain.digest, plain.card) == (suite.digest, None)
    (tmp_path / "mine").mkdir()
    write_noise(tmp_path / "mine/a.wav")
    said = []

    class Told:
        def say(self, line):
            said.append(line)

        def phase(self, title, total):
            from jova_bench.progress import Quiet

            return Quiet().phase(title, total)

    out = tmp_path / "run"
    run([f"clips:{tmp_path / 'mine'}"], suite, profile="standard", metrics=["loudness"], device="cpu", workers=0,
        out=out, progress=Told())  # fmt: skip
    off = "size not stated; length not stated; prompt enhancer not stated"
    assert f"mine: not as the suite's card says (832x480, 5 s, prompt enhancer off): {off}" in said
    kept = json.loads((out / "manifest.json").read_text())["card"]
    assert kept == {"width": 832, "height": 480, "fps": None, "seconds": 5.0, "enhancer": False}
    board = read_leaderboard(out)
    header, body = format_rows(["mine"], board.manifest)
    assert dict(zip(header, body[0], strict=True))["Off the card"] == off
    assert "The suite's card says: 832x480, 5 s, prompt enhancer off." in board.markdown()
    manifest = json.loads((out / "manifest.json").read_text())
    other = shutil.copytree(out, tmp_path / "other")
    put(other / "manifest.json", manifest | {"card": kept | {"fps": 24}})
    found, texts = compare(out, other), [f"832x480, {fps}5 s, prompt enhancer off" for fps in ("", "24 fps, ")]
    assert found.record()["cards"] == dict(zip("ab", texts, strict=True))
    assert f"cards of their suites differ, so that clips may answer other questions: A {texts[0]}" in found.markdown()
    assert [(one.setting, one.a, one.b) for one in parity(str(out), str(other), 0).settings] == [("card", *texts)]
    assert "cards" not in compare(out, out).record()
    put(out / "manifest.json", manifest | {"card": kept | {"fps": -1}})
    with pytest.raises(BenchError, match=r"card\.fps: "):
        read_leaderboard(out)
