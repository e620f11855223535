"""A calibration finds the responses that made-up metrics are known to have, and says so where it cannot."""

import json
import re
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest

import jova_bench as jb
from jova_bench.calibration.clips import real_suite
from jova_bench.calibration.collect import clips_needed
from jova_bench.calibration.tables import markdown, overview
from jova_bench.media import files as media
from jova_bench.metrics.base import ClipMetric
from jova_bench.progress import Quiet
from jova_bench.records import MetricSpec
from support.commands import call

CLIPS, FRAMES, RATE_HZ, SIDE = 10, 24, 8_000, 32
CHANGES = ["offset-early-3", "offset-early-1", "offset-late-1", "offset-late-3", "other-sound", "silence", "crop-50",
           "mirror"]  # fmt: skip


class Made(ClipMetric):
    """A metric that counts how often it is asked."""

    needs = ("video", "audio")
    direction = "up"
    reason = "no click <script>alert(1)</script>"

    def __init__(self):
        self.asked = 0
        self.spec = MetricSpec(
            name=self.name, version=1, profile="standard", backend=type(self).__name__.lower(), needs=self.needs,
            direction=self.direction, domain="clips of a flash and a click", description="made up",
        )  # fmt: skip

    def measure(self, clip, prompt, reference):
        self.asked += 1
        return self.value(clip)


class TrueOffset(Made):
    """Frames by which the click comes before the flash."""

    name = "av_offset_frames"
    direction = "target"

    def value(self, clip):
        click = np.abs(clip.mono())
        if not click.any():
            raise jb.Undefined(self.reason)
        flash = np.argmax(clip.frames.mean(axis=(1, 2, 3)))
        return float(flash - int(np.argmax(click)) * clip.fps / clip.sample_rate_hz)


class Blind(Made):
    """Claims to be of lip-sync and does not look."""

    name = "sync_within_1"

    def value(self, clip):
        return float(clip.frames.shape[1])


class Leaky(Made):
    """Claims to read sound alone and looks at the picture."""

    name = "heard"
    needs = ("audio",)

    def value(self, clip):
        return float(clip.frames[0, 0].mean())


