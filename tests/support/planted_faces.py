"""Face detectors that see one face, in the middle of every square picture of `SIDE` pixels, `FACE` of its side wide."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from jova_bench.metrics.faces import scrfd as detector
from jova_bench.metrics.faces.s3fd import SCALE
from jova_bench.metrics.networks.retinaface import ANCHORS
from jova_bench.metrics.networks.s3fd import STRIDES, VARIANCES
from jova_bench.metrics.picture.arcface import PLACES
from support.onnx_files import described, model, node, tensor, whole
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
    file.write_bytes(_answers(outputs))


def arcface(file: Path) -> None:
    """As `w600k_r50.onnx` in what it takes and gives: means of 16 x 16 pixels, and a random matrix."""
    nodes = [
        node("AveragePool", ["input.1"], "means", whole("kernel_shape", (16, 16)), whole("strides", (16, 16))),
        node("Flatten", ["means"], "row"),
        node("MatMul", ["row", "matrix"], "683"),
    ]
    weights = tensor("matrix", fake((147, 512), "arcface").numpy())
    file.write_bytes(
        model(nodes, [weights], [described("input.1", ("any", 3, 112, 112))], [described("683", ("any", 512))])
    )


def _answers(outputs: Sequence[np.ndarray]) -> bytes:
    """A network that looks at its input and answers the same whatever it is."""
    nodes = [node("Identity", [f"known {k}"], f"{k}") for k in range(len(outputs))]
    tensors = [tensor(f"known {k}", output) for k, output in enumerate(outputs)]
    gives = [described(f"{k}", output.shape) for k, output in enumerate(outputs)]
    return model(nodes, tensors, [described("input.1", (1, 3, 480, 640))], gives)
