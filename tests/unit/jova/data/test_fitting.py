"""Media files in the format of a model."""

import wave
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from jova.data.fitting import aspect_of, fit, read_picture, read_sound, tracked_mouth
from jova.data.folder import read_clip, write_clip
from jova.sample import read_image
from jova.timeline import Timeline
from support.small_media import with_orientation

CLOCK = Timeline(frames=9)


def ramp(count, height=32, width=32):
    """Frames whose grey says which they are: 20 k."""
    return (20 * np.arange(count)).astype(np.uint8)[:, None, None, None].repeat(height, 1).repeat(width, 2).repeat(3, 3)


def tone(samples, rate=16_000):
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)).astype(np.float32)


def test_a_clip_of_the_models_format_is_read_as_it_is(tmp_path):
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (9, 32, 32, 3)).astype(np.uint8)
    write_clip(tmp_path / "clip.mp4", frames, tone(9 * 640))
    wanted = read_clip(tmp_path / "clip.mp4")
    picture, sound = read_picture(tmp_path / "clip.mp4", CLOCK, (32, 32)), read_sound(tmp_path / "clip.mp4", CLOCK)
    assert np.array_equal(picture[0], wanted[0])
    assert np.array_equal(sound[0], wanted[1])
    assert picture[1] == sound[1] == []


