"""Cuts an ONNX network at its tensors, so that its parts can be run apart.

An ONNX file is a protocol buffer: fields of (number, content), whose contents are fields again. Of the model only the
graph (7) is touched; of the graph nodes (1), weights (5), inputs (11) and outputs (12). Source: onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

FLOAT = 1
"""TensorProto.DataType."""


def cut(content: bytes, source: str, shape: Sequence[int | None], target: str) -> bytes:
    """Cuts out the part of a network that computes one tensor from another.

    Args:
        content: the network.
        source: the tensor that the part is given, float32.
        shape: of `source`; None for a length that may differ from call to call.
        target: the tensor that the part gives, float32.

    Returns:
        The network of that part.
    """
    model = [(number, raw, inner) for number, raw, inner in _fields(content)]
    (graph,) = (inner for number, _, inner in model if number == 7)
    fields = list(_fields(graph))
    nodes = [raw_node for raw_node in fields if raw_node[0] == 1]
    needed, kept = {target}, []
    for _, raw, node in reversed(nodes):  # A graph lists what is made before what it is made into.
        if needed.intersection(_names(node, 2)):
            kept.append(raw)
            needed.update(_names(node, 1))
            needed.discard(source)
    weights = [raw for number, raw, inner in fields if number == 5 and needed.intersection(_names(inner, 8))]
    part = b"".join([*reversed(kept), _field(2, b"part"), *weights])
    part += _field(11, _tensor(source, shape)) + _field(12, _tensor(target, None))
    return b"".join(_field(7, part) if number == 7 else raw for number, raw, _ in model)


def _names(message: bytes, number: int) -> list[str]:
    return [inner.decode() for found, _, inner in _fields(message) if found == number]


def _tensor(name: str, shape: Sequence[int | None] | None) -> bytes:
    """Encodes the ValueInfoProto of a float32 tensor."""
    tensor = b"\x08" + _varint(FLOAT)
    if shape is not None:
        lengths = (_field(2, b"any") if length is None else b"\x08" + _varint(length) for length in shape)
        tensor += _field(2, b"".join(_field(1, length) for length in lengths))
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yields (number, the whole field, its content) of a message; a number's content is its bytes."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            begin, (_, at) = at, _read_varint(message, at)
        else:
            length, begin = _read_varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            at = begin + length
        yield tag >> 3, message[start:at], message[begin:at]


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Encodes a number: seven bits a byte, the lowest first; the eighth bit says that more follow."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Decodes a number: (value, index of the next byte)."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
