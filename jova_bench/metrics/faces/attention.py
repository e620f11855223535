"""MediaPipe's mesh with attention (Grishchenko et al. 2020, arXiv 2006.10962): lips and eyes looked at once more.

Its file has three operations that LiteRT does not know. The file is cut there: what comes before them and what comes
after is run by LiteRT, and they themselves are below, written from google-ai-edge/mediapipe v0.10.21
(`util/tflite/operations`): a square around the points of a region, the features within it, and the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from jova_bench.assets.table import AssetTable
from jova_bench.metrics.faces.litert import ATTENTION, Array, read, runner

MATRIX, CROP, BACK = "Landmarks2TransformMatrix", "TransformTensorBilinear", "TransformLandmarks"
SIDE = 16
"""Cells along each side of what is cropped."""


def load(assets: AssetTable) -> Callable[[Array], list[Array]]:
    """Returns a function from (192, 192, 3) to (468, 3) points, lips and eyes refined, and the logit of a face.

    Raises:
        Unavailable: the package or the file is missing, or it is another file.
    """
    return _loaded(assets.find(ATTENTION.asset))


@cache
def _loaded(file: Path) -> Callable[[Array], list[Array]]:
    from flatbuffers import flexbuffers

    content = read(ATTENTION, file)
    model = _unpacked(content)
    graph = model.subgraphs[0]
    matrices, crops, ways_back = (_custom(model, name) for name in (MATRIX, CROP, BACK))
    regions = [flexbuffers.Loads(bytes(one.customOptions)) for one in matrices]
    first = {one.inputs[0] for one in crops}
    assert len(first) == 1
    assert all(region["output_width"] == region["output_height"] == SIDE for region in regions)
    mesh, logit = graph.outputs[0], graph.outputs[-1]
    before = runner(_cut(content, graph.inputs, [mesh, logit, *first, *(one.inputs[0] for one in matrices)]))
    given = [one.outputs[0] for one in (*crops, *matrices)]
    refined = [one for one in ways_back if graph.tensors[one.inputs[0]].shape[1] > 5]  # Five are an iris.
    after = runner(_cut(content, given, [tensor for one in refined for tensor in one.inputs]))

    def run(image: Array) -> list[Array]:
        points, face, features, *landmarks = before(image)
        ways = [matrix(one, region) for one, region in zip(landmarks, regions, strict=True)]
        answers = after(*(crop(features, way) for way in ways), *ways)
        points = points.reshape(468, 3).copy()
        for region, found, way in zip(regions, answers[::2], answers[1::2], strict=True):
            points[region["subset_idxs"], :2] = found @ way[:2, :2].T + way[:2, 3]
        return [points, face]

    return run


def matrix(landmarks: Array, region: dict[str, Any]) -> Array:
    """Returns the (4, 4) matrix from cells of a crop to (468, 3) landmarks' units.

    Args:
        landmarks: in cells of the features.
        region: points in it, two that are to lie level, and how much larger the crop is than they spread.
    """
    left, right = landmarks[region["left_rotation_idx"]], landmarks[region["right_rotation_idx"]]
    turn = np.arctan2(right[1] - left[1], right[0] - left[0])
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    level = landmarks[region["subset_idxs"], :2] @ turned
    low, high = level.min(axis=0), level.max(axis=0)
    scale = turned * (high - low) * [region["scale_x"], region["scale_y"]] / SIDE
    made = np.eye(4, dtype=np.float32)
    made[:2, :2], made[:2, 3] = scale, turned @ (low + high) / 2 - scale @ [SIDE / 2, SIDE / 2]
    return made


def crop(features: Array, way: Array) -> Array:
    """Returns (16, 16, C) of (H, W, C) features, bilinearly; 0 where the middle of a cell is beyond their middles."""
    height, width = features.shape[:2]
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    places = np.stack([x, y], axis=-1) @ way[:2, :2].T + way[:2, 3] - 0.5
    inside = np.all((places >= 0) & (places <= [width - 1, height - 1]), axis=-1, keepdims=True)
    places = np.where(inside, places, 0)
    left, top = np.floor(places).astype(int).transpose(2, 0, 1)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (places - np.floor(places)).transpose(2, 0, 1)[..., None]
    upper = (1 - across) * features[top, left] + across * features[top, right]
    lower = (1 - across) * features[bottom, left] + across * features[bottom, right]
    return np.asarray(inside * ((1 - down) * upper + down * lower), dtype=np.float32)


def _unpacked(content: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(content, 0)


def _custom(model: Any, name: str) -> list[Any]:
    """Returns the operations of a model that LiteRT does not know by one name, in their order."""
    codes = [code.customCode == name.encode() for code in model.operatorCodes]
    return [one for one in model.subgraphs[0].operators if codes[one.opcodeIndex]]


def _cut(content: bytes, inputs: Sequence[int], outputs: Iterable[int]) -> bytes:
    """Returns the model with those operations alone that lead from some of its tensors to others."""
    import flatbuffers

    model = _unpacked(content)
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = [int(one) for one in inputs], [int(one) for one in outputs]
    needed, kept = set(graph.outputs), []
    for one in reversed(graph.operators):
        if needed.intersection(one.outputs) and not set(graph.inputs).intersection(one.outputs):
            kept.append(one)
            needed.update(one.inputs)
    graph.operators = kept[::-1]
    model.signatureDefs = None
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
