"""How often the intervals of `jova_bench.stats` hold the truth, and how often its tests cry wolf.

    python benchmarks/coverage.py > results/coverage.md

Simulation only: no models, no clips. Takes about three minutes on one core.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from jova_bench import stats

Array = npt.NDArray[np.float64]
Case = Callable[[np.random.Generator, tuple[int, int]], tuple[Array, Array | None, float]]
"""(rng, (S, P)) -> S data sets of P prompts: values, weights or None, the true mean or ratio."""

SETS = 4000
RESAMPLES = 2000
SIZES = (10, 20, 50, 100)


def words(rng: np.random.Generator, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    return rng.integers(3, 7, shape)


def word_errors(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Array, float]:
    n = words(rng, shape)
    return rng.binomial(n, 0.05) / n, n.astype(float), 0.05


def rare_bad_clips(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Array, float]:
    """92 % of clips without an error, the rest with 1 to 3 wrong words."""
    n = words(rng, shape)
    wrong = np.where(rng.random(shape) < 0.08, rng.integers(1, 4, shape), 0)
    return wrong / n, n.astype(float), 0.08 * 2 / 4.5


def bernoulli(p: float) -> Case:
    return lambda rng, shape: ((rng.random(shape) < p).astype(float), None, p)


def two_seeds(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, None, float]:
    return rng.binomial(2, 0.95, shape) / 2, None, 0.95


CASES: dict[str, Case] = {
    "normal": lambda rng, shape: (rng.normal(size=shape), None, 0.0),
    "exponential": lambda rng, shape: (rng.exponential(size=shape), None, 1.0),
    "log-normal, sigma 1": lambda rng, shape: (rng.lognormal(size=shape), None, float(np.exp(0.5))),
    "0/1, p = 0.5": bernoulli(0.5),
    "0/1, p = 0.95": bernoulli(0.95),
    "0/1, p = 0.99": bernoulli(0.99),
    "mean of two 0/1 seeds, p = 0.95, by who does not know that it is a share": two_seeds,
    "ratio: word errors, 5 % of words": word_errors,
    "ratio: word errors in 8 % of clips": rare_bad_clips,
    "ratio: exponential, 3 to 6 words": lambda rng, shape: (
        rng.exponential(size=shape),
        words(rng, shape).astype(float),
        1.0,
    ),
}


def limits(rng: np.random.Generator, values: Array, weights: Array | None) -> tuple[Array, str]:
    """(S, 2) limits and the method's name, by the same rules as `mean_interval`.

    Data sets share their resamples, so that thousands cost a few matrix products.
    """
    p = values.shape[1]
    binary = weights is None and bool(np.isin(values, (0.0, 1.0)).all())
    if binary or (weights is None and p < stats.T_BELOW):
        found = [stats.mean_interval(row, rng, proportion=binary) for row in values]
        return np.array([(x.lo, x.hi) for x in found if x]), "agresti-coull" if binary else "t"
    w = np.ones_like(values) if weights is None else weights
    counts = stats.resample_counts(rng, p, RESAMPLES)
    apart = np.isin(values, (0.0, 1.0)).all(axis=1) if weights is None else np.ptp(values, axis=1) == 0
    found_limits = np.empty((len(values), 2))
    for rows in np.array_split(np.flatnonzero(~apart), len(values) // 500):
        found_limits[rows] = stats.studentised_limits(values[rows], w[rows], counts, 0.95)
    for row in np.flatnonzero(apart):
        interval = stats.mean_interval(values[row], rng, None if weights is None else w[row], proportion=True)
        assert interval is not None
        found_limits[row] = interval.lo, interval.hi
    return found_limits, "studentised"


def coverage_table(rng: np.random.Generator) -> list[str]:
    lines = ["| values | " + " | ".join(f"n = {n}" for n in SIZES) + " |", "|---|" + "---|" * len(SIZES)]
    for name, case in CASES.items():
        cells = []
        for p in SIZES:
            values, weights, truth = case(rng, (SETS, p))
            found, method = limits(rng, values, weights)
            share = np.mean((found[:, 0] <= truth + 1e-12) & (truth - 1e-12 <= found[:, 1]))
            cells.append(f"{100 * share:.1f} ({method})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def shares(rng: np.random.Generator, shape: tuple[int, ...], p: float, seeds: int, alike: float) -> Array:
    """Shares of right answers of each prompt, whose own chance of one is p on average.

    Args:
        rng: draws them.
        shape: of the prompts.
        p: chance of a right answer.
        seeds: answers of each prompt.
        alike: correlation of two answers of one prompt.
    """
    chance = rng.beta(p * (1 / alike - 1), (1 - p) * (1 / alike - 1), shape) if alike else p
    return rng.binomial(seeds, chance, shape) / seeds


def held(values: Array, p: float) -> str:
    """% of (S, P) data sets whose interval holds p, and the mean width."""
    found = [stats.mean_interval(row, np.random.default_rng(0), proportion=True) for row in values]
    lo, hi = np.array([(x.lo, x.hi) for x in found if x]).T
    assert lo.min() >= 0
    assert hi.max() <= 1
    return f"{100 * np.mean((lo <= p + 1e-12) & (p - 1e-12 <= hi)):.1f} ({np.mean(hi - lo):.2f})"


def share_table(rng: np.random.Generator) -> list[str]:
    chances = (0.5, 0.9, 0.97, 0.99)
    lines = ["| seeds | correlation | prompts | " + " | ".join(f"p = {p}" for p in chances) + " |"]
    lines.append("|---|---|---|" + "---|" * len(chances))
    for seeds, alike in ((1, 0.0), (3, 0.0), (3, 0.3), (3, 0.8)):
        for n in (12, 30, 60, 128):
            cells = [held(shares(rng, (SETS, n), p, seeds, alike), p) for p in chances]
            lines.append(f"| {seeds} | {alike:g} | {n} | " + " | ".join(cells) + " |")
    return lines


def difference_table(rng: np.random.Generator, sets: int = 1000) -> list[str]:
    """Two models, of which one is right more often; answers of the two to one prompt are independent."""
    pairs = ((0.9, 0.9), (0.97, 0.9), (0.99, 0.5), (0.99, 0.03))
    lines = ["| seeds | correlation | prompts | " + " | ".join(f"{a} - {b}" for a, b in pairs) + " |"]
    lines.append("|---|---|---|" + "---|" * len(pairs))
    for seeds, alike in ((1, 0.0), (3, 0.3)):
        for n in (12, 30):
            cells = []
            for a, b in pairs:
                x, y = (shares(rng, (sets, n), p, seeds, alike) for p in (a, b))
                draws = stats.Draws(rng, n, 99)
                limits = [stats.paired_test(x[i], y[i], draws, proportion=True).ci for i in range(sets)]
                lo, hi = np.array([ci for ci in limits if ci]).T
                assert lo.min() >= -1
                assert hi.max() <= 1
                inside = (lo <= a - b + 1e-12) & (a - b - 1e-12 <= hi)
                cells.append(f"{100 * np.mean(inside):.1f} ({np.mean(hi - lo):.2f})")
            lines.append(f"| {seeds} | {alike:g} | {n} | " + " | ".join(cells) + " |")
    return lines


def frechet(rows: Array) -> float:
    """Frechet distance from a standard normal, closed form."""
    mean, covariance = rows.mean(axis=0), np.cov(rows.T)
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0))
    return float(mean @ mean + np.trace(covariance) + len(mean) - 2 * roots.sum())


def jackknife_table(rng: np.random.Generator, sets: int = 200) -> list[str]:
    lines = ["| clips from | n | d | holds the expected distance at that n | its half width / 2 standard deviations |"]
    lines.append("|---|---|---|---|---|")
    for name, centre, spread in (("another distribution", 0.5, 1.2), ("the reference's own", 0.0, 1.0)):
        for p, d in ((50, 8), (100, 8), (100, 32)):
            draws = np.array([frechet(rng.normal(centre, spread, (p, d))) for _ in range(10 * sets)])
            found = [stats.jackknife_interval(frechet, rng.normal(centre, spread, (p, d))) for _ in range(sets)]
            share = np.mean([x.lo <= draws.mean() <= x.hi for x in found if x])
            width = np.mean([(x.hi - x.lo) / 2 for x in found if x]) / (2 * draws.std())
            lines.append(f"| {name} | {p} | {d} | {100 * share:.1f} | {width:.2f} |")
    return lines


def alarm_table(rng: np.random.Generator, sets: int = 1000) -> list[str]:
    lines = ["| test, two models that do not differ | " + " | ".join(f"n = {n}" for n in SIZES) + " |"]
    lines.append("|---|" + "---|" * len(SIZES))
    pairs: dict[str, Case] = {k: CASES[k] for k in ("normal", "exponential", "0/1, p = 0.95")}
    pairs["ratio: word errors, 5 % of words"] = word_errors
    for name, case in pairs.items():
        cells = []
        for p in SIZES:
            a, weights, _ = case(rng, (sets, p))
            b = case(rng, (sets, p))[0]  # its words differ: only the differences count here
            w = np.ones_like(a) if weights is None else weights
            p_values = np.array([stats.sign_flip(a[i] - b[i], w[i], rng, 1999)[1] for i in range(sets)])
            cells.append(f"{100 * np.mean(p_values <= 0.05):.1f}")
        lines.append(f"| paired_test, {name} | " + " | ".join(cells) + " |")
    rates = []
    for p in SIZES:
        sides = rng.normal(size=(2, 100, p, 2))
        results = [stats.paired_set_test(frechet, sides[0, i], sides[1, i], rng, n=99) for i in range(100)]
        rates.append(f"{100 * np.mean([t.p <= 0.05 for t in results]):.0f}")
    lines.append("| paired_set_test, Frechet distance, d = 2 (100 simulations) | " + " | ".join(rates) + " |")
    return lines


def main() -> None:
    rng = np.random.default_rng(0)
    print("# Coverage of the intervals and false alarms of the tests\n")
    print("Made by `python benchmarks/coverage.py`. Nominal 95 %.\n")
    print(f"## `mean_interval`: % of {SETS} data sets whose interval holds the truth\n")
    print(f"Simulation error +-0.7. {RESAMPLES} resamples here, {stats.RESAMPLES} in a report.\n")
    print("\n".join(coverage_table(rng)))
    print("\nProportions near 1 and rare errors come in few distinct values, so no interval can be exact there:")
    print("these err on the wide side. Below 50 prompts, means of skewed values are held too seldom.\n")
    print(f"## `mean_interval` of shares, by seeds: % of {SETS} data sets whose interval holds p (its mean width)\n")
    print("Each prompt's value is its share of right answers; the correlation is that of two answers to one prompt.\n")
    print("\n".join(share_table(np.random.default_rng(1))))
    print(
        "\nNo interval leaves 0 to 1. Whole prompts are added, so that where nearly all answers are right the interval"
    )
    print(
        "is as wide as for one answer a prompt: how alike a prompt's answers are cannot be seen from so few wrong ones."
    )
    print("\n## `paired_test` of shares: % of 1000 data sets whose interval holds the difference (its mean width)\n")
    print("\n".join(difference_table(np.random.default_rng(2))))
    print(
        "\nStudent's t, cut at -1 and 1, which loses no coverage; t itself holds too seldom where nearly all answers of"
    )
    print("one side are right.\n")
    print("## `jackknife_interval` of a Frechet distance: % of 200 sets\n")
    print("\n".join(jackknife_table(rng)))
    print("\nA jackknife's variance is never too small on average (Efron and Stein 1981); near a distance of 0 it is")
    print("clearly too large, so these intervals err on the wide side.")
    print("\n## False alarms at p <= 0.05: % of 1000 simulations\n")
    print("\n".join(alarm_table(rng)))


if __name__ == "__main__":
    main()
