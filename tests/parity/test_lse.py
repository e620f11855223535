"""Lip-sync scores of whole clips: what each protocol makes of faces, edges and bad input, and upstream's own number."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.io import wavfile

from jova_bench.assets import records
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics import faces
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.lip_sync import curves
from jova_bench.metrics.lip_sync import syncnet as lse
from jova_bench.metrics.lip_sync import syncnet_pip as lse_package
from jova_bench.metrics.lip_sync.variants import VARIANTS
from support import upstream
from support.coded_lips import Coded, talking, track
from support.memory_cache import MemoryCache
from support.syncnet_clip import FRAMES, PARITY, crops, sound


def score(name: str, clip: Clip, protocol: str = "clean", cache=None) -> tuple[str, float | str | None]:
    outcome = lse.build(MetricContext(cache or NoCache(), "cpu"), name, protocol).score(clip, None, None)
    return outcome.status, outcome.value if outcome.status == "ok" else outcome.reason


@pytest.mark.parametrize(
    ("protocol", "samples", "windows", "heard"),
    [
        ("clean", 100 * 640, 46, 50 * 640 + 240),  # 50 frames of a longer clip: its sound goes on behind them
        ("clean", 60 * 640, 46, 50 * 640),  # the clip ends with the face
        ("clean", 40 * 640 + 639, 26, 30 * 640 + 639),  # 30 whole frames of sound are left
        ("clean", 5 * 640, 0, 0),
        ("syncnet_python", 100 * 640, 45, 50 * 640),
        ("syncnet_python", 40 * 640, 25, 30 * 640),
        ("mova", 100 * 640, 45, 50 * 640),
        ("versebench", 100 * 640, 44, 49 * 640),  # the last frame has no sound there
    ],
)
def test_windows_of_a_face(protocol: str, samples: int, windows: int, heard: int):
    one = lse.hear(track(10, 50), np.ones(samples, np.float32), VARIANTS[protocol])
    assert (one.windows, len(one.sound)) == (windows, heard)


def test_sound_is_of_16_bits():
    one = lse.hear(track(0, 1), np.array([-1.5, -1, 0, 0.5, 1, 1e-5], np.float32), VARIANTS["clean"])
    np.testing.assert_array_equal(one.sound, [-32768, -32768, 0, 16384, 32767, 0])


@pytest.mark.parametrize("protocol", ["clean", "syncnet_python", "latentsync", "wav2lip-lrs"])
@pytest.mark.parametrize("lead", [-9, -1, 0, 4])
def test_planted_shifts_come_back(coded, found, protocol: str, lead: int):
    found(track(0, 75))
    assert score("av_offset_frames", talking(lead=lead), protocol) == ("ok", lead)


def test_a_face_is_heard_while_it_is_seen(coded, found):
    # Frames and samples are cut by the same clock: a face that comes late is in sync, too.
    found(track(23, 52))
    assert score("av_offset_frames", talking()) == ("ok", 0)
    assert score("av_offset_frames", talking(lead=3)) == ("ok", 3)
    assert score("av_offset_frames", talking(), "syncnet_python") == ("ok", 0)


@pytest.mark.parametrize("clip", [talking(rate_hz=48_000, channels=2), talking(rate_hz=32_000, channels=6)])
def test_any_rate_and_number_of_channels(coded, found, clip: Clip):
    found(track(0, 75))
    assert score("av_offset_frames", clip) == ("ok", 0)


def test_frames_are_brought_to_25_a_second(coded, found):
    # 90 frames at 30 fps are 3 s: 75 frames at 25. A face that a detector follows lives in those.
    slow = talking(75)
    fast = clip_from_arrays(slow.frames[np.arange(90) * 25 // 30], Fraction(30), slow.audio, 16_000)
    found(track(0, 75))
    assert score("av_offset_frames", fast)[1] == pytest.approx(0, abs=1)


def test_odd_sizes_and_a_cut(coded, found):
    clip = talking(100)
    clip = clip_from_arrays(np.ascontiguousarray(clip.frames[:, :239, :319]), clip.fps, clip.audio, 16_000)
    found(track(0, 50), track(50, 50), track(3, 20))
    curves = lse.face_curves(clip, VARIANTS["clean"], MetricContext(NoCache()))
    assert [(one.windows, one.first, one.stop) for one in curves] == [(46, 0, 50), (46, 50, 100)]
    assert score("av_offset_frames", clip) == ("ok", 0)


@pytest.mark.parametrize(
    ("protocol", "tracks", "reason"),
    [
        ("clean", [], "no face found"),
        ("clean", [track(0, 75, side=63)], "face too small: 63 pixels, at least 64 needed"),
        ("clean", [track(0, 39)], "too short: 35 windows of 5 frames of one face, at least 36 needed"),
        ("clean", [track(60, 75)], "too short: 11 windows of 5 frames of one face, at least 36 needed"),
        ("syncnet_python", [], "no face found: none of more than 100 pixels in more than 100 frames of a shot"),
        ("mova", [], "no face found: none of more than 100 pixels in more than 20 frames of a shot"),
        ("versebench", [track(0, 40)], "no face found: none in 50 frames on end"),
        ("syncnet_python", [track(0, 75)] * 2, "2 faces: this bench gives each its own score and the clip none"),
        ("mova", [track(0, 75), track(71, 4)], "too short: a face without a window of 5 frames with sound; "
                                               "this bench crashes on the clip"),
    ],
)  # fmt: skip
def test_clips_without_an_answer(coded, found, protocol: str, tracks: list[faces.Track], reason: str):
    found(*tracks)
    assert score("lse_c", talking(), protocol) == ("undefined", reason)


def test_silence_is_no_answer_for_us_and_a_number_for_benches(coded, found):
    found(track(0, 75))
    silent = clip_from_arrays(talking().frames, Fraction(25), np.zeros((1, 48_000), np.float32), 16_000)
    assert score("lse_c", silent) == ("undefined", "silent")
    assert score("lse_c", silent, "syncnet_python")[0] == "ok"
    half = silent.audio.copy()
    half[:, :8000] = talking().audio[:, :8000]  # 12 frames of sound; the face is seen from frame 20 on
    found(track(20, 55))
    half_silent = clip_from_arrays(silent.frames, Fraction(25), half, 16_000)
    assert score("lse_c", half_silent) == ("undefined", "silent while a face is seen")


def test_clips_of_one_stream(coded, found):
    found(track(0, 75))
    clip = talking()
    mute = clip_from_arrays(clip.frames, clip.fps, None, 0)
    blind = clip_from_arrays(None, Fraction(0), clip.audio, 16_000)
    for protocol in ("clean", "versebench", "wav2lip-lrs"):
        assert score("lse_c", mute, protocol) == ("undefined", "no audio stream")
        assert score("lse_c", blind, protocol) == ("undefined", "no video stream")


def test_a_still_face_has_no_confidence_without_padding(coded, found, monkeypatch):
    # All windows alike: every masked distance is equal, so C = 0; zeros beyond the edges make one out of nothing.
    monkeypatch.setattr(Coded, "encode_video", lambda self, pictures: np.ones((len(pictures) - 4, 4)))
    monkeypatch.setattr(Coded, "encode_audio", lambda self, cepstra: np.ones((len(cepstra) // 4 - 4, 4)))
    found(track(0, 75))
    assert score("lse_c", talking()) == ("ok", 0)
    assert score("lse_c", talking(), "syncnet_python")[1] > 0.1


def test_scored_once(coded, found):
    found(track(0, 75))
    cache, clip = MemoryCache(), talking()
    before = Coded.looks
    for name in VARIANTS["clean"].numbers:
        assert score(name, clip, cache=cache)[0] == "ok"
    assert Coded.looks == before + 1
    score("lse_c", clip, "mova", cache)  # Another protocol never takes what was kept for this one.
    assert Coded.looks == before + 2


def test_a_clip_scores_as_upstream_scores_it(tmp_path, monkeypatch):
    """The whole way from a clip to LSE on a random checkpoint, against SyncNetInstance.evaluate."""
    torch.save(upstream.fake_state(PARITY["shapes"]), tmp_path / "syncnet_v2.model")
    own = upstream.own_table(tmp_path, {"syncnet": tmp_path / "syncnet_v2.model"})
    monkeypatch.setenv(assets.TABLE_VARIABLE, own)
    clip = clip_from_arrays(
        np.ascontiguousarray(crops()[..., ::-1]), Fraction(25), (sound() / 32768)[None].astype(np.float32), 16_000
    )
    metrics = build(["lse_c@wav2lip-lrs", "lse_d@wav2lip-lrs"], "standard", MetricContext(MemoryCache()))
    values = [metric.score(clip, None, None).value for metric in metrics]
    expected = PARITY["outputs"]
    assert values == pytest.approx([expected["confidence"], expected["min_distance"]], abs=1e-4)
    assert len(clip.frames) == FRAMES
    assert all(assets.asset_table().digest("syncnet") in metric.spec.identity for metric in metrics)


@pytest.mark.weights
def test_the_published_demo():
    """joonson/syncnet_python README: offset 3, distance 5.353, confidence 10.021 of example.avi, through JPEG files.

    Needs the weights, and http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/example.avi beside them.
    """
    example = assets.asset_table().path("syncnet").with_name("example.avi")
    if why := assets.asset_table().missing("syncnet") or (None if example.is_file() else f"no {example}"):
        pytest.skip(why)
    assert records.sha256_of(example) == "1724121b3a50141cfc9e77c034f7de914024d015b92762ae12d3e1a7151b8621"
    (found,) = lse.face_curves(media.read(example), VARIANTS["wav2lip-lrs"], MetricContext(NoCache()))
    assert curves.offset_frames_of(found.curve) == 3
    assert curves.lse_d_of(found.curve) == pytest.approx(5.353, abs=0.05)
    assert curves.lse_c_of(found.curve) == pytest.approx(10.021, abs=0.15)


def test_missing_weights_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    metric = lse.build(MetricContext(NoCache(), "cpu"), "lse_c", "clean")
    assert metric.check() == "weights missing: jova-bench assets pull syncnet s3fd"
    outcome = metric.score(talking(), None, None)
    assert (outcome.status, outcome.reason) == ("failed", metric.check())


class Evaluated:
    """Instead of the package's judge: reads the files that it is given, and answers with what lies in them."""

    def evaluate(self, options) -> tuple[int, float, float]:
        print("talk")
        names = sorted(Path(options.tmp_dir).glob("*.jpg"))
        first = cv2.imread(str(names[0]))
        rate, samples = wavfile.read(Path(options.tmp_dir) / "audio.wav")
        assert (rate, samples.dtype, len(samples)) == (16_000, np.int16, len(names) * 640)
        return 0, float(first[100, 100, 0]), float(first[100, 100, 2])


