"""From a clip to its tracks: which frames are searched, what is kept, and what becomes of difficult clips."""

from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jova_bench.assets.table import asset_table
from jova_bench.cache import DiskCache, NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics import faces
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import blazeface, cuts, haar, litert, opencv, search
from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.faces.follow import follow
from jova_bench.metrics.faces.looks import look, looks_at
from support.mediapipe_files import needs_mediapipe, with_files

pytest.importorskip("cv2")
HEIGHT, WIDTH, SIDE = 60, 160, 20


def bright_columns(frames: np.ndarray, device: str) -> list[np.ndarray]:
    """Stands for a detector: each run of bright columns is a face as high as it is bright."""
    found = []
    for frame in frames:
        bright = frame[..., 0] > 200
        edges = np.flatnonzero(np.diff(np.pad(bright.any(axis=0), 1).astype(int)))
        rows = np.flatnonzero(bright.any(axis=1))
        boxes = [[x0, rows[0], x1, rows[-1] + 1, 1.0] for x0, x1 in edges.reshape(-1, 2)]
        found.append(np.array(boxes, dtype=np.float64).reshape(-1, 5))
    return found


class Looks:
    """Counts the frames that a detector is shown."""

    def __init__(self) -> None:
        self.frames = 0

    def find(self, frames: np.ndarray, device: str) -> list[np.ndarray]:
        self.frames += len(frames)
        return bright_columns(frames, device)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """A detector `test` that counts."""
    seen = Looks()
    stand_in = Detector("test", lambda: None, lambda: "0123456789ab", "1", seen.find)
    monkeypatch.setattr(search, "detector", lambda name, assets: stand_in)
    return seen


def scene(*paths: list[float | None], fps: int | Fraction = 25, grey: list[int] | None = None) -> Clip:
    """A clip in which each path is a bright square at these columns; None is out of sight."""
    frames = np.full((len(paths[0]), HEIGHT, WIDTH, 3), 40, np.uint8)
    if grey:
        frames[:] = np.array(grey, np.uint8)[:, None, None, None]
    for path in paths:
        for frame, x in zip(frames, path, strict=True):
            if x is not None:
                frame[10 : 10 + SIDE, int(x) : int(x) + SIDE] = 255
    return clip_from_arrays(frames, Fraction(fps), None, 0)


def test_looks_are_even_and_no_further_apart_than_asked_for():
    # 12 steps in 3 of 4; 10 in 2 of 5; 13 in 3, rounded.
    assert looks_at(range(13), 5) == [0, 4, 8, 12]
    assert looks_at(range(7, 18), 5) == [7, 12, 17]
    assert looks_at(range(14), 5) == [0, 4, 9, 13]
    assert looks_at(range(3, 4), 5) == [3]
    assert looks_at(range(4), 1) == [0, 1, 2, 3]
    assert len(looks_at(range(125), 6)) == 22


def test_where_a_face_jumps_it_is_looked_at_in_between():
    # At rest, then 10 px a frame from frame 12 to 18, then at rest: 60 px between two looks are more than half a box
    # of 100, 30 are less. A look halfway mends it, and no more are taken.
    path = np.clip(np.arange(31) - 12, 0, 6) * 10.0
    asked: list[int] = []

    def see(frames: list[int]) -> list[np.ndarray]:
        asked.extend(frames)
        return [np.array([[path[k], 0, path[k] + 100, 100, 1]]) for k in frames]

    found = look(range(31), 6, see)
    assert asked == [0, 6, 12, 18, 24, 30, 15]
    assert list(found) == [0, 6, 12, 15, 18, 24, 30]
    (track,) = follow(list(found), list(found.values()))
    np.testing.assert_allclose(track.boxes[list(found), 0], path[list(found)])


def test_a_cut_that_was_missed_is_searched_down_to_its_frame():
    found = look(
        range(13), 12, lambda frames: [np.array([[300.0 * (k > 4), 0, 100 + 300.0 * (k > 4), 9]]) for k in frames]
    )
    assert list(found) == [0, 3, 4, 5, 6, 12]


def test_who_comes_or_goes_is_not_looked_for():
    one, none = np.array([[0.0, 0, 9, 9]]), np.empty((0, 4))
    assert list(look(range(13), 6, lambda frames: [one if k < 9 else none for k in frames])) == [0, 6, 12]


def test_sparse_and_dense_agree_on_a_steady_face(looks: Looks):
    clip = scene([float(k) for k in range(43)])
    (sparse,) = faces.tracks(clip, "test", MetricContext(NoCache()))
    assert looks.frames == 8
    (dense,) = faces.tracks(clip, "test", MetricContext(NoCache()), every=1)
    assert looks.frames == 8 + 43
    np.testing.assert_allclose(sparse.boxes, dense.boxes)
    np.testing.assert_allclose(dense.boxes[:, 0], np.arange(43))
    assert (sparse.first, sparse.stop) == (0, 43)


