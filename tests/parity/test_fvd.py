"""FVD and KVD of the standard profile: the network, what it is shown, and every way in which a clip has no answer."""

from fractions import Fraction
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch

from jova_bench.assets import records
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances import base as set_distance
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.distances import fvd as i3d
from jova_bench.metrics.distances import latentsync_faces as latentsync
from jova_bench.metrics.faces import litert
from jova_bench.metrics.networks import i3d as network
from jova_bench.metrics.networks import shaped
from jova_bench.metrics.real_clips import RealClips
from support.clips import audio_clip, silent_clip
from support.upstream import fake, fake_state, parity

TABLE = assets.AssetTable({}, Path())

UPSTREAM = parity("i3d")
NO_PICTURE = audio_clip(np.zeros(16_000))


def pixels(shape, name):
    return (fake(shape, name) * 48 + 128).clamp(0, 255).to(torch.uint8).numpy()


@pytest.fixture
def weights(tmp_path, own_assets):
    """A checkpoint like `i3d_pretrained_400.pt`, with an eighth of the channels."""
    path = tmp_path / "i3d_pretrained_400.pt"
    torch.save(fake_state(UPSTREAM["shapes"]), path)
    own_assets({"i3d": path})
    return path


def test_logits_are_upstreams(tmp_path):
    path = tmp_path / "i3d_pretrained_400.pt"
    torch.save(fake_state(UPSTREAM["shapes"]), path)
    net = shaped.load(network.I3D, path, "cpu")
    with torch.inference_mode():
        found = net(fake((2, 3, 16, 224, 224), "i3d").clamp(-1, 1))
        nine = net(fake((1, 3, 9, 224, 225), "odd").clamp(-1, 1)[..., :224])
    torch.testing.assert_close(found, torch.tensor(UPSTREAM["logits"]), rtol=1e-4, atol=2e-6)
    torch.testing.assert_close(nine[0], torch.tensor(UPSTREAM["nine_frames"]), rtol=1e-4, atol=2e-6)


def test_the_published_network_has_the_published_shapes():
    full = {name: tuple(shape) for name, shape in UPSTREAM["full_shapes"].items()}
    with torch.device("meta"):
        found = network.I3D(full).state_dict()
    assert {name: tuple(found[name].shape) for name in full} == full
    assert set(found) == set(UPSTREAM["shapes"])
    trained = sum(prod(tensor.shape) for name, tensor in found.items() if "running" not in name)
    assert trained == pytest.approx(12.7e6, rel=0.01)


def test_eight_frames_are_too_few_for_the_network():
    net = network.I3D(UPSTREAM["shapes"]).eval()
    with torch.inference_mode(), pytest.raises(RuntimeError):
        net(torch.zeros(1, 3, network.MIN_FRAMES - 1, 224, 224))
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, network.MIN_FRAMES, 224, 224)).shape == (1, 50)


@pytest.mark.parametrize("content", [{}, {"logits.conv3d.weight": torch.zeros(1)}, {"a": torch.zeros(2, 2)}])
def test_another_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(Unavailable, match="weights unreadable: expected"):
        shaped.load(network.I3D, path, "cpu")


def test_frechet_is_upstreams():
    x, y = fake((30, 20), "a").double().numpy(), (fake((40, 20), "b") * 1.3 + 0.2).double().numpy()
    assert dist.frechet(x, y) == pytest.approx(UPSTREAM["frechet"], rel=1e-9)
    assert dist.kernel_distance(x, y, dist.polynomial_kernel) == pytest.approx(UPSTREAM["kvd_right"], rel=1e-9)


# What the network is shown


def test_a_clip_becomes_all_its_windows_at_25_fps():
    frames = np.zeros((40, 30, 40, 3), np.uint8)
    frames += np.arange(40, dtype=np.uint8)[:, None, None, None]
    shown = i3d.clean_windows(silent_clip(frames))
    assert shown.shape == (2, 3, 16, 224, 224)  # 8 of 40 frames are left over
    np.testing.assert_allclose(shown[:, 0, :, 100, 100].flatten(), np.arange(32) / 127.5 - 1, atol=1e-5)
    # At 50 fps every second frame is shown, at 12.5 each twice.
    assert i3d.clean_windows(silent_clip(frames, 50)).shape[0] == 1
    slow = i3d.clean_windows(silent_clip(frames, Fraction(25, 2)))
    assert slow.shape[0] == 5
    np.testing.assert_allclose(slow[0, 0, ::2, 0, 0], slow[0, 0, 1::2, 0, 0])


