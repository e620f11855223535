"""Motion smoothness: AMT-S and VBench's number against the original on a random checkpoint, ours by hand."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.picture import motion, smoothness
from support import upstream
from support.clips import silent_clip
from support.memory_cache import MemoryCache

PARITY = upstream.parity("amt")


@pytest.fixture
def weights(tmp_path, own_assets):
    """The random checkpoint, in the original's format."""
    state = upstream.fake_state(PARITY["shapes"])
    state |= {name: state[name] * scale for name, scale in PARITY["scaled"].items()}
    torch.save({"epoch": 300, "state_dict": state}, tmp_path / "amt-s.pth")
    return own_assets({"amt-s": tmp_path / "amt-s.pth"})


def metric(name="motion_smoothness", cache=None):
    (found,) = build([name], "standard", MetricContext(cache or NoCache()))
    return found


def test_pictures_are_drawn_as_by_the_original(weights):
    expected = PARITY["outputs"]["drawn"]
    pair = (upstream.fake_pictures(expected["shape"], f"amt {name}") for name in ("before", "after"))
    before, after = (motion._pixels(one) / 255 for one in pair)
    with torch.inference_mode():
        drawn = smoothness.load(assets.asset_table(), "cpu").between(before, after)
    assert float(drawn.double().norm()) == pytest.approx(expected["norm"], rel=1e-5)
    np.testing.assert_allclose(drawn[0, :, ::19, ::23].flatten(), expected["sample"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", PARITY["clips"])
def test_vbench_equals_the_original(name, weights):
    frames = upstream.fake_pictures(PARITY["clips"][name], f"amt {name}")
    outcome = metric("motion_smoothness@vbench").score(silent_clip(frames))
    # What is drawn is cut to whole levels, so that rounding moves a pixel in a thousand by one.
    assert outcome.value == pytest.approx(PARITY["outputs"]["smoothness"][name], abs=1e-5)


class Fade:
    """Draws the mean of two pictures."""

    def between(self, before, after):
        return (before + after) / 2


@pytest.fixture
def fading(weights, monkeypatch):
    monkeypatch.setattr(smoothness, "load", lambda assets, device: Fade())


def levels(values, height=384, width=512):
    return np.stack([np.full((height, width, 3), value, np.uint8) for value in values])


def value(frames, fps=12, name="motion_smoothness"):
    return metric(name).score(silent_clip(frames, fps=fps)).value


@pytest.mark.usefixtures("fading")
def test_smoothness_by_hand():
    assert value(levels(range(0, 200, 20))) == pytest.approx(1)
    # 30 lies 10 from the middle of 0 and 40, which are 40 apart.
    assert value(levels([0, 30, 40])) == pytest.approx(0.75)
    # Changes of the whole clip are one sum: 10 + 5 + 25 of 40 + 40 + 10.
    assert value(levels([0, 30, 40, 70, 50])) == pytest.approx(1 - (10 + 10 + 25) / (40 + 40 + 10), abs=1e-6)
    # It can be below 0: there and back.
    assert value(levels([0, 100, 10])) == pytest.approx(1 - 95 / 10)


@pytest.mark.usefixtures("fading")
def test_only_where_it_changes_most_counts():
    frames = levels([100, 100, 100])
    frames[:, :24] = np.array([0, 30, 40])[:, None, None, None]  # A sixteenth, in which the twentieth lies.
    frames[1, 200:] = 110  # Changes less between the neighbours, however far from what is drawn.
    assert value(frames) == pytest.approx(0.75)
    assert value(frames, name="motion_smoothness@vbench") == pytest.approx(1 - (10 / 16 + 10 * 184 / 384) / 255)


@pytest.mark.usefixtures("fading")
def test_rates_and_repeated_frames():
    moves = levels(np.cumsum([0, 20, 12, 20, 16, 20, 30, 18]))
    once = value(moves)
    assert once < 0.95
    assert value(np.repeat(moves, 2, axis=0), fps=24) == pytest.approx(once)
    assert value(np.repeat(moves, 4, axis=0), fps=48) == pytest.approx(once)
    for rate in (15, 16, 20, Fraction(24_000, 1001), 25, Fraction(30_000, 1001), 30):
        once = value(moves, rate)
        assert once < 0.95
        assert value(np.repeat(moves, 2, axis=0), 2 * rate) == pytest.approx(once)
    # At 25 fps neighbours are two frames away; a steady move stays one, and loses by a frame that is shown again.
    steady = np.arange(0, 240, 10)
    assert value(levels(steady), fps=25) == pytest.approx(1)
    steady[3::4] = steady[2::4]
    assert value(levels(steady), fps=25) < 0.9


@pytest.mark.usefixtures("fading")
def test_vbench_draws_every_second_frame():
    assert value(levels([0, 30, 40, 255, 80, 99]), name="motion_smoothness@vbench") == pytest.approx(
        1 - (10 + 195) / 2 / 255
    )
    # Cut to whole levels: the middle of 10 and 21 is 15.5.
    assert value(levels([10, 15, 21]), name="motion_smoothness@vbench") == pytest.approx(1)


def blank(count, height=128, width=128):
    return np.zeros((count, height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "frames", "fps", "why"),
    [
        ("clean", blank(20), 11, "too few frames per second: 11, at least 12 needed"),
        ("clean", blank(4), 24, "too short: no frame has a neighbour on each side"),
        ("clean", blank(20, 63), 24, "too small: 128x63"),
        ("clean", blank(20, 64, 400), 24, "too narrow: 400x64"),
        ("vbench", blank(2), 24, "too short"),
        ("vbench", blank(9, 112), 24, "too small: 128x112, AMT needs 128 pixels on each side"),
    ],
)
def test_undefined(name, frames, fps, why):
    outcome = metric("motion_smoothness" + "@vbench" * (name == "vbench")).score(silent_clip(frames, fps))
    assert (outcome.status, why in outcome.reason) == ("undefined", True)


def test_a_still_has_no_smoothness_but_vbenchs(fading):
    still = silent_clip(levels([90, 93, 90, 93]), fps=12)
    outcome = metric().score(still)
    assert outcome.status == "undefined"
    assert "nothing moves: 0.0 levels of 255 where it moves most, 8 needed" in outcome.reason
    assert metric("motion_smoothness@vbench").score(still).value > 0.98


def test_without_pictures_or_weights_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    sound = clip_from_arrays(None, Fraction(0), np.zeros((1, 8000), np.float32), 16000)
    for one in (metric(), metric("motion_smoothness@vbench")):
        outcome = one.score(sound)
        assert (outcome.status, outcome.reason) == ("undefined", "no video stream")
        outcome = one.score(silent_clip(blank(60)))
        assert (outcome.status, outcome.reason) == ("failed", one.check())
        assert "weights missing: jova-bench assets pull amt-s --accept non-commercial" in outcome.reason


def test_another_checkpoint_is_refused(tmp_path, own_assets):
    torch.save({"state_dict": {"something": torch.zeros(2)}}, tmp_path / "other.pth")
    own_assets({"amt-s": tmp_path / "other.pth"})
    outcome = metric().score(silent_clip(blank(60)))
    assert (outcome.status, "weights unreadable" in outcome.reason) == ("failed", True)


def test_a_clip_is_looked_at_once_by_each_protocol(fading):
    cache, clip = MemoryCache(), silent_clip(levels([0, 30, 40]), fps=12)
    for name in ("motion_smoothness", "motion_smoothness@vbench") * 2:
        assert metric(name, cache).score(clip).status == "ok"
    assert len(cache.kept) == 2
    ours, theirs = metric().spec.identity, metric("motion_smoothness@vbench").spec.identity
    assert ours != theirs
    assert "compat:vbench@45e79ec" in theirs
