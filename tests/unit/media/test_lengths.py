"""What ends before it says so is refused; what merely says something odd of its length is read whole."""

import numpy as np
import pytest

from jova_bench.errors import BenchError
from jova_bench.media import lengths
from jova_bench.media.files import read, write
from support.muxed import FPS, RATE, codes, mux, noise


def test_damaged_files_are_refused(tmp_path):
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.mp4"
    frames = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), dtype=np.uint8)
    write(good, frames, FPS, noise(6400), RATE)
    whole = good.read_bytes()
    for cut in (0, 20, len(whole) // 3, len(whole) - 1):
        bad.write_bytes(whole[:cut])
        with pytest.raises(BenchError, match=r"cannot decode .*bad\.mp4: "):
            read(bad)
    # Somewhere in the sound or the picture: their checksums and syntax catch it, nothing is painted over.
    for at in (len(whole) // 3, len(whole) // 2):
        bad.write_bytes(whole[:at] + bytes(200) + whole[at + 200 :])
        with pytest.raises(BenchError, match="cannot decode"):
            read(bad)
    with pytest.raises(BenchError, match=r"cannot decode .*none\.mp4: .*No such file"):
        read(tmp_path / "none.mp4")
    with pytest.raises(BenchError, match="cannot decode"):
        read(tmp_path)


def test_a_matroska_file_that_ends_early_is_refused(tmp_path):
    path = mux(tmp_path / "clip.mkv", range(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BenchError, match="the file ends early"):
        read(path)


def test_a_wav_that_ends_early_is_refused(tmp_path):
    path = tmp_path / "sound.wav"
    write(path, None, FPS, noise(), RATE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(BenchError, match="ends early"):
        read(path)
    # A program that writes to a pipe cannot go back to state the length.
    path.write_bytes(whole[:4] + b"\xff" * 4 + whole[8:])
    np.testing.assert_array_equal(read(path).audio, noise())


def stated(whole, riff, data):
    """A wav with other lengths in its header. `data` stands right before the samples, 36 bytes in."""
    assert whole[36:40] == b"data"
    return whole[:4] + riff.to_bytes(4, "little") + whole[8:40] + data.to_bytes(4, "little") + whole[44:]


@pytest.fixture
def wav(tmp_path):
    """A wav of 64,000 bytes of samples: 64,036 and 64,000 are its lengths."""
    write(tmp_path / "sound.wav", None, FPS, noise(), RATE)
    return tmp_path / "sound.wav"


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg to a pipe.
        (2_000_000_036, 2_000_000_000),  # Pocket TTS's server.
        (0x7FFFF024, 0x7FFFF000),  # SoX to a pipe.
        (0x7FFFFFFF, 0x7FFFFFFF - 36),
        (0, 0),
        (0, 0xFFFFFFFF),
        (64_036, 0xFFFFFFFF),
        (0xFFFFFFFF, 64_000),
        (64_044, 64_000),  # The whole file's length in place of what follows.
        (64_036, 64_008),
        (4, 64_000),
    ],
)
def test_a_wav_with_an_odd_length_is_whole(wav, riff, data):
    wav.write_bytes(stated(wav.read_bytes(), riff, data))
    clip = read(wav)
    np.testing.assert_array_equal(clip.audio, noise())
    assert codes(clip) == ["no_video"]


@pytest.mark.parametrize(("riff", "data"), [(64_036, 64_000), (0xFFFFFFFF, 64_000), (0, 64_000), (64_036, 0)])
@pytest.mark.parametrize("cut", [82, 1000, 32_000])
def test_a_wav_that_was_cut_is_refused_by_what_its_header_knows(wav, riff, data, cut):
    wav.write_bytes(stated(wav.read_bytes(), riff, data)[:-cut])
    with pytest.raises(BenchError, match=f"the file ends early, {64_044 - cut} of 64044 bytes"):
        read(wav)


@pytest.mark.parametrize(("riff", "data"), [(1, 1), (8, 8), (44, 44), (64, 8), (80, 80), (0, 44), (44, 0)])
def test_a_wav_whose_lengths_count_a_header_too_many_is_whole_and_told(wav, riff, data):
    wav.write_bytes(stated(wav.read_bytes(), 64_036 + riff, 64_000 + data))
    clip = read(wav)
    np.testing.assert_array_equal(clip.audio, noise())
    assert codes(clip) == (["no_video", "wav_length"] if riff and data else ["no_video"])
    if riff and data:
        assert f" {min(riff, data)} bytes more than the file has" in clip.findings[-1].detail
    assert codes(read(wav, pictures=False)) == codes(clip)[1:]


def test_a_wav_that_lost_a_few_bytes_is_told_and_one_that_lost_more_than_a_header_is_refused(wav):
    whole = wav.read_bytes()
    wav.write_bytes(whole[:-79])
    clip = read(wav)
    np.testing.assert_array_equal(clip.audio, noise()[:, :-40])  # Of the last sample there is one byte.
    assert "wav_length" in codes(clip)
    wav.write_bytes(whole[:-81])
    with pytest.raises(BenchError, match="the file ends early"):
        read(wav)


def test_a_wav_with_64_bit_lengths_is_read_and_told(wav):
    # RF64: the 32-bit lengths are all ones; `ds64` holds those of the whole, of the data, and the count of samples.
    whole = wav.read_bytes()
    lengths = b"".join(n.to_bytes(8, "little") for n in (64_072, 64_000, 32_000)) + bytes(4)
    rf64 = b"RF64" + b"\xff" * 4 + b"WAVEds64" + (28).to_bytes(4, "little") + lengths + whole[12:40] + b"\xff" * 4
    wav.write_bytes(rf64 + whole[44:])
    np.testing.assert_array_equal(read(wav).audio, noise())
    wav.write_bytes((rf64 + whole[44:])[:-100])
    with pytest.raises(BenchError, match="the file ends early"):
        read(wav)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi"])
@pytest.mark.parametrize("cut", [1, 64, 1000, 2800])
def test_a_film_that_was_cut_is_refused(tmp_path, suffix, cut):
    film = {"webm": ("libopus", "libvpx"), "avi": ("pcm_s16le", "ffv1"), "mov": ("aac", "libx264")}
    codec, images = film.get(suffix, ("flac", "libx264"))
    path = mux(tmp_path / f"clip.{suffix}", range(50), codec, images=images)
    assert len(read(path).frames) == 50
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(BenchError, match=r"cannot decode .*clip\..*: "):
        read(path)
    with pytest.raises(BenchError, match=r"cannot decode .*clip\..*: "):
        read(path, pictures=False)


@pytest.mark.parametrize("cut", [1, 500, 10_000])
def test_a_flac_that_was_cut_is_refused(tmp_path, cut):
    write(tmp_path / "sound.flac", None, FPS, noise(), RATE)
    whole = (tmp_path / "sound.flac").read_bytes()
    (tmp_path / "sound.flac").write_bytes(whole[:-cut])
    with pytest.raises(BenchError, match="cannot decode"):
        read(tmp_path / "sound.flac")


def test_a_flac_that_was_cut_between_blocks_is_refused(tmp_path):
    # The last of 4000-sample blocks, 0.25 s, begins with FLAC's sync code and is left out whole.
    write(tmp_path / "sound.flac", None, FPS, noise(33_000), RATE)
    whole = (tmp_path / "sound.flac").read_bytes()
    last = whole.rindex(b"\xff\xf8")
    (tmp_path / "sound.flac").write_bytes(whole[:last])
    with pytest.raises(BenchError, match="cannot decode"):
        read(tmp_path / "sound.flac")


def test_what_was_streamed_live_is_read_and_its_cut_told(tmp_path):
    # Nobody comes back to state the lengths of the segment and, here, of its clusters.
    path = mux(tmp_path / "clip.mkv", range(50), options={"live": "1"})
    data = bytearray(path.read_bytes())
    segment = data.index(b"\x18\x53\x80\x67") + 4
    data[segment : segment + 8] = b"\x01" + b"\xff" * 7
    path.write_bytes(data)
    assert len(read(path).frames) == 50
    cluster = data.index(b"\x1f\x43\xb6\x75") + 4
    wide = 9 - data[cluster].bit_length()
    data[cluster : cluster + wide] = bytes([0xFF >> wide - 1]) + b"\xff" * (wide - 1)
    path.write_bytes(data)
    assert len(read(path).frames) == 50
    path.write_bytes(data[:-50])
    with pytest.raises(BenchError, match="the file ends early"):
        read(path)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("start", [7, 75, 500])
def test_a_film_that_starts_late_is_whole(tmp_path, suffix, start):
    clip = read(mux(tmp_path / f"clip.{suffix}", range(start, start + 50), audio_start=start * 640))
    assert clip.audio.shape == (1, 32_000)
    assert len(clip.frames) == 50
    assert codes(clip) == []


def test_thousands_of_tiny_boxes_are_not_walked_for_ever(tmp_path):
    # 8 MB of boxes of eight bytes: a bounded number of them is looked at, and libav finds no film in them.
    box, path = (8).to_bytes(4, "big") + b"free", tmp_path / "boxes.mp4"
    path.write_bytes((16).to_bytes(4, "big") + b"ftypisom" + bytes(4) + box * 1_000_000)
    with pytest.raises(BenchError, match="cannot decode"):
        read(path)
    with path.open("rb") as file:
        assert lengths._mp4_end(file, path.stat().st_size) == 16 + 8 * (lengths.MOST_BOXES - 1)
