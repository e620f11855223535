"""A clip is what a player shows and plays: upright, with square pixels, of the tracks that the file means."""

from fractions import Fraction

import av
import numpy as np
import pytest

from jova_bench.errors import BenchError
from jova_bench.media.display import matrix_of, upright
from jova_bench.media.files import read, write
from support.muxed import FPS, RATE, codes, delay_samples, mux, noise, numbered, numbers
from support.small_media import with_orientation

UNIT = 0x10000
SEI_MIRRORED = bytes([3, 0b01000000, 0, 0b00010100])
"""Display orientation: three bytes of not cancelled, mirrored, not upside down, 16 bits of angle, to be repeated."""
LEVELS = {"black": 0, "grey": 90, "light": 180, "white": 255}


def quarters(top_left, top_right, bottom_left, bottom_right, height=32, width=64):
    """(H, W) levels of a picture with four corners."""
    names = [[top_left, top_right], [bottom_left, bottom_right]]
    levels = np.array([[LEVELS[name] for name in row] for row in names])
    return levels.repeat(height // 2, axis=0).repeat(width // 2, axis=1)


def turned(path, a, b, c, d):
    """A film of four corners (white grey / light black) whose track header holds a matrix."""
    picture = quarters("white", "grey", "light", "black")
    write(path, np.repeat(picture[None, ..., None], 3, axis=3).repeat(3, axis=0).astype(np.uint8), FPS, None, 0)
    data = bytearray(path.read_bytes())
    at = data.index(matrix(1, 0, 0, 1), data.index(b"tkhd"))
    data[at : at + 36] = matrix(a, b, c, d)
    path.write_bytes(data)
    return path


def matrix(a, b, c, d):
    """Nine numbers of 32 bits: a b u, c d v, x y w."""
    numbers = [round(a * UNIT), round(b * UNIT), 0, round(c * UNIT), round(d * UNIT), 0, 0, 0, 1 << 30]
    return np.array(numbers, ">i4").tobytes()


# What is at (p, q) is shown at (a p + c q, b p + d q): worked out by hand, and seen so in FFmpeg's own output.
WAYS = {
    (1, 0, 0, 1): ("white", "grey", "light", "black"),
    (-1, 0, 0, 1): ("grey", "white", "black", "light"),
    (1, 0, 0, -1): ("light", "black", "white", "grey"),
    (-1, 0, 0, -1): ("black", "light", "grey", "white"),
    (0, 1, -1, 0): ("light", "white", "black", "grey"),
    (0, -1, 1, 0): ("grey", "black", "white", "light"),
    (0, 1, 1, 0): ("white", "light", "grey", "black"),
    (0, -1, -1, 0): ("black", "grey", "light", "white"),
}


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_way_up_is_shown_as_the_file_asks(tmp_path, way, scale):
    clip = read(turned(tmp_path / "clip.mp4", *(scale * number for number in way)))
    expected = quarters(*WAYS[way], *((64, 32) if way[0] == 0 else (32, 64)))
    assert clip.frames.shape[1:3] == expected.shape
    assert np.abs(clip.frames[1].astype(int) - expected[..., None]).max() < 12
    assert codes(clip) == ["frozen", "no_audio"]


def test_the_first_frame_says_how_all_are_turned(tmp_path):
    # H.264 may state an orientation with its key frames alone; here with the first of five frames.
    path = tmp_path / "clip.mkv"
    picture = np.repeat(quarters("white", "grey", "light", "black")[..., None], 3, axis=2).astype(np.uint8)
    turned_sei = bytes.fromhex("00000001 062f") + SEI_MIRRORED + b"\x80"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 32, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(picture, format="rgb24") for _ in range(5)]
        packets = []
        for k, frame in enumerate(frames):
            frame.pts, frame.time_base = k, 1 / FPS
            packets += video.encode(frame)
        packets += video.encode()
        for k, packet in enumerate(packets):
            data = (turned_sei if k == 0 else b"") + bytes(packet)
            with_sei = av.Packet(data)
            with_sei.pts, with_sei.dts, with_sei.time_base = packet.pts, packet.dts, packet.time_base
            with_sei.stream, with_sei.is_keyframe = video, packet.is_keyframe
            container.mux(with_sei)
    expected = quarters("grey", "white", "black", "light")
    clip = read(path)
    assert all(np.abs(frame.astype(int) - expected[..., None]).max() < 12 for frame in clip.frames)


