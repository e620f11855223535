"""Geometry of followed faces: hand-derived numbers, and what the published pipelines made of the same boxes."""

from fractions import Fraction

import numpy as np
import pytest

from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.faces import compat, cuts
from jova_bench.metrics.faces.clock import at_25_fps
from jova_bench.metrics.faces.crop import crops, smoothed
from jova_bench.metrics.faces.follow import follow
from jova_bench.metrics.faces.track import Track, between, enlarged, overlaps
from support.upstream import fake, parity

cv2 = pytest.importorskip("cv2")
NONE = np.empty((0, 4))


def numbered(count: int, fps: Fraction | int) -> Clip:
    """A clip whose frame j is filled with j."""
    frames = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 2, 2, 3))
    return clip_from_arrays(np.ascontiguousarray(frames), Fraction(fps), None, 0)


def box(x: float, y: float = 0.0, side: float = 100.0) -> list[float]:
    return [x, y, x + side, y + side]


@pytest.mark.parametrize(
    ("count", "fps", "taken"),
    [
        (4, 50, [0, 2]),
        # 0, 1.2, 2.4, 3.6, 4.8 source frames.
        (6, 30, [0, 1, 2, 4, 5]),
        # Steps of a half: halfway is the earlier one, and the clip lasts six 25ths of a second.
        (3, Fraction(25, 2), [0, 0, 1, 1, 2, 2]),
        # 0.4 s are ten frames, 2.5 of ours to one of theirs: 0, 0.4, 0.8, 1.2, ...
        (4, 10, [0, 0, 1, 1, 2, 2, 2, 3, 3, 3]),
        # Too short for one frame, but there is a picture.
        (1, 60, [0]),
    ],
)
def test_frames_nearest_in_time(count: int, fps: Fraction | int, taken: list[int]):
    assert at_25_fps(numbered(count, fps))[:, 0, 0, 0].tolist() == taken


def test_25_fps_stays_as_it_is():
    clip = numbered(7, 25)
    assert at_25_fps(clip) is clip.frames


@pytest.mark.parametrize("fps", [24, Fraction(24000, 1001), 30, 60, 16, Fraction(25, 3)])
def test_no_frame_is_further_than_half_a_source_frame(fps: Fraction | int):
    clip = numbered(200, fps)
    taken = at_25_fps(clip)[:, 0, 0, 0]
    assert abs(len(taken) / 25 - 200 / fps) <= 1 / 50
    late = np.abs(taken / float(fps) - np.arange(len(taken)) / 25)[:-1]
    assert late.max() <= 0.5 / fps + 1e-9


def test_no_picture():
    sound = clip_from_arrays(None, Fraction(0), np.zeros((1, 16000), np.float32), 16000)
    with pytest.raises(Undefined, match="no video"):
        at_25_fps(sound)


def test_overlaps_by_hand():
    # Squares of 100 shifted by 50: 5000 shared of 15000. No area: nothing.
    got = overlaps(np.array([box(0)]), np.array([box(50), box(200), box(0), [5, 5, 5, 90]]))
    np.testing.assert_allclose(got, [[1 / 3, 0, 1, 0]])


def test_enlarged_by_hand():
    # Half width 20, half height 10, centre (30, 20): up by a tenth of 10, then 1.5 times as large.
    got = enlarged(np.array([[10.0, 10.0, 50.0, 30.0, 0.9]]), 1.5, 0.1)
    np.testing.assert_allclose(got, [[0, 4, 60, 34, 0.9]])
    assert enlarged(np.empty((0, 5)), 1.5).shape == (0, 5)


def test_between_is_linear():
    track = between(np.array([4, 8]), np.array([box(0), box(40)]))
    assert (track.first, track.stop) == (4, 9)
    np.testing.assert_allclose(track.boxes[:, 0], [0, 10, 20, 30, 40])
    assert track.size == 100


def test_a_face_is_followed_between_looks():
    looks = [10, 15, 20]
    (track,) = follow(looks, [np.array([box(0)]), np.array([box(20)]), np.array([box(40)])])
    assert track.first == 10
    np.testing.assert_allclose(track.boxes[:, 0], np.arange(11) * 4)
    # It stops at the second look: slopes 4 and 0 make 0 there (a corner is no overshoot) and (3 * 4 - 0) / 2 = 6 at the
    # start. With t = s / 5 the curve is 30 t (1 - t)^2 + 20 t^2 (3 - 2 t).
    (track,) = follow(looks, [np.array([box(0)]), np.array([box(20)]), np.array([box(20)])])
    np.testing.assert_allclose(track.boxes[:, 0], [0, 5.92, 11.36, 15.84, 18.88, 20, 20, 20, 20, 20, 20])
    (track,) = follow([4], [np.array([box(7)])])
    np.testing.assert_allclose((track.first, *track.boxes[0]), [4, 7, 0, 107, 100])


