"""Two routes to a model: differences of pixels and samples by hand, a whole comparison, and what it refuses."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from jova_bench.comparison.differences import difference
from jova_bench.comparison.parity import parity
from jova_bench.comparison.parity_table import parity_markdown, parity_record
from jova_bench.errors import BenchError, NotComparable, Refused
from jova_bench.keys import PromptSeed
from support.clips import clip_of
from support.commands import call
from support.tiny_runs import Level, Tones, go

CELL = PromptSeed("p", 0)
GREY = np.full((4, 2, 3, 3), 100, np.uint8)
TONE = np.full((1, 320), 0.5, np.float32)


def changed(array, at, by):
    made = array.copy()
    made[at] += by
    return made


def test_one_pixel_and_one_sample():
    """10 in one of 72 values: a mean square of 100 / 72; 0.25 in one of 320: of 0.0625 / 320, beside 0.25."""
    a, b = clip_of(GREY, TONE), clip_of(changed(GREY, (2, 1, 0, 1), 10), changed(TONE, (0, 7), -0.25))
    found = difference(CELL, a, b)
    assert (found.picture.largest, found.sound.largest, found.notes) == (10, 0.25, ())
    assert found.picture.rms == pytest.approx(math.sqrt(100 / 72))
    assert found.picture.db == pytest.approx(10 * math.log10(255**2 * 72 / 100))
    assert found.sound.rms == pytest.approx(0.25 / math.sqrt(320))
    assert found.sound.db == pytest.approx(10 * math.log10(4 * 320))


def test_a_difference_below_zero_does_not_wrap_around():
    found = difference(CELL, clip_of(GREY, None), clip_of(np.zeros_like(GREY), None))
    assert (found.picture.rms, found.picture.largest) == (100, 100)


def test_clips_that_are_equal_have_no_ratio():
    found = difference(CELL, clip_of(GREY, TONE), clip_of(GREY, TONE))
    assert (found.picture.rms, found.picture.largest, found.picture.db, found.sound.db) == (0, 0, None, None)


@pytest.mark.parametrize(
    ("b", "notes"),
    [
        (clip_of(GREY[:3], TONE), "4 frames in A, 3 in B: the first 3 are compared"),
        (clip_of(GREY, TONE[:, :300]), "320 samples in A, 300 in B: the first 300 are compared"),
        (clip_of(GREY[:, :, :2], TONE), "3x2 in A, 2x2 in B: not compared"),
        (clip_of(GREY, TONE, fps=24), "25 fps in A, 24 fps in B: not compared"),
        (clip_of(GREY, TONE, rate_hz=8000), "16000 Hz in A, 8000 Hz in B: not compared"),
        (clip_of(GREY, np.repeat(TONE, 2, axis=0)), "1 channel in A, 2 channels in B: not compared"),
        (clip_of(GREY, None), "no sound in B"),
    ],
)
def test_another_format_is_said_and_nothing_is_made_to_fit(b, notes):
    found = difference(CELL, clip_of(GREY, TONE), b)
    assert found.notes == (notes,)
    kept = "compared" in notes and "not compared" not in notes
    assert (found.picture is None or found.sound is None) != kept


class OtherRoute(Tones):
    """Makes the same tones, but p2 is louder by 1/256, and p4 is refused."""

    @property
    def settings(self):
        return {"price_as_the_user_says": 0.5, "currency": "USD"}

    def generate(self, prompts, seed, suite):
        for prompt, made in zip(prompts, super().generate(prompts, seed, suite), strict=True):
            made.media.audio[:] += (prompt.id == "p2") / 256
            yield Refused("not that") if prompt.id == "p4" else made


def test_two_routes_of_one_folder(tmp_path, capsys):
    """Over four prompts that both made: 1/256 in one, beside a level of 3/16."""
    go(tmp_path, [Tones("own"), OtherRoute("served")], [Level()])
    run = tmp_path / "run"
    found = parity(f"{run}:own", f"{run}:served", workers=0)
    rms, ratio, largest = (one for one in found.spreads if one.measure.startswith("sound"))
    assert (rms.value, rms.clips, rms.equal) == (1 / 1024, 4, 3)
    assert rms.ci[0] < 1 / 1024 < rms.ci[1]
    assert (ratio.value, ratio.ci, ratio.clips) == (pytest.approx(20 * math.log10(48)), None, 1)
    assert largest.value == 1 / 256
    assert (found.alone, found.exit_code, found.b.failed, found.b.price) == ((1, 0), 5, 1, 0.5)
    (level,) = found.metrics
    assert (level.model, level.n, level.delta) == ("own → served", 4, pytest.approx(1 / 64))
    text = parity_markdown(found)
    assert re.search(r"\| sound, root mean square \(of 1\) +\| 0.000977 \[.*\] +\| 4 +\| 3 +\|", text)
    assert "0.5 USD, as the user says" in text
    code, out, _ = call(capsys, "parity", f"{run}:own", f"{run}:served", "--workers", "0", "--json")
    assert (code, json.loads(out)["differences"][5]["value"]) == (5, 1 / 256)
    assert call(capsys, "parity", f"{run}:own", f"{run}:served", "--workers", "0")[1] == text


def test_settings_that_differ_are_listed(tmp_path):
    class Steps(Tones):
        """States steps of all clips, and guidance of p1 alone."""

        def __init__(self, name, steps, guidance):
            super().__init__(name)
            self.settings, self.guidance = {"steps": steps, "sampler": "euler", "title": name}, guidance

        def plan(self, prompt, suite):
            settings = {"text": f"of {prompt.id}"} | ({"guidance|": self.guidance} if prompt.id == "p1" else {})
            return replace(super().plan(prompt, suite), settings=settings)

    go(tmp_path, [Steps("own", 50, 5.0), Steps("served", 4, 1.5)], [Level()], count=2, scoring=False)
    run = tmp_path / "run"
    found = parity(f"{run}:own", f"{run}:served", workers=0)
    assert [(one.setting, one.a, one.b, one.prompts) for one in found.settings] == [
        ("guidance|", "5.0", "1.5", 1),
        ("steps", "50", "4", 2),
    ]
    text = parity_markdown(found)
    assert re.search(r"\| guidance\\\| +\| 5\.0 +\| 1\.5 +\| 1 +\|", text)
    assert parity_record(found)["settings"][1] == {"setting": "steps", "a": "50", "b": "4", "prompts": 2}
    assert "No stated setting differs." in parity_markdown(parity(f"{run}:own", f"{run}:own", workers=0))


def test_a_clip_that_changed_since_is_not_measured(tmp_path):
    go(tmp_path, [Tones("own"), Tones("served")], [Level()], count=2)
    run = tmp_path / "run"
    (run / "clips" / "served" / "p1.0.wav").write_bytes((run / "clips" / "served" / "p0.0.wav").read_bytes())
    found = parity(f"{run}:own", f"{run}:served", workers=0)
    assert [one.sound is None for one in found.clips] == [False, True]
    assert found.clips[1].notes[0].startswith("served: the clip changed on disk after it was recorded")
    assert found.exit_code == 5


def test_runs_that_were_not_scored_are_compared_by_their_clips_alone(tmp_path):
    go(tmp_path, [Tones("own")], [Level()], out="a", count=2, scoring=False)
    go(tmp_path, [Tones("served")], [Level()], out="b", count=2, scoring=False)
    found = parity(str(tmp_path / "a"), str(tmp_path / "b"), workers=0)
    assert (found.exit_code, found.metrics) == (0, ())
    assert "expected a finished run" in found.no_metrics


def test_what_does_not_compare(tmp_path):
    go(tmp_path, [Tones("own"), Tones("served")], [Level()], out="a", count=2)
    go(tmp_path, [Tones("other")], [Level()], out="b", count=3)
    a, b = tmp_path / "a", tmp_path / "b"
    with pytest.raises(NotComparable, match="expected runs of the same prompts"):
        parity(f"{a}:own", str(b))
    with pytest.raises(BenchError, match=r"expected a run of one model, got .* with own, served; write .*a:MODEL"):
        parity(str(a), f"{a}:served")
    with pytest.raises(BenchError, match=r"expected a model of .*, got 'sewed'; did you mean 'served'"):
        parity(f"{a}:own", f"{a}:sewed")
