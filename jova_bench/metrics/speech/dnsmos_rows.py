"""P.835's network with repeated rows computed once; its results are those of the whole network, bit for bit.

Nearly all of its work are four 3 x 3 convolutions of the whole spectrogram, before anything is pooled: row t of their
result depends on rows t - 4 to t + 4 and on nothing else. DNSMOS takes windows of 9.01 s that overlap by 8 s, and
doubles shorter sound until it fills one, so most rows stand among neighbours that were seen before: their result is
copied. No period is assumed: neighbours are the same when all bits of the nine rows are, the edge of a window is a
neighbour of its own, and what differs in a bit is computed.

Letters: T = 900 rows of 10 ms, B = 161 frequencies, C = 32 channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.metrics.networks.onnx_parts import cut
from jova_bench.metrics.networks.onnx_session import open_session
from jova_bench.metrics.signal.audio import Audio

FloatArray = npt.NDArray[np.float32]

REACH = 4
"""Rows on either side that four convolutions of 3 x 3 read."""
WAVE, SPECTRUM = "input_1", "mos_estimator_logpow/truediv:0"
FEATURES, OPINION = "mos_estimator_logpow/conv2d_3/Relu:0", "Identity:0"
"""Tensors of the published graph: before the convolutions and after them."""


class Network:
    """The published network, whole and in three parts."""

    def __init__(self, content: bytes) -> None:
        """Cuts the network.

        Args:
            content: of sig_bak_ovr.onnx.
        """
        self._whole = open_session(content)
        self._spectrum = open_session(cut(content, WAVE, (1, 144_160), SPECTRUM))
        self._features = open_session(cut(content, SPECTRUM, (1, None, 161), FEATURES))
        self._opinion = open_session(cut(content, FEATURES, (1, 32, 900, 161), OPINION))

    def __call__(self, windows: Sequence[Audio]) -> list[FloatArray]:
        """Returns (SIG, BAK, OVRL) before calibration, of each (144160,) window."""
        answers: list[FloatArray] = []
        known: dict[bytes, int] = {}
        features = np.zeros((32, 0, 161), np.float32)  # (C, rows, B)
        for window in windows:
            spectrum = run(self._spectrum, WAVE, window)  # (T, B)
            keys = neighbourhoods(spectrum)
            if len(windows) == 1 and len(set(keys)) > 0.8 * len(keys):  # Little to copy: parts would cost more.
                return [run(self._whole, WAVE, window)]
            parts = [features]
            for start, end in _runs(_first_seen(keys, known)):
                made = run(self._features, SPECTRUM, spectrum[max(start - REACH, 0) : end + REACH])
                begin = min(start, REACH)
                known |= zip(keys[start:end], range(sum(part.shape[1] for part in parts), 2**63), strict=False)
                parts.append(made[:, begin : begin + end - start])
            features = np.concatenate(parts, axis=1)[:, [known[key] for key in keys]]  # (C, T, B)
            answers.append(run(self._opinion, FEATURES, features))
            known = {key: row for row, key in enumerate(keys)}  # The next window overlaps this one.
        return answers


def neighbourhoods(spectrum: FloatArray) -> list[bytes]:
    """Returns what the result for each row of (T, B) depends on: digests of the nine rows around it."""
    rows = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in spectrum]
    edge = [b"edge" * 4] * REACH
    padded = [*edge, *rows, *edge]
    return [b"".join(padded[row : row + 2 * REACH + 1]) for row in range(len(rows))]


def _first_seen(keys: Sequence[bytes], known: dict[bytes, int]) -> list[bool]:
    """Returns whether each key is new, and the index of its first occurrence."""
    first = {key: row for row, key in reversed(list(enumerate(keys)))}
    return [key not in known and first[key] == row for row, key in enumerate(keys)]


def _runs(wanted: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Returns (start, end) of runs of true values."""
    edges = np.flatnonzero(np.diff(np.array([False, *wanted, False], np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def run(network: Any, name: str, given: npt.NDArray[np.generic]) -> FloatArray:
    """Returns the output of a network for one input."""
    return np.asarray(network.run(None, {name: given[None].astype(np.float32)})[0][0])