def write(folder, count=CLIPS, sound=True):
    """Clips of a bright frame and a click at the same time, at another one in each; the top is darker than the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        at = 5 + k  # Offsets of 3 frames stay inside.
        frames = np.full((FRAMES, SIDE, SIDE, 3), 90, dtype=np.uint8)
        frames[:, : SIDE // 4] = 30 + k
        frames[at] += 60
        audio = np.zeros((1, FRAMES * RATE_HZ // 25), dtype=np.float32)
        audio[0, at * RATE_HZ // 25] = 0.5
        media.write(folder / f"{k}.mp4", frames, Fraction(25), audio if sound else None, RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write(tmp_path_factory.mktemp("clips") / "flashes")


@pytest.fixture(scope="module")
def metrics():
    return [TrueOffset(), Blind(), Leaky()]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out") / "calibration"


@pytest.fixture(scope="module")
def found(clips, metrics, out):
    return jb.calibrate(metrics, clips, changes=CHANGES, workers=0, device="cpu", out=out)


def responses(found, metric):
    (one,) = [one for one in found.metrics if one.metric == metric]
    return one, {response.change: response for response in one.responses}


def test_a_metric_of_the_true_offset_shows_each_offset_exactly(found):
    one, by_change = responses(found, "av_offset_frames")
    assert (one.unchanged.value, one.unchanged.n_ok) == (0.0, CLIPS)
    for name, frames in (("offset-early-3", 3), ("offset-early-1", 1), ("offset-late-1", -1), ("offset-late-3", -3)):
        r = by_change[name]
        assert (r.level.value, r.difference, *r.ci) == pytest.approx((frames, frames, frames, frames))
        assert r.n == CLIPS
        # All ten differ alike: 2 of 2^10 patterns of signs are as far from 0. Seven tests, as silence has none.
        assert r.p == 2 / 1024
        assert r.p_holm == pytest.approx(7 * 2 / 1024)
        assert r.expected == "notice"
        assert r.differs
    assert one.tests == 7
    assert (one.resolution.early, one.resolution.late) == (1, 1)
    assert by_change["mirror"].difference == 0
    assert by_change["mirror"].differs is False


def test_what_has_no_value_is_counted_with_its_reason(found):
    _, by_change = responses(found, "av_offset_frames")
    silence = by_change["silence"]
    assert (silence.level.value, silence.difference, silence.differs) == (None, None, None)
    assert (silence.level.n_ok, silence.level.n_undefined, silence.level.n_failed) == (0, CLIPS, 0)
    assert silence.level.reasons == {TrueOffset.reason: CLIPS}
    assert silence.lost == CLIPS
    assert TrueOffset.reason in silence.why_not


def test_a_blind_metric_is_said_to_notice_nothing(found):
    one, _ = responses(found, "sync_within_1")
    assert {r.differs for r in one.responses} == {False}
    assert (one.resolution.early, one.resolution.late) == (None, None)
    row = next(line for line in overview(found).splitlines() if line.startswith("| Sync"))
    assert "Sound early (+) or late (-), Sound of another clip" in row
    assert "none" in row


def test_what_moves_a_metric_that_should_not_is_named(found):
    one, by_change = responses(found, "heard")
    assert [r.change for r in one.responses if r.unwanted] == ["crop-50"]
    crop = by_change["crop-50"]
    # The dark quarter at the top is cropped away: 90 instead of 30 + k, k = 0..9, but for the codec.
    assert crop.difference == pytest.approx(90 - 34.5, abs=2)
    assert crop.ci[0] < crop.difference < crop.ci[1]
    assert by_change["mirror"].expected == "ignore"
    assert not by_change["mirror"].differs
    assert re.search(r"\| heard .*\| Middle kept, scaled back, 50 % \| \+5\d", overview(found))


def test_the_same_call_measures_nothing_again(found, clips, metrics, out):
    asked = [one.asked for one in metrics]
    assert asked == [CLIPS * (1 + len(CHANGES))] * 3
    again = jb.calibrate(metrics, clips, changes=CHANGES, workers=0, device="cpu", out=out)
    assert again == found
    assert [one.asked for one in metrics] == asked


class Killed(Quiet):
    """Stops the command after so many scored clips."""

    def __init__(self, after):
        self.after = after

    @contextmanager
    def phase(self, title, total):
        done = 0

        def advance():
            nonlocal done
            done += 1
            if title == "score" and done == self.after:
                raise KeyboardInterrupt

        yield advance


def test_a_killed_calibration_goes_on_where_it_was(clips, tmp_path):
    some = ["offset-early-1", "silence"]
    same = {"changes": some, "limit": 4, "workers": 0, "device": "cpu"}
    whole = jb.calibrate(TrueOffset(), clips, out=tmp_path / "whole", **same)
    metric = TrueOffset()
    with pytest.raises(KeyboardInterrupt):
        jb.calibrate(metric, clips, out=tmp_path / "cut", progress=Killed(7), **same)
    assert metric.asked == 7
    assert not (tmp_path / "cut" / "calibration.json").exists()
    assert jb.calibrate(metric, clips, out=tmp_path / "cut", **same) == whole
    assert metric.asked == 3 * 4


def test_the_files_are_the_result_and_the_page_runs_no_script_of_a_reason(found, out):
    assert jb.Calibration.model_validate_json((out / "calibration.json").read_text()) == found
    assert json.loads((out / "calibration.json").read_text())["schema"] == 1
    assert (out / "calibration.md").read_text() == markdown(found)
    assert "frames that the sound is early" in (out / "calibration.svg").read_text()
    page = (out / "calibration.html").read_text()
    assert "<script>alert" not in page
    assert page.count("<script") - page.count("<script>") == 1  # The data; two scripts, whose digests the policy names.
    assert re.search("script-src 'sha256-[^']+' 'sha256-[^']+';", page)
    data = json.loads(page.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
    offsets = data["figures"][0]["points"]
    assert [(one["x"], one["y"], one["differs"]) for one in offsets] == [
        (-3, -3, True), (-1, -1, True), (0, 0, False), (1, 1, True), (3, 3, True)
    ]  # fmt: skip
    assert len(found.table()) == 3 * len(CHANGES)


def test_of_few_clips_nothing_is_claimed(clips, tmp_path):
    found = jb.calibrate(TrueOffset(), clips, changes=CHANGES, limit=3, workers=0, device="cpu", out=tmp_path / "few")
    one, by_change = responses(found, "av_offset_frames")
    assert by_change["offset-early-3"].difference == pytest.approx(3)
    assert {r.differs for r in one.responses} == {None}
    assert (one.too_few, one.clips_needed, found.exit_code) == (True, 9, 5)
    assert "**Too few clips.** 9 clips with a value are needed before 7 tests" in overview(found)
    assert "unknown: too few clips" in overview(found)


@pytest.mark.parametrize(("tests", "clips"), [(1, 6), (7, 9), (13, 10), (59, 12)])
def test_the_clips_that_are_needed(tests, clips):
    """The smallest p of P clips is 2 / 2^P, and Holm's first step compares it with 0.05 / tests."""
    assert clips_needed(tests) == clips