def test_two_faces_that_cross_keep_their_boxes():
    # 10 px a look towards each other; the closest pair is matched first, whatever the order of the boxes.
    looks = list(range(0, 50, 5))
    found = [np.array([box(10 * k), box(150 - 10 * k, 40)])[:: 1 if k % 2 else -1] for k in range(10)]
    first, second = sorted(follow(looks, found), key=lambda track: track.boxes[0, 0])
    np.testing.assert_allclose(first.boxes[:, 0], np.arange(46) * 2)
    np.testing.assert_allclose(second.boxes[:, 0], 150 - np.arange(46) * 2)


@pytest.mark.parametrize(("away", "tracks"), [(25, 1), (26, 2)])
def test_a_face_may_be_away_for_a_second(away: int, tracks: int):
    looks = [0, 1, 2, 2 + away, 3 + away, 4 + away]
    assert len(follow(looks, [np.array([box(0)])] * 6)) == tracks


@pytest.mark.parametrize(("seen", "tracks"), [([0, 3], 1), ([0, 4], 0), ([0, 1, 4], 1)])
def test_what_is_seldom_found_is_none(seen: list[int], tracks: int):
    # 2 of the looks 0 .. 3 are a half; 2 of 0 .. 4 are less.
    found = [np.array([box(0)]) if k in seen else NONE for k in range(6)]
    assert len(follow([5 * k for k in range(6)], found)) == tracks


def test_a_face_that_jumps_is_another():
    # Shifted by 34: 66 shared of 134, less than a half; by 33: 67 of 133, more.
    assert len(follow([0, 5], [np.array([box(0)]), np.array([box(34)])])) == 2
    assert len(follow([0, 5], [np.array([box(0)]), np.array([box(33)])])) == 1


def test_order_is_by_first_frame_then_size():
    found = [np.array([box(0, side=50), box(300)]), np.array([box(0, side=50), box(300), box(600)])]
    assert [(track.first, track.size) for track in follow([0, 5], found)] == [(0, 100), (0, 50), (5, 100)]


