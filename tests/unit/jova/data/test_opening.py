"""A file that is no media, or not what is asked of it, is told in one line with its path."""

from fractions import Fraction

import av
import numpy as np
import pytest

from jova.data.fitting import read_picture, read_sound
from jova.data.folder import read_clip, write_clip
from jova.sample import read_image
from jova.timeline import Timeline

CLOCK = Timeline(frames=5)
FRAMES = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3)).astype(np.uint8)
READERS = {
    "a picture": [lambda path: read_image(path, (32, 32))],
    "a video": [lambda path: read_picture(path, CLOCK, (32, 32)), read_clip],
    "sound": [lambda path: read_sound(path, CLOCK)],
}


def no_media(path):
    path.write_text("hello")


def cut_png(path):
    """A picture whose file ends in the middle: its header is whole."""
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width, stream.pix_fmt = 32, 32, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(FRAMES[0], format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[:200])


def voice(path):
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


MADE = {
    "no media": ("bad.mp4", no_media, ("a picture", "a video", "sound"), ", which cannot be decoded: Invalid data"),
    "empty": (
        "empty.wav",
        lambda path: path.touch(),
        ("a picture", "a video", "sound"),
        ", which cannot be decoded: Invalid data",
    ),
    "cut": ("cut.png", cut_png, ("a picture", "a video"), ", which cannot be decoded: "),
    "folder": (
        "folder",
        lambda path: path.mkdir(),
        ("a picture", "a video", "sound"),
        ", which cannot be decoded: Is a directory",
    ),
    "nothing": ("none.mp4", lambda path: None, ("a picture", "a video", "sound"), "got no file at "),
    "sound alone": ("voice.wav", voice, ("a picture", "a video"), "got none in "),
}


@pytest.mark.parametrize(("name", "make", "parts", "message"), MADE.values(), ids=MADE)
def test_a_file_that_cannot_be_read_says_what_was_expected(tmp_path, name, make, parts, message):
    path = tmp_path / name
    make(path)
    for part in parts:
        for read in READERS[part]:
            with pytest.raises(ValueError, match="expected a file with") as error:
                read(path)
            said = str(error.value)
            assert said.startswith(f"expected a file with {part}, got ")
            assert str(path) in said
            assert message in said
            assert "; give " in said
            assert part == "a picture" or "png" not in said.partition("; give ")[2]
            assert "Errno" not in said
            assert "\n" not in said


def test_a_whole_clip_is_read(tmp_path):
    write_clip(tmp_path / "clip.mp4", FRAMES, np.zeros(30 * 640, np.float32))
    assert read_image(tmp_path / "clip.mp4", (32, 32)).shape == (32, 32, 3)
    assert read_clip(tmp_path / "clip.mp4")[0].shape == FRAMES.shape
