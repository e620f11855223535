"""Cuts of a video: at the frame where they are, within bars that never change, and none where nothing is cut."""

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("scenedetect", reason="preparing data needs jova-bench[data]")

import cv2

from jova_bench.data.scan import scan
from jova_bench.media import files as media


def texture(seed, count=30, side=64):
    """Frames of a smooth picture that drifts by a pixel a frame."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (4, 8, 3)).astype(np.uint8)
    wide = cv2.resize(small, (2 * side, side), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(wide, k, axis=1)[:, :side] for k in range(count)])


def starts(tmp_path, frames, fps=25):
    """Seconds at which shots begin, and at which the last ends."""
    media.write(tmp_path / "a.mp4", frames, Fraction(fps), None, 0)
    found = scan(tmp_path, "a.mp4")
    assert found.fault is None
    tick = Fraction(found.tick)
    return [shot[0] * tick for shot in found.shots] + [found.shots[-1][1] * tick]


def test_a_cut_is_where_it_is(tmp_path):
    frames = np.concatenate([texture(0), 255 - texture(1)])
    assert starts(tmp_path, frames) == [0, Fraction(30, 25), Fraction(60, 25)]
    assert starts(tmp_path, frames, 30) == [0, 1, 2]


def test_a_cut_within_bars_that_never_change_is_found(tmp_path):
    # Pictures in a third of the frame: the change of the whole is below 27.
    inside = np.concatenate([texture(0), texture(1)])
    bars = np.full((60, 64, 192, 3), 40, np.uint8)
    bars[:, :, 64:128] = inside
    assert starts(tmp_path, bars) == [0, Fraction(30, 25), Fraction(60, 25)]


def test_pictures_that_stutter_are_not_cut(tmp_path):
    assert len(starts(tmp_path, texture(0, 60)[np.arange(60) // 2 * 2])) == 2


def test_two_cuts_close_together_are_two(tmp_path):
    frames = np.concatenate([texture(0), 255 - texture(1, 3), texture(2)])
    assert starts(tmp_path, frames) == [0, Fraction(30, 25), Fraction(33, 25), Fraction(63, 25)]


def test_nothing_is_cut_where_something_moves_or_fades(tmp_path):
    assert len(starts(tmp_path, texture(0, 60))) == 2
    fade = (texture(0, 60) * np.linspace(1, 0.3, 60)[:, None, None, None]).astype(np.uint8)
    assert len(starts(tmp_path, fade)) == 2


def test_a_file_that_is_none_has_a_fault(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    found = scan(tmp_path, "a.mp4")
    assert found.fault == "Invalid data found when processing input"
    assert found.shots == ()
