"""How often `compare` cries wolf when nothing changed, and how often it finds what did.

    python benchmarks/false_alarms.py > results/false-alarms.md

Every simulated table has the kinds of metrics that a run has, correlated with each other as metrics of the same clips
are, on prompts of very different difficulty. Simulation only: no models, no clips. About five minutes on one core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from jova_bench.comparison.compare import compared
from jova_bench.comparison.results import Results
from jova_bench.comparison.verdicts import Comparison
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey, PromptSeed
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import SetMetric
from jova_bench.records import MetricSpec, Outcome

Array = npt.NDArray[np.float64]

TABLES = 1000
PLANTED = 300
"""Tables with a difference."""
SIZES = (12, 24, 100)
EFFECT = 0.5
"""Planted in one metric, in standard deviations of a clip's own noise."""


def spec(name: str, **changes: object) -> MetricSpec:
    fields = {
        "name": name,
        "version": 1,
        "profile": "standard",
        "backend": "simulated",
        "direction": "up",
        "needs": (),
        "domain": "any",
        "description": "simulated",
    }
    return MetricSpec.model_validate(fields | changes)


class MeanSquare(SetMetric):
    """A set metric: mean squared norm of the features."""

    spec = spec("set distance", level="set", direction="down")

    def features(self, clip: Clip) -> Array:
        """Refuses: features are simulated here, not computed from clips."""
        raise NotImplementedError

    def distance(self, features: Array) -> float:
        """Computes the distance of an (n, d) set."""
        return float(np.einsum("nd,nd->", features, features)) / len(features)


SPECS = (
    spec("normal"),
    spec("normal, correlated with it"),
    spec("skewed", direction="down"),
    spec("offset", direction="target"),
    spec("right or wrong", proportion=True),
    spec("word errors", direction="down", micro="transcript_words"),
    MeanSquare.spec,
)
SETS: Mapping[Identity, SetMetric] = {MeanSquare.spec.identity: MeanSquare()}


def table(rng: np.random.Generator, prompts: int, shift: float = 0.0) -> tuple[Comparison, ...]:
    """One table of two models that differ by `shift` in the first metric and in nothing else."""
    hard = rng.normal(0, 3, prompts)
    words = rng.integers(3, 7, prompts)
    a, b = (_side(rng, hard, words) for _ in range(2))
    b["normal"] = b["normal"] + shift
    return compared(_results(a, words), _results(b, words), [("m", "m")], SPECS, SETS)


def _side(rng: np.random.Generator, hard: Array, words: npt.NDArray[np.int64]) -> dict[str, Array]:
    """Returns the results of one model's clips, by metric."""
    own = rng.normal(size=len(hard))
    rate = 1 / (1 + np.exp(3 - hard))
    return {
        "normal": hard + own,
        "normal, correlated with it": hard + 0.8 * own + 0.6 * rng.normal(size=len(hard)),
        "skewed": np.exp(0.3 * hard + 0.5 * own),
        "offset": np.rint(rng.normal(0, 2, len(hard))),
        "right or wrong": (rng.random(len(hard)) < 0.9).astype(float),
        "word errors": rng.binomial(words, rate) / words,
        "set distance": rng.normal(size=(len(hard), 3)) * (1 + 0.2 * np.abs(own))[:, None],
    }


def _results(side: Mapping[str, Array], words: npt.NDArray[np.int64]) -> Results:
    ids = [f"p{i:03d}" for i in range(len(words))]
    columns = {
        ColumnKey("m", one.identity): {
            PromptSeed(i, 0): value if one.level == "set" else Outcome(status="ok", value=float(value))
            for i, value in zip(ids, side[one.name], strict=True)
        }
        for one in SPECS
    }
    return Results(
        source="simulated",
        folder=None,
        suite="simulated",
        prompts_digest="the same",
        profile="standard",
        specs={one.identity: one for one in SPECS},
        columns=columns,
        gone={},
        lengths={"transcript_words": dict(zip(ids, words.tolist(), strict=True))},
        failed={},
        made_by={},
    )


def moved(row: Comparison) -> bool:
    """Returns whether the table reports a change; a `target` metric has no better or worse side."""
    return row.verdict in ("better", "worse", "not comparable")


def percent(hits: Sequence[bool]) -> float:
    """Returns the share of hits, in percent."""
    return 100 * float(np.mean(hits))


def main() -> None:
    print("# False alarms of `compare`\n")
    print(f"Made by `python benchmarks/false_alarms.py`: {TABLES} tables of {len(SPECS)} metrics each, nominal 5 %.\n")
    print("## Two models that do not differ: % of tables, +-1.4\n")
    print("`Any metric`: the table says better, worse or moved somewhere. Each metric: its own p, before Holm, is at")
    print("most 0.05.\n")
    print("| | " + " | ".join(f"n = {n}" for n in SIZES) + " |\n|---|" + "---|" * len(SIZES))
    rng = np.random.default_rng(0)
    none = {n: [table(rng, n) for _ in range(TABLES)] for n in SIZES}
    _line("**any metric, after Holm**", [percent([any(map(moved, rows)) for rows in none[n]]) for n in SIZES])
    for k, one in enumerate(SPECS):
        alarms = [[(p := rows[k].p) is not None and p <= 0.05 for rows in none[n]] for n in SIZES]
        _line(one.name, [percent(x) for x in alarms])
    print("\nRights and wrongs and word errors come in few distinct values: their tests err on the safe side.\n")
    print(f"## One of the {len(SPECS)} metrics is {EFFECT} standard deviations better: % of {PLANTED} tables\n")
    print("| | " + " | ".join(f"n = {n}" for n in SIZES) + " |\n|---|" + "---|" * len(SIZES))
    some = {n: [table(rng, n, EFFECT) for _ in range(PLANTED)] for n in SIZES}
    _line("that metric: better", [percent([rows[0].verdict == "better" for rows in some[n]]) for n in SIZES])
    _line("any other metric", [percent([any(map(moved, rows[1:])) for rows in some[n]]) for n in SIZES])
    print("\n| detectable four times in five, on average |" + " |" * len(SIZES) + "\n|---|" + "---|" * len(SIZES))
    _line(
        "that metric, in standard deviations",
        [float(np.mean([rows[0].min_detectable or np.nan for rows in some[n]])) for n in SIZES],
        places=2,
    )


def _line(name: str, values: list[float], places: int = 1) -> None:
    print(f"| {name} | " + " | ".join(f"{value:.{places}f}" for value in values) + " |", flush=True)


if __name__ == "__main__":
    main()
