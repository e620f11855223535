"""ImageBind scores: network, front ends and every protocol against upstream on a random checkpoint, and bad clips."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from jova_bench.assets import records
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.media import files as media
from jova_bench.metrics.audio_visual import imagebind
from jova_bench.metrics.audio_visual import javis_score as javis
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.networks import imagebind as network
from jova_bench.metrics.networks.imagebind import inputs
from jova_bench.metrics.signal import frames as pictures
from support import upstream
from support.clips import clip_of

PARITY = upstream.parity("imagebind")
EXPECTED = PARITY["outputs"]
BENCHES = [name for name in imagebind.VARIANTS if name != "clean"]


def shown(frames, samples, channels=1, size=(40, 61), fps=25, rate_hz=16_000):
    """The clip that upstream was shown: noise, with a constant in the sound."""
    sound = upstream.fake((channels, samples), "ib audio").numpy() * np.float32(0.1) + np.float32(0.03)
    return clip_of(upstream.fake_pictures((frames, *size), "ib frames"), sound, rate_hz, fps)


OFFICIAL = {
    "three_s": shown(73, 48_003, fps=24),
    "one_s": shown(30, 16_000, size=(61, 40), fps=Fraction(30_000, 1001)),
    "stereo_48k": shown(125, 240_000, 2, (64, 64), rate_hz=48_000),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A narrow checkpoint in the published format: a flat dictionary, with parts of other senses in it."""
    file = tmp_path_factory.mktemp("weights") / "imagebind_huge.pth"
    torch.save(upstream.fake_state(PARITY["shapes"]), file)
    return file


@pytest.fixture
def named(weights, own_assets):
    """Digest of that checkpoint, which the table of assets names."""
    own_assets({"imagebind-huge": weights})
    return records.sha256_of(weights)


def score(name, protocol, clip):
    metrics = {
        "imagebind_score": imagebind.imagebind_score,
        "javis_score": javis.javis_score,
        "avh_score": javis.avh_score,
    }
    return metrics[name](MetricContext(NoCache(), "cpu"), protocol).score(clip, None, None)


def test_the_network_equals_the_original(weights):
    net = network.load(weights, "cpu")
    with torch.inference_mode():
        for got, name in (
            (net.encode_video(upstream.fake((3, 3, 2, 224, 224), "pairs")), "look_pairs"),
            (net.encode_video(upstream.fake((2, 3, 224, 224), "images")), "look_images"),
            (net.encode_audio(upstream.fake((3, 1, 128, 204), "mel")), "listen"),
        ):
            np.testing.assert_allclose(got.flatten(), EXPECTED[name], rtol=1e-4, atol=2e-6, err_msg=name)


def test_filter_banks_are_kaldis():
    audio = upstream.fake((32_000,), "bank").numpy() * np.float32(0.05)
    audio[16_000:] *= 1e-4
    banks = inputs.fbank(audio)
    assert list(banks.shape) == EXPECTED["fbank"]["shape"] == [198, 128]
    np.testing.assert_allclose(banks[::33, ::9].flatten(), EXPECTED["fbank"]["values"], rtol=1e-4, atol=2e-4)
    # Digital silence meets the floor, and no step holds less.
    assert inputs.fbank(np.zeros(400, np.float32)) == pytest.approx(np.log(2.0**-23))
    assert inputs.fbank(np.zeros(559, np.float32)).shape == (1, 128)


@pytest.mark.parametrize("name", OFFICIAL)
def test_clips_are_shown_as_imagebinds_own_example_shows_them(name, named):
    clip, expected = OFFICIAL[name], EXPECTED[name]
    frames = clip.frames
    indices = np.array(inputs.pairs(len(frames), float(clip.fps))).reshape(-1)
    pictures = inputs.crops(inputs.linear(frames[indices])).reshape(3, 5, 2, 3, 224, 224)
    # Ours are ordered by crop, then by stretch; upstream's by stretch.
    pairs = inputs.normalised(pictures.permute(1, 0, 3, 2, 4, 5).flatten(0, 1))
    assert [1, *pairs.shape] == expected["video"]
    np.testing.assert_allclose(pairs[::4, :, :, ::111, ::97].flatten()[:60], expected["video_values"], atol=1e-5)
    wave = imagebind.channels_16k(clip)
    heard = inputs.spectrograms(wave, inputs.spans(wave.shape[1]), in_place=True)
    assert [1, *heard.shape] == expected["audio"]
    np.testing.assert_allclose(heard[:, 0, ::40, ::50].flatten(), expected["audio_values"], rtol=1e-4, atol=1e-4)
    for bench in ("javisbench", "vabench"):
        assert score("imagebind_score", bench, clip).value == pytest.approx(expected["av"], abs=1e-5)