@pytest.mark.parametrize("size", [(224, 224), (64, 64), (301, 225), (225, 301), (17, 480), (2, 1)])
def test_any_size_becomes_a_square_of_its_middle(size):
    height, width = size
    frames = np.zeros((16, height, width, 3), np.uint8)
    frames[:, height // 2, width // 2] = 255
    (shown,) = i3d.clean_windows(silent_clip(frames))
    assert shown.shape == (3, 16, 224, 224)
    assert shown.min() >= -1
    assert shown.max() <= 1
    row, column = divmod(int(shown[0, 0].argmax()), 224)
    assert abs(row - 112) <= 0.5 * 224 / min(size) + 1
    assert abs(column - 112) <= 0.5 * 224 / min(size) + 1


def test_fine_texture_is_averaged_and_not_sampled():
    """A checkerboard of single pixels becomes grey; without the low pass it would become stripes."""
    board = (np.indices((896, 896)).sum(axis=0) % 2 * 255).astype(np.uint8)
    shown = i3d.clean_windows(silent_clip(np.repeat(board[None, :, :, None], 16, axis=0).repeat(3, axis=3)))
    assert shown.abs().max() < 0.02


@pytest.mark.parametrize(("key", "shape"), [("wide", (40, 90, 120, 3)), ("tall", (30, 110, 70, 3))])
def test_javisbench_shows_half_the_range(key, shape):
    expected = UPSTREAM[f"javis_{key}"]
    shown = i3d.javisbench_window(silent_clip(pixels(shape, key)))
    assert list(shown.shape) == expected["shape"]
    # Cut to bytes on the way: a rounding may move a value by one level.
    some = shown[0, :, ::5, ::50, ::50].flatten()[:80].numpy()
    np.testing.assert_allclose(some, expected["some"], atol=1.01 / 127.5)
    assert np.abs(some - np.array(expected["some"])).mean() < 1e-4
    assert shown.double().mean().item() == pytest.approx(expected["mean"], rel=1e-5)
    assert shown.double().norm().item() == pytest.approx(expected["norm"], rel=1e-5)
    assert shown.min() > -0.004


def test_javisbench_kernel_distance_misses_the_means():
    x, y = fake((30, 20), "a").double().numpy(), (fake((40, 20), "b") * 1.3 + 0.2).double().numpy()
    metric = i3d.build(MetricContext(NoCache(), "cpu"), "kvd", "javisbench").against(y)
    assert metric.distance(x) == pytest.approx(UPSTREAM["javis_kvd"], rel=1e-9)
    assert metric.distance(x + 5) == pytest.approx(metric.distance(x))
    published = i3d.build(MetricContext(NoCache(), "cpu"), "fvd", "javisbench").against(y)
    assert published.distance(x) == pytest.approx(UPSTREAM["javis_fvd"], rel=1e-9)
    assert published.distance(x[:3]) > 0  # However few there are.
    assert published.details(x) == {"n": 30, "d": 20}


def bundled(monkeypatch, *boxes):
    """A network that finds these boxes, x, y, width and height in pixels, in every frame."""
    found = np.zeros((len(boxes), 17))
    for row, (x, y, width, height) in zip(found, boxes, strict=True):
        row[:4] = x, y, x + width, y + height
    monkeypatch.setattr(latentsync, "detect", lambda frame, network, assets: found)


def test_latentsync_shows_the_first_face_squashed(monkeypatch):
    frames = np.zeros((40, 100, 200, 3), np.uint8)
    frames[20:36, 10:60, 50:70] = 255  # The face, 20 x 50, in white; a pixel more on any side would be dark.
    bundled(monkeypatch, (50, 10, 20, 50), (0, 0, 200, 100))
    shown = latentsync.window(silent_clip(frames), TABLE)
    assert shown.shape == (1, 3, 16, 224, 224)
    assert (shown == 1).all()  # For a network that expects -1 .. 1.
    # What lies beyond the frame is cut off, not filled.
    bundled(monkeypatch, (-10, -10, 70, 30))
    assert latentsync.squashed(frames[20], 20, TABLE).max() == 255
    assert latentsync.squashed(frames[20], 20, TABLE)[:60].max() == 0


def test_latentsync_has_no_answer_without_a_face(monkeypatch):
    frames = np.zeros((36, 100, 200, 3), np.uint8)
    for net, why in (
        ((), "no face in frame 20"),
        (((100, 50, 0.2, 10),), "face in frame 20 has no pixels"),
    ):
        bundled(monkeypatch, *net)
        with pytest.raises(Undefined, match=why):
            latentsync.window(silent_clip(frames), TABLE)
    with pytest.raises(Undefined, match="too short: 35 frames, 36 needed"):
        latentsync.window(silent_clip(frames[:35]), TABLE)
    with pytest.raises(Undefined, match="no video stream"):
        latentsync.window(NO_PICTURE, TABLE)


def test_latentsync_says_what_it_lacks(weights, monkeypatch):
    monkeypatch.setattr(assets.AssetTable, "missing", lambda self, *names: None)
    monkeypatch.setattr(litert, "find_spec", lambda name: None)
    assert i3d.build(MetricContext(NoCache(), "cpu"), "fvd", "latentsync").check() == litert.HOW
    assert i3d.build(MetricContext(NoCache(), "cpu"), "fvd", "clean").check() is None


# Bad input


@pytest.mark.parametrize(
    ("clip", "why"),
    [
        (NO_PICTURE, "no video stream"),
        (silent_clip(np.zeros((15, 8, 8, 3), np.uint8)), "too short: 15 frames at 25 fps, 16 needed"),
        (silent_clip(np.zeros((16, 8, 8, 3), np.uint8), 30), "too short: 13 frames at 25 fps, 16 needed"),
    ],
)
def test_a_clip_without_a_window_is_undefined(weights, clip, why):
    with pytest.raises(Undefined, match=why):
        i3d.build(MetricContext(NoCache(), "cpu"), "fvd", "clean").features(clip)


def test_missing_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    metric = i3d.build(MetricContext(NoCache(), "cpu"), "fvd", "clean")
    assert metric.check() == "weights missing: jova-bench assets pull i3d"
    with pytest.raises(Unavailable, match="weights missing"):
        metric.features(silent_clip(np.zeros((16, 8, 8, 3), np.uint8)))


def test_torchscript_of_unknown_origin_is_not_run(tmp_path):
    path = tmp_path / "i3d.pt"
    path.write_bytes(b"no script")
    with pytest.raises(Unavailable, match="weights unverified"):
        i3d.load("i3d-torchscript", script_at(path, None))
    with pytest.raises(Unavailable, match="weights unreadable"):
        i3d.load("i3d-torchscript", script_at(path, records.sha256_of(path)))


def script_at(path, sha256):
    """A context in which the network of StyleGAN-V is this file, with or without a digest that is stated."""
    table = assets.AssetTable({"i3d-torchscript": assets.Asset(name="toy", file="i3d.pt", sha256=sha256)}, path.parent)
    return MetricContext(NoCache(), assets=table)


class Script(torch.nn.Module):
    """Takes what StyleGAN-V's network takes."""

    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        assert return_features
        assert not rescale
        assert not resize
        return x.mean(dim=(2, 3, 4)).repeat(1, 2)


def test_torchscript_of_a_stated_digest_runs(tmp_path):
    path = tmp_path / "i3d.pt"
    torch.jit.script(Script()).save(path)
    found = i3d.load("i3d-torchscript", script_at(path, records.sha256_of(path)))(torch.full((1, 3, 16, 2, 2), 0.5))
    np.testing.assert_allclose(found, np.full((1, 6), 0.5))


# End to end, with a checkpoint of the right format


class Counting(NoCache):
    """Keeps arrays, and counts what had to be computed."""

    def __init__(self):
        self.kept, self.computed = {}, 0

    def get(self, digest, extractor, compute):
        if (digest, extractor) not in self.kept:
            self.kept[digest, extractor] = compute()
            self.computed += 1
        return self.kept[digest, extractor]


def moving(seed, count=16):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 255, (count, 12, 16, 3), dtype=np.uint8)
    return silent_clip(frames, digest=f"{seed:064}")


