"""Reads one side of a comparison: the result of every clip, from a run folder or a frozen file."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jova_bench.arrays import FloatArray
from jova_bench.cache import DiskCache
from jova_bench.comparison.frozen import Columns, Frozen, frozen_columns, read_frozen
from jova_bench.errors import BenchError, Incomplete
from jova_bench.files.paths import shown_path
from jova_bench.formatting.messages import shown, suggest
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey, PromptSeed, Slice
from jova_bench.metrics.speech.errors import transcript_length
from jova_bench.records import MetricSpec, Micro, Outcome, Profile
from jova_bench.runs.estimates import ClipResult, without_clip
from jova_bench.runs.features import stored_features, stored_reference
from jova_bench.runs.store import FEATURES, Run, read_run, unfinished
from jova_bench.summary import AttemptCounts, Estimate


@dataclass(frozen=True)
class Results:
    """Holds the result of every clip and metric, with all that a paired test needs."""

    source: str
    """Folder or file, as the user named it."""
    folder: Path | None
    """Folder of the run; None when it was read from a file."""
    suite: str
    prompts_digest: str
    """Digest of the prompts; results with different ones do not compare."""
    profile: Profile
    specs: Mapping[Identity, MetricSpec]
    """Metrics by identity, in the order of the run's table."""
    columns: Columns
    gone: Mapping[ColumnKey, str]
    """Why the features of a set metric's column are no longer available."""
    lengths: Mapping[Micro, Mapping[str, int]]
    """Lengths of each prompt's transcript: weights of micro averages."""
    failed: Mapping[str, int]
    """Number of samples without a clip, by model."""
    made_by: Mapping[str, Any]
    """Last entry of the run's provenance."""
    attempts: tuple[AttemptCounts, ...] = ()
    """How often each model of the run was asked, where readers have to know of it."""
    card: str | None = None
    """Generation card of the suite, in words; empty without one, None of a frozen file, which does not say."""

    @property
    def models(self) -> tuple[str, ...]:
        """Returns the models, in the order of the run."""
        return tuple(dict.fromkeys(model for model, _ in self.columns))

    def identities(self, model: str) -> tuple[Identity, ...]:
        """Returns the identities that measured a model, in the order of the run's table."""
        return tuple(identity for identity in self.specs if ColumnKey(model, identity) in self.columns)

    def cells(self, model: str) -> frozenset[PromptSeed]:
        """Returns the clips requested from a model."""
        return frozenset(cell for (name, _), parts in self.columns.items() if name == model for cell in parts)

    def of_prompts(self, ids: Collection[str]) -> Results:
        """Returns the results of some prompts."""
        columns = {
            key: {cell: part for cell, part in parts.items() if cell.prompt_id in ids}
            for key, parts in self.columns.items()
        }
        samples = () if self.folder is None else read_run(self.folder).samples
        failed = Counter(one.model for one in samples if one.status != "ok" and one.prompt_id in ids)
        return replace(self, columns=columns, failed=failed)

    def reference(self, identity: Identity) -> FloatArray | None:
        """Returns the features of the real clips of a set metric, where the run's folder has them."""
        return None if self.folder is None else stored_reference(DiskCache(self.folder / FEATURES), identity)


def read_results(path: str | os.PathLike[str]) -> Results:
    """Reads a run folder, or a file made by `freeze`.

    Raises:
        Incomplete: the run has not finished.
        BenchError: there is no such run or file, or it is broken.
    """
    path = Path(path)
    if path.is_dir():
        return _checked(_of_run(path))
    if path.is_file():
        return _checked(_of_file(path))
    raise BenchError(
        f"expected a run folder or a file made by `jova-bench freeze`, got {shown_path(path)}, which is not there"
    )


def _checked(results: Results) -> Results:
    """Checks that the results are complete: every column has every clip of its model, of its kind.

    Raises:
        BenchError: a clip is missing, or of another kind.
    """

    def unfit(what: str) -> BenchError:
        return BenchError(f"{results.source}: expected {what}; freeze or score the run again")

    for (model, identity), parts in results.columns.items():
        spec = results.specs.get(identity)
        if spec is None:
            raise unfit(f"a specification of every metric, got none of {identity}")
        if missing := results.cells(model) - parts.keys():
            raise unfit(f"every clip of {model} in every column, got none of {_shown(min(missing))} in {identity}")
        features = [part for part in parts.values() if not isinstance(part, Outcome)]
        ok = [part for part in parts.values() if isinstance(part, Outcome) and part.status == "ok"]
        if (spec.level == "set" and ok) or (spec.level == "clip" and features):
            raise unfit(f"{'features' if spec.level == 'set' else 'values'} of clips in {identity}, got the other")
        if len({part.shape[-1] for part in features}) > 1:
            raise unfit(f"features of one size in {identity}, got several")
        if spec.micro and (unknown := {cell.prompt_id for cell in parts} - results.lengths.get(spec.micro, {}).keys()):
            raise unfit(f"the length of every prompt, got none of {min(unknown)}")
    return results


def _shown(cell: PromptSeed) -> str:
    return f"{cell.prompt_id} with seed {cell.seed}"


def members(of_slice: str, left: Results, right: Results) -> frozenset[str]:
    """Returns the ids of the prompts that have `tag=value`, by the run of either side."""
    folder = left.folder or right.folder
    if folder is None:
        raise BenchError(f"expected a run folder on one side for the slice {of_slice!r}: a frozen file has no tags")
    slices: dict[str, set[str]] = {}
    for prompt in read_run(folder).manifest.prompts:
        for tag in prompt.tags:
            for value in prompt.values(tag):
                slices.setdefault(str(Slice(tag, value)), set()).add(prompt.id)
    if of_slice not in slices:
        raise BenchError(f"expected a slice TAG=VALUE of the run, got {shown(of_slice)}; {suggest(of_slice, slices)}")
    return frozenset(slices[of_slice])


