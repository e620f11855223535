"""Shots become pieces of 1 + 4k frames, and the part of a frame that is kept has the clip's shape."""

import os
from fractions import Fraction

import numpy as np
import pytest
from pydantic import ValidationError

from jova_bench.data.framing import at_rate, crop_of, cropped, in_crop, size_for
from jova_bench.data.pieces import pieces
from jova_bench.data.records import ScannedVideo, Settings
from jova_bench.data.videos import clip_id, videos
from jova_bench.errors import BenchError


def settings(lengths=(121, 73, 49), fps="25/1"):
    return Settings(fps=fps, lengths=lengths, sizes=((64, 64),), faces="mediapipe")


def scanned(*shots, tick="1/1000", start=0):
    return ScannedVideo(source="a.mp4", size_bytes=1, sha256="0", tick=tick, frames=9, start=start, shots=shots)


def test_the_longest_pieces_that_fit_are_cut_from_the_start_of_every_shot():
    # 10 s are 250 frames: 121 + 121, and 8 are left; 2.4 s are 60: 49.
    found = pieces(scanned((0, 10_000), (10_000, 12_400)), settings())
    assert [piece.frames for piece in found] == [121, 121, 49]
    assert [piece.start_s for piece in found] == [0, Fraction(121, 25), 10]
    assert [piece.id[-5:] for piece in found] == ["-0000", "-0001", "-0002"]
    assert all(piece.span.end_s <= end for piece, end in zip(found, (10, 10, Fraction("12.4")), strict=True))


def test_a_shot_of_exactly_a_length_gives_it_and_one_frame_less_does_not():
    assert [piece.frames for piece in pieces(scanned((0, 2920)), settings())] == [73]
    assert [piece.frames for piece in pieces(scanned((0, 2880)), settings())] == [49]
    assert pieces(scanned((0, 1920)), settings()) == []
    # 73 frames of 1001/24000 s in ticks of 1/90000 s end 0.9 ticks below the exact time.
    exact = 73 * 1001 * 90_000 / 24_000
    one = pieces(scanned((0, int(exact)), tick="1/90000"), settings(fps="24000/1001"))
    assert [piece.frames for piece in one] == [73]


def test_times_count_from_the_first_frame_and_spans_are_the_containers():
    (piece,) = pieces(scanned((500, 3420), start=500), settings())
    assert piece.start_s == 0
    assert piece.span.start_s == Fraction(1, 2)


@pytest.mark.parametrize("lengths", [(), (48,), (1,), (73, 72)])
def test_lengths_that_codecs_cut_silently_are_refused(lengths):
    with pytest.raises(ValidationError, match="1 \\+ 4k"):
        settings(lengths)


def test_frames_are_the_nearest_in_time():
    frames = np.arange(30)[:, None, None, None] * np.ones((1, 2, 2, 3), np.int64)
    # 30 to 25 a second: frame k is at 1.2 k; halfway, 2.5 at most of them, it is the earlier one.
    assert at_rate(frames, Fraction(30), Fraction(25), 6)[:, 0, 0, 0].tolist() == [0, 1, 2, 4, 5, 6]
    assert at_rate(frames, Fraction(24), Fraction(25), 26)[-3:, 0, 0, 0].tolist() == [22, 23, 24]
    assert at_rate(frames, Fraction(25), Fraction(25), 30) is frames


def test_the_crop_has_the_shape_of_the_clip_and_the_face_in_its_middle():
    assert crop_of(1080, 1920, (256, 256), (960, 540)) == (420, 0, 1500, 1080)
    assert crop_of(1080, 1920, (256, 256), (100, 540)) == (0, 0, 1080, 1080)
    assert crop_of(1920, 1080, (256, 448), (540, 400)) == (0, 92, 1080, 709)
    assert crop_of(64, 64, (64, 64), (30, 30)) == (0, 0, 64, 64)


def test_a_circle_stays_a_circle():
    rows, columns = np.mgrid[:240, :120]
    disc = ((rows - 120) ** 2 + (columns - 60) ** 2 < 40**2)[None, :, :, None]
    made = cropped(
        np.where(disc, 255, 0).astype(np.uint8).repeat(3, axis=3), crop_of(240, 120, (64, 64), (60, 120)), (64, 64)
    )
    inside = made[0, :, :, 0] > 127
    wide, high = inside.any(axis=0).sum(), inside.any(axis=1).sum()
    assert abs(int(wide) - int(high)) <= 1
    assert abs(wide - 80 * 64 / 120) <= 1
    np.testing.assert_allclose(in_crop(np.array([60.0, 120.0]), (0, 60, 120, 180), (64, 64)), [32, 32])


def test_a_video_takes_the_size_that_is_nearest_in_shape():
    sizes = ((256, 256), (448, 256), (256, 448))
    assert size_for(1080, 1920, sizes) == (256, 448)
    assert size_for(1920, 1080, sizes) == (448, 256)
    assert size_for(500, 500, sizes) == (256, 256)


def test_ids_are_the_names_and_never_the_same_of_two_videos(tmp_path):
    assert clip_id("a/x y.mp4", 3).startswith("x_y-")
    assert clip_id("a/x.mp4", 0) != clip_id("b/x.mp4", 0)
    assert len(clip_id("é" * 200 + ".mp4", 3)) < 120
    for name in ("b.mp4", "a.MOV", "sub/c.mkv", "notes.txt", "._a.MOV", ".trash/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.mp4")  # Would block whoever opens it.
    (tmp_path / "loop").symlink_to(tmp_path)
    assert videos(tmp_path) == (["a.MOV", "b.mp4", "sub/c.mkv"], ["._a.MOV", ".trash/d.mp4"])
    with pytest.raises(BenchError, match="expected a folder of videos"):
        videos(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="got none"):
        videos(tmp_path / "empty")
    (tmp_path / "empty" / "._e.mp4").touch()
    with pytest.raises(BenchError, match=r"got 1 hidden ones, such as \._e.mp4"):
        videos(tmp_path / "empty")


def test_points_of_a_source_are_where_the_clip_shows_them():
    """The crop of 80 x 40 pixels at (10, 20) becomes a clip of 80 x 160: its middle is the clip's middle."""
    points = np.array([[10.0, 20.0], [50.0, 40.0], [90.0, 60.0], [90.0, 20.0]])
    shown = in_crop(points, (10, 20, 90, 60), (80, 160))
    np.testing.assert_allclose(shown, [[0, 0], [80, 40], [160, 80], [160, 0]])
    squeezed = in_crop(points[1:2], (10, 20, 90, 60), (80, 40))
    np.testing.assert_allclose(squeezed, [[20, 40]])  # Each axis has a factor of its own.
