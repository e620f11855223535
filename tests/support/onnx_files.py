"""Writes small ONNX networks without the package `onnx`."""

from collections.abc import Iterable

import numpy as np

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


def message(*fields: tuple[int, int | bytes | str]) -> bytes:
    return b"".join(_field(*one) for one in fields)


def described(name: str, shape: Iterable[int | str]) -> bytes:
    """ValueInfoProto of single precision; a side of any length has a name."""
    sides = message(*((1, message((2 if isinstance(side, str) else 1, side))) for side in shape))
    return message((1, name), (2, message((1, message((1, 1), (2, sides))))))


def tensor(name: str, values: np.ndarray) -> bytes:
    """TensorProto of single precision."""
    return message(*((1, side) for side in values.shape), (2, 1), (8, name), (9, values.astype("<f4").tobytes()))


def whole(name: str, values: Iterable[int]) -> bytes:
    """AttributeProto of whole numbers."""
    return message((1, name), *((8, value) for value in values), (20, 7))


def node(kind: str, inputs: Iterable[str], output: str, *attributes: bytes) -> bytes:
    return message(*((1, name) for name in inputs), (2, output), (4, kind), *((5, one) for one in attributes))


def model(nodes: Iterable[bytes], tensors: Iterable[bytes], takes: Iterable[bytes], gives: Iterable[bytes]) -> bytes:
    """ModelProto of a graph of nodes, weights, and descriptions of inputs and outputs."""
    graph = message(
        *((1, one) for one in nodes),
        (2, "made"),
        *((5, one) for one in tensors),
        *((11, one) for one in takes),
        *((12, one) for one in gives),
    )
    return message((1, 8), (7, graph), (8, message((2, 13))))
