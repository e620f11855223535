"""Aesthetic score: every network against the original on a random checkpoint, and clips that have no score."""

import ast
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.networks import network_cache, vision
from jova_bench.metrics.picture import aesthetic, ratings
from jova_bench.metrics.picture import predictors as quality
from jova_bench.metrics.signal import frames as pictures
from jova_bench.metrics.signal.pillow_resize import bicubic, bicubic_crop
from support import every_asset, upstream
from support.clips import silent_clip
from support.memory_cache import MemoryCache

PARITY = upstream.parity("aesthetic")
OUTPUTS, SHAPES = PARITY["outputs"], PARITY["shapes"]
NETWORKS = ("clip-vit-l14", "laion-aesthetic", "siglip-so400m", "aesthetic-v2-5", "musiq-koniq", "maniqa-koniq10k")
PICTURES = sorted(OUTPUTS["musiq"])
"""Sizes, as text."""


def picture(size):
    return upstream.fake_pictures(ast.literal_eval(size), f"picture {size}")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Narrow networks in the formats of the published files, with what those files hold beside what is needed."""
    folder = tmp_path_factory.mktemp("weights")
    files = {name: folder / Path(assets.asset_table().get(name).file).name for name in NETWORKS}
    files["clip-vit-l14"] = folder / "clip.safetensors"  # SigLIP's is called the same.
    for name, file in files.items():
        every_asset.WRITERS[name](file)
    return files


@pytest.fixture
def weights(checkpoints, own_assets):
    return own_assets(checkpoints)


@pytest.mark.parametrize("size", PICTURES)
@pytest.mark.parametrize("name", ["musiq", "laion"])
def test_a_network_equals_the_original(weights, name, size):
    predictor = {"musiq": quality.MUSIQ, "laion": quality.LAION}[name]
    got = predictor.scores(picture(size)[None], assets.asset_table(), "cpu")
    assert got.shape == (1,)
    assert got[0] == pytest.approx(OUTPUTS[name][size], rel=1e-5)


@pytest.mark.parametrize("size", PICTURES)
def test_maniqa_equals_the_original_in_double_precision(weights, size):
    """The random network amplifies rounding some thousand times: in float32 every instruction set gives another value.

    Float64 proves the arithmetic. In float32 upstream's own value is off by 2e-4, as ours is.
    """
    exact = quality._maniqa(picture(size)[None], assets.asset_table(), "cpu", "float64")[0]
    assert exact == pytest.approx(OUTPUTS["maniqa"][size], rel=1e-11)
    assert quality.MANIQA.scores(picture(size)[None], assets.asset_table(), "cpu")[0] == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("size", PICTURES)
def test_the_predictor_on_siglip_equals_the_original(weights, size):
    exact = quality._v2_5(picture(size)[None], assets.asset_table(), "cpu", "float32")[0]
    assert exact == pytest.approx(OUTPUTS["v2_5_fp32"][size], abs=1e-6)
    rounded = quality.V2_5.scores(picture(size)[None], assets.asset_table(), "cpu")[0]
    assert rounded == pytest.approx(OUTPUTS["v2_5_bf16"][size], abs=4e-3)  # Half precision, three digits.


@pytest.mark.parametrize("size", PICTURES)
def test_pictures_are_scaled_as_by_pillow(size):
    squared, cropped = bicubic(picture(size), 56, 56), bicubic_crop(picture(size), 56)
    for frame, name, scale in (
        (squared, "siglip_pixels", (quality.SIGLIP_MEAN, quality.SIGLIP_DEVIATION)),
        (cropped, "clip_pixels", (quality.CLIP_MEAN, quality.CLIP_DEVIATION)),
    ):
        pixels, expected = pictures.normalised(quality._pixels(frame)[None], *scale)[0], OUTPUTS[name][size]
        np.testing.assert_allclose(pixels[:, ::11, ::13].flatten(), expected["some"], atol=1e-6)
        assert float(pixels.double().sum()) == pytest.approx(expected["sum"], abs=1e-3)


def test_versebench_is_the_mean_of_three(weights):
    size = PICTURES[0]
    metric = aesthetic.aesthetic_score(MetricContext(NoCache(), "cpu"), "versebench")
    parts = [OUTPUTS["v2_5_bf16"][size] / 10, OUTPUTS["musiq"][size] / 100, OUTPUTS["maniqa"][size]]
    outcome = metric.score(silent_clip([picture(size)]), None, None)
    assert outcome.value == pytest.approx(np.mean(parts), rel=1e-3)


def test_versebench_looks_at_every_frame_and_clean_at_two_a_second(weights, monkeypatch):
    seen = {}

    def scores(name):
        return lambda frames, assets, device: seen.update({name: len(frames)}) or np.full(len(frames), 5.0)

    for protocol in ("clean", "versebench"):
        metric = aesthetic.aesthetic_score(MetricContext(NoCache(), "cpu"), protocol)
        fakes = tuple(
            quality.Predictor(part.name, part.weights, scores(part.name)) for part in metric._protocol.predictors
        )
        monkeypatch.setattr(metric, "_protocol", replace(metric._protocol, predictors=fakes))
        outcome = metric.score(silent_clip(np.zeros((50, 230, 240, 3), np.uint8)), None, None)
        assert outcome.value == pytest.approx(5 if protocol == "clean" else (0.5 + 0.05 + 5) / 3)
    assert seen == {"laion-v2": 4, "aesthetic-v2-5": 50, "musiq": 50, "maniqa": 50}


def test_scores_of_a_network_are_kept_one_by_one(weights):
    cache = MemoryCache()
    clip = silent_clip([picture(PICTURES[0])])
    first = aesthetic.aesthetic_score(MetricContext(cache, "cpu"), "versebench").score(clip, None, None)
    assert [len(arrays["scores"]) for arrays in cache.kept.values()] == [1, 1, 1]
    network_cache.release_networks()
    again = aesthetic.aesthetic_score(MetricContext(cache, "cpu"), "versebench").score(clip, None, None)
    assert again == first
    assert not network_cache._networks  # Nothing was loaded.


def test_the_crops_of_a_clip_are_always_the_same(weights):
    frames = np.stack([picture(PICTURES[0])] * 2)
    first, again = (quality.MANIQA.scores(frames, assets.asset_table(), "cpu") for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first[0] != first[1]  # But not those of two frames.


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 401), (401, 33), (577, 1023)])
def test_odd_and_narrow_frames_have_a_score(weights, height, width):
    frames = np.random.RandomState(0).randint(0, 256, (1, height, width, 3)).astype(np.uint8)
    outcome = aesthetic.aesthetic_score(MetricContext(NoCache(), "cpu")).score(silent_clip(frames), None, None)
    assert outcome.status == "ok"


@pytest.mark.parametrize(
    ("protocol", "shape", "why"),
    [
        ("clean", (31, 400), "too small: 400x31"),
        ("versebench", (224, 400), "too small: 400x224"),
        ("versebench", (400, 224), "too small: 224x400"),
    ],
)
def test_undefined(protocol, shape, why):
    metric = aesthetic.aesthetic_score(MetricContext(NoCache(), "cpu"), protocol)
    outcome = metric.score(silent_clip(np.zeros((2, *shape, 3), np.uint8)), None, None)
    assert outcome.status == "undefined"
    assert why in outcome.reason


def test_no_video_is_undefined():
    clip = clip_from_arrays(None, Fraction(0), np.zeros((1, 8000), np.float32), 16000)
    for protocol in aesthetic.VARIANTS:
        outcome = aesthetic.aesthetic_score(MetricContext(NoCache(), "cpu"), protocol).score(clip, None, None)
        assert (outcome.status, outcome.reason) == ("undefined", "no video stream")


def test_missing_weights_and_package_fail(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    metric = aesthetic.aesthetic_score(MetricContext(NoCache(), "cpu"), "versebench")
    clip = silent_clip(np.zeros((1, 256, 256, 3), np.uint8))
    outcome = metric.score(clip, None, None)
    assert outcome.status == "failed"
    assert "assets pull siglip-so400m aesthetic-v2-5 musiq-koniq maniqa-koniq10k" in outcome.reason
    monkeypatch.setattr(ratings, "find_spec", lambda name: None)
    assert "not installed: pip install 'jova-bench[standard]'" in metric.score(clip, None, None).reason


@pytest.mark.parametrize("build", [vision.clip, vision.siglip, vision.dinov3])
def test_another_checkpoint_is_refused(tmp_path, build):
    save_file({"something.else": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(Unavailable, match="weights unreadable"):
        build(tmp_path / "other.safetensors")


def test_an_incomplete_checkpoint_is_refused(own_assets, tmp_path):
    state = upstream.fake_state(SHAPES["maniqa"])
    del state["fc_score.0.bias"]
    torch.save(state, tmp_path / "maniqa.pt")
    own_assets({"maniqa-koniq10k": tmp_path / "maniqa.pt"})
    with pytest.raises(Unavailable, match="weights unreadable"):
        quality.MANIQA.scores(picture(PICTURES[0])[None], assets.asset_table(), "cpu")


def test_digests_of_all_weights_are_in_the_identity(weights):
    spec = aesthetic.aesthetic_score(MetricContext(NoCache(), "cpu"), "versebench").spec
    names = [name for part in aesthetic.VARIANTS["versebench"].predictors for name in part.weights]
    digests = [assets.asset_table().digest(name) for name in names]
    assert spec.weights == "+".join(digests)
    assert "compat:versebench@5645a09" in spec.identity
