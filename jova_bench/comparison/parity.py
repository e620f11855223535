"""Compares two routes to a model: how far the clips of the same prompts and seeds differ, and what each route costs.

A route is one model of a run: the same network in a process of its own and behind a server are two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.compare import compared, set_metrics
from jova_bench.comparison.differences import ClipDifference, ClipPair, Differing, measurer
from jova_bench.comparison.results import read_results
from jova_bench.comparison.settings import SettingDifference, setting_differences
from jova_bench.comparison.verdicts import Comparison
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK, BenchError, Incomplete, NotComparable
from jova_bench.execution.base import TaskFailed
from jova_bench.execution.processes import available_cores, on_cpu
from jova_bench.formatting.messages import shown, suggest
from jova_bench.keys import ColumnKey, PromptSeed
from jova_bench.records import Record, Sample
from jova_bench.runs.costs import costs, price_in
from jova_bench.runs.estimates import seeds_mean
from jova_bench.runs.manifest import Manifest, ModelRecord
from jova_bench.runs.store import MANIFEST, read_run
from jova_bench.stats import RESAMPLES, mean_interval, resample_counts
from jova_bench.summary import Cost


class Route(Record):
    """One model of a run, and what its clips cost."""

    source: str
    """Folder of the run, as the user named it."""
    model: str
    """Name of the model in it."""
    formats: tuple[str, ...]
    """Formats that were planned."""
    ok: int
    """Clips."""
    failed: int
    """Samples without a clip."""
    cost: Cost
    """Seconds, memory and function evaluations."""
    price: float | None
    """Price of one clip, as the user said; None where nothing was said."""
    currency: str | None
    """Currency of the price."""


class Spread(Record):
    """One measure of difference over all pairs of clips."""

    measure: str
    """What it measures, with its unit."""
    value: float | None
    """Mean over prompts (seeds averaged first), or the largest; None where no pair has a value."""
    ci: tuple[float, float] | None
    """95 % interval of the mean over prompts."""
    clips: int
    """Pairs with a value."""
    equal: int
    """Pairs that do not differ at all."""


@dataclass(frozen=True)
class Parity:
    """Holds how far two routes differ."""

    a: Route
    b: Route
    settings: tuple[SettingDifference, ...]
    """Stated settings that differ: another request makes other clips, whatever the route."""
    spreads: tuple[Spread, ...]
    clips: tuple[ClipDifference, ...]
    """One for each prompt and seed of which both have a clip."""
    alone: tuple[int, int]
    """Clips of a, and of b, to which the other has none."""
    metrics: tuple[Comparison, ...]
    """Paired tests of the metrics that both were measured by."""
    no_metrics: str | None
    """Why there are none; None where there are."""

    @property
    def exit_code(self) -> int:
        """Returns 5 where a pair could not be compared in any stream, or there is none, else 0."""
        lost = [one for one in self.clips if one.picture is None and one.sound is None]
        return EXIT_INCOMPLETE if lost or not self.clips or any(self.alone) else EXIT_OK


def parity(a: str, b: str, workers: int | None = None, assets: AssetTable | None = None) -> Parity:
    """Compares two routes on the prompts and seeds of which both have a clip.

    Args:
        a: run folder with one model, or `FOLDER:MODEL`.
        b: the other route; may be of the same folder.
        workers: processes that read clips, 0 for none; None for one per core.
        assets: weights of metrics; None for the table of the environment.

    Raises:
        NotComparable: the prompts are others, or no prompt and seed has a clip in both.
        BenchError: there is no such run or model.
    """
    one, other = _Side(a), _Side(b)
    if one.manifest.prompts_digest != other.manifest.prompts_digest:
        raise NotComparable(f"expected runs of the same prompts, got {one.manifest.suite} and {other.manifest.suite}")
    both = sorted(one.clips.keys() & other.clips.keys())
    if not both:
        raise NotComparable("expected prompts and seeds of which both routes have a clip, got none")
    pairs = [
        ClipPair(one.clips[cell], one.path(one.clips[cell]), other.clips[cell], other.path(other.clips[cell]))
        for cell in both
    ]
    clips = _measured(pairs, min(available_cores(), len(pairs)) if workers is None else workers)
    metrics, no_metrics = _metrics(one, other, assets)
    prompts = sorted({prompt_id for prompt_id, _ in both})
    stated = setting_differences(one.model_record, other.model_record, prompts)
    return Parity(
        a=one.route(),
        b=other.route(),
        settings=(*_cards(one.manifest, other.manifest, prompts), *stated),
        spreads=tuple(_spreads(clips)),
        clips=clips,
        alone=(len(one.clips) - len(both), len(other.clips) - len(both)),
        metrics=metrics,
        no_metrics=no_metrics,
    )


def _cards(a: Manifest, b: Manifest, prompts: Sequence[str]) -> Iterator[SettingDifference]:
    """Yields the generation card of the suite, where it differs: it is of all clips."""
    if a.card != b.card:
        one, other = (None if found.card is None else str(found.card) for found in (a, b))
        yield SettingDifference(setting="card", a=one, b=other, prompts=len(prompts))


class _Side:
    """One route, read from its run."""

    def __init__(self, named: str) -> None:
        self.folder, model = _folder_and_model(named)
        run = read_run(self.folder)
        self.manifest: Manifest = run.manifest
        known = tuple(run.manifest.models)
        if model is None and len(known) != 1:
            names = ", ".join(known) or "none"
            hint = f"write {self.folder}:MODEL for one of them"
            raise BenchError(f"expected a run of one model, got {self.folder} with {names}; {hint}")
        self.model = known[0] if model is None else model
        if self.model not in known:
            raise BenchError(f"expected a model of {self.folder}, got {shown(model)}; {suggest(self.model, known)}")
        self.samples = [one for one in run.samples if one.model == self.model]
        self.clips = {one.key.prompt_seed: one for one in self.samples if one.status == "ok" and one.clip}

    @property
    def model_record(self) -> ModelRecord:
        """What the run's manifest says of the model."""
        return self.manifest.models[self.model]

    def path(self, sample: Sample) -> Path:
        """Returns the path of a clip."""
        return self.folder / str(sample.clip)

    def route(self) -> Route:
        """Returns what a table says of it."""
        price = price_in(self.model_record.settings)
        (cost,) = costs([self.model], self.samples)
        return Route(
            source=str(self.folder),
            model=self.model,
            formats=self.manifest.fairness.native_formats.get(self.model, ()),
            ok=len(self.clips),
            failed=len(self.samples) - len(self.clips),
            cost=cost,
            price=None if price is None else price.amount,
            currency=None if price is None else price.currency,
        )


def _folder_and_model(named: str) -> tuple[Path, str | None]:
    """Returns the folder, and the model where one is named: a folder's own name may have a colon."""
    folder, colon, model = named.rpartition(":")
    whole = Path(named)
    return (Path(folder), model) if colon and not (whole / MANIFEST).exists() else (whole, None)


def _measured(pairs: Sequence[ClipPair], workers: int) -> tuple[ClipDifference, ...]:
    """Measures all pairs, in their order; one whose reader crashed has that as its note."""
    found: dict[PromptSeed, ClipDifference] = {}
    for pair, answer in on_cpu(workers).map(pairs, measurer):
        if isinstance(answer, TaskFailed):
            prompt_id, seed = pair.cell
            answer = ClipDifference(prompt_id=prompt_id, seed=seed, picture=None, sound=None, notes=(answer.reason,))
        found[pair.cell] = answer
    return tuple(found[pair.cell] for pair in pairs)


def _spreads(clips: Sequence[ClipDifference]) -> Iterator[Spread]:
    """Yields each measure of each stream."""
    streams: tuple[tuple[str, str, str, Callable[[ClipDifference], Differing | None]], ...] = (
        ("picture", "of 255", "PSNR (dB)", lambda one: one.picture),
        ("sound", "of 1", "signal to difference (dB)", lambda one: one.sound),
    )
    for stream, unit, ratio, of in streams:
        found = [(one.prompt_id, differs) for one in clips if (differs := of(one)) is not None]
        equal = sum(differs.largest == 0 for _, differs in found)
        largest = max((differs.largest for _, differs in found), default=None)
        yield _mean(f"{stream}, root mean square ({unit})", [(i, one.rms) for i, one in found], equal)
        yield _mean(f"{stream}, {ratio}", [(i, one.db) for i, one in found if one.db is not None], equal)
        yield Spread(measure=f"{stream}, largest ({unit})", value=largest, ci=None, clips=len(found), equal=equal)


def _mean(measure: str, values: Sequence[tuple[str, float]], equal: int) -> Spread:
    """Returns the mean over prompts of the mean over seeds, with its interval."""
    by_prompt: dict[str, list[float]] = {}
    for prompt_id, value in values:
        by_prompt.setdefault(prompt_id, []).append(value)
    means = np.array([seeds_mean(one) for one in by_prompt.values()])  # (P,)
    counts = resample_counts(np.random.default_rng(0), len(means), RESAMPLES) if len(means) > 1 else None
    interval = None if counts is None else mean_interval(means, counts)
    return Spread(
        measure=measure,
        value=float(means.mean()) if len(means) else None,
        ci=None if interval is None else (interval.lo, interval.hi),
        clips=len(values),
        equal=equal,
    )


def _metrics(a: _Side, b: _Side, assets: AssetTable | None) -> tuple[tuple[Comparison, ...], str | None]:
    """Tests the metrics of both, or returns why there are none."""
    try:
        left, right = read_results(a.folder), read_results(b.folder)
    except Incomplete as error:
        return (), str(error)
    specs = [spec for identity, spec in left.specs.items() if ColumnKey(a.model, identity) in left.columns]
    rows = compared(left, right, [(a.model, b.model)], specs, set_metrics(specs, (left, right), (), assets))
    return rows, None if rows else f"no metric measured {a.model}"
