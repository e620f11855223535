"""Distances between two sets of features: Fréchet, its limit for infinitely many clips, and unbiased kernels.

Arrays in, float64 numbers out. Letters: n and m rows of the two sets, d dimensions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray as FloatArray

Kernel = Callable[[FloatArray, FloatArray], FloatArray]
"""(n, d), (m, d) -> (n, m)."""


BLOCK = 1024
"""Rows whose kernel with all others is held at once."""
MAX_FOR_MEDIAN = 4000
"""Rows whose pairwise distances give a bandwidth."""


@dataclass(frozen=True)
class Clustered:
    """Rows that belong to clips: those of one clip are no independent draws."""

    rows: FloatArray
    """(N, d), finite."""
    owner: npt.NDArray[np.intp]
    """(N,) which clip each row is of."""

    @property
    def digest(self) -> str:
        """sha256 (hex) of the rows and whose they are."""
        content = hashlib.sha256(f"{self.rows.dtype} {self.rows.shape}".encode())
        content.update(np.ascontiguousarray(self.rows).data)
        content.update(np.ascontiguousarray(self.owner).data)
        return content.hexdigest()


Rows = npt.NDArray[Any] | Clustered


def clustered(features: Rows) -> Clustered:
    """Checks the features of clips and returns their rows.

    Args:
        features: (n, d), one row per clip, or (n, p, d) where a clip of fewer than p rows ends in rows of NaN.

    Raises:
        ValueError: fewer than 2 rows, or a value that is not finite where there should be one.
    """
    if isinstance(features, Clustered):
        return features
    if features.ndim != 3:
        rows = _checked(features)
        return Clustered(rows, np.arange(len(rows)))
    padding = np.isnan(features).all(axis=2)  # (n, p)
    return Clustered(_checked(features[~padding]), np.nonzero(~padding)[0])


def stack(features: Sequence[npt.NDArray[Any]]) -> FloatArray:
    """Stacks the (d,) or (p, d) features of each clip as `clustered` takes them."""
    if not features or features[0].ndim == 1:
        return np.array(features, dtype=np.float64)
    most = max(len(one) for one in features)
    return np.array(
        [np.pad(one.astype(np.float64), ((0, most - len(one)), (0, 0)), constant_values=np.nan) for one in features]
    )


@dataclass(frozen=True)
class Gaussian:
    """First two moments of a set of features."""

    mean: FloatArray
    """(d,)."""
    cov: FloatArray
    """(d, d), unbiased (divided by n - 1)."""


def frechet(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> float:
    """Returns the squared Fréchet distance of the Gaussians fitted to x (n, d) and y (m, d).

    ||mu_x - mu_y||^2 + tr(S_x) + tr(S_y) - 2 tr((S_x S_y)^(1/2)), as in FID, FVD and FAD (Dowson & Landau 1982).
    """
    return FrechetFrom(y)(x)


class FrechetFrom:
    """Fréchet distance from one fixed set, whose expensive parts are computed once.

    S_y = F^T F for any factor F, and tr((S_x S_y)^(1/2)) is the sum of the singular values of X F^T / sqrt(n - 1)
    for the centred rows X. With no more rows than dimensions on either side F is the rows of y: nothing singular is
    ever rooted, no d x d matrix is made, and a set is at distance zero from itself to 1e-9 of its variance. With more
    rows on both sides F is Cholesky's factor of S_y, and F S_x F^T is smaller. Both agree with a matrix square root
    (scipy's sqrtm) to 1e-6, which is as far as that can be trusted where a covariance is singular; measured in
    results/benchmarks/frechet.md.
    """

    def __init__(self, y: npt.NDArray[Any]) -> None:
        """Centres y (m, d), m >= 2. Raises ValueError for values that are not finite."""
        y = _checked(y)
        self._mean = y.mean(axis=0)
        self._rows = (y - self._mean) / np.sqrt(len(y) - 1)  # (m, d)
        self._trace = float((self._rows**2).sum())

    def __call__(self, x: npt.NDArray[Any]) -> float:
        """Returns the distance of x (n, d), n >= 2."""
        return self._of(self._like(_checked(x)))

    def of_each(self, x: Clustered, chosen: npt.NDArray[np.bool_]) -> FloatArray:
        """Returns the same distances of S sets of clips, (S,): what all share is checked and computed once.

        Args:
            x: rows of N clips.
            chosen: (S, N) which clips each set has: at least 2 rows.
        """
        rows = self._like(x.rows)
        return np.array([self._of(rows[one[x.owner]]) for one in chosen])

    def _like(self, x: FloatArray) -> FloatArray:
        if x.shape[1] != len(self._mean):
            raise ValueError(f"expected two sets of one dimension, got {x.shape[1]} and {len(self._mean)}")
        return x

    def _of(self, x: FloatArray) -> float:
        mean = np.add.reduce(x, axis=0) / len(x)
        rows = (x - mean) / np.sqrt(len(x) - 1)
        if min(len(x), len(self._rows)) <= x.shape[1]:
            cross = np.linalg.svd(rows @ self._rows.T, compute_uv=False).sum()
        else:
            product = np.linalg.eigvalsh(self._factor @ (rows.T @ rows) @ self._factor.T)
            cross = np.sqrt(np.maximum(product, 0)).sum()
        return _distance(self._mean - mean, self._trace + float((rows**2).sum()), float(cross))

    @cached_property
    def _factor(self) -> FloatArray:
        return factored(self._rows.T @ self._rows)  # (d, d)


def frechet_gaussians(a: Gaussian, b: Gaussian) -> float:
    """Returns the Fréchet distance of two Gaussians.

    The eigenvalues of F S_b F^T are those of S_a S_b for any F^T F = S_a.
    """
    factor = factored(a.cov)  # (d, d)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(factor @ b.cov @ factor.T), 0)).sum()
    return _distance(a.mean - b.mean, float(np.trace(a.cov) + np.trace(b.cov)), float(cross))


def factored(cov: FloatArray) -> FloatArray:
    """Returns (d, d) F with F^T F = cov: Cholesky's, or the symmetric root of a covariance that is nearly singular."""
    try:
        return np.asarray(np.linalg.cholesky(cov).T, dtype=np.float64)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(cov)
        return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T, dtype=np.float64)


