"""How much faster our Fréchet distance is than its peers', that it is the same, and how many clips it needs.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/frechet.py > results/benchmarks/frechet.md

One thread, processor time, all forms in turn in one run. pytorch-fid, fvd.py, fad.py and their like take scipy's
`sqrtm` of the product of numpy's covariances; torchmetrics takes the eigenvalues of that product, which is faster: the
peer to beat. Takes about 6 minutes.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.fid import _compute_fid

from jova_bench.arrays import FloatArray
from jova_bench.metrics.distances.frechet_kernel import FrechetFrom

DIMENSIONS, ROUNDS = (2048, 256), 3
"""Dimensions of Inception's features and of a small network's."""
CASES = {
    "full rank": (5000, 5000),
    "few clips": (100, 100),
    "1,000 against 1,000": (1000, 1000),
    "few clips against a full reference set": (100, 5000),
}
"""n made and m real vectors."""
BIAS_D, BIAS_M, BIAS_DRAWS = 400, 2000, 24
SIZES = (50, 100, 200, 400, 800, 1200)
Laws = dict[str, tuple[FloatArray, float]]
"""Standard deviation of each dimension, and the true distance from the reference's law."""


def moments(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance, as both peers take them."""
    return x.mean(axis=0), np.cov(x, rowvar=False)


def by_square_root(x: FloatArray, y: FloatArray) -> float:
    """Computes it as pytorch-fid does."""
    (a, s), (b, t) = moments(x), moments(y)
    root = sqrtm(s @ t)
    return float(((a - b) ** 2).sum() + np.trace(s + t - 2 * root.real))


def by_eigenvalues(x: FloatArray, y: FloatArray) -> float:
    """Computes it by torchmetrics' own function, in float64."""
    (a, s), (b, t) = moments(x), moments(y)
    return float(_compute_fid(*(torch.from_numpy(one) for one in (a, s, b, t))))


def by_svd(x: FloatArray, y: FloatArray) -> float:
    """Computes it as this project does, without reuse between calls."""
    return FrechetFrom(y)(x)


def features(rng: np.random.Generator, n: int, d: int, shift: float) -> FloatArray:
    """(n, d) with the decaying, correlated spectrum of a trained network's features."""
    scale = np.arange(1, d + 1.0) ** -0.5
    turn, _ = np.linalg.qr(rng.normal(size=(d, 64)))
    return rng.normal(size=(n, d)) * scale + rng.normal(size=(n, 64)) @ turn.T * 0.3 + shift * scale


def ratio(slow: list[float], fast: list[float]) -> str:
    """Median and range of how many times faster, of rounds in which the two took turns."""
    times = np.array(slow) / np.array(fast)
    digits = 1 if np.median(times) < 100 else 0
    return f"{np.median(times):,.{digits}f} ({times.min():,.{digits}f} to {times.max():,.{digits}f})"


def speed(d: int) -> None:
    """Prints one row per case of (n, d) sets. Cases take turns, so that a busy minute of the machine meets all."""
    forms = {"square root": by_square_root, "eigenvalues": by_eigenvalues, "ours": by_svd}
    took: dict[tuple[str, str], list[float]] = {}
    values: dict[tuple[str, str], float] = {}
    for _ in range(ROUNDS):
        for case, (n, m) in CASES.items():
            rng = np.random.default_rng(n + m)
            x, y = features(rng, n, d, 0.1), features(rng, m, d, 0)
            for form, compute in forms.items():
                start = time.process_time()
                values[case, form] = compute(x, y)
                took.setdefault((case, form), []).append(time.process_time() - start)
            distance = FrechetFrom(y)
            distance(x)  # Factors y.
            start = time.process_time()
            distance(x)
            took.setdefault((case, "further"), []).append(time.process_time() - start)
    print(
        "| case | n | m | pytorch-fid, s | torchmetrics, s | ours, s | times pytorch-fid | times torchmetrics "
        "| for each further set, s | times torchmetrics | from pytorch-fid | from torchmetrics |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for case, (n, m) in CASES.items():
        root, eigen, ours, further = (took[case, one] for one in (*forms, "further"))
        value = values[case, "ours"]
        off = [abs(values[case, form] - value) / value for form in ("square root", "eigenvalues")]
        print(
            f"| {case} | {n:,} | {m:,} | {np.median(root):.2f} | {np.median(eigen):.2f} | {np.median(ours):.3f} "
            f"| {ratio(root, ours)} | {ratio(eigen, ours)} | {np.median(further):.3f} | {ratio(eigen, further)} "
            f"| {off[0]:.0e} | {off[1]:.0e} |"
        )


def laws() -> Laws:
    """Three models: one perfect, one a fifth less varied, one that has lost seven eighths of what varies."""
    real = np.arange(1, BIAS_D + 1.0) ** -0.5
    real /= np.sqrt((real**2).sum())
    collapsed = np.where(np.arange(BIAS_D) < BIAS_D // 8, real, 0.3 * real)
    made = {"perfect": real, "a fifth less varied": real * np.sqrt(0.8), "collapsed": collapsed}
    return {name: (scale, float(((scale - real) ** 2).sum())) for name, scale in made.items()}


def bias() -> None:
    """Prints each model's distance at each number of clips, and whether the perfect one differs from the others."""
    rng = np.random.default_rng(0)
    models = laws()
    distance = FrechetFrom(rng.normal(size=(BIAS_M, BIAS_D)) * models["perfect"][0])
    truth = ", ".join(f"{name} {true:.3f}" for name, (_, true) in models.items())
    print(f"\nTrue distances: {truth} (the total variance is 1).\n")
    print("| clips | of d | " + " | ".join(models) + " | perfect is best |")
    print("|---|---|" + "---|" * len(models) + "---|")
    for n in SIZES:
        found = np.array([
            [distance(rng.normal(size=(n, BIAS_D)) * scale) for scale, _ in models.values()] for _ in range(BIAS_DRAWS)
        ])  # fmt: skip
        best = (found.argmin(axis=1) == 0).mean()
        cells = " | ".join(f"{mean:.3f}" for mean in found.mean(axis=0))
        print(f"| {n:,} | {n / BIAS_D:.2f} | {cells} | {best:.0%} |")


def main() -> None:
    print("# Fréchet distance: speed, agreement, and how many clips it takes\n")
    print(f"`benchmarks/frechet.py`: one thread, processor time, median (range) of {ROUNDS} rounds in turn.")
    print("pytorch-fid: `sqrtm` of the covariances' product; torchmetrics: its eigenvalues; of numpy's covariances.")
    print("`for each further set`: the reference set is factored already, as when several models are scored.")
    print("The last columns are relative differences of our value. Ratios vary with the machine and its load.\n")
    for d in DIMENSIONS:
        print(f"## {d:,} dimensions\n")
        speed(d)
        print()
    print("## Why clean distances are undefined below 3 clips per dimension\n")
    print(f"Gaussian clips with {BIAS_D} dimensions and variances that fall as 1 / k, against {BIAS_M:,} real ones;")
    print(
        f"means of {BIAS_DRAWS} draws. With fewer clips than dimensions the distance rewards a model for varying less:"
    )
    print("the bias grows with the variance, and hides any truth. Published values of that kind are the compat ones.")
    bias()


if __name__ == "__main__":
    main()
