"""A part of a file is what the whole file has there: the same frames, and the same sound to the sample."""

from fractions import Fraction

import av
import numpy as np
import pytest

from jova_bench.media import files as media
from jova_bench.media.decode import Span
from support.muxed import RATE, codes, delay_samples, mux, noise, numbers
from support.planted_videos import as_others_write


def span(first, stop, fps=25):
    return Span(Fraction(first, fps), Fraction(stop, fps))


@pytest.mark.parametrize("first", [0, 13, 40])
def test_a_span_of_lossless_sound_is_that_part_to_the_sample(tmp_path, first):
    path = mux(tmp_path / "a.mkv", list(range(0, 2000, 40)), time_base=Fraction(1, 1000))
    whole, part = media.read(path), media.read(path, span=span(first, first + 10))
    np.testing.assert_array_equal(part.frames, whole.frames[first : first + 10])
    assert numbers(part.frames) == list(range(first, first + 10))
    np.testing.assert_array_equal(part.audio, whole.audio[:, first * 640 : (first + 10) * 640])
    assert "start_offset" not in codes(part)
    assert part.fps == whole.fps


def test_sound_that_starts_late_stays_where_it_is(tmp_path):
    # 0.1 s of silence stand before it, in the whole and in the part.
    path = mux(tmp_path / "a.mp4", range(50), audio_start=1600)
    whole, part = media.read(path), media.read(path, span=span(1, 9))
    assert part.audio.shape[1] == 8 * 640
    np.testing.assert_array_equal(part.audio, whole.audio[:, 640 : 9 * 640])
    assert not part.audio[:, :960].any()
    assert part.audio[:, 960:].any()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("first", [0, 37])
def test_a_span_between_key_frames_with_lossy_sound_stays_in_sync(tmp_path, suffix, first):
    count, rate = 96, 48_000
    rng = np.random.default_rng(0)
    frames = np.broadcast_to((20 + 2 * np.arange(count)).astype(np.uint8)[:, None, None, None], (count, 64, 64, 3))
    audio = np.repeat(rng.normal(0, 0.1, (2, count * rate // 24 // 8)), 8, axis=1)
    as_others_write(tmp_path / f"a{suffix}", frames, audio, 24, rate)
    whole, part = (
        media.read(tmp_path / f"a{suffix}"),
        media.read(tmp_path / f"a{suffix}", span=span(first, first + 30, 24)),
    )
    np.testing.assert_array_equal(part.frames, whole.frames[first : first + 30])
    start = first * rate // 24
    expected = whole.audio[:, start : start + 30 * rate // 24]
    assert part.audio.shape == expected.shape
    # Matroska rounds the time of a block to 1 ms, so to half of it.
    assert abs(delay_samples(expected, part.audio)) <= (rate // 2000 if suffix == ".mkv" else 0)
    if suffix != ".mkv":
        np.testing.assert_allclose(part.audio, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "codec", "options", "found"),
    [
        ("a.mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}, {"no_edit_list"}),
        ("a.mp4", "aac", {}, set()),
        ("a.mkv", "aac", {}, set()),
        ("a.ts", "aac", {}, set()),  # Its sound starts before the picture by the delay.
        ("a.avi", "mp3", {}, {"codec_delay"}),
    ],
)
def test_a_codec_delay_is_found_in_a_span_where_it_is_in_the_whole(tmp_path, name, codec, options, found):
    images = "mpeg4" if name == "a.avi" else "libx264"
    path = mux(tmp_path / name, range(50), codec, options=options, images=images)
    for clip in (media.read(path), media.read(path, span=span(0, 9)), media.read(path, span=span(40, 49))):
        assert {*codes(clip)} & {"no_edit_list", "codec_delay"} == found


def test_a_span_beyond_the_end_has_no_frames(tmp_path):
    path = mux(tmp_path / "a.mp4", range(50))
    part = media.read(path, span=span(60, 70))
    assert part.frames is None


def test_a_long_file_is_read_in_parts_within_the_memory_of_a_part(tmp_path, monkeypatch):
    path = mux(tmp_path / "a.mp4", range(50), audio=noise(RATE * 2))
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", "0.0004")  # 400 kB: ten frames of 64 x 64 and their sound.
    with pytest.raises(media.BenchError, match="expected at most"):
        media.read(path)
    assert len(media.read(path, span=span(20, 30)).frames) == 10
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 50