def test_features_distances_and_references(weights, monkeypatch):
    monkeypatch.setattr(set_distance, "MIN_CLIPS", 3)
    cache = Counting()
    real = RealClips("real", tuple((f"{seed:064}", lambda seed=seed: moving(seed)) for seed in range(3)), cache)
    metric = i3d.build(MetricContext(cache, "cpu", real), "kvd", "clean")
    assert metric.check() is None
    assert metric.spec.params["reference"] == f"suite:{real.digest}"
    clips = [moving(100), moving(101, 32), moving(102)]
    made = [metric.features(clip) for clip in clips]
    assert [len(features) for features in made] == [1, 2, 1]
    assert cache.computed == 3
    value = metric.distance(dist.stack(made))
    assert np.isfinite(value)
    assert cache.computed == 7  # Three clips made, three real ones, and what the kernel needs of the real ones alone.
    again = i3d.build(MetricContext(cache, "cpu", real), "kvd", "clean")
    assert again.distance(dist.stack([again.features(clip) for clip in clips])) == value
    assert cache.computed == 7
    assert len(again.reference_clips) == 3
    fvd = i3d.build(MetricContext(cache, "cpu", real), "fvd", "clean")
    with pytest.raises(Undefined, match="3 clips are fewer than 3 x d = 150"):
        fvd.distance(dist.stack(made))
    assert fvd.details(dist.stack(made)) == {"n": 3, "d": 50, "vectors": 4}


