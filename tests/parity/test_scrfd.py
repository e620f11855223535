"""SCRFD's boxes against insightface's own, for the same outputs of a network."""

import numpy as np
import pytest

from jova_bench.assets.table import asset_table
from jova_bench.metrics.faces import scrfd
from support import upstream

PARITY = upstream.parity("scrfd")
CELLS = [scrfd.HEIGHT // stride * (scrfd.WIDTH // stride) * scrfd.ANCHORS for stride in scrfd.STRIDES]


class Network:
    """Answers as a session of onnxruntime with SCRFD would: a few sure cells, sides of 4 strides and more."""

    def __init__(self) -> None:
        scores = [upstream.fake((n, 1), f"scrfd score {k}").numpy() for k, n in enumerate(CELLS)]
        sides = [4 + upstream.fake((n, 4), f"scrfd sides {k}").abs().numpy() for k, n in enumerate(CELLS)]
        points = [np.zeros((n, 10), np.float32) for n in CELLS]
        self.outputs = [(1 / (1 + np.exp(2.6 - s))).astype(np.float32) for s in scores] + sides + points

    def get_inputs(self) -> list["Network"]:
        return [self]

    name = "input.1"

    def run(self, names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.seen = feed[self.name]
        return self.outputs


@pytest.mark.parametrize("size", ["270x480", "500x300"])
def test_boxes_are_insightfaces(monkeypatch, size: str):
    network, expected = Network(), PARITY["outputs"][size]
    monkeypatch.setattr(scrfd, "_session", lambda assets: network)
    monkeypatch.setattr(scrfd, "cached_network", lambda key, build: build())
    height, width = map(int, size.split("x"))
    frame = upstream.fake((height, width, 3), f"scrfd frame {height}").mul(40).add(128).clamp(0, 255)
    (boxes,) = scrfd.find(asset_table(), frame.numpy().astype(np.uint8)[None], "cpu")
    assert boxes.shape == (expected["count"], 5)
    np.testing.assert_allclose(boxes[: len(expected["first"])], expected["first"], rtol=1e-5)
    np.testing.assert_allclose(boxes.sum(axis=0), expected["sum"], rtol=1e-5)
    np.testing.assert_allclose(network.seen[0].mean(axis=(1, 2), dtype=np.float64), expected["input_mean"], atol=1e-5)
    np.testing.assert_allclose(network.seen[0, :, 100, 50:56].ravel(), expected["input_row"], atol=1e-5)


def test_one_planted_face_by_hand():
    # Grid of stride 16 has 40 columns; cell (row 10, column 20) is number 420, its anchors 840 and 841. The point is
    # (320, 160); sides of 2 and 3 strides give x 320 - 32 .. 320 + 32, y 160 - 48 .. 160 + 48.
    outputs = [np.zeros((n, width), np.float32) for width in (1, 4, 10) for n in CELLS]
    outputs[1][841], outputs[4][841] = 0.9, [2, 3, 2, 3]
    # Points of the face lie half a stride to the right and a stride down, and so on.
    outputs[7][841] = [0.5, 1, 2, 0, 0, -1, 0, 0, -2, -3]
    points = [328, 176, 352, 160, 320, 144, 320, 160, 288, 112]
    np.testing.assert_allclose(scrfd.candidates(outputs), [[288, 112, 352, 208, 0.9, *points]], rtol=1e-6)


def test_frames_are_fitted_from_their_upper_left_corner():
    image, scale = scrfd.fitted(np.full((240, 640, 3), 255, np.uint8))
    assert image.shape == (1, 3, 480, 640)
    assert scale == 1
    assert (image[:, :, :240] == np.float32(127.5 / 128)).all()
    assert (image[:, :, 240:] == np.float32(-127.5 / 128)).all()


def test_the_surer_of_two_boxes_stays():
    # 10 x 10 pixels each (sides of 9 and one more): shifted by 4 they share 60 of 140, more than 0.4; by 5, 50 of 150.
    boxes = np.array([[0, 0, 9, 9, 0.6], [4, 0, 13, 9, 0.8], [9, 0, 18, 9, 0.7]], dtype=np.float64)
    np.testing.assert_array_equal(scrfd.suppressed(boxes), boxes[[1, 2]])


def test_no_face_is_no_box():
    assert scrfd.suppressed(np.empty((0, 5))).shape == (0, 5)