def test_a_mean_that_is_taken_in_place_reaches_the_next_stretch():
    wave = np.full((1, 48_000), 0.5, np.float32)
    spans = [(0, 32_000), (16_000, 48_000)]
    moved = inputs.spectrograms(wave, spans, in_place=True)
    kept = inputs.spectrograms(wave, spans, in_place=False)
    assert torch.equal(moved[0], kept[0])
    # The second stretch finds half of itself at 0 and half at 0.5: a step, where a constant has none.
    assert kept[1, :, :, :198].max() == kept[1].min()
    assert (moved[1, :, :, :198] - kept[1, :, :, :198]).max() > 1
    assert wave.min() == 0.5


def test_slow_benches_equal_the_originals(named):
    clip = shown(200, 144_001)
    for bench in ("avbenchmark", "mova"):
        assert score("imagebind_score", bench, clip).value == pytest.approx(EXPECTED[bench], abs=1e-5)


JAVIS = {
    "javis_25fps": shown(56, 40_000),
    "javis_15fps": shown(45, 52_000, 2, fps=15),
    "javis_short": shown(12, 19_000),
}


class Kept(NoCache):
    """Keeps what is computed, and counts what is asked for."""

    def __init__(self):
        self.arrays, self.asked = {}, []

    def get(self, digest, extractor, compute):
        self.asked.append(extractor)
        if (digest, extractor) not in self.arrays:
            self.arrays[digest, extractor] = compute()
        return self.arrays[digest, extractor]


@pytest.mark.slow
@pytest.mark.parametrize("name", JAVIS)
def test_javisbenchs_scores_equal_the_originals(name, named):
    kept, clip = Kept(), JAVIS[name]
    worst, mean = (
        make(MetricContext(kept, "cpu"), "javisbench").score(clip, None, None)
        for make in (javis.javis_score, javis.avh_score)
    )
    # Upstream ran on Pillow 13, which may round a pixel otherwise (`pillow_resize`).
    assert worst.value == pytest.approx(EXPECTED[name]["javis"], abs=5e-5)
    assert mean.value == pytest.approx(EXPECTED[name]["avh"], abs=5e-5)
    # Every frame is looked at once for both.
    looks = [extractor for extractor in kept.asked if extractor.extractor == "imagebind-video"]
    assert len(looks) == 2
    assert len(set(looks)) == 1
    assert all(named[:12] in str(extractor) for extractor in kept.asked)


def test_stretches_by_hand():
    # 5 s: room for starts in 0 .. 3 s; a clip of 1 s is taken whole, five and three times.
    assert [float(s) for s in inputs.starts_s(5.0, 3)] == [0, 1.5, 3]
    assert inputs.pairs(125, 25.0) == [(0, 49), (19, 68), (38, 87), (57, 106), (75, 124)]
    assert inputs.spans(80_000) == [(0, 32_000), (24_000, 56_000), (48_000, 80_000)]
    assert inputs.pairs(25, 25.0) == [(0, 24)] * 5
    assert inputs.spans(16_000) == [(0, 32_000)] * 3


def test_crops_by_hand():
    wide = torch.arange(300.0).expand(1, 3, 224, 300)
    assert inputs.crops(wide)[:, 0, 0, 0, 0].tolist() == [0, 38, 76]
    tall = torch.arange(301.0)[:, None].expand(1, 3, 301, 224)
    assert inputs.crops(tall)[:, 0, 0, 0, 0].tolist() == [0, 39, 77]  # An odd margin is rounded up.


def test_windows_by_hand():
    # 3 s at 10 frames per second: starts 0, 0.5 and 1 s; 2.2 s: 0 and 0.2 s.
    assert javis.spread(30, 48_000) == [((k, k + 20), (1600 * k, 1600 * (k + 20))) for k in (0, 5, 10)]
    assert [picture for picture, _ in javis.spread(22, 99_000)] == [(0, 20), (2, 22)]
    # JavisBench at 15 frames per second: steps of 8 frames (0.53 s) beside steps of 0.5 s; 4 s of sound are cut to fit.
    windows = javis.javisbench(45, 15.0, 64_000)
    assert windows == [((0, 30), (0, 32_000)), ((8, 38), (8_000, 40_000)), ((15, 45), (16_000, 48_000))]
    assert javis.javisbench(50, 25.0, 64_000) == [((0, 50), (0, 64_000))]


@pytest.mark.parametrize("frames", range(20, 71))
def test_clean_windows_reach_both_ends_in_steps_of_half_a_second_at_most(frames):
    starts = [start for (start, _), _ in javis.spread(frames, 1600 * frames)]
    assert (starts[0], starts[-1]) == (0, frames - 20)
    assert max(np.diff(starts), default=0) <= 5


def test_the_worst_moments_count():
    assert javis.lowest_mean(np.array([0.9, 0.1, 0.5, 0.2, 0.8]), int(0.4 * 5)) == pytest.approx(0.15)
    seen = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(imagebind.cosine(seen, np.array([2.0, 0.0])), [1, 0, 2**-0.5])