def test_no_face_two_faces(looks: Looks):
    assert faces.tracks(scene([None] * 20), "test", MetricContext(NoCache())) == []
    two = faces.tracks(scene([10.0] * 20, [100.0] * 20), "test", MetricContext(NoCache()))
    assert [track.boxes[0, 0] for track in two] == [10, 100]


def test_a_face_that_comes_and_goes_between_looks(looks: Looks):
    # In sight from frame 3 to 22; looks at 0, 6, .., 30 find it from 6 to 18.
    (track,) = faces.tracks(scene([None] * 3 + [50.0] * 20 + [None] * 8), "test", MetricContext(NoCache()))
    assert (track.first, track.stop) == (6, 19)


def test_no_track_spans_a_cut(looks: Looks):
    # The same place before and after a cut at frame 17, which is no frame that would be looked at otherwise.
    clip = scene([50.0] * 40, grey=[20] * 17 + [180] * 23)
    found = faces.tracks(clip, "test", MetricContext(NoCache()))
    assert [(track.first, track.stop) for track in found] == [(0, 17), (17, 40)]
    # Compat: PySceneDetect 0.5.1 cuts there too; 0.6.1 does, and loses the last frame of a clip with a cut.
    for rule, spans in (
        (cuts.PYSCENEDETECT_0_5_1, [(0, 17), (17, 40)]),
        (cuts.PYSCENEDETECT_0_6_1, [(0, 17), (17, 39)]),
    ):
        parts = cuts.shots(faces.at_25_fps(clip), rule)
        assert [(part.start, part.stop) for part in parts] == spans
    # Verse-Bench's segments span it.
    (segment,) = faces.verse_bench_segments(
        scene([50.0] * 60, grey=[20] * 17 + [180] * 43), "test", MetricContext(NoCache())
    )
    assert (segment.first, segment.stop) == (0, 60)


def test_other_rates_are_tracked_at_25(looks: Looks):
    # 50 fps: our frame n is source frame 2 n.
    (track,) = faces.tracks(scene([float(k) for k in range(60)], fps=50), "test", MetricContext(NoCache()), every=1)
    np.testing.assert_allclose(track.boxes[:, 0], 2 * np.arange(30))


def test_compat_tracks_of_a_clip(looks: Looks, monkeypatch: pytest.MonkeyPatch):
    large = scene([0.0] * 30)
    large = clip_from_arrays(np.repeat(np.repeat(large.frames, 6, axis=1), 6, axis=2), Fraction(25), None, 0)
    for least, count in ((29, 1), (30, 0)):
        found = faces.syncnet_tracks(large, "test", MetricContext(NoCache()), cuts.PYSCENEDETECT_0_5_1, least)
        assert len(found) == count
    # 120 pixels are a face, 20 are not.
    assert faces.syncnet_tracks(scene([0.0] * 30), "test", MetricContext(NoCache()), cuts.PYSCENEDETECT_0_5_1, 20) == []


def test_boxes_are_searched_once(looks: Looks, tmp_path: Path):
    clip, cache = scene([50.0] * 31), DiskCache(tmp_path)
    first = faces.tracks(clip, "test", MetricContext(cache))
    assert looks.frames == 6
    again = faces.tracks(clip, "test", MetricContext(cache))
    assert looks.frames == 6
    np.testing.assert_array_equal(first[0].boxes, again[0].boxes)
    # Another distance of looks is another search; all frames are searched once for whoever needs them.
    faces.tracks(clip, "test", MetricContext(cache), every=1)
    faces.verse_bench_segments(clip, "test", MetricContext(cache))
    faces.syncnet_tracks(clip, "test", MetricContext(cache), cuts.PYSCENEDETECT_0_6_7, 20)
    assert looks.frames == 6 + 31


def test_no_faces_are_kept_too(looks: Looks, tmp_path: Path):
    clip, cache = scene([None] * 31), DiskCache(tmp_path)
    for _ in range(2):
        assert faces.tracks(clip, "test", MetricContext(cache)) == []
    assert looks.frames == 6


