"""Kernel distances of many sets of the same clips, as tests and intervals need them.

A set is a mask of the clips, and its mean kernels are products of that mask with kernels that all sets share: they
are computed once, for a thousand sets as for one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jova_bench.metrics.distances.frechet_kernel import FloatArray, Kernel, Rows, clustered, mean_within

Masks = npt.NDArray[np.bool_]
"""(S, N) which of N clips each of S sets has."""
BLOCK_NUMBERS = 2**23
"""Numbers of a matrix that are held at once: 67 MB, whatever the number of clips."""


def kernel_distances(x: Rows, y: Rows, kernel: Kernel, chosen: Masks, within_y: float | None = None) -> FloatArray:
    """Returns the `kernel_distance` from y of S sets of the same clips, (S,); computes each kernel value once.

    A set's mean kernel is a quadratic form of its mask with the matrix of kernels summed by clip, without its diagonal.

    Args:
        x: N clips, (N, d), (N, p, d) or `Clustered`.
        y: the other set.
        kernel: of two sets of rows.
        chosen: at least 2 clips for each set.
        within_y: `mean_within(y, kernel)` when it is known already.
    """
    a, b = clustered(x), clustered(y)
    within = mean_within(b, kernel) if within_y is None else within_y
    size = np.bincount(a.owner)  # (N,) rows of each clip
    first = np.concatenate([[0], np.cumsum(size)])  # where they begin
    # Of each set: rows, pairs of rows of one clip, kernels with y, kernels of pairs of different clips.
    count, alike, across, apart = np.zeros((4, len(chosen)))
    clips = max(1, BLOCK_NUMBERS // max(len(a.rows), len(b.rows)) // int(size.max()))
    for start in range(0, len(size), clips):
        stop = min(start + clips, len(size))
        rows, starts = a.rows[first[start] : first[stop]], first[start:-1] - first[start]
        with_y = np.add.reduceat(kernel(rows, b.rows).sum(axis=1), starts[: stop - start])
        # Of a symmetric matrix the upper half is enough: what lies right of the block counts twice.
        matrix = kernel(rows, a.rows[first[start] :])
        if len(a.rows) > len(size):
            matrix = np.add.reduceat(np.add.reduceat(matrix, starts, axis=1), starts[: stop - start], axis=0)
        np.fill_diagonal(matrix, 0.0)
        matrix[:, stop - start :] *= 2
        for some in _some(chosen):
            masks = chosen[some, start:].astype(np.float64)
            here = masks[:, : stop - start]
            apart[some] += ((masks @ matrix.T) * here).sum(axis=1)
            across[some] += here @ with_y
            count[some] += here @ size[start:stop]
            alike[some] += here @ size[start:stop] ** 2
    pairs = count**2 - alike
    if not pairs.all():
        raise ValueError("expected rows of at least 2 clips, got 1")
    return apart / pairs + within - 2 * across / (count * len(b.rows))


def _some(chosen: Masks) -> Iterator[slice]:
    """Yields the sets a few at a time, so that their masks are no more than `BLOCK_NUMBERS`."""
    step = max(1, BLOCK_NUMBERS // chosen.shape[1])
    return (slice(start, start + step) for start in range(0, len(chosen), step))