def test_the_package_is_given_crops_without_loss(coded, found, monkeypatch, capsys):
    # Blue and red of the first frame of each face: the largest "confidence" and the smallest "distance" of either.
    monkeypatch.setattr(lse_package, "_load", lambda file, device: Evaluated())
    monkeypatch.setattr(lse_package, "cached_network", lambda key, build: build())
    monkeypatch.setattr(lse_package.PackageLipSync, "check", lambda self: None)
    clip = talking()
    pixels = clip.frames.copy()
    pixels[0], pixels[5] = (7, 0, 90), (3, 0, 40)
    clip = clip_from_arrays(pixels, clip.fps, clip.audio, 16_000)
    found(track(0, 70), track(5, 70))
    assert lse_package.build(MetricContext(NoCache(), "cpu"), "lse_c").score(clip, None, None).value == 90
    assert lse_package.build(MetricContext(NoCache(), "cpu"), "lse_d").score(clip, None, None).value == 3
    captured = capsys.readouterr()
    assert "talk" not in captured.out
    assert "talk" in captured.err


def test_the_package_scores_as_upstream_scores(tmp_path):
    """The installed package itself, on the checkpoint and input that the original answered for."""
    pytest.importorskip("syncnet_python", exc_type=ImportError)
    torch.save(upstream.fake_state(PARITY["shapes"]), tmp_path / "syncnet_v2.model")
    judge = lse_package._load(tmp_path / "syncnet_v2.model", "cpu")
    offset, confidence, distance = lse_package.evaluate(judge, crops(), sound())
    expected = PARITY["outputs"]
    assert offset == expected["offset"]
    assert (confidence, distance) == pytest.approx((expected["confidence"], expected["min_distance"]), abs=1e-4)


def test_a_package_that_is_not_here_is_named(monkeypatch):
    monkeypatch.setattr(lse_package, "find_spec", lambda name: None)
    metric = lse_package.build(MetricContext(NoCache(), "cpu"), "lse_c")
    assert metric.check().startswith("not installed: pip install --no-deps syncnet-python==0.2.3 ")
    assert metric.spec.protocol == "syncnet-pip@0.2.3"
