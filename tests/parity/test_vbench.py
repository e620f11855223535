"""VBench's axes: every protocol against the original on random checkpoints, ours by hand, and what has no answer."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import shaped
from jova_bench.metrics.networks.dino import Dino
from jova_bench.metrics.picture import consistency, dynamic, flicker, motion
from support import every_asset, upstream
from support.clips import silent_clip
from support.memory_cache import MemoryCache

PARITY = upstream.parity("vbench")
EXPECTED, CLIPS = PARITY["outputs"], PARITY["clips"]
NETWORKS = ("dino-vitb16", "clip-vit-b32", "clip-vit-l14", "laion-linear", "musiq-spaq", "musiq-koniq", "raft-things")
AXES = {
    "subject_consistency": "subject",
    "background_consistency": "background",
    "aesthetic_score": "aesthetic",
    "imaging_quality": "imaging",
    "temporal_flicker": "flicker",
}
CONSISTENCIES = ("subject_consistency", "background_consistency")
ALL = (*AXES, "dynamic_degree")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random checkpoints in the published formats."""
    return every_asset.written(tmp_path_factory.mktemp("vbench"), *NETWORKS)


@pytest.fixture
def own(files, own_assets):
    return own_assets(files)


def metric(name, cache=None):
    (found,) = build([name], "standard", MetricContext(cache or NoCache()))
    return found


def shown(name):
    """The clip that upstream was shown."""
    return silent_clip(upstream.fake_pictures(CLIPS[name], f"vbench {name}"))


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", AXES)
def test_benches_equal_the_originals(name, clip, own):
    outcome = metric(f"{name}@vbench").score(shown(clip))
    # Random networks amplify rounding: the score is far from 1 where the networks are not alike.
    assert outcome.value == pytest.approx(EXPECTED[AXES[name]][clip], abs=2e-6)


def test_dinos_network_is_shown_frames_of_any_shape(files):
    net = shaped.load(Dino, files["dino-vitb16"], "cpu")
    with torch.inference_mode():
        for height, width in ((224, 224), (224, 341), (300, 224)):
            assert net(torch.zeros(2, 3, height, width)).shape == (2, 128)


@pytest.mark.parametrize("case", ["still 8", "noise 25"])
def test_dynamic_degree_measures_the_originals_lengths(case, own):
    name, fps = case.split()
    frames = upstream.fake_pictures((4 if name == "noise" else 1, 130, 140), f"vbench {name}")
    frames = frames if name == "noise" else np.repeat(frames, 3, axis=0)
    expected, cache = EXPECTED["dynamic"][case], MemoryCache()
    outcome = metric("dynamic_degree@vbench", cache).score(silent_clip(frames, fps=int(fps)))
    assert outcome.value == expected["moves"]
    (kept,) = cache.kept.values()
    assert kept["dynamic_degree"] * expected["threshold"] == pytest.approx(expected["lengths"], rel=1e-4)


def test_dynamic_degree_decides_as_the_original():
    decisions = EXPECTED["decisions"]
    for count, above, moves in decisions:
        lengths = np.array([7 / 6] * above + [1.0] * (count - 1 - above))
        assert count == 1 or dynamic.moves(lengths, 1.0) == moves, (count, above)
    assert [2, 0, True] in decisions  # The fault that is named: nothing moves, and the clip is dynamic.


def test_dynamic_degree_takes_the_originals_frames():
    for fps, count in EXPECTED["steps"]:
        assert len(dynamic.about_eight(50, Fraction(fps).limit_denominator(1001))) == count


class Moving:
    """A network that sees a twentieth of the picture, and a little more, move and the rest at rest."""

    def encode(self, pictures):
        return pictures

    def flow(self, first, second, iterations):
        flow = torch.zeros(1, 2, *first.shape[2:])
        rows = flow.shape[2] // 16
        flow[:, 0, :rows], flow[:, 1, :rows] = 3.0, -4.0
        return flow


def test_dynamic_degree_is_the_speed_of_the_fastest_twentieth(own, monkeypatch):
    monkeypatch.setattr(motion, "load", lambda assets, device: Moving())
    values = [
        metric("dynamic_degree").score(silent_clip(np.zeros((fps, 384, 512, 3), np.uint8), fps=fps)).value
        for fps in (8, 24)
    ]
    assert values == pytest.approx([5 / 640 * 8] * 2)
    everything = metric("motion_score").score(silent_clip(np.zeros((8, 384, 512, 3), np.uint8), fps=8)).value
    assert everything == pytest.approx(5 / 640 * 8 / 16)