def test_other_weights_are_another_search(looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clip, cache = scene([50.0] * 31), DiskCache(tmp_path)
    faces.tracks(clip, "test", MetricContext(cache))
    stand_in = replace(search.detector("test", None), weights=lambda: "another")
    monkeypatch.setattr(search, "detector", lambda name, assets: stand_in)
    faces.tracks(clip, "test", MetricContext(cache))
    assert looks.frames == 12


def test_failures_are_not_kept(looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clip, cache = scene([50.0] * 31), DiskCache(tmp_path)
    absent = replace(search.detector("test", None), packages=lambda: "weights missing: here")
    with monkeypatch.context() as context:
        context.setattr(search, "detector", lambda name, assets: absent)
        with pytest.raises(Unavailable, match="weights missing: here"):
            faces.tracks(clip, "test", MetricContext(cache))
    assert len(faces.tracks(clip, "test", MetricContext(cache))) == 1


def test_sound_alone():
    sound = clip_from_arrays(None, Fraction(0), np.zeros((1, 16000), np.float32), 16000)
    for name in faces.NAMES:
        with pytest.raises(Undefined, match="no video"):
            faces.tracks(sound, name, MetricContext(NoCache()))
        with pytest.raises(Undefined, match="no video"):
            faces.verse_bench_segments(sound, name, MetricContext(NoCache()))


def test_every_detector_has_its_own_key():
    keys = {faces.detector(name, asset_table()).key for name in faces.NAMES}
    assert len(keys) == len(faces.NAMES)
    assert all(faces.detector(name, asset_table()).name == name for name in faces.NAMES)


def portrait(clip: Clip) -> np.ndarray:
    """Its third frame, four times as large."""
    assert clip.frames is not None
    return np.asarray(opencv.cv2().resize(clip.frames[2], None, fx=4, fy=4, interpolation=2), dtype=np.uint8)


def drawn_faces(clips: list[Clip], find) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of the shipped suite in which one face is found, and its box."""
    pictures = [portrait(clip) for clip in clips]
    found = [find(picture[None], "cpu")[0] for picture in pictures]
    return [(picture, boxes[0]) for picture, boxes in zip(pictures, found, strict=True) if len(boxes) == 1]


DETECTORS = [
    pytest.param(haar.find, 2, id="opencv-haar"),
    pytest.param(
        partial(blazeface.find, with_files()),
        8,
        id="mediapipe",
        marks=needs_mediapipe,
    ),
]


@pytest.mark.parametrize(("find", "least"), DETECTORS)
def test_drawn_faces_are_found_wherever_they_are(real_clips: list[Clip], find, least: int):
    found = drawn_faces(real_clips, find)
    assert len(found) >= least
    picture, box = found[0]
    middle = (box[:2] + box[2:4]) / 2
    assert np.abs(middle - 128).max() < 40
    assert 60 < box[2] - box[0] < 220
    # Beside a flat area, as a landscape or portrait picture of odd size, the box moves along.
    wide = np.full((301, 457, 3), 90, np.uint8)
    wide[20:276, 150:406] = picture
    (moved,) = find(wide[None], "cpu")[0]
    assert np.abs(moved[:4] - box[:4] - [150, 20, 150, 20]).max() < 15
    tall = np.full((457, 301, 3), 90, np.uint8)
    tall[150:406, 20:276] = picture
    (moved,) = find(tall[None], "cpu")[0]
    assert np.abs(moved[:4] - box[:4] - [20, 150, 20, 150]).max() < 15


@pytest.mark.parametrize(("find", "least"), DETECTORS)
def test_nothing_is_found_in_nothing(find, least: int):
    frames = np.zeros((2, 97, 131, 3), np.uint8)
    frames[1, ::2] = 255
    assert [boxes.shape for boxes in find(frames, "cpu")] == [(0, 5), (0, 5)]
    assert find(np.zeros((1, 1, 1, 3), np.uint8), "cpu")[0].shape == (0, 5)
    assert find(np.zeros((1, 3, 200, 3), np.uint8), "cpu")[0].shape == (0, 5)


def test_large_frames_are_searched_small(real_clips: list[Clip]):
    # Twice as large beyond 512 pixels: the same pixels are searched, so the boxes double, to a pixel of the search.
    picture, _ = drawn_faces(real_clips, haar.find)[0]
    canvas = np.full((512, 512, 3), 90, np.uint8)
    canvas[:256, :256] = picture
    (small,) = haar.find(canvas[None], "cpu")[0]
    (large,) = haar.find(np.repeat(np.repeat(canvas, 2, axis=0), 2, axis=1)[None], "cpu")[0]
    np.testing.assert_allclose(large[:4], 2 * small[:4], atol=1e-9)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opencv, "find_spec", lambda name: None)
    assert haar.missing() == "not installed: pip install 'jova-bench[standard]'"
    monkeypatch.setattr(litert, "find_spec", lambda name: None)
    assert "jova-bench[face-mediapipe]" in str(blazeface.build(asset_table()).packages())
    monkeypatch.undo()
    monkeypatch.setattr(haar, "CASCADE", "absent.xml")
    assert "opencv-python-headless<5" in str(haar.missing())


def test_another_cascade_is_refused(monkeypatch: pytest.MonkeyPatch):
    haar._cascade.cache_clear()
    monkeypatch.setattr(haar, "CASCADE", "haarcascade_frontalface_alt2.xml")
    with pytest.raises(Unavailable, match="weights differ"):
        haar.find(np.zeros((1, 64, 64, 3), np.uint8), "cpu")
    haar._cascade.cache_clear()