@pytest.mark.parametrize(
    ("fps", "shown"),
    [
        # Frame k of the model shows .04 k + .02 s: at 50 frames a second frame 2 k + 1, which then begins;
        # at 10 a second, frames of .1 s: .02 .06 | .1 .14 .18 | .22 .26 | .3 .34
        (50, [1, 3, 5, 7, 9, 11, 13, 15, 17]),
        (10, [0, 0, 1, 1, 1, 2, 2, 3, 3]),
    ],
)
def test_frames_are_those_that_are_shown_at_the_time(tmp_path, fps, shown):
    write_clip(tmp_path / "clip.mp4", ramp(20)[: 20 if fps > 25 else 4] // 2, tone(9 * 640), fps)
    picture, notes = read_picture(tmp_path / "clip.mp4", CLOCK, (32, 32))
    assert np.abs(picture[:, 16, 16, 1].astype(int) - 10 * np.array(shown) % 128).max() <= 3
    assert notes[0] == f"{tmp_path / 'clip.mp4'}: 25 frames a second, of {fps}"


def test_pictures_are_cut_to_size_and_length(tmp_path):
    write_clip(tmp_path / "clip.mp4", ramp(12, 64, 96), tone(12 * 640))
    picture, notes = read_picture(tmp_path / "clip.mp4", CLOCK, (32, 32))
    assert picture.shape == (9, 32, 32, 3)
    assert [note.split(": ")[1] for note in notes] == [
        "the central square of 96 x 64 pixels, at 32 x 32", "the first 0.36 s of its picture",
    ]  # fmt: skip
    wide, notes = read_picture(tmp_path / "clip.mp4", CLOCK, (16, 32))
    assert wide.shape == (9, 16, 32, 3)
    assert notes[0].endswith("the central part of aspect 32:16 of 96 x 64 pixels, at 32 x 16")
    write_clip(tmp_path / "short.mp4", ramp(8), tone(8 * 640))
    with pytest.raises(ValueError, match=r"a clip of at least 0.36 s, got 0.32 s in .*short.mp4"):
        read_picture(tmp_path / "short.mp4", CLOCK, (32, 32))


@pytest.mark.parametrize(("orientation", "corners"), [(1, "wgdb"), (3, "bdgw"), (6, "dwbg"), (8, "gbwd")])
def test_a_picture_is_turned_as_its_file_says(tmp_path, orientation, corners):
    """Exif's orientation: 6 is shown a quarter turn to the right, 8 to the left, 3 upside down."""
    levels = {"w": 240, "g": 170, "d": 100, "b": 30}
    stored = np.array([[levels["w"], levels["g"]], [levels["d"], levels["b"]]], np.uint8).repeat(32, 0).repeat(48, 1)
    av.VideoFrame.from_ndarray(stored[..., None].repeat(3, 2), format="rgb24").save(tmp_path / "stored.jpg")
    (tmp_path / "turned.jpg").write_bytes(with_orientation((tmp_path / "stored.jpg").read_bytes(), orientation))
    seen = read_image(tmp_path / "turned.jpg", (96, 64) if orientation > 4 else (64, 96))[..., 1]
    quarters = [part for half in np.array_split(seen, 2) for part in np.array_split(half, 2, axis=1)]
    assert [np.median(part) for part in quarters] == pytest.approx([levels[name] for name in corners], abs=3)


def test_a_colour_that_nobody_sees_is_no_picture(tmp_path):
    pixels = np.full((32, 32, 4), 255, np.uint8)
    for name, alpha in (("opaque.png", 255), ("clear.png", 254)):
        pixels[3, 5] = (255, 0, 0, alpha)
        png = av.CodecContext.create("png", "w")
        png.width, png.height, png.pix_fmt, png.time_base = 32, 32, "rgba", Fraction(1, 25)
        packets = [*png.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")), *png.encode(None)]
        (tmp_path / name).write_bytes(b"".join(map(bytes, packets)))
    assert tuple(read_image(tmp_path / "opaque.png", (32, 32))[3, 5]) == (255, 0, 0)
    with pytest.raises(
        ValueError, match=r"expected an opaque picture, got a transparent part in .*clear.png; put it on"
    ):
        read_image(tmp_path / "clear.png", (32, 32))


@pytest.mark.parametrize(("aspect", "columns"), [(Fraction(2), 20), (Fraction(1, 2), 80), (Fraction(200, 201), 40)])
def test_pixels_are_shown_as_wide_as_their_file_says(aspect, columns):
    """A disc of 40 rows and `columns` columns of such pixels is a circle, of 40 / 100 of the picture."""
    y, x = np.mgrid[:100, :200]
    inside = ((y - 49.5) / 20) ** 2 + ((x - 99.5) / columns * 2) ** 2 < 1
    frame = av.VideoFrame.from_ndarray(
        np.where(inside, 220, 30).astype(np.uint8)[..., None].repeat(3, 2), format="rgb24"
    )
    stream = SimpleNamespace(sample_aspect_ratio=aspect)
    light = fit(frame, (50, 50), aspect_of(stream))[..., 1] > 125
    assert [light.any(axis=axis).sum() for axis in (0, 1)] == pytest.approx([20, 20], abs=1)


def test_sound_is_mixed_resampled_cut_and_padded(tmp_path):
    write_clip(tmp_path / "fast.mp4", ramp(9), tone(48_000, 48_000), rate_hz=48_000)
    sound, notes = read_sound(tmp_path / "fast.mp4", CLOCK)
    assert sound.shape == (9 * 640,)
    # The tone is the same after the resampler's first samples.
    assert np.abs(sound[200:-200] - tone(9 * 640)[200:-200]).max() < 0.01
    assert [note.split(": ")[1] for note in notes] == [
        "16000 Hz mono, of 48000 Hz and 1 channels", "the first 0.36 s of its sound",
    ]  # fmt: skip
    write_clip(tmp_path / "short.mp4", ramp(9), tone(1600))
    sound, notes = read_sound(tmp_path / "short.mp4", CLOCK)
    assert not sound[1600:].any()
    assert notes[0].endswith("0.10 s of sound, then silence")


def test_files_without_picture_or_sound_are_named(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"a file with a video, got none in .*sound.wav"):
        read_picture(tmp_path / "sound.wav", CLOCK, (32, 32))
    assert read_sound(tmp_path / "sound.wav", CLOCK)[0].shape == (9 * 640,)
    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height = video.width = 32
        video.pix_fmt = "yuv420p"
        container.mux(video.encode(av.VideoFrame.from_ndarray(ramp(1)[0], format="rgb24")))
        container.mux(video.encode(None))
    with pytest.raises(ValueError, match=r"a file with sound, got none in .*mute.mp4"):
        read_sound(tmp_path / "mute.mp4", CLOCK)


def test_sound_of_no_sample_and_broken_tracks_are_named(tmp_path):
    with wave.open(str(tmp_path / "zero.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(ValueError, match=r"zero\.wav"):
        read_sound(tmp_path / "zero.wav", Timeline())
    for name in ("clips", "tracks"):
        (tmp_path / name).mkdir()
    (tmp_path / "tracks" / "a.npz").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"expected tracks with mouth_box in .*a\.npz, got a damaged file"):
        tracked_mouth(tmp_path / "clips" / "a.mp4")


def test_a_drawn_clip_has_a_track_of_its_mouth(tmp_path):
    for folder in ("clips", "tracks"):
        (tmp_path / folder).mkdir()
    boxes = np.tile(np.float32([8, 16, 24, 24]), (9, 1))
    np.savez(tmp_path / "tracks" / "a.npz", mouth_box=boxes)
    assert np.array_equal(tracked_mouth(tmp_path / "clips" / "a.mp4"), boxes)
    assert tracked_mouth(tmp_path / "clips" / "b.mp4") is None
    assert tracked_mouth(tmp_path / "other" / "a.mp4") is None
