"""The face mesh run by LiteRT finds what MediaPipe 0.10.21 itself finds."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from jova_bench.errors import Unavailable
from jova_bench.metrics.faces import litert, mesh
from jova_bench.metrics.faces.blaze_decoding import anchors, detect, merged
from support.mediapipe_files import needs_mediapipe, with_files

POINTS = (61, 291, 13, 14, 10, 152)
"""Corners of the mouth, inner lips, top and bottom of the face."""
THEIRS = (
    (0, 0, (69.69, 73.98, 203.46, 207.73, 0.89),
     ((111.51, 164.41), (159.14, 165.29), (135.41, 163.86), (135.48, 165.58), (138.34, 63.7), (134.46, 202.92))),
    (1, 60, (120.28, 73.43, 255.19, 208.32, 0.84),
     ((165.83, 166.22), (212.41, 164.69), (190.23, 163.13), (190.56, 165.46), (186.35, 63.88), (190.97, 203.6))),
    (2, 0, (66.67, 69.73, 198.43, 201.47, 0.89),
     ((103.68, 159.49), (154.44, 158.74), (129.41, 158.22), (129.18, 159.7), (130.94, 56.7), (128.25, 196.63))),
)  # fmt: skip
"""Answers of mediapipe 0.10.21: number of the shipped clip, pixels at its sides, box and score, `POINTS`."""

FAR = (
    (0, 0, (68.63, 67.41, 203.51, 202.31, 0.85)),
    (1, 60, (117.03, 65.54, 259.18, 207.76, 0.87)),
    (3, 60, (122.42, 64.78, 266.85, 209.2, 0.77)),
)
"""The same of its detector for far faces, without points."""


def picture(clip, pad):
    big = cv2.resize(clip.frames[0], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    return np.pad(big, ((0, 0), (pad, pad), (0, 0)))


@needs_mediapipe
@pytest.mark.parametrize(("number", "pad", "box", "points"), THEIRS)
def test_boxes_and_points_are_those_of_mediapipe(real_clips, number, pad, box, points):
    (face,) = mesh.faces(picture(real_clips[number], pad), with_files())
    np.testing.assert_allclose(face.box, box, atol=0.01)
    np.testing.assert_allclose(face.points[list(POINTS)], points, atol=0.05)
    assert face.presence > 0.9


@needs_mediapipe
@pytest.mark.parametrize(("number", "pad", "box"), FAR)
def test_boxes_of_far_faces_are_those_of_mediapipe(real_clips, number, pad, box):
    (found,) = detect(picture(real_clips[number], pad), litert.FULL_RANGE, with_files())
    np.testing.assert_allclose(found[[0, 1, 2, 3, 16]], box, atol=0.01)


@needs_mediapipe
def test_every_face_is_found_and_nothing_in_nothing(real_clips):
    assets = with_files()
    two = np.concatenate([picture(real_clips[0], 0), picture(real_clips[1], 0)], axis=1)
    found = mesh.faces(two, assets)
    assert sorted(int(face.box[0] // 256) for face in found) == [0, 1]
    assert mesh.faces(np.zeros((97, 131, 3), np.uint8), assets) == []
    assert detect(np.zeros((1, 1, 3), np.uint8), litert.SHORT_RANGE, assets).shape == (0, 17)


@needs_mediapipe
def test_a_turned_head_has_its_points_turned(real_clips):
    # By 20 degrees around the middle: the mesh is given the face upright.
    image = picture(real_clips[0], 0)
    turn = cv2.getRotationMatrix2D((128, 128), 20, 1)
    (straight,), (turned,) = (mesh.faces(one, with_files()) for one in (image, cv2.warpAffine(image, turn, (256, 256))))
    expected = straight.points @ turn[:, :2].T + turn[:, 2]
    assert np.abs(turned.points - expected)[list(mesh.LIPS)].mean() < 3


def test_anchors_are_the_cells_of_the_grids():
    assert anchors(litert.SHORT_RANGE).shape == (16 * 16 * 2 + 8 * 8 * 6, 2)
    assert anchors(litert.FULL_RANGE).shape == (48 * 48, 2)
    np.testing.assert_allclose(anchors(litert.SHORT_RANGE)[:4], [[1 / 32] * 2] * 2 + [[3 / 32, 1 / 32]] * 2)


def test_boxes_of_one_face_become_their_weighted_mean():
    row = np.zeros((3, 17))
    row[:, :4] = [[0, 0, 10, 10], [0, 0, 10, 12], [50, 50, 60, 60]]
    row[:, 16] = [0.6, 0.9, 0.7]
    found = merged(row)
    # (0.6 * 10 + 0.9 * 12) / 1.5 = 11.2; the best score stays.
    np.testing.assert_allclose(found[:, [0, 1, 2, 3, 16]], [[0, 0, 10, 11.2, 0.9], [50, 50, 60, 60, 0.7]])


def test_another_file_is_refused(tmp_path):
    def table(name):
        entry = with_files().get(litert.MESH.asset).model_copy(update={"file": str(tmp_path / name), "sha256": None})
        return replace(with_files(), entries={litert.MESH.asset: entry}, place=tmp_path, recorded=False)

    with pytest.raises(Unavailable, match="assets pull mediapipe-face-mesh"):
        litert.MESH.load(table("none.tflite"))
    (tmp_path / "other.tflite").write_bytes(b"other")
    with pytest.raises(Unavailable, match="weights differ"):
        litert.MESH.load(table("other.tflite"))
