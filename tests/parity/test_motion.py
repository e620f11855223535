"""Motion score: RAFT against the original on a random checkpoint, speeds by hand, and clips that have none."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.assets import records
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.networks import checkpoint, raft
from jova_bench.metrics.picture import dynamic, motion
from jova_bench.metrics.signal.frames import resample_frame_indices
from jova_bench.metrics.signal.opencv_resize import linear
from support import upstream
from support.clips import silent_clip
from support.memory_cache import MemoryCache

PARITY = upstream.parity("raft")


@pytest.fixture(scope="module")
def net():
    return checkpoint.load_weights(raft.Raft(), raft.state_of(upstream.fake_state(PARITY["shapes"])), "random")


@pytest.fixture
def weights(tmp_path, own_assets):
    """The same state as a checkpoint in the original's format, `module.` before every name."""
    torch.save(upstream.fake_state(PARITY["shapes"]), tmp_path / "raft-things.pth")
    own_assets({"raft-things": tmp_path / "raft-things.pth"})
    return records.sha256_of(tmp_path / "raft-things.pth")


def test_flow_equals_the_originals(net):
    expected = PARITY["outputs"]["flow"]
    first, second = (motion._pixels(upstream.fake_pictures(expected["shape"], name)) for name in ("first", "second"))
    with torch.inference_mode():
        flow = net.flow(net.encode(first), net.encode(second), expected["iterations"])
    assert float(flow.double().norm()) == pytest.approx(expected["norm"], rel=1e-5)
    for channel in (0, 1):
        got = flow[0, channel, ::19, ::23].flatten()[:20].numpy()
        np.testing.assert_allclose(got, expected["corner"][channel], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pair", PARITY["outputs"]["pairs"], ids=lambda pair: "x".join(map(str, pair["shape"])))
def test_versebench_equals_the_original(pair, weights):
    shape = tuple(pair["shape"])
    clip = silent_clip([upstream.fake_pictures(shape, f"{name} {shape}") for name in ("first", "second")])
    metric = motion.motion_score(MetricContext(NoCache(), "cpu"), "versebench")
    assert weights.startswith(metric.spec.weights)
    outcome = metric.score(clip, None, None)
    if pair["value"] is None:  # The original divides by zero.
        assert (outcome.status, "too small" in outcome.reason) == ("undefined", True)
        return
    assert outcome.value == pytest.approx(pair["value"], rel=1e-5)


@pytest.mark.parametrize(
    ("before", "after"),
    [((661, 420), (330, 210)), ((1290, 518), (322, 129)), ((720, 1280), (360, 640)), ((479, 853), (640, 1001))],
)
def test_scaling_is_opencvs_to_the_last_bit(before, after):
    cv2 = pytest.importorskip("cv2")
    frame = upstream.fake_pictures(before, "any")
    expected = cv2.resize(frame, after[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(linear(frame, *after), expected)


def test_scaling_in_half_is_the_mean_of_four():
    frame = upstream.fake_pictures((128, 130), "any").astype(int)
    quads = frame[::2, ::2] + frame[1::2, ::2] + frame[::2, 1::2] + frame[1::2, 1::2]
    np.testing.assert_array_equal(linear(frame.astype(np.uint8), 64, 65), (quads + 2) // 4)


def test_raft_is_shown_no_less_than_it_can_see():
    assert (motion.RAFT_SIDE, motion.RAFT_STRIDE) == (raft.MIN_SIDE, raft.STRIDE)


def test_padding_repeats_the_edges():
    frame = upstream.fake_pictures((123, 150), "edges")
    shown = motion._show_halved(frame)[0].permute(1, 2, 0).numpy()
    assert shown.shape == (128, 152, 3)
    np.testing.assert_array_equal(shown, np.pad(frame, ((2, 3), (1, 1), (0, 0)), mode="edge"))


class Moving:
    """A network that sees the same move everywhere."""

    def __init__(self, across, down):
        self.move = torch.tensor([across, down], dtype=torch.float32).reshape(1, 2, 1, 1)
        self.shown = []

    def encode(self, pictures):
        self.shown.append(pictures)
        return pictures

    def flow(self, first, second, iterations):
        assert iterations == 20
        return self.move.expand(1, 2, *first.shape[2:])


@pytest.fixture
def moving(weights, monkeypatch):
    net = Moving(3.0, -4.0)
    monkeypatch.setattr(motion, "load", lambda assets, device: net)
    return net


def test_speed_by_hand(moving):
    # 512 x 384 at 24 fps: nothing is scaled, every third frame is seen, 5 pixels of 640 diagonal in 1/8 s.
    clip = silent_clip([np.zeros((384, 512, 3), np.uint8)] * 24, fps=24)
    outcome = motion.motion_score(MetricContext(NoCache(), "cpu")).score(clip, None, None)
    assert len(moving.shown) == 8
    assert outcome.value == pytest.approx(5 / 640 * 8)


def test_speed_is_that_of_the_frame_not_of_the_scaled_picture(moving):
    # 128 x 128 is shown four times as large: (3, -4) there is 5/4 of a pixel here, of a diagonal of 128 sqrt(2).
    clip = silent_clip([np.zeros((128, 128, 3), np.uint8)] * 8, fps=8)
    outcome = motion.motion_score(MetricContext(NoCache(), "cpu")).score(clip, None, None)
    assert moving.shown[0].shape == (1, 3, 512, 512)
    assert outcome.value == pytest.approx(5 / 4 / (128 * 2**0.5) * 8, rel=1e-6)


def test_speed_counts_the_time_between_uneven_pictures(moving):
    # 25 fps has no eighth of a second: pictures are 3 or 4 frames apart, and the sum is divided by their real time.
    clip = silent_clip([np.zeros((512, 512, 3), np.uint8)] * 25, fps=25)
    outcome = motion.motion_score(MetricContext(NoCache(), "cpu")).score(clip, None, None)
    pairs, apart = len(moving.shown) - 1, resample_frame_indices(25, Fraction(25), Fraction(8))
    assert set(np.diff(apart)) == {3, 4}
    assert outcome.value == pytest.approx(5 / (512 * 2**0.5) * pairs * 25 / (apart[-1] - apart[0]))


def test_versebench_counts_pixels_per_frame(moving):
    clip = silent_clip([np.zeros((130, 140, 3), np.uint8)] * 3)
    assert motion.motion_score(MetricContext(NoCache(), "cpu"), "versebench").score(clip, None, None).value == 3.5


def test_a_clip_is_measured_once(moving):
    cache = MemoryCache()
    clip = silent_clip(blank(128, 128, 4), fps=8)
    first, again = (
        motion.motion_score(MetricContext(cache, "cpu"), "versebench").score(clip, None, None) for _ in range(2)
    )
    assert first == again
    assert len(moving.shown) == 4
    motion.motion_score(MetricContext(cache, "cpu")).score(clip, None, None)
    assert len(cache.kept) == 2  # Another protocol is another key.


def test_how_fast_and_how_dynamic_are_one_pass_of_raft(moving):
    clip, cache = silent_clip(blank(128, 128, 4), fps=8), MemoryCache()
    one, other = (
        build(MetricContext(cache, "cpu"), "clean") for build in (motion.motion_score, dynamic.dynamic_degree)
    )
    assert one.score(clip, None, None).value == pytest.approx(other.score(clip, None, None).value)  # All moves alike.
    assert len(moving.shown) == 4


def blank(height, width, count=10):
    return np.zeros((count, height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("protocol", "frames", "fps", "why"),
    [
        ("clean", blank(63, 200), 25, "too small: 200x63"),
        ("clean", blank(64, 400), 25, "too narrow: 400x64"),
        ("clean", blank(128, 128), 6, "too few frames per second: 6"),
        ("clean", blank(128, 128, 1), 25, "too short"),
        ("clean", blank(128, 128, 4), 25, "too short"),
        ("versebench", blank(128, 128, 1), 25, "too short"),
        ("versebench", blank(112, 200), 25, "too small: 200x112"),
        ("versebench", blank(700, 230), 25, "too small: 115x350"),
    ],
)
def test_undefined(protocol, frames, fps, why):
    outcome = motion.motion_score(MetricContext(NoCache(), "cpu"), protocol).score(silent_clip(frames, fps), None, None)
    assert outcome.status == "undefined"
    assert why in outcome.reason


def test_no_video_is_undefined():
    clip = clip_from_arrays(None, Fraction(0), np.zeros((1, 8000), np.float32), 16000)
    for protocol in motion.VARIANTS:
        outcome = motion.motion_score(MetricContext(NoCache(), "cpu"), protocol).score(clip, None, None)
        assert (outcome.status, outcome.reason) == ("undefined", "no video stream")


def test_missing_weights_fail(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    metric = motion.motion_score(MetricContext(NoCache(), "cpu"))
    outcome = metric.score(silent_clip(blank(128, 128)), None, None)
    assert (outcome.status, outcome.reason) == ("failed", metric.check())
    assert "assets pull raft-things" in outcome.reason


def test_odd_sizes_and_stills_have_a_value(weights):
    still = silent_clip(np.repeat(upstream.fake_pictures((71, 263), "still")[None], 2, axis=0), fps=8)
    outcome = motion.motion_score(MetricContext(NoCache(), "cpu")).score(still, None, None)
    assert outcome.status == "ok"
    assert np.isfinite(outcome.value)


def test_the_protocols_are_two_columns():
    ours, theirs = (motion.motion_score(MetricContext(NoCache(), "cpu"), name).spec for name in ("clean", "versebench"))
    assert ours.identity != theirs.identity
    assert "compat:versebench@568efa4" in theirs.identity
    assert (ours.direction, theirs.direction) == ("target", "up")