@pytest.mark.parametrize("name", ["imagebind_score", "javis_score"])
def test_clean_scores_hear_all_channels_and_name_their_weights(name, named):
    clip = shown(60, 48_000)
    loud = clip.audio
    swapped = [
        replace(clip, audio=np.concatenate(pair), digest=str(k))
        for k, pair in enumerate(((loud, -0.3 * loud[:, ::-1]), (-0.3 * loud[:, ::-1], loud)))
    ]
    first, second = (score(name, "clean", one).value for one in swapped)
    assert first == pytest.approx(second, abs=1e-6)
    assert -1 <= first <= 1
    if name == "imagebind_score":
        first, second = (score(name, "javisbench", one).value for one in swapped)
        assert first != pytest.approx(second, abs=1e-6)
    metric = imagebind.imagebind_score(MetricContext(NoCache(), "cpu"), "clean")
    assert metric.check() is None
    assert f"[{named[:12]}]" in metric.spec.identity


@pytest.mark.parametrize(
    ("name", "protocol", "change", "reason"),
    [
        *((name, "clean", {"frames": None}, "no video stream") for name in ("imagebind_score", "javis_score")),
        *((name, "clean", {"audio": None}, "no audio stream") for name in ("imagebind_score", "javis_score")),
        *((name, "javisbench", {"audio": None}, "no audio stream") for name in ("javis_score", "avh_score")),
        *(("imagebind_score", bench, {"audio": None}, "no audio stream") for bench in BENCHES),
        ("imagebind_score", "clean", {"count": 49}, "too short: 1.96 s of picture and sound, 2 s needed"),
        ("javis_score", "clean", {"samples": 31_000}, "too short: 1.94 s of picture and sound, 2 s needed"),
        ("imagebind_score", "clean", {"silent": True}, "silent"),
        ("javis_score", "clean", {"silent": True}, "silent"),
        ("imagebind_score", "avbenchmark", {}, "too short: 5.00 s, 8 s needed"),
        ("imagebind_score", "mova", {}, "too short: 5.00 s, 7.9 s needed"),
        ("imagebind_score", "mova", {"count": 10, "samples": 130_000}, "too short: 8.12 s, 7.9 s needed"),
        ("imagebind_score", "t2av", {"samples": 399}, "too short: 399 samples at 16 kHz, 400 needed"),
        (
            "javis_score",
            "javisbench",
            {"count": 2},
            "fewer than 3 frames in a window: the bench takes the mean of none",
        ),
    ],
)
def test_clips_without_an_answer_say_why_whatever_is_installed(name, protocol, change, reason):
    clip = shown(change.get("count", 125), change.get("samples", 80_000))
    clip = replace(clip, frames=None) if "frames" in change else clip
    clip = replace(clip, audio=None) if "audio" in change else clip
    clip = replace(clip, audio=np.zeros((1, 80_000), np.float32)) if "silent" in change else clip
    outcome = score(name, protocol, clip)
    assert (outcome.status, outcome.reason) == ("undefined", reason)


def test_missing_and_foreign_weights_are_failures(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    for name in ("imagebind_score", "javis_score"):
        outcome = score(name, "clean", shown(60, 48_000))
        assert (outcome.status, outcome.reason) == ("failed", assets.asset_table().missing("imagebind-huge"))
        assert outcome.reason.startswith("weights missing: jova-bench assets pull imagebind-huge")
    torch.save({"something": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(Unavailable, match=r"weights unreadable: expected 'cls_token'"):
        network.load(tmp_path / "other.pth", "cpu")


@pytest.mark.weights
def test_the_published_example():
    """facebookresearch/ImageBind README @53680b0: a dog, a car and a bird, seen and heard ("Vision x Audio").

    Needs the weights, and that repository's .assets/*.jpg and *.wav in a folder `example` beside them.
    """
    folder = assets.asset_table().path("imagebind-huge").with_name("example")
    there = assets.asset_table()
    if why := there.missing("imagebind-huge") or (None if (folder / "dog_image.jpg").is_file() else f"no {folder}"):
        pytest.skip(why)
    net, names = network.load(assets.asset_table().find("imagebind-huge"), "cpu"), ("dog", "car", "bird")
    seen, heard = [], []
    for name in names:
        image = cv2.imread(str(folder / f"{name}_image.jpg"))[None, ..., ::-1]
        picture = pictures.short_side(np.ascontiguousarray(image), inputs.SIDE)
        top, left = ((length - inputs.SIDE) // 2 for length in picture.shape[-2:])
        middle = picture[..., top : top + inputs.SIDE, left : left + inputs.SIDE]
        wave = imagebind.channels_16k(media.read(folder / f"{name}_audio.wav"))
        with torch.inference_mode():
            seen.append(net.encode_video(inputs.normalised(middle))[0])
            heard.append(
                net.encode_audio(inputs.spectrograms(wave, inputs.spans(wave.shape[1]), in_place=True)).mean(dim=0)
            )
    found = torch.softmax(20 * torch.stack(seen) @ torch.stack(heard).T, dim=1)
    published = [[0.8070, 0.1088, 0.0842], [0.1036, 0.7884, 0.1079], [0.0018, 0.0022, 0.9960]]
    np.testing.assert_allclose(found.numpy(), published, atol=0.02)
