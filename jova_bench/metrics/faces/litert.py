"""Networks of MediaPipe without MediaPipe: its .tflite files, run by LiteRT.

They are those of MediaPipe 0.10.21, the last release that carries its models; it requires numpy below 2 and a Python
below 3.13. Only the files are used, each compared with its digest, so neither matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.assets.table import AssetTable
from jova_bench.digests import shortened
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import join_reasons

HOW = "not installed: pip install 'jova-bench[face-mediapipe]'"
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """One of MediaPipe's networks."""

    asset: str
    """Name in the table of weights."""
    sha256: str
    side: int
    """Pixels along each side of its input."""
    confidence: float
    """Probability of a face, above which MediaPipe's Python interface lets one pass."""

    @property
    def digest(self) -> str:
        """Short digest of the file, for identities."""
        return shortened(self.sha256)

    def load(self, assets: AssetTable) -> Callable[[Array], list[Array]]:
        """Returns a function from (side, side, 3) to the outputs without their first axis; one thread, on the CPU.

        Raises:
            Unavailable: the package or the file is missing, or it is another file.
        """
        return _runner(self, assets.find(self.asset))


SHORT_RANGE = Network(
    "mediapipe-blazeface-short", "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8", 128, 0.5
)
"""BlazeFace for faces up to 2 m away."""
FULL_RANGE = Network(
    "mediapipe-blazeface-full", "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1", 192, 0.6
)
"""BlazeFace for faces up to 5 m away. Whatever confidence that interface is asked for, its graph's own is used."""
MESH = Network("mediapipe-face-mesh", "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814", 192, 0.5)
"""Face mesh: 468 points of one face."""
ATTENTION = Network(
    "mediapipe-face-mesh-attention", "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4", 192, 0.5
)
"""Face mesh that looks at lips and eyes once more, see `attention`."""
NETWORKS = (SHORT_RANGE, FULL_RANGE, MESH)


def not_installed() -> str | None:
    """Returns how to install the runtime; None if it is there."""
    return None if find_spec("ai_edge_litert") else HOW


def missing(assets: AssetTable) -> str | None:
    """Returns what is missing, the runtime or files, and how to get it; None if nothing is."""
    return join_reasons(not_installed(), assets.missing(*(one.asset for one in NETWORKS)))


@cache
def _runner(network: Network, file: Path) -> Callable[[Array], list[Array]]:
    return runner(read(network, file))


def read(network: Network, file: Path) -> bytes:
    """Reads the file of a network. Raises Unavailable for another file."""
    content = file.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != network.sha256:
        raise Unavailable(f"weights differ: expected sha256 {network.sha256}, got {found} in {file}")
    return content


def runner(content: bytes) -> Callable[..., list[Array]]:
    """Returns a function from a network's inputs to its outputs, all without their first axis; one thread, on the CPU.

    Raises:
        Unavailable: the package is missing.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise Unavailable(HOW) from error
    net: Any = Interpreter(model_content=content, num_threads=1)
    net.allocate_tensors()
    asked, answers = net.get_input_details(), net.get_output_details()

    def run(*given: Array) -> list[Array]:
        for one, array in zip(asked, given, strict=True):
            net.set_tensor(one["index"], np.ascontiguousarray(array[None], dtype=np.float32))
        net.invoke()
        return [np.array(net.get_tensor(one["index"])[0]) for one in answers]

    return run
