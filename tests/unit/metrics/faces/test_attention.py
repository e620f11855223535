"""The mesh with attention finds what MediaPipe 0.10.21 finds with `refine_landmarks`."""

import cv2
import numpy as np
import pytest

from jova_bench.metrics.faces import attention, litert, mesh
from jova_bench.metrics.faces.attention import SIDE, crop, matrix
from jova_bench.metrics.faces.blaze_decoding import detect
from support.mediapipe_files import needs_theval, with_files

POINTS = (61, 291, 13, 14, 159, 386, 105, 334, 1)
"""Corners of the mouth, inner lips, upper lids, brows, and the tip of the nose, which is not refined."""


def picture(clip, pad):
    big = cv2.resize(clip.frames[0], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    return np.pad(big, ((0, 0), (pad, pad), (0, 0)))


def region(points, scale=1.0):
    return {
        "left_rotation_idx": points[0], "right_rotation_idx": points[1], "subset_idxs": list(points),
        "scale_x": scale, "scale_y": scale, "output_width": SIDE, "output_height": SIDE,
    }  # fmt: skip


def test_the_square_around_a_level_region():
    landmarks = np.zeros((4, 3), np.float32)
    landmarks[:, :2] = [[4, 10], [12, 10], [8, 8], [8, 16]]  # 8 wide and 8 high, around (8, 12)
    found = matrix(landmarks, region(range(4), scale=2))
    np.testing.assert_allclose(found @ [0, 0, 0, 1], [0, 4, 0, 1], atol=1e-6)
    np.testing.assert_allclose(found @ [SIDE, SIDE, 0, 1], [16, 20, 0, 1], atol=1e-6)
    # Turned by a quarter, its corners are turned.
    turned = landmarks.copy()
    turned[:, 0], turned[:, 1] = -landmarks[:, 1], landmarks[:, 0]
    np.testing.assert_allclose(matrix(turned, region(range(4), scale=2)) @ [0, 0, 0, 1], [-4, 0, 0, 1], atol=1e-5)


def test_cells_are_read_at_their_middles_and_none_beyond():
    features = np.arange(20, dtype=np.float32)[None, :, None] + 100 * np.arange(20, dtype=np.float32)[:, None, None]
    same = np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(crop(features, same), features[:SIDE, :SIDE])
    shifted = same.copy()
    shifted[:2, 3] = [0.25, 6]
    expected = features[6:20, :16] + 0.25
    np.testing.assert_allclose(crop(features, shifted)[:14], expected, rtol=1e-6)
    assert not crop(features, shifted)[14:].any()


THEIRS = (
    (0, 0,
     ((111.07, 163.98), (159.54, 165.5), (134.33, 164.75), (134.2, 164.93), (103.58, 100.02),
      (169.16, 101.32), (95.08, 77.2), (179.03, 80.81), (135.63, 137.41))),
    (1, 60,
     ((163.02, 165.28), (209.94, 164.78), (185.63, 164.09), (185.58, 164.56), (155.06, 101.56),
      (217.9, 100.96), (148.73, 81.68), (227.55, 83.57), (185.57, 138.42))),
    (2, 0,
     ((102.03, 159.23), (154.18, 159.37), (126.09, 158.22), (126.09, 158.57), (96.19, 95.52),
      (158.84, 96.05), (90.04, 75.58), (165.93, 77.26), (126.81, 133.53))),
)  # fmt: skip
"""Answers of mediapipe 0.10.21: number of the shipped clip, pixels at its sides, `POINTS`."""


@needs_theval
@pytest.mark.parametrize(("number", "pad", "points"), THEIRS)
def test_points_are_those_of_mediapipe(real_clips, number, pad, points):
    frame, assets = picture(real_clips[number], pad), with_files()
    found = detect(frame, litert.SHORT_RANGE, assets)
    face = mesh.at(frame, mesh.region(found[0]), attention.load(assets))
    np.testing.assert_allclose(face.points[list(POINTS)], points, atol=0.05)
    plain = mesh.at(frame, mesh.region(found[0]), litert.MESH.load(assets))
    assert np.abs(plain.points - face.points)[list(mesh.LIPS)].max() > 0.1
