"""Aggregates one row per clip to one estimate per model and metric: seeds averaged within prompt, then over prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import mean

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.errors import BenchError, Unavailable, Undefined, reason_of
from jova_bench.keys import ColumnKey, PromptSeed, Slice
from jova_bench.metrics.base import Metric, SetMetric
from jova_bench.metrics.speech.errors import transcript_length
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Outcome
from jova_bench.runs.features import is_set_metric
from jova_bench.runs.finite import finite, mean_details
from jova_bench.stats import (
    RESAMPLES,
    Counts,
    Interval,
    OfChosen,
    jackknife_of_chosen,
    mean_interval,
    one_by_one,
    resample_counts,
)
from jova_bench.summary import Estimate

ClipResult = Outcome | FloatArray
"""What one clip contributes to an estimate: a value or status, or the (d,) or (p, d) features of a set metric."""
GONE = "no metric of this identity is installed, so the distance cannot be recomputed"
NO_CLIP = "no clip: "
"""Begins the reason of every metric of a sample without a clip; the sample's own reason follows."""


@dataclass(frozen=True)
class MetricColumn:
    """All results of one metric for one model."""

    model: str
    spec: MetricSpec
    parts: Mapping[PromptSeed, ClipResult]


def without_clip(reason: str | None) -> Outcome:
    """Returns the result of every metric for a sample without a clip.

    Args:
        reason: of the sample.
    """
    return Outcome(status="failed", reason=f"{NO_CLIP}{reason}")


def clip_estimate(column: MetricColumn, asked: Mapping[str, Prompt]) -> Estimate:
    """Estimates a clip metric: mean over prompts of the mean over seeds, with its interval.

    Args:
        column: what was found.
        asked: prompts by id, whose transcripts are the weights of a micro average.
    """
    found = _prompt_means(column, asked)
    if found is None:
        return _estimate(column, None, None)
    values, weights = found
    # A rate of wrong words is a share, too.
    proportion = column.spec.proportion or column.spec.micro is not None
    interval = mean_interval(values, _resamples(len(values)), weights, proportion=proportion)
    return _estimate(column, float(np.average(values, weights=weights)), interval)


def clip_mean(column: MetricColumn, asked: Mapping[str, Prompt]) -> float | None:
    """Returns the value of `clip_estimate` alone; None without one."""
    found = _prompt_means(column, asked)
    return None if found is None else float(np.average(found[0], weights=found[1]))


def _prompt_means(column: MetricColumn, asked: Mapping[str, Prompt]) -> tuple[FloatArray, FloatArray | None] | None:
    """Returns means over seeds of the prompts with any (P,), and weights (P,) of a micro average; None without any."""
    by_prompt: dict[str, list[float]] = {}
    for (prompt_id, _), part in sorted(column.parts.items()):
        if isinstance(part, Outcome) and part.value is not None:
            by_prompt.setdefault(prompt_id, []).append(part.value)
    if not by_prompt:
        return None
    values = np.array([seeds_mean(seeds) for seeds in by_prompt.values()])  # (P,)
    micro = column.spec.micro
    weights = np.array([float(transcript_length(asked[i], micro)) for i in by_prompt]) if micro else None  # (P,)
    return values, weights


def seeds_mean(values: Sequence[float]) -> float:
    """Returns the exact mean, rounded once; without `statistics.mean`, which is slow, for a single value."""
    return values[0] if len(values) == 1 else mean(values)


# The same for every model and metric, so that intervals differ by the data alone.
@lru_cache(maxsize=2)
def _resamples(prompts: int) -> Counts:
    """Draws bootstrap resamples of the prompts: (B, P), how often each resample has each prompt."""
    return resample_counts(np.random.default_rng(0), prompts, RESAMPLES)


def set_estimate(column: MetricColumn, metric: SetMetric) -> Estimate:
    """Estimates a set metric: the mean over seeds of the distance of that seed's set.

    Pooling the seeds would change the size of the set, and with it the bias of a Frechet distance: a model with
    three seeds could not be compared with a model with one.
    """
    ids = sorted({prompt_id for (prompt_id, _), part in column.parts.items() if not isinstance(part, Outcome)})
    seeds = sorted({seed for (_, seed), part in column.parts.items() if not isinstance(part, Outcome)})
    if not ids:
        return _estimate(column, None, None)
    try:
        grid = feature_grid([[column.parts.get(PromptSeed(i, seed)) for seed in seeds] for i in ids])
        value = finite("distance", mean_distance(metric, grid))
        extra = mean_details([metric.details(one) for one in _sets(grid)])
        interval = _interval(metric, grid)
    except Exception as error:
        return _estimate(column, None, None, lost=error)
    return _estimate(column, value, interval, extra)


def _interval(metric: SetMetric, grid: FloatArray) -> Interval | None:
    """Returns the interval of a distance; None where leaving out a prompt leaves too few for a distance."""
    try:
        found = jackknife_of_chosen(distances(metric, grid), len(grid))
    except Undefined:
        return None
    for end in (found.lo, found.hi) if found else ():
        finite("distance", end)
    return found


def mean_distance(metric: SetMetric, grid: FloatArray) -> float:
    """Returns the mean over seeds of the distance of that seed's set, from a `feature_grid`."""
    return float(seeds_mean([metric.distance(one) for one in _sets(grid)]))


def distances(metric: SetMetric, grid: FloatArray) -> OfChosen:
    """Returns a function that gives the `mean_distance` of each of many choices of prompts, from a `feature_grid`."""
    if type(metric).distances is SetMetric.distances:
        return one_by_one(lambda rows: mean_distance(metric, rows), grid)
    there, shared = _has_features(grid), metric
    seeds = [(there[:, s], grid[there[:, s], s]) for s in range(grid.shape[1])]
    return lambda chosen: np.mean([shared.distances(clips, chosen[:, here]) for here, clips in seeds], axis=0)