def test_a_clip_that_cannot_be_changed_is_counted_as_failed(tmp_path):
    folder = write(tmp_path / "mute", count=2, sound=False)
    found = jb.calibrate(
        Blind(), folder, changes=["mirror", "offset-early-1"], workers=0, device="cpu", out=tmp_path / "o"
    )
    _, by_change = responses(found, "sync_within_1")
    assert by_change["mirror"].level.n_ok == 2
    late = by_change["offset-early-1"].level
    assert (late.n_failed, dict(late.reasons)) == (2, {"no clip: the clip has no sound to change": 2})
    assert (found.failed, found.exit_code) == (2, 5)


def test_the_clips_of_a_run_are_those_of_its_real_model(tmp_path):
    jb.run(["real", "silence"], "embedded", metrics="loudness", limit=2, device="cpu", workers=0, out=tmp_path / "run")
    suite, profile = real_suite(tmp_path / "run")
    assert (profile, suite.domain, len(suite.prompts)) == ("embedded", "embedded", 2)
    for prompt in suite.prompts:
        assert suite.path(prompt.reference).is_file()
        assert "clips/real/" in prompt.reference
    jb.run(["still", "silence"], "embedded", metrics="loudness", limit=1, device="cpu", workers=0, out=tmp_path / "no")
    with pytest.raises(jb.BenchError, match="expected a run with the model real"):
        real_suite(tmp_path / "no")


def test_the_speakers_of_a_run_keep_what_they_say(tmp_path):
    write(tmp_path, count=1)
    said = [{"id": "a", "text": "one two", "voice": "0.mp4"}, {"id": "b", "text": "three"}]
    line = {"id": "0", "video_caption": "", "audio_caption": "", "transcript": "one two three", "reference": "0.mp4"}
    (tmp_path / "two.jsonl").write_text(json.dumps(line | {"speakers": said}) + "\n")
    jb.run(
        ["real"],
        tmp_path / "two.jsonl",
        profile="standard",
        metrics="loudness",
        device="cpu",
        workers=0,
        out=tmp_path / "run",
    )
    (prompt,) = real_suite(tmp_path / "run")[0].prompts
    assert [(one.id, one.text, one.voice) for one in prompt.speakers] == [("a", "one two", None), ("b", "three", None)]


def test_a_suite_is_found_by_its_name_whatever_lies_here(found, clips, out, tmp_path, monkeypatch):
    write(tmp_path / "embedded", count=1)
    monkeypatch.chdir(tmp_path)
    assert len(real_suite("embedded")[0].prompts) == 128
    suite, profile = real_suite("./embedded")
    assert ([one.reference for one in suite.prompts], profile) == (["0.mp4"], "standard")
    again, _ = real_suite(out)  # A calibration has its own clips as they were.
    assert [one.id for one in again.prompts] == [str(k) for k in range(CLIPS)]
    assert all("clips/unchanged/" in one.reference for one in again.prompts)


def test_bad_input_is_one_line(capsys, clips, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, expected in (
        (["loudness", clips, "--changes", "blur"], "expected what to change"),
        (["no_such_metric", clips], "no_such_metric"),
        (["loudness", empty], "expected"),
        (["loudness", tmp_path / "absent"], "expected a folder of clips, a run folder or a suite"),
        (["loudness", clips, "--limit", "0"], "at least 1"),
        (["loudness"], "the following arguments are required: CLIPS"),
        (["loudness", clips, "--profile", "best"], "best"),
    ):
        answer = call(capsys, "calibrate", *words, "--out", tmp_path / "out")
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1), answer
        assert expected in answer.err
    assert not (tmp_path / "out" / "clips").exists()


def test_the_command_prints_a_table_or_an_object(capsys, clips, tmp_path):
    words = ["calibrate", "loudness", clips, "--changes", "mirror", "--workers", "0", "--out", tmp_path / "out"]
    answer = call(capsys, *words)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("# Calibration on flashes, 10 clips")
    assert "calibration.json, .md, .html" in answer.err
    answer = call(capsys, *words, "--json")
    assert jb.Calibration.model_validate_json(answer.out).clips == CLIPS