@pytest.mark.parametrize(("degrees", "missed"), [(30, "30.0"), (-100, "10.0"), (0.5, None)])
def test_a_matrix_between_quarter_turns_is_told(tmp_path, degrees, missed):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    clip = read(turned(tmp_path / "clip.mp4", cos, sin, -sin, cos))
    assert ("oblique" in codes(clip)) == (missed is not None)
    if missed:
        assert f"by {missed} degrees" in clip.findings[0].detail
    assert clip.frames.shape[1:3] == ((64, 32) if degrees == -100 else (32, 64))


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        (Fraction(2), (64, 128)),
        (Fraction(1, 2), (128, 64)),
        (Fraction(8, 9), (72, 64)),
        (Fraction(1), (64, 64)),
        (Fraction(1280, 1279), (64, 64)),  # Of a rounded width.
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_pixels_are_shown_square(tmp_path, suffix, aspect, shape):
    path = tmp_path / f"clip.{suffix}"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "0", "crf": "10"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        video.codec_context.sample_aspect_ratio = aspect
        for k, image in enumerate(numbered(10)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = k, 1 / FPS
            container.mux(video.encode(frame))
        container.mux(video.encode())
    clip = read(path)
    assert clip.frames.shape[1:3] == shape
    assert ("pixel_aspect" in codes(clip)) == (shape != (64, 64))
    assert numbers(clip.frames) == list(range(10))


def tracks(path, sounds, pictures=((64, False),)):
    """A film with several tracks: sounds are (seed, channels, default), pictures (size, default), numbered from 0."""
    from av.stream import Disposition

    with av.open(str(path), "w") as container:
        videos, audios = [], []
        for size, default in pictures:
            videos.append(container.add_stream("libx264", rate=25, options={"bf": "0", "crf": "10"}))
            videos[-1].width, videos[-1].height, videos[-1].pix_fmt = size, size, "yuv420p"
            videos[-1].disposition = Disposition.default if default else Disposition(0)
        for _, channels, default in sounds:
            audios.append(container.add_stream("flac", rate=RATE, layout={1: "mono", 2: "stereo"}[channels]))
            audios[-1].disposition = Disposition.default if default else Disposition(0)
        for video, (size, _) in zip(videos, pictures, strict=True):
            for k, image in enumerate(numbered(50, size, size)):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = k, 1 / FPS
                container.mux(video.encode(frame))
            container.mux(video.encode())
        for audio, (seed, channels, _) in zip(audios, sounds, strict=True):
            for start in range(0, 32_000, 4000):
                samples = np.ascontiguousarray(noise(32_000, channels, seed)[:, start : start + 4000])
                block = av.AudioFrame.from_ndarray(samples, format="fltp", layout=audio.layout.name)
                block.sample_rate, block.pts, block.time_base = RATE, start, 1 / FPS / 640
                container.mux(audio.encode(block))
            container.mux(audio.encode())
    return path


@pytest.mark.parametrize(
    ("sounds", "taken"),
    [
        ([(1, 1, True), (2, 1, False)], 0),
        ([(1, 1, False), (2, 1, True)], 1),
        ([(1, 2, False), (2, 1, True)], 1),  # The default one, however few its channels.
        ([(1, 1, False), (2, 2, False)], 1),  # None is marked: most channels.
        ([(1, 1, True), (2, 2, True), (3, 2, True)], 1),
        ([(1, 1, False), (2, 1, False), (3, 1, False)], 0),
    ],
)
def test_the_default_sound_is_heard(tmp_path, sounds, taken):
    clip = read(tracks(tmp_path / "clip.mkv", sounds))
    np.testing.assert_array_equal(clip.audio, noise(32_000, sounds[taken][1], sounds[taken][0]))
    assert codes(clip) == ["sound_tracks"]
    assert clip.findings[0].detail.startswith(f"{len(sounds)} sound tracks; number {taken + 1} is taken: ")
    assert read(tmp_path / "clip.mkv", pictures=False).findings == clip.findings


@pytest.mark.parametrize(("pictures", "size"), [([(64, False), (32, True)], 32), ([(32, False), (64, False)], 64)])
def test_the_default_picture_is_seen(tmp_path, pictures, size):
    clip = read(tracks(tmp_path / "clip.mkv", [(1, 1, True)], pictures))
    assert clip.frames.shape == (50, size, size, 3)
    assert codes(clip) == ["picture_tracks"]
    assert codes(read(tmp_path / "clip.mkv", pictures=False)) == []


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_track_that_lasts_longer_than_what_is_scored_cuts_nothing(tmp_path, suffix):
    from av.stream import Disposition

    path = tmp_path / f"clip.{suffix}"
    with av.open(str(path), "w") as container:
        audios = [container.add_stream("flac", rate=RATE, layout="mono") for _ in range(2)]
        audios[0].disposition, audios[1].disposition = Disposition.default, Disposition(0)
        for audio, length in zip(audios, (32_000, 96_000), strict=True):
            for start in range(0, length, 4000):
                block = av.AudioFrame.from_ndarray(noise(length)[:, start : start + 4000], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = RATE, start, 1 / FPS / 640
                container.mux(audio.encode(block))
            container.mux(audio.encode())
    np.testing.assert_array_equal(read(path).audio, noise(32_000))
    # With the longer track cut off, the file is not what it says it is.
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BenchError, match="cannot decode"):
        read(path)


@pytest.mark.parametrize(("codec", "late"), [("libmp3lame", 1105), ("mp2", 481)])
def test_a_codec_delay_that_avi_cannot_state_is_told(tmp_path, codec, late):
    clip = read(mux(tmp_path / "clip.avi", range(50), codec, images="ffv1"))
    assert delay_samples(noise(), clip.audio) == late
    told = next(finding.detail for finding in clip.findings if finding.code == "codec_delay")
    assert f"usually {late} samples" in told


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "mp2"])
@pytest.mark.parametrize("late", [0, 25])
def test_a_codec_delay_that_the_timestamps_make_up_for_is_not_told(tmp_path, codec, late):
    # MPEG-TS states no delay: the sound begins before the picture by it.
    clip = read(mux(tmp_path / "clip.ts", range(late, 50 + late), codec, audio_start=late * 640))
    assert abs(delay_samples(noise(), clip.audio)) <= 1
    assert [code for code in codes(clip) if code != "length_mismatch"] == ["start_offset"]


def test_a_codec_delay_is_told_where_another_offset_stands_beside_it(tmp_path):
    # The sound begins 0.2 s before the picture: nothing says that its delay is part of this.
    clip = read(mux(tmp_path / "clip.ts", range(5, 55), "aac"))
    assert "codec_delay" in codes(clip)


def test_a_codec_delay_that_mp4_states_is_corrected(tmp_path):
    clip = read(mux(tmp_path / "clip.mp4", range(50), "libmp3lame"))
    assert delay_samples(noise(), clip.audio) == 0
    assert "codec_delay" not in codes(clip)


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_photo_with_exif_is_turned_though_what_lies_beside_it_cannot_be_read(tmp_path, orientation, turn):
    stored = np.random.default_rng(0).integers(0, 256, (16, 32, 3), np.uint8)
    av.VideoFrame.from_ndarray(stored, format="rgb24").save(tmp_path / "stored.jpg")
    (tmp_path / "turned.jpg").write_bytes(with_orientation((tmp_path / "stored.jpg").read_bytes(), orientation))
    with av.open(str(tmp_path / "turned.jpg")) as container:
        matrix = matrix_of(next(container.decode(video=0)))
    np.testing.assert_array_equal(upright(stored, matrix), np.rot90(stored, turn))
