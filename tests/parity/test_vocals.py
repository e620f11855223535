"""Voices without music and noise: audio-separator's arithmetic on a small network, and lip-sync by them alone."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.assets import records
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media import files as media
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.lip_sync import curves
from jova_bench.metrics.lip_sync import syncnet as lse
from jova_bench.metrics.lip_sync.variants import VARIANTS
from jova_bench.metrics.networks import mdx_net
from jova_bench.metrics.signal.audio import resample
from jova_bench.metrics.speech import vocals
from support import mdx_files
from support.clips import audio_clip, sine
from support.coded_lips import talking, track
from support.memory_cache import MemoryCache
from support.onnx_files import described, model, node
from support.upstream import fake, parity

PARITY = parity("mdx_net")
MOCHA = VARIANTS["mocha"]
pytestmark = pytest.mark.skipif(vocals.packages() is not None, reason="onnxruntime is not installed")


def net(folder, matrix=mdx_files.SAME):
    mdx_files.mixing(folder / "net.onnx", matrix)
    return mdx_net.MdxNet(folder / "net.onnx")


@pytest.fixture
def use(own_assets, tmp_path):
    """`use(matrix)` puts a network in the place of Kim_Vocal_2."""

    def put(matrix):
        mdx_files.mixing(tmp_path / "vocals.onnx", matrix)
        (tmp_path / "syncnet").write_bytes(b"stands for weights")
        own_assets({"kim-vocal-2": tmp_path / "vocals.onnx", "syncnet": tmp_path / "syncnet"})

    return put


@pytest.mark.parametrize("count", [int(count) for count in PARITY["outputs"]])
def test_voices_equal_the_originals(tmp_path, count):
    """Shorter than a piece, and of three pieces that overlap, louder than full scale."""
    mdx_files.masking(tmp_path / "net.onnx")
    expected = PARITY["outputs"][str(count)]
    sound = (fake((2, count), f"mixture {count}").numpy() * expected["loud"]).astype(np.float32)
    made = mdx_net.MdxNet(tmp_path / "net.onnx").voices(sound)
    np.testing.assert_allclose(made[:, :: expected["every"]], expected["samples"], atol=2e-6)
    np.testing.assert_allclose(np.abs(made).sum(axis=1, dtype=np.float64), expected["sum_abs"], rtol=1e-5)


@pytest.mark.parametrize("count", [1, 60_000, mdx_net.PIECE - mdx_net.FFT])
def test_a_network_that_returns_its_input_gives_the_sound_back(tmp_path, count):
    """But for the compensation; the last is as long as what one piece adds."""
    t = np.arange(count) / vocals.SEPARATED_HZ
    sound = np.stack([0.3 * np.sin(2 * np.pi * hz * t) for hz in (440, 3000)]).astype(np.float32)
    made = net(tmp_path).voices(sound)
    assert made.shape == sound.shape
    # Where it begins and ends a tone has all frequencies, and the lowest three and the highest are lost.
    inner = slice(mdx_net.FFT, -mdx_net.FFT)
    np.testing.assert_allclose(made[:, inner], mdx_net.COMPENSATION * sound[:, inner], atol=1e-4)


def test_sides_are_told_apart_and_loud_sound_is_limited(tmp_path):
    sound = np.stack([np.sin(np.arange(30_000) / 9), np.zeros(30_000)]).astype(np.float32) * 1.5
    left, right = net(tmp_path, mdx_files.LEFT).voices(sound)
    np.testing.assert_array_equal(left, right)
    assert np.abs(left).max() == pytest.approx(mdx_net.LOUDEST, abs=1e-6)
    assert not net(tmp_path, mdx_files.LEFT).voices(sound[::-1]).any()


def test_files_that_are_no_such_network(tmp_path):
    file = tmp_path / "net.onnx"
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(Unavailable, match=r"^weights unreadable: expected an ONNX network in .*net.onnx, got "):
        mdx_net.MdxNet(file)
    right, other = ("batch", 4, 3072, 256), (1, 4, 2048, 256)
    for takes, gives in ((other, right), (right, other)):
        described_both = [described("input", takes)], [described("output", gives)]
        file.write_bytes(model([node("Identity", ["input"], "output")], [], *described_both))
        with pytest.raises(Unavailable, match=r"^weights unreadable: expected "):
            mdx_net.MdxNet(file)


@pytest.mark.parametrize("channels", [1, 6])
def test_any_number_of_channels_is_heard_in_mono_at_16_khz(use, channels):
    use(mdx_files.SAME)
    tone = sine(300, 2.0, 48_000, 0.1)
    clip, cache = audio_clip(np.tile(tone, (channels, 1)), 48_000), MemoryCache()
    heard = vocals.heard(clip, MetricContext(cache))
    assert len(heard) == 32_000
    expected = mdx_net.COMPENSATION * resample(tone, 48_000, 16_000)
    np.testing.assert_allclose(heard[4000:-4000], expected[4000:-4000], atol=1e-4)
    assert vocals.heard(audio_clip(clip.audio, 48_000, digest="1" * 64), MetricContext(cache)) is not None
    assert len(cache.kept) == 1  # By the sound, whatever the picture.
    use(mdx_files.NOTHING)
    with pytest.raises(Undefined, match=r"^no voice: "):
        vocals.heard(clip, MetricContext(cache))
    assert len(cache.kept) == 2  # By the weights.


def under_music(lead=0):
    """A talking clip whose voice is on the left, and on the right noise whose loudness has nothing to do with it."""
    voice, other = talking(lead=lead).audio, np.roll(talking(frames=75, lead=7).audio[:, ::-1], 16_000)
    both = np.concatenate([voice, 2 * other])
    return clip_from_arrays(talking().frames, Fraction(25), both, 16_000)


@pytest.mark.parametrize("lead", [-4, 0, 3])
def test_lips_are_held_to_the_voice_alone(coded, found, use, lead):
    use(mdx_files.LEFT)
    found(track(0, 75))
    (curve,) = lse.face_curves(under_music(lead), MOCHA, MetricContext(NoCache()))
    assert curves.offset_frames_of(curve.curve) == lead
    (mixed,) = lse.face_curves(under_music(lead), replace(MOCHA, separated=False), MetricContext(NoCache()))
    assert curves.lse_c_of(curve.curve) > 2 * curves.lse_c_of(mixed.curve)


def test_a_clip_without_a_voice_has_no_score(coded, found, use):
    use(mdx_files.NOTHING)
    found(track(0, 75))
    silent = clip_from_arrays(talking().frames, Fraction(25), np.zeros((1, 48_000), np.float32), 16_000)
    for name in MOCHA.numbers:
        metric = lse.build(MetricContext(NoCache()), name, "mocha")
        outcome = metric.score(talking())
        assert (outcome.status, outcome.reason.partition(":")[0]) == ("undefined", "no voice")
        outcome = metric.score(silent)
        assert (outcome.status, outcome.reason) == ("undefined", "silent")


def test_the_identity_names_what_separates(use):
    identities = set()
    for matrix in (mdx_files.SAME, mdx_files.LEFT):
        use(matrix)
        metric = lse.build(MetricContext(NoCache()), "lse_c", "mocha")
        identities.add(metric.spec.identity)
        digest = assets.asset_table().digest("kim-vocal-2")
        assert metric.spec.identity.startswith("lse_c@2/standard/compat:mocha@043908d:syncnet-v2[")
        assert metric.spec.identity.endswith(f",voice=kim-vocal-2[{digest}]{{audio-separator@99840ee}}}}")
    assert len(identities) == 2


def test_missing_weights_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    metric = lse.build(MetricContext(NoCache()), "lse_c", "mocha")
    assert metric.check() == "weights missing: jova-bench assets pull syncnet s3fd kim-vocal-2"


@pytest.mark.weights
def test_the_published_example():
    """MoChaBench's README: offset 1, distance 9.255, confidence 4.497, within 0.1, of example/video.avi and speech.wav.

    Needs the weights, and both files of congwei1230/MoChaBench eval-lipsync/example beside SyncNet's.
    """
    table = assets.asset_table()
    files = [table.path("syncnet").with_name(name) for name in ("video.avi", "speech.wav")]
    if why := table.missing("syncnet", "s3fd") or next((f"no {file}" for file in files if not file.is_file()), None):
        pytest.skip(why)
    assert [records.sha256_of(file)[:12] for file in files] == ["272f92c4ab9d", "9ddfb5563cba"]
    video, speech = map(media.read, files)
    clip = clip_from_arrays(video.frames, video.fps, speech.audio, speech.sample_rate_hz)
    found = lse.face_curves(clip, replace(MOCHA, separated=False), MetricContext(NoCache()))
    assert [curves.offset_frames_of(one.curve) for one in found] == [1]
    assert MOCHA.over(curves.lse_d_of, found) == pytest.approx(9.255, abs=0.1)
    assert MOCHA.over(curves.lse_c_of, found) == pytest.approx(4.497, abs=0.1)