def freeze(results: Results) -> str:
    """Serialises results as one JSON text that can be committed: with features, without clips or cache.

    Raises:
        BenchError: features of a set metric are no longer available.
    """
    if results.gone:
        raise BenchError(next(iter(results.gone.values())))
    whole = Frozen(
        schema=2,
        suite=results.suite,
        prompts_digest=results.prompts_digest,
        profile=results.profile,
        specs=tuple(results.specs.values()),
        lengths=results.lengths,
        made_by=results.made_by,
        columns=frozen_columns(results.columns),
        attempts=results.attempts or None,
    )
    fields = whole.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"


def _of_file(path: Path) -> Results:
    frozen, columns = read_frozen(path)
    return Results(
        source=str(path),
        folder=None,
        suite=frozen.suite,
        prompts_digest=frozen.prompts_digest,
        profile=frozen.profile,
        specs={spec.identity: spec for spec in frozen.specs},
        columns=columns,
        gone={},
        lengths=frozen.lengths,
        failed={},
        made_by=frozen.made_by,
        attempts=frozen.attempts or (),
    )


def _of_run(folder: Path) -> Results:
    run = read_run(folder)
    if run.summary is None:
        raise unfinished(folder)
    if not run.manifest.specs:
        raise BenchError(f"{folder} comes from a version that stored no metric specifications; repeat its command")
    if run.manifest.prompts_digest is None or not run.manifest.provenance:
        raise BenchError(f"{folder} lacks the digest of its prompts or its provenance; repeat its command")
    specs = {spec.identity: spec for spec in run.manifest.specs}
    columns = _columns(run, specs)
    gone: dict[ColumnKey, str] = {}
    cache = DiskCache(folder / FEATURES)
    asked = Counter(sample.model for sample in run.samples)
    whole = [estimate for estimate in run.summary.estimates if estimate.slice is None]
    for estimate in whole:
        key = estimate.column
        if estimate.level == "set":
            columns[key] = _set_column(run, estimate, cache)
            found = sum(not isinstance(part, Outcome) for part in columns[key].values())
            if found < estimate.n_ok:
                gone[key] = f"the features of {estimate.metric} are no longer in {folder}; repeat its command"
        if not asked[estimate.model] == len(columns.get(key, ())) == _total(estimate):
            raise Incomplete(f"expected every clip scored, got {folder} with some that are not; repeat its command")
    micro = {spec.micro: None for spec in specs.values() if spec.micro}  # In order, for files that do not change.
    lengths = {unit: {prompt.id: transcript_length(prompt, unit) for prompt in run.manifest.prompts} for unit in micro}
    for key, column in columns.items():
        unit = specs[key.identity].micro
        valued = {cell.prompt_id for cell, part in column.items() if isinstance(part, Outcome) and part.status == "ok"}
        if unit and any(lengths[unit].get(one) == 0 for one in valued):  # As nothing has a rate of no words.
            gone[key] = f"the transcripts that {specs[key.identity].name} is weighted by are not in {folder}"
    return Results(
        source=str(folder),
        folder=folder,
        suite=run.summary.suite,
        prompts_digest=run.manifest.prompts_digest,
        profile=run.summary.profile,
        specs=specs,
        columns={estimate.column: columns[estimate.column] for estimate in whole},
        gone=gone,
        lengths=lengths,
        failed=Counter(sample.model for sample in run.samples if sample.status != "ok"),
        made_by=run.manifest.provenance[-1].model_dump(mode="json"),
        attempts=tuple(one for one in run.summary.attempts if one.notable),
        card=str(run.manifest.card or ""),
    )


def _total(estimate: Estimate) -> int:
    return estimate.n_ok + estimate.n_undefined + estimate.n_failed


def _columns(run: Run, specs: Mapping[Identity, MetricSpec]) -> dict[ColumnKey, dict[PromptSeed, ClipResult]]:
    """Returns the columns of clip metrics, without rows of evaluators that the run no longer has."""
    columns: dict[ColumnKey, dict[PromptSeed, ClipResult]] = {}
    for row in run.scores:
        if row.identity in specs:
            columns.setdefault(row.key.column, {})[row.key.sample.prompt_seed] = row.outcome()
    return columns


def _set_column(run: Run, estimate: Estimate, cache: DiskCache) -> dict[PromptSeed, ClipResult]:
    """Returns the features that a set metric took from each clip, or the summary's outcome for clips without."""
    samples = [sample for sample in run.samples if sample.model == estimate.model]
    no_clip = {without_clip(sample.why_none).reason for sample in samples if sample.clip_digest is None}
    lost = Outcome(
        status="failed" if estimate.n_failed > sum(sample.clip_digest is None for sample in samples) else "undefined",
        reason="; ".join(reason for reason in estimate.reasons if reason not in no_clip) or "no features",
    )
    column: dict[PromptSeed, ClipResult] = {}
    for sample in samples:
        if sample.clip_digest is None:
            part: ClipResult = without_clip(sample.why_none)
        else:
            features = stored_features(cache, sample.clip_digest, estimate.identity, run.manifest.domain)
            part = lost if features is None else features
        column[sample.key.prompt_seed] = part
    return column
