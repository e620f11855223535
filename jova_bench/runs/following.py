"""Follows a run that goes on: what was made, failed and scored so far, and the means of what is scored.

It costs what is new: lines of records are read once, and a mean is computed again where a score came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jova_bench.errors import BenchError
from jova_bench.files.lines import Following, records
from jova_bench.keys import ColumnKey, PromptSeed, SampleKey
from jova_bench.models.registry import CONTROLS
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Outcome, Sample, Score
from jova_bench.runs.estimates import MetricColumn, clip_mean
from jova_bench.runs.found import is_written, written_at
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import BEGUN, MANIFEST, SAMPLES, SCORES, SUMMARY, manifest_of, summary_of
from jova_bench.summary import Summary

State = Literal["going on", "stopped", "finished"]


@dataclass(frozen=True)
class ModelProgress:
    """Counts what there is of one model."""

    model: str
    asked: int
    """Prompts that it was asked for, times the seeds of the run."""
    made: int
    failed: int
    refused: int
    under_way: int
    scored: int
    """Scores of clip metrics, undefined and failed ones among them."""
    to_score: int
    """Scores that the samples so far will have; 0 before scoring begins."""

    @property
    def tried(self) -> int:
        """Returns the samples that have an end."""
        return self.made + self.failed + self.refused


@dataclass(frozen=True)
class Partial:
    """Holds the mean of what is scored so far."""

    value: float | None
    ok: int
    undefined: int
    failed: int

    @property
    def scored(self) -> int:
        """Returns the number of clips with an outcome."""
        return self.ok + self.undefined + self.failed


@dataclass(frozen=True)
class Look:
    """Holds what a run was at one time."""

    state: State
    manifest: Manifest
    models: tuple[ModelProgress, ...]
    """Controls last."""
    partial: Mapping[ColumnKey, Partial]
    """Means of clip metrics; none of sets, which are measured when all clips are there."""
    latest: tuple[Sample, ...]
    """The latest clips, the newest first."""
    reasons: tuple[tuple[str, str, str, int], ...]
    """The most frequent reasons why there is no clip: model, status, reason, number of samples."""
    written_at: float
    """When the latest record was written: seconds since 1970."""


class Followed:
    """A run folder that is looked at again and again."""

    def __init__(self, folder: Path, latest: int = 6, reasons: int = 5) -> None:
        """Takes the folder and how many clips and reasons a look has."""
        self._folder, self._latest, self._reasons = folder, latest, reasons
        self._samples = Following(folder / SAMPLES, Sample)
        self._scores = Following(folder / SCORES, Score)
        self._sample: dict[SampleKey, Sample] = {}
        self._columns: dict[ColumnKey, dict[PromptSeed, Outcome]] = {}
        self._partial: dict[ColumnKey, Partial] = {}
        self._files: dict[str, tuple[Any, Any]] = {}
        self._seen: Any = None
        self._look: Look | None = None

    def look(self) -> Look:
        """Looks at the run; the same object as before where nothing changed.

        Raises:
            BenchError: it is no run, or a file in it is broken.
        """
        # Asked first: a run that ends meanwhile is looked at again.
        going_on = is_written(self._folder)
        stamps = [_stamp(self._folder / name) for name in (MANIFEST, SAMPLES, SCORES, SUMMARY, BEGUN)]
        if self._look is not None and self._seen == (going_on, stamps):
            return self._look
        manifest: Manifest | None = self._once(MANIFEST, manifest_of)
        if manifest is None:
            raise BenchError(f"expected a run folder with a {MANIFEST}, got {self._folder}")
        self._read_samples()
        self._read_scores(manifest)
        self._look = self._of(manifest, self._once(SUMMARY, summary_of), going_on)
        self._seen = (going_on, stamps)
        return self._look

    def _once(self, name: str, read: Callable[[Path], Any]) -> Any:
        """Reads a file that appears whole, where it is another than before."""
        stamp = _stamp(self._folder / name)
        if name not in self._files or self._files[name][0] != stamp:
            self._files[name] = stamp, read(self._folder)
        return self._files[name][1]

    def _read_samples(self) -> None:
        void, samples = self._samples.new()
        if void:
            self._sample.clear()
        for sample in samples:
            self._sample.pop(sample.key, None)  # The latest come last.
            self._sample[sample.key] = sample

    def _read_scores(self, manifest: Manifest) -> None:
        """Reads new scores, and computes the means that they change."""
        void, scores = self._scores.new()
        if void:
            self._columns.clear()
            self._partial.clear()
        for score in scores:
            self._columns.setdefault(score.key.column, {})[score.key.sample.prompt_seed] = score.outcome()
        specs = {spec.identity: spec for spec in manifest.specs}
        asked = {prompt.id: prompt for prompt in manifest.prompts}
        # Those without a mean came before the manifest had their metric.
        for key in {score.key.column for score in scores} | (self._columns.keys() - self._partial.keys()):
            if spec := specs.get(key.identity):
                self._partial[key] = _partial(key, spec, self._columns[key], asked)

    def _of(self, manifest: Manifest, summary: Summary | None, going_on: bool) -> Look:
        samples = list(self._sample.values())
        under_way = Counter(one.model for one in records(self._folder / BEGUN, Sample)) if going_on else Counter()
        specs = [spec for spec in manifest.specs if spec.level == "clip"]
        names = list(dict.fromkeys((*manifest.models, *(one.model for one in samples))))
        names.sort(key=lambda name: name in CONTROLS)
        statuses = Counter((one.model, one.status) for one in samples)
        models = tuple(
            ModelProgress(
                model=name,
                asked=_asked(manifest, name),
                made=statuses[name, "ok"],
                failed=statuses[name, "failed"],
                refused=statuses[name, "refused"],
                under_way=under_way[name],
                scored=sum(len(self._columns.get(ColumnKey(name, spec.identity), ())) for spec in specs),
                to_score=len(specs) * sum(count for (model, _), count in statuses.items() if model == name),
            )
            for name in names
        )
        reasons = Counter((one.model, one.status, one.reason or "") for one in samples if one.status != "ok")
        clips = (one for one in reversed(samples) if one.clip is not None and one.status == "ok")
        return Look(
            state="going on" if going_on else "finished" if self._is_finished(summary, samples) else "stopped",
            manifest=manifest,
            models=models,
            partial=dict(self._partial),
            latest=tuple(one for one, _ in zip(clips, range(self._latest), strict=False)),
            reasons=tuple((*what, count) for what, count in reasons.most_common(self._reasons)),
            written_at=written_at(self._folder),
        )

    def _is_finished(self, summary: Summary | None, samples: list[Sample]) -> bool:
        """Returns whether the summary is of all samples: written after them or, in a copied folder, counting all."""
        if summary is None:
            return False
        try:
            summed, *others = ((self._folder / name).stat().st_mtime_ns for name in (SUMMARY, SAMPLES, SCORES))
        except FileNotFoundError:
            others, summed = [1], 0
        of_model = Counter(one.model for one in samples)
        whole = [one for one in summary.estimates if one.slice is None]
        counted = all(one.n_ok + one.n_undefined + one.n_failed == of_model[one.model] for one in whole)
        return summed >= max(others) or (counted and {one.model for one in whole} == set(of_model))


def _partial(
    key: ColumnKey, spec: MetricSpec, parts: Mapping[PromptSeed, Outcome], asked: Mapping[str, Prompt]
) -> Partial:
    statuses = Counter(part.status for part in parts.values())
    mean = clip_mean(MetricColumn(key.model, spec, parts), asked)
    return Partial(mean, statuses["ok"], statuses["undefined"], statuses["failed"])


def _asked(manifest: Manifest, model: str) -> int:
    plans = manifest.models[model].plans if model in manifest.models else {}
    return len(plans) * len(manifest.seeds)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Returns what changes when a file does; None where there is none."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns
