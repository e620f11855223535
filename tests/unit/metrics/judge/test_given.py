"""What a judge is given decodes to what is in the clip."""

import base64
from fractions import Fraction

import cv2
import numpy as np
import pytest

from jova_bench.errors import Undefined
from jova_bench.media import files as media
from jova_bench.metrics.judge.given import parts_of
from support.clips import clip_of, silent_clip, sine


@pytest.fixture(scope="module")
def clip():
    """Two seconds at 10 fps, whose k-th frame has the grey 10 k everywhere, with two channels of sound."""
    frames = np.repeat(np.arange(20, dtype=np.uint8) * 10, 33 * 48 * 3).reshape(20, 33, 48, 3)
    sound = np.stack([sine(440, 2.0, 8000, 0.5), sine(880, 2.0, 8000, 0.25)])
    return clip_of(frames, sound, 8000, 10)


def content(address):
    return base64.b64decode(address.partition("base64,")[2])


def read(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    return media.read(tmp_path / name)


# The middles of 4 parts of 20 frames: 2.5, 7.5, 12.5, 17.5.
@pytest.mark.parametrize(("count", "shown"), [(4, [2, 7, 12, 17]), (1, [10]), (20, range(20)), (99, range(20))])
def test_frames_are_the_middles_of_equal_parts(clip, count, shown):
    words, *images = parts_of(clip, ["frames"], count)
    assert words["text"].startswith(f"{len(images)} frames")
    assert words["text"].endswith("of 2.0 seconds:")
    greys = [
        cv2.imdecode(np.frombuffer(content(one["image_url"]["url"]), np.uint8), cv2.IMREAD_COLOR) for one in images
    ]
    assert {one.shape for one in greys} == {(33, 48, 3)}
    np.testing.assert_allclose([one.mean() / 10 for one in greys], list(shown), atol=0.1)


def test_colours_are_in_their_order():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    _, image = parts_of(silent_clip([red]), ["frames"], 1)
    decoded = cv2.imdecode(np.frombuffer(content(image["image_url"]["url"]), np.uint8), cv2.IMREAD_COLOR)
    assert decoded[8, 8, 2] > 250
    assert decoded[8, 8, :2].max() < 5


def test_the_sound_is_a_wav_file_of_all_channels(clip, tmp_path):
    (part,) = parts_of(clip, ["sound"], 1)
    assert (part["type"], part["input_audio"]["format"]) == ("input_audio", "wav")
    heard = read(tmp_path, "a.wav", base64.b64decode(part["input_audio"]["data"]))
    assert heard.sample_rate_hz == 8000
    np.testing.assert_allclose(heard.audio, clip.audio, atol=2**-15)


def test_the_video_is_the_whole_clip_with_its_sound_but_for_the_row_that_h264_lacks(clip, tmp_path):
    video, sound = parts_of(clip, ["video", "sound"], 1)
    assert (video["type"], sound["type"]) == ("video_url", "input_audio")
    seen = read(tmp_path, "a.mp4", content(video["video_url"]["url"]))
    assert (seen.frames.shape, seen.fps) == ((20, 32, 48, 3), Fraction(10))
    np.testing.assert_allclose(seen.frames.mean((1, 2, 3)), np.arange(20) * 10, atol=2)
    np.testing.assert_allclose(seen.audio, clip.audio, atol=2**-15)


@pytest.mark.parametrize(("give", "why"), [("frames", "video"), ("video", "video"), ("sound", "audio")])
def test_a_clip_without_the_stream_is_undefined(clip, give, why):
    lacking = clip_of(None, clip.audio, 8000, 0) if why == "video" else silent_clip(list(clip.frames))
    with pytest.raises(Undefined, match=f"no {why} stream"):
        parts_of(lacking, [give], 4)
