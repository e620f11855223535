"""Small networks that take and give what Kim_Vocal_2 does: the spectra of two channels, real and imaginary."""

from pathlib import Path

import numpy as np

from jova_bench.metrics.networks.mdx_net import BINS, FRAMES
from support.onnx_files import described, model, node, tensor, whole
from support.upstream import fake

SAME = np.eye(4)
NOTHING = np.zeros((4, 4))
LEFT = np.tile(np.eye(4)[:2], (2, 1))
"""What is in the left channel, on both sides."""


def mixing(file: Path, matrix: np.ndarray = SAME) -> None:
    """Each of the four parts of the output is a sum of those of the input."""
    _write(file, [node("Conv", ["input", "weight"], "output")], matrix[:, :, None, None])


def masking(file: Path) -> None:
    """As separators do: the input, times shares that depend on what is next to it in time and frequency."""
    nodes = [
        node("Conv", ["input", "weight"], "seen", whole("pads", (1, 1, 1, 1))),
        node("Sigmoid", ["seen"], "share"),
        node("Mul", ["input", "share"], "output"),
    ]
    _write(file, nodes, fake((4, 4, 3, 3), "mask").numpy())


def _write(file: Path, nodes: list[bytes], weight: np.ndarray) -> None:
    takes, gives = (described(name, ("batch_size", 4, BINS, FRAMES)) for name in ("input", "output"))
    file.write_bytes(model(nodes, [tensor("weight", weight)], [takes], [gives]))
