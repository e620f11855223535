"""How much faster our Fréchet distance is than a matrix square root, that it is the same, and how many clips it needs.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/frechet.py > results/benchmarks/frechet.md

One thread, processor time, both forms in turn in one run. The published form is what fvd.py, fad.py and their like
compute: numpy's covariances and scipy's `sqrtm` of their product. Takes about 10 minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.linalg import sqrtm

from jova_bench.metrics.base import FloatArray
from jova_bench.metrics.distance import FrechetFrom

D, ROUNDS = 2048, 2
CASES = {
    "full rank": (5000, 5000),
    "few clips": (100, 100),
    "1,000 against 1,000": (1000, 1000),
    "few clips against a full reference set": (100, 5000),
}
"""n made and m real vectors of 2,048 numbers."""
BIAS_D, BIAS_M, BIAS_DRAWS = 400, 2000, 24
SIZES = (50, 100, 200, 400, 800, 1200)
Laws = dict[str, tuple[FloatArray, float]]
"""Standard deviation of each dimension, and the true distance from the reference's law."""


def published(x: FloatArray, y: FloatArray) -> float:
    """With a matrix square root."""
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(s @ t)
    return float(((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(s + t - 2 * root.real))


def timed(compute: Callable[[], float]) -> tuple[float, float]:
    """Processor seconds and result."""
    start = time.process_time()
    value = compute()
    return time.process_time() - start, value


def features(rng: np.random.Generator, n: int, shift: float) -> FloatArray:
    """(n, D) with the decaying, correlated spectrum of a trained network's features."""
    scale = np.arange(1, D + 1.0) ** -0.5
    turn, _ = np.linalg.qr(rng.normal(size=(D, 64)))
    return rng.normal(size=(n, D)) * scale + rng.normal(size=(n, 64)) @ turn.T * 0.3 + shift * scale


def speed() -> None:
    """One row per case."""
    print("| case | n | m | published, s | ours, s | times | for each further set, s | times | relative difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (n, m) in CASES.items():
        rng = np.random.default_rng(n + m)
        x, y = features(rng, n, 0.1), features(rng, m, 0)
        theirs, ours, further = [], [], []
        for _ in range(ROUNDS):
            theirs.append(timed(lambda x=x, y=y: published(x, y)))
            start = time.process_time()
            distance = FrechetFrom(y)
            value = distance(x)
            ours.append((time.process_time() - start, value))
            further.append(timed(lambda x=x, distance=distance: distance(x)))
        slow, fast, next_one = (float(np.mean([took for took, _ in rounds])) for rounds in (theirs, ours, further))
        difference = abs(theirs[0][1] - ours[0][1]) / theirs[0][1]
        print(
            f"| {name} | {n:,} | {m:,} | {slow:.2f} | {fast:.3f} | {slow / fast:.1f} | {next_one:.3f} "
            f"| {slow / next_one:.0f} | {difference:.0e} |"
        )


def laws() -> Laws:
    """Three models: one perfect, one a fifth less varied, one that has lost seven eighths of what varies."""
    real = np.arange(1, BIAS_D + 1.0) ** -0.5
    real /= np.sqrt((real**2).sum())
    collapsed = np.where(np.arange(BIAS_D) < BIAS_D // 8, real, 0.3 * real)
    made = {"perfect": real, "a fifth less varied": real * np.sqrt(0.8), "collapsed": collapsed}
    return {name: (scale, float(((scale - real) ** 2).sum())) for name, scale in made.items()}


def bias() -> None:
    """What each model measures at each number of clips, and whether the perfect one is told from the others."""
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
    print(f"`benchmarks/frechet.py`: {D:,} dimensions, one thread, processor time, mean of {ROUNDS} rounds in turn.")
    print("`for each further set`: the reference set is factored already, as when several models are scored.\n")
    speed()
    print("\n## Why clean distances are undefined below 3 clips per dimension\n")
    print(f"Gaussian clips with {BIAS_D} dimensions and variances that fall as 1 / k, against {BIAS_M:,} real ones;")
    print(
        f"means of {BIAS_DRAWS} draws. With fewer clips than dimensions the distance rewards a model for varying less:"
    )
    print("the bias grows with the variance, and hides any truth. Published values of that kind are the compat ones.")
    bias()


if __name__ == "__main__":
    main()
