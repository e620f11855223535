"""Opens networks in ONNX format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jova_bench.errors import Unavailable


def open_session(network: Path | bytes) -> Any:
    """Opens a network, a file or its content, on one thread of the CPU.

    Scoring runs one process a core, and the order of one thread's sums is the same on every machine.

    Raises:
        Unavailable: it is no ONNX network.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # The runtime has a class for each kind, and no common one.
        name = network if isinstance(network, Path) else f"{len(network)} bytes"
        why = " ".join(str(error).split())
        raise Unavailable(f"weights unreadable: expected an ONNX network in {name}, got {why}") from error