def _sets(grid: FloatArray) -> list[FloatArray]:
    """Splits a `feature_grid` into the features of each seed's clips, without gaps."""
    there = _has_features(grid)
    return [grid[there[:, s], s] for s in range(grid.shape[1])]


def _has_features(grid: FloatArray) -> npt.NDArray[np.bool_]:
    """Returns a mask (P, S): True where a `feature_grid` has features."""
    return np.asarray(np.isfinite(grid).reshape(*grid.shape[:2], -1).any(axis=2), dtype=bool)


def feature_grid(parts: Sequence[Sequence[ClipResult | None]]) -> FloatArray:
    """Builds (P, S, d) or (P, S, p, d) features, NaN where there are none or fewer vectors than elsewhere.

    Args:
        parts: of each prompt, of each seed.
    """
    found = [part for row in parts for part in row if part is not None and not isinstance(part, Outcome)]
    sizes = sorted({part.shape[-1] for part in found})
    if len(sizes) > 1 or len({part.ndim for part in found}) > 1:
        raise BenchError(f"expected features of one size from every clip, got d = {', '.join(map(str, sizes))}")
    shape = tuple(max(sizes) for sizes in zip(*(part.shape for part in found), strict=True))
    grid = np.full((len(parts), len(parts[0]), *shape), np.nan)
    for p, row in enumerate(parts):
        for s, part in enumerate(row):
            if part is not None and not isinstance(part, Outcome):
                grid[p, s][: len(part)] = part
    return grid


def _estimate(
    column: MetricColumn,
    value: float | None,
    interval: Interval | None,
    extra: Mapping[str, float] | None = None,
    lost: Exception | None = None,
) -> Estimate:
    """Builds an estimate with its counts. `lost` is the reason why parts that were ok gave no value together."""
    spec = column.spec
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seen: list[PromptSeed] = []
    for cell, part in column.parts.items():
        if isinstance(part, Outcome) and part.reason is not None:
            statuses[part.status] += 1
            reasons[part.reason] += 1
        elif lost is not None:
            statuses["undefined" if isinstance(lost, Undefined) else "failed"] += 1
            reasons[reason_of(lost)] += 1
        else:
            statuses["ok"] += 1
            seen.append(cell)
    return Estimate(
        model=column.model,
        metric=spec.name,
        identity=spec.identity,
        level=spec.level,
        value=value,
        ci=(interval.lo, interval.hi) if interval else None,
        unit=spec.unit,
        direction=spec.direction,
        n_ok=statuses["ok"],
        n_undefined=statuses["undefined"],
        n_failed=statuses["failed"],
        n_prompts=len({prompt_id for prompt_id, _ in seen}),
        n_seeds=len({seed for _, seed in seen}),
        reasons=dict(sorted(reasons.items())),
        extra=dict(extra or {}),
    )


def estimates(
    models: Sequence[str],
    metrics: Sequence[Metric | MetricSpec],
    parts: Mapping[ColumnKey, Mapping[PromptSeed, ClipResult]],
    prompts: Iterable[Prompt],
) -> tuple[Estimate, ...]:
    """Returns one estimate per model and metric that has any outcome.

    Args:
        models: names, in the order of the table.
        metrics: in the order of the table. A specification is enough of a clip metric; a set metric of which no more
            is here cannot measure its distance and is `failed`.
        parts: what each clip gives, by column.
        prompts: of the suite.
    """
    asked = {prompt.id: prompt for prompt in prompts}

    found = []
    for model in models:
        for metric in metrics:
            spec = metric if isinstance(metric, MetricSpec) else metric.spec
            column = MetricColumn(model, spec, parts.get(ColumnKey(model, spec.identity), {}))
            if not column.parts:
                continue
            if spec.level == "clip":
                found.append(clip_estimate(column, asked))
            elif not isinstance(metric, MetricSpec) and is_set_metric(metric):
                found.append(set_estimate(column, metric))
            else:
                found.append(_estimate(column, None, None, lost=Unavailable(GONE)))
    return tuple(found)


def slice_estimates(
    models: Sequence[str],
    metrics: Sequence[Metric | MetricSpec],
    parts: Mapping[ColumnKey, Mapping[PromptSeed, ClipResult]],
    prompts: Sequence[Prompt],
    tags: Iterable[str],
) -> tuple[Estimate, ...]:
    """Returns one estimate per model, metric and value of a tag: of the prompts that have that value.

    `Estimate.slice` is `tag=value`. Values of a tag stand in sorted order; a prompt of two values counts in both,
    one without the tag in none. Counts are of the slice's clips. Distances of sets grow with fewer clips: read them
    down the models of one slice, not across slices.

    Args:
        models: names, in the order of the table.
        metrics: as in `estimates`.
        parts: what each clip gives, by column.
        prompts: of the suite.
        tags: in the order of the table.
    """
    found: list[Estimate] = []
    for tag in tags:
        for value in sorted({value for prompt in prompts for value in prompt.values(tag)}):
            ids = {prompt.id for prompt in prompts if value in prompt.values(tag)}
            inside = {
                key: {cell: part for cell, part in column.items() if cell.prompt_id in ids}
                for key, column in parts.items()
            }
            of_slice = estimates(models, metrics, inside, prompts)
            found += [one.model_copy(update={"slice": str(Slice(tag, value))}) for one in of_slice]
    return tuple(found)