def turning(count, angle):
    """(n, 2) unit vectors, each turned by an angle from the one before."""
    angles = np.arange(count) * angle
    return np.stack((np.cos(angles), np.sin(angles)), axis=1)


def test_consistency_by_hand():
    # A scene that turns evenly has one value however long the clip: the mean cosine of 1 to 7 turns.
    expected = np.mean(np.cos(0.1 * np.arange(1, 8)))
    assert [consistency.nearby(turning(count, 0.1)) for count in (8, 9, 40)] == pytest.approx([expected] * 3)
    assert consistency.nearby(3 * turning(8, 0.0)) == pytest.approx(1)
    # VBench's falls with length: the first frame is ever farther away, until it is opposite, which counts as 0.
    short, long = (consistency.before_and_first(turning(count, 0.1)) for count in (8, 40))
    assert short == pytest.approx((np.cos(0.1) + np.cos(0.1 * np.arange(1, 8)).mean()) / 2)
    assert long == pytest.approx((np.cos(0.1) + np.maximum(np.cos(0.1 * np.arange(1, 40)), 0).mean()) / 2)
    assert long < short - 0.2
    # There and back: the frame before is always opposite, and every second frame is as the first.
    assert consistency.before_and_first(turning(3, np.pi)) == pytest.approx(1 / 4)


def test_a_cut_costs_and_a_still_is_perfect(own):
    first, second = upstream.fake_pictures((2, 40, 60), "scenes")
    for name in CONSISTENCIES:
        still, cut = (metric(name).score(silent_clip([first] * (50 - k) + [second] * k, fps=25)).value for k in (0, 20))
        assert still == pytest.approx(1)
        assert cut < 1 - 1e-4


@pytest.mark.parametrize("name", CONSISTENCIES)
def test_repeated_frames_change_nothing(name, own):
    frames = upstream.fake_pictures((48, 40, 60), "repeated")
    once = metric(name).score(silent_clip(frames, fps=24)).value
    twice = metric(name).score(silent_clip(np.repeat(frames, 2, axis=0), fps=48)).value
    assert twice == pytest.approx(once, abs=1e-12)


def test_background_consistency_sees_the_sides_of_a_wide_frame(own):
    frames = np.repeat(upstream.fake_pictures((1, 32, 96), "sides"), 50, axis=0)
    frames[25:, :, 70:] = 0
    assert metric("background_consistency").score(silent_clip(frames)).value < 1 - 1e-4
    assert metric("background_consistency@vbench").score(silent_clip(frames)).value == pytest.approx(1)


def flickering(levels, fps=8, height=64, width=96):
    return silent_clip([np.full((height, width, 3), level, np.uint8) for level in levels], fps=fps)


def test_flicker_by_hand():
    value = lambda clip: metric("temporal_flicker").score(clip).value  # noqa: E731
    assert value(flickering([100, 110] * 8)) == pytest.approx(10)
    assert value(flickering([100] * 16)) == pytest.approx(0, abs=1e-9)
    assert value(flickering(range(50, 82, 2))) == pytest.approx(0, abs=1e-9)  # A steady fade.
    assert value(flickering([100, 100, 104, 104] * 4)) == pytest.approx(2)
    # Twice the rate, each picture twice.
    assert value(flickering(np.repeat([100, 110] * 8, 2), fps=16)) == pytest.approx(10)
    # Colours count by their brightness.
    frames = np.full((9, 64, 64, 3), 100, np.uint8)
    frames[::2, :, :, 1] = 110
    assert value(silent_clip(frames, fps=8)) == pytest.approx(5.87)


