"""Face detectors that see one face, in the middle of every square picture of `SIDE` pixels, `FACE` of its side wide."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from jova_bench.metrics.faces import scrfd as detector
from jova_bench.metrics.faces.s3fd import SCALE
from jova_bench.metrics.networks.retinaface import ANCHORS
from jova_bench.metrics.networks.s3fd import STRIDES, VARIANCES
from jova_bench.metrics.picture.arcface import PLACES
from support.upstream import fake, fake_state, parity

SIDE, FACE = 256, 0.7


def s3fd_state() -> dict[str, torch.Tensor]:
    """As `sfd_face.pth`, random but for its heads: of all cells, the only one of the coarsest map is sure of a face.

    At a quarter of its size a picture of 256 pixels has 64, and a map of stride 128 has one cell, whose prior box is
    512 pixels wide around (64, 64).
    """
    state = fake_state(parity("s3fd")["shapes"])
    for k in range(len(STRIDES)):
        for head in ("loc", "conf"):
            state[f"{head}.{k}.weight"].zero_()
            state[f"{head}.{k}.bias"].zero_()
        state[f"conf.{k}.bias"][-1] = -9
    small, prior = SIDE * SCALE, 4 * STRIDES[-1]
    shift, size = (small / 2 - STRIDES[-1] / 2) / prior, math.log(FACE * small / prior)
    state["loc.5.bias"] = torch.tensor([shift / VARIANCES[0]] * 2 + [size / VARIANCES[1]] * 2)
    state["conf.5.bias"][-1] = 9
    return state


def retinaface(file: Path) -> None:
    """As `detection_Resnet50_Final.pth`, random but for its heads: the first box of every cell of the coarsest grid is
    sure of a face around it, `FACE * SIDE` pixels wide, whose points lie in it as ArcFace's in its square."""
    state = fake_state(parity("retinaface")["shapes"])
    for name in (name for name in state if "Head." in name):
        state[name].zero_()
    for k in range(len(ANCHORS)):
        state[f"ClassHead.{k}.conv1x1.bias"][:] = torch.tensor([9.0, -9.0, 9.0, -9.0])
    state["ClassHead.2.conv1x1.bias"][:2] = torch.tensor([-9.0, 9.0])
    (side, _), (shift, size) = ANCHORS[2], VARIANCES
    state["BboxHead.2.conv1x1.bias"][2:4] = math.log(FACE * SIDE / side) / size
    points = (PLACES / 112 - 0.5) * FACE * SIDE / side / shift
    state["LandmarkHead.2.conv1x1.bias"][:10] = torch.from_numpy(points.ravel()).float()
    torch.save(state, file)


def retinaface_v2_state() -> dict[str, torch.Tensor]:
    """As `retinaface.pth`, random, in the shapes with which parity was shown."""
    said = parity("head_theval")["retinaface"]
    state = fake_state(said["shapes"])
    for head, factor in said["factor"].items():
        for name in (name for name in state if name.endswith(f"{head}.weight")):
            state[name] *= factor
    return state


def retinaface_v2(file: Path) -> None:
    """As `retinaface.pth`, random but for its heads: every box of the coarsest grid is sure of a face."""
    state = retinaface_v2_state()
    for name in (name for name in state if name.startswith("face_rpn_")):
        state[name].zero_()
    for stride in (32, 16, 8):
        sure = 9.0 if stride == 32 else -9.0
        state[f"face_rpn_stride{stride}.cls_score.bias"][:] = torch.tensor([-sure, -sure, sure, sure])
    torch.save(state, file)


def scrfd(file: Path) -> None:
    """As `det_10g.onnx`: scores, sides and points of three grids; one cell of the coarsest is sure of a face."""
    cells = [detector.HEIGHT // s * (detector.WIDTH // s) * detector.ANCHORS for s in detector.STRIDES]
    outputs = [np.zeros((count, width), np.float32) for width in (1, 4, 10) for count in cells]
    stride = detector.STRIDES[-1]
    middle, half = detector.HEIGHT / 2, FACE * detector.HEIGHT / 2  # The picture fills a square at the left.
    row = column = int(middle // stride)
    cell = (row * (detector.WIDTH // stride) + column) * detector.ANCHORS
    before, after = (half - middle) / stride + column, (half + middle) / stride - column
    outputs[2][cell], outputs[5][cell] = 0.9, [before, before, after, after]
    points = (PLACES / 112 - 0.5) * 2 * half + middle  # Of a face that fills the box as ArcFace's fills its square.
    outputs[8][cell] = ((points - [column * stride, row * stride]) / stride).ravel()
    file.write_bytes(_model(outputs))


def arcface(file: Path) -> None:
    """As `w600k_r50.onnx` in what it takes and gives: means of 16 x 16 pixels, and a random matrix."""
    matrix = fake((147, 512), "arcface").numpy()
    kernel = _message((1, "kernel_shape"), (8, 16), (8, 16), (20, 7))
    strides = _message((1, "strides"), (8, 16), (8, 16), (20, 7))
    nodes = [
        _message((1, "input.1"), (2, "means"), (4, "AveragePool"), (5, kernel), (5, strides)),
        _message((1, "means"), (2, "row"), (4, "Flatten")),
        _message((1, "row"), (1, "matrix"), (2, "683"), (4, "MatMul")),
    ]
    weights = _message(*((1, side) for side in matrix.shape), (2, 1), (8, "matrix"), (9, matrix.tobytes()))
    graph = _message(
        *((1, node) for node in nodes),
        (2, "random"),
        (5, weights),
        (11, _described("input.1", ("any", 3, 112, 112))),
        (12, _described("683", ("any", 512))),
    )
    file.write_bytes(_message((1, 8), (7, graph), (8, _message((2, 13)))))


# ONNX is protocol buffers: a key (field number and kind), then a number, or a length and that many bytes.


def _number(value: int) -> bytes:
    """Seven bits to a byte, the last ones first."""
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _number(rest) if rest else bytes([low])


def _field(field: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _number(field << 3) + _number(value)
    content = value.encode() if isinstance(value, str) else value
    return _number(field << 3 | 2) + _number(len(content)) + content


def _message(*fields: tuple[int, int | bytes | str]) -> bytes:
    return b"".join(_field(*one) for one in fields)


def _described(name: str, shape: Iterable[int | str]) -> bytes:
    """ValueInfoProto of single precision; a side of any length has a name."""
    sides = _message(*((1, _message((2 if isinstance(side, str) else 1, side))) for side in shape))
    return _message((1, name), (2, _message((1, _message((1, 1), (2, sides))))))


def _model(outputs: Sequence[np.ndarray]) -> bytes:
    """ModelProto of a network that looks at its input and answers the same whatever it is."""
    graph: list[tuple[int, bytes | str]] = [(2, "planted"), (11, _described("input.1", (1, 3, 480, 640)))]
    for k, output in enumerate(outputs):
        tensor = _message(*((1, side) for side in output.shape), (2, 1), (8, f"known {k}"), (9, output.tobytes()))
        graph += [(5, tensor), (12, _described(f"{k}", output.shape))]
        graph += [(1, _message((1, f"known {k}"), (2, f"{k}"), (4, "Identity")))]
    return _message((1, 8), (7, _message(*graph)), (8, _message((2, 13))))