@pytest.mark.parametrize("case", parity("face_tracks")["scenarios"], ids=lambda case: case["name"])
def test_compat_tracks_are_upstreams(case: dict):
    found = [np.array(frame, dtype=np.float64).reshape(-1, 4) for frame in case["found"]]
    whole = [range(len(found))]
    for got, expected in (
        (compat.syncnet_tracks(found, whole, min_track=20), case["tracks"]),
        (compat.syncnet_tracks(found, whole, min_track=20, first_only=True), case["tracks_of_mochabench"]),
        (compat.verse_bench_segments(found, min_frames=10), case["segments_of_10"]),
    ):
        assert [(track.first, len(track.boxes)) for track in got] == [(first, n) for first, n, *_ in expected]
        for track, (_, n, boxes, total) in zip(got, expected, strict=True):
            np.testing.assert_allclose(track.boxes[[0, n // 3, n - 1]], boxes, rtol=1e-6)
            assert track.boxes.sum() == pytest.approx(total, rel=1e-6)


def test_compat_counts_the_length_of_a_shot():
    # Shots of 20 and 40 frames: the first is as long as asked for, but a face cannot be in more frames than that.
    found = [np.array([box(0, side=120)])] * 60
    (track,) = compat.syncnet_tracks(found, [range(20), range(20, 60)], min_track=20)
    assert (track.first, track.stop) == (20, 60)
    assert compat.syncnet_tracks(found, [range(60)], min_track=60) == []
    assert compat.syncnet_tracks([np.array([box(0, side=100)])] * 60, [range(60)], min_track=20) == []


@pytest.mark.parametrize(("away", "tracks"), [(25, 1), (26, 0)])
def test_compat_bridges_a_second(away: int, tracks: int):
    # 15 frames and 10 frames with the face, together more than 20; a second apart they are one track, longer none.
    face, none = np.array([box(0, side=120)]), np.empty((0, 4))
    found = [face] * 15 + [none] * (away - 1) + [face] * 10
    assert len(compat.syncnet_tracks(found, [range(len(found))], min_track=20)) == tracks


def test_compat_takes_the_longer_side():
    found = [np.array([[0.0, 0.0, 90.0, 101.0]])] * 30
    assert len(compat.syncnet_tracks(found, [range(30)], min_track=20)) == 1


def test_crop_by_hand():
    # Half the side 80, scale 0.4: 144 rows below the centre and 80 above, 112 columns to each side; 224 x 224, so
    # nothing is resized. Centre (120, 100): rows 20 .. 244, columns 8 .. 232, in BGR.
    frames = fake((13, 260, 300, 3), "frames").abs().mul(100).clamp(0, 255).numpy().astype(np.uint8)
    track = Track(0, np.tile([40.0, 20.0, 200.0, 180.0], (13, 1)))
    got = crops(frames, track, 0.4)
    np.testing.assert_array_equal(got, frames[:, 20:244, 8:232, ::-1])


def test_crop_beyond_the_picture_is_grey():
    # Centre (20, 30): rows -50 .. 174, columns -92 .. 132 of a picture of 100 x 120.
    frames = np.full((1, 100, 120, 3), 7, np.uint8)
    got = crops(frames, Track(0, np.array([[-60.0, -50.0, 100.0, 110.0]])), 0.4, smooth=False)[0, :, :, 0]
    expected = np.full((224, 224), 110)
    expected[50:150, 92:212] = 7
    np.testing.assert_array_equal(got, expected)


def test_a_centre_far_outside_is_grey_and_no_error():
    frames = np.zeros((1, 50, 50, 3), np.uint8)
    for x in (-5000.0, 5000.0):
        assert (crops(frames, Track(0, np.array([box(x)])), 0.4, smooth=False) == 110).all()


def test_smoothing_by_hand():
    # x centres 1 .. 20. The window of 13 has zeros beyond the ends: at the last frame it holds 14 .. 20 and six zeros,
    # whose median is 14; at the first 1 .. 7 and zeros: 1. A wild box in the middle is gone.
    boxes = np.array([[k - 4, 0, k + 4, 10] for k in range(1, 21)], dtype=np.float64)
    half, x, y = smoothed(boxes)
    np.testing.assert_allclose(x, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 14, 14, 14, 14, 14, 14])
    np.testing.assert_allclose(half, 5)
    np.testing.assert_allclose(y, 5)
    boxes[10] += [500, 0, 700, 300]
    half, x, _ = smoothed(boxes)
    assert half.max() == 5
    assert x.max() <= 20


def test_crop_of_little():
    frames = np.zeros((20, 50, 50, 3), np.uint8)
    with pytest.raises(Undefined, match="6 frames, smoothing needs 7"):
        crops(frames, Track(0, np.tile(box(0), (6, 1))), 0.4)
    assert crops(frames, Track(3, np.tile(box(0), (7, 1))), 0.4).shape == (7, 224, 224, 3)
    with pytest.raises(Undefined, match="too small to crop"):
        crops(frames, Track(0, np.tile([5.2, 5.2, 5.4, 5.4], (7, 1))), 0.4)


@pytest.mark.parametrize("case", parity("face_crops")["cases"], ids=lambda case: f"{case['name']} {case['scale']}")
def test_crops_are_upstreams(case: dict):
    small = fake((20, 6, 8, 3), "crop frames").mul(64).add(128).clamp(0, 255).numpy().astype(np.uint8)
    frames = np.stack([cv2.resize(image, (160, 120), interpolation=cv2.INTER_CUBIC) for image in small])
    got = crops(frames, Track(case["first"], np.array(case["boxes"])), case["scale"])
    np.testing.assert_allclose(got.mean(axis=(1, 2, 3)), case["means"], rtol=1e-6)
    np.testing.assert_array_equal(got[8, ::32, ::32], case["pixels"])


VERSIONS = {
    "0.5.1": cuts.PYSCENEDETECT_0_5_1,
    "0.6.1": cuts.PYSCENEDETECT_0_6_1,
    "0.6.7.1": cuts.PYSCENEDETECT_0_6_7,
}


def shot(number: int, width: int, height: int) -> np.ndarray:
    small = fake((6, 8, 3), f"shot {number}").mul(64).add(128).clamp(0, 255).numpy().astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def film(count: int, starts: list[int]) -> np.ndarray:
    shots = [shot(k, 320, 180) for k in range(len(starts) + 1)]
    return np.stack([shots[sum(start <= k for start in starts)] for k in range(count)])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", parity("face_cuts")["cases"])
def test_shots_are_pyscenedetects(version: str, case: str):
    stored = parity("face_cuts")
    got = cuts.shots(film(*stored["cases"][case]), VERSIONS[version])
    assert [[part.start, part.stop] for part in got] == stored[version]["scenes"][case]


@pytest.mark.parametrize("version", VERSIONS)
def test_changes_are_pyscenedetects(version: str):
    for width, height, expected in parity("face_cuts")[version]["values"]:
        pair = np.stack([shot(0, width, height), shot(1, width, height)])
        assert cuts.changes(pair, VERSIONS[version].shrink)[1] == pytest.approx(expected, rel=1e-6)


def test_every_change_is_a_cut_of_ours():
    # Also those that PySceneDetect suppresses, since a track must not span them.
    count, starts = parity("face_cuts")["cases"]["early"]
    assert [part.start for part in cuts.shots(film(count, starts))] == [0, *starts]


def test_change_by_hand():
    # Grey 100 to grey 190: value changes by 90, hue and saturation by nothing; a third of it is 30. To 180: 26.7.
    # A black and a red pixel: OpenCV's hue is 0 for both, saturation and value change by 255, so 170.
    grey = np.array([100, 190, 180], np.uint8)[:, None, None, None] * np.ones((3, 8, 8, 3), np.uint8)
    np.testing.assert_allclose(cuts.changes(grey, cuts.CLEAN.shrink), [0, 30, 10 / 3])
    assert [len(part) for part in cuts.shots(grey)] == [1, 2]
    assert [len(part) for part in cuts.shots(grey[[0, 2]])] == [2]
    red = np.zeros((2, 1, 1, 3), np.uint8)
    red[1, ..., 0] = 255
    assert cuts.changes(red, cuts.CLEAN.shrink)[1] == 170