def test_without_a_reference_set_there_is_no_distance(weights):
    metric = i3d.build(MetricContext(NoCache(), "cpu"), "fvd", "clean")
    assert metric.spec.params["reference"] == "suite:none"
    with pytest.raises(Undefined, match="the suite names no reference set"):
        metric.distance(np.zeros((100, 25)))
    bench = i3d.build(MetricContext(NoCache(), "cpu"), "fvd", "javisbench")
    with pytest.raises(Undefined, match="no prompt of the suite has a reference clip"):
        bench.distance(np.zeros((100, 25)))


def test_a_reference_clip_without_features_spoils_the_set(weights):
    short = silent_clip(np.zeros((3, 8, 8, 3), np.uint8))
    real = RealClips("real", (("f" * 64, lambda: short),), NoCache())
    metric = i3d.build(MetricContext(NoCache(), "cpu", real), "fvd", "javisbench")
    shorter = i3d.build(MetricContext(NoCache(), "cpu", real), "kvd", "clean")
    assert metric.spec.params["reference"] == f"prompts:{real.digest}"
    with pytest.raises(Unavailable, match=r"a clip of real has no features \(.{12}\): too short"):
        shorter.distance(np.zeros((100, 25)))


def test_what_changes_the_value_changes_the_identity(weights):
    clean = [i3d.build(MetricContext(NoCache(), "cpu"), "fvd", name).spec for name in i3d.VARIANTS]
    assert len({spec.identity for spec in clean}) == 3
    assert clean[0].protocol == "clean"
    one, two = (RealClips("x", ((digit * 64, lambda: None),), NoCache()) for digit in "ab")
    assert (
        i3d.build(MetricContext(NoCache(), "cpu", one), "fvd", "clean").spec.identity
        != i3d.build(MetricContext(NoCache(), "cpu", two), "fvd", "clean").spec.identity
    )


@pytest.mark.weights
@pytest.mark.parametrize(("asset", "published"), [("i3d-torchscript", 151.256), ("i3d", 151.392)])
def test_black_against_white_is_what_is_published(asset, published):
    """JunyaoHu/common_metrics_on_video_quality README: 8 videos of 30 frames, zeros against ones."""
    if why := assets.asset_table().missing(asset):
        pytest.skip(why)
    context = MetricContext(NoCache())
    zeros, ones = (
        np.repeat(i3d.logits(torch.full((1, 3, 30, 224, 224), value), asset, context), 8, axis=0)
        for value in (-1.0, 1.0)
    )
    assert dist.frechet(zeros, ones) == pytest.approx(published, rel=2e-3)