@pytest.mark.parametrize("fps", [8, 12, 24, 25, 30])
def test_a_steady_fade_is_no_flicker_at_any_rate(fps):
    count, value = 2 * fps, lambda levels: metric("temporal_flicker").score(flickering(levels, fps=fps)).value
    fade = np.arange(count) * (240 // count)
    assert value(fade) == pytest.approx(0, abs=1e-9)
    fade[count // 2 :] += 10  # A jump in it is seen.
    assert value(fade) > 0.4


def test_what_moves_in_front_of_a_scene_at_rest_is_no_flicker():
    frames = np.full((16, 64, 64, 3), 90, np.uint8)
    for k, frame in enumerate(frames):
        frame[10:40, 3 * k : 3 * k + 20] = 240
    moves = silent_clip(frames, fps=8)
    assert metric("temporal_flicker").score(moves).value == pytest.approx(0, abs=1e-9)
    assert metric("temporal_flicker@vbench").score(moves).value < 0.99
    dimmed = silent_clip(np.where(np.arange(16)[:, None, None, None] % 2, frames, frames - 6).astype(np.uint8), fps=8)
    assert metric("temporal_flicker").score(dimmed).value == pytest.approx(6)


def test_brightness_of_cells_of_uneven_size():
    frame = upstream.fake_pictures((33, 70), "cells")
    cells = flicker.brightness(frame)
    assert cells.shape == (32, 32)
    luma = frame @ np.array([0.299, 0.587, 0.114])
    assert cells[0, 0] == pytest.approx(luma[:1, :2].mean())
    assert cells[31, 31] == pytest.approx(luma[31:, 67:].mean())


def blank(count, height=64, width=64):
    return np.zeros((count, height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "frames", "fps", "why"),
    [
        *((name, blank(50), 3, "too few frames per second: 3, at least 4 needed") for name in CONSISTENCIES),
        *((name, blank(46), 25, "too short: 1.84 s, 2 s needed") for name in CONSISTENCIES),
        *((name, blank(50, 31), 25, "too small: 64x31") for name in CONSISTENCIES),
        *((f"{name}@vbench", blank(1), 25, "too short: one frame compares with nothing") for name in CONSISTENCIES),
        ("temporal_flicker", blank(9), 7, "too few frames per second: 7, at least 8 needed"),
        ("temporal_flicker", blank(6), 25, "too short: flicker needs three pictures"),
        ("temporal_flicker", blank(25, 31), 25, "too small: 64x31"),
        ("temporal_flicker@vbench", blank(1), 25, "too short: one frame differs from none"),
        ("dynamic_degree", blank(20, 128, 128), 6, "too few frames per second: 6"),
        ("dynamic_degree", blank(4, 128, 128), 25, "too short"),
        ("dynamic_degree", blank(20, 63, 128), 25, "too small: 128x63"),
        ("dynamic_degree@vbench", blank(3, 128, 128), 25, "too short"),
        ("dynamic_degree@vbench", blank(9, 120, 128), 25, "too small: 128x120, RAFT needs 128 pixels"),
        ("imaging_quality", blank(9, 31), 25, "too small: 64x31"),
    ],
)
def test_undefined(name, frames, fps, why):
    outcome = metric(name).score(silent_clip(frames, fps))
    assert outcome.status == "undefined"
    assert why in outcome.reason


def test_without_pictures_or_weights_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    sound = clip_from_arrays(None, Fraction(0), np.zeros((1, 8000), np.float32), 16000)
    for name in ALL:
        for one in (metric(name), metric(f"{name}@vbench")):
            outcome = one.score(sound)
            assert (outcome.status, outcome.reason) == ("undefined", "no video stream")
            if one.check() is not None:
                outcome = one.score(silent_clip(blank(60, 128, 128)))
                assert (outcome.status, outcome.reason) == ("failed", one.check())
                assert "weights missing: jova-bench assets pull" in outcome.reason
    monkeypatch.setattr(consistency, "find_spec", lambda name: None)
    assert "not installed: pip install 'jova-bench[standard]'" in metric("background_consistency").check()
    assert "not installed" not in metric("subject_consistency").check()


def test_another_checkpoint_is_refused(tmp_path):
    torch.save({"something": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(Unavailable, match="weights unreadable: expected 'patch_embed"):
        shaped.load(Dino, tmp_path / "other.pth", "cpu")


def test_each_protocol_is_a_column_of_its_own_and_names_its_weights(own):
    identities = [metric(name + variant).spec.identity for name in ALL for variant in ("", "@vbench")]
    assert len(set(identities)) == len(identities)
    assert all("compat:vbench@45e79ec" in one for one in identities[1::2])
    assert assets.asset_table().digest("musiq-spaq") in metric("imaging_quality@vbench").spec.identity


def test_ours_rates_two_frames_a_second_at_their_own_size(own, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "jova_bench.metrics.networks.musiq.Musiq.forward",
        lambda self, picture: seen.append(tuple(picture.shape)) or picture.mean() * 100,
    )
    clip = silent_clip(np.full((50, 40, 600, 3), 51, np.uint8), fps=25)
    assert metric("imaging_quality").score(clip).value == pytest.approx(20)
    assert seen == [(3, 40, 600)] * 4
    seen.clear()
    assert metric("imaging_quality@vbench").score(clip).value == pytest.approx(0.2)
    assert seen == [(3, 34, 512)] * 50