def _distance(shift: FloatArray, traces: float, cross: float) -> float:
    """Clamps a negative distance to zero: it is the rounding error of equal sets."""
    return max(0.0, float(shift @ shift) + traces - 2 * cross)


@dataclass(frozen=True)
class Extrapolation:
    """A biased distance carried to infinitely many clips."""

    value: float
    """Intercept of the fit."""
    r2: float
    """Share of the variance between subset sizes that the straight line explains."""


def n_to_infinity(
    x: npt.NDArray[Any],
    distance: Callable[[FloatArray], float],
    *,
    seed: int = 0,
    sizes: int = 8,
    draws: int = 16,
) -> Extrapolation:
    """Extrapolates to infinitely many rows, by a straight line over 1/n (Chong & Forsyth 2020, arXiv 1911.07023).

    Subsets are drawn WITHOUT replacement: with replacement the limit is the distance of the empirical set, whose
    bias would stay. The smallest subset has two thirds of the rows: the bias bends away from c / n further down
    (100 rows and 2,000 reference rows, standard normal with d = 32, true distance 0: 3.2 as measured; extrapolated
    -0.15 from two thirds of the rows, -0.30 from a half).

    Args:
        x: (n, ...), one entry per clip.
        distance: of a (k, ...) subset from the reference.
        seed: of the subsets.
        sizes: how many subset sizes, evenly spaced in 1/n.
        draws: subsets per size.
    """
    if len(x) < 2:
        raise ValueError(f"expected at least 2 clips, got {len(x)}")
    rng = np.random.default_rng(seed)
    rows = np.unique(np.rint(1 / np.linspace(1 / len(x), 1.5 / len(x), sizes)).astype(int))  # 2n/3 .. n
    means = np.array([
        np.mean([distance(x[rng.permutation(len(x))[:k]]) for _ in range(draws if k < len(x) else 1)]) for k in rows
    ])  # fmt: skip
    slope, intercept = np.polyfit(1 / rows, means, 1)
    residual = means - (intercept + slope / rows)
    spread = float(((means - means.mean()) ** 2).sum())
    return Extrapolation(float(intercept), 1 - float((residual**2).sum()) / spread if spread > 0 else 1.0)


def polynomial_kernel(x: FloatArray, y: FloatArray) -> FloatArray:
    """Computes (x . y / d + 1)^3: the kernel of KID (Bińkowski et al. 2018, arXiv 1801.01401)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def rbf_kernel(bandwidth: float) -> Kernel:
    """Returns exp(-|x - y|^2 / (2 bandwidth^2)): with the median bandwidth, KAD's kernel (arXiv 2502.15602)."""
    return lambda x, y: np.exp(_squared_distances(x, y) / (-2 * bandwidth**2))


def median_bandwidth(y: npt.NDArray[Any]) -> float:
    """Returns the median distance of two rows of y (m, d); of evenly spaced rows where there are more than 4,000."""
    y = _checked(y)
    y = y[:: -(-len(y) // MAX_FOR_MEDIAN)]
    return float(np.sqrt(np.median(_squared_distances(y, y)[np.triu_indices(len(y), 1)])))


def kernel_distance(x: Rows, y: Rows, kernel: Kernel, within_y: float | None = None) -> float:
    """Returns the unbiased squared maximum mean discrepancy of two sets; around 0, so also below, for equal laws.

    Args:
        x: one set, (n, d) or `Clustered`.
        y: the other.
        kernel: of two sets of rows.
        within_y: `mean_within(y, kernel)` when it is known already.
    """
    a, b = clustered(x), clustered(y)
    within = mean_within(b, kernel) if within_y is None else within_y
    across = sum(float(kernel(block, b.rows).sum()) for block, _ in _blocks(a)) / (len(a.rows) * len(b.rows))
    return mean_within(a, kernel) + within - 2 * across


def mean_within(x: Rows, kernel: Kernel) -> float:
    """Returns the mean kernel of two rows of different clips: pairs within a clip would bias it."""
    x = clustered(x)
    total, pairs = 0.0, 0
    for block, owner in _blocks(x):
        different = owner[:, None] != x.owner
        total += float((kernel(block, x.rows) * different).sum())
        pairs += int(different.sum())
    if not pairs:
        raise ValueError("expected rows of at least 2 clips, got 1")
    return total / pairs


def _blocks(x: Clustered) -> Iterator[tuple[FloatArray, npt.NDArray[np.intp]]]:
    """Yields the rows and their owners a few at a time: the kernel of all 14,000 rows would take 1.6 GB."""
    for start in range(0, len(x.rows), BLOCK):
        yield x.rows[start : start + BLOCK], x.owner[start : start + BLOCK]


def _squared_distances(x: FloatArray, y: FloatArray) -> FloatArray:
    products = x @ y.T
    return np.maximum(0, (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * products)


def _checked(x: npt.NDArray[Any]) -> FloatArray:
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"expected (n, d) features with n of at least 2, got shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("expected finite features, got NaN or infinity")
    return x
