"""Merges run folders that were made apart, such as by the jobs of a scheduler, into one.

A run folder has one writer, so that jobs at the same time have folders of their own. All parts are checked before
anything is written; one that would not compare is refused, and no file of anything else in the merged folder is
overwritten. What comes of it is the same in whichever order parts are given, at once or one by one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from jova_bench.cache import DiskCache
from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.writing import keep_file, write_file
from jova_bench.formatting.messages import shown
from jova_bench.keys import SampleKey, ScoreKey
from jova_bench.records import Sample, Score
from jova_bench.runs.draws import United, united
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.merge_jobs import merged_jobs
from jova_bench.runs.merge_manifest import merged_manifest
from jova_bench.runs.merge_parts import Part, read_part
from jova_bench.runs.store import FEATURES, MANIFEST, SAMPLES, RunStore

LEAVE, OTHER = "leave it out", "merge into a new folder"
"""What to do about a part, and about the merged folder, that cannot be taken."""


@dataclass(frozen=True)
class _Sample:
    """What all folders have of one sample."""

    history: United
    own: Sequence[Sample]
    """Lines of the merged folder."""
    clip_of: Part | None
    """Folder whose clip it is; None if no folder has one."""
    is_more: bool
    """Whether parts have more of it than the merged folder."""


def merge(target: Path, sources: Sequence[Path]) -> int:
    """Adds samples, clips, scores and features of run folders to another, a new one or a run of the same.

    Set distances, tables and the summary are left to the run's command, which reads the merged folder. A summary that
    was there before what is added goes: it would be read as one of all.

    Args:
        target: the merged run folder.
        sources: the parts. What a killed command left in them is recorded, as when it is repeated.

    Returns:
        Number of samples that were added or continued.

    Raises:
        BenchError: a folder is no run or is being written, parts have another suite, profile, plan or metric, a clip
            is lost, two parts have different draws of one model, prompt and seed, or jobs of two servers at one
            address. Nothing was written then.
    """
    places = [folder.resolve() for folder in (target, *sources)]
    if len(set(places)) < len(places):
        raise BenchError(f"expected different run folders, got {shown([str(one) for one in (target, *sources)])}")
    for folder in sources:
        if not (folder / MANIFEST).is_file():  # Before a lock is made there.
            raise BenchError(f"expected a run folder with a {MANIFEST}, got {folder}")
    with ExitStack() as locks:
        parts = [read_part(locks.enter_context(RunStore(folder, LEAVE))) for folder in sources]
        old = read_part(locks.enter_context(RunStore(target, OTHER))) if (target / MANIFEST).is_file() else None
        merged = [*([] if old is None else [old]), *parts]
        manifest = merged_manifest([(part.folder, part.manifest) for part in merged])
        keys = sorted({key for part in merged for key in part.samples})
        samples = {key: _united(key, old, parts) for key in keys}
        added = {key: one for key, one in samples.items() if one.is_more}
        scores = [score for score, part in _scores(merged).values() if part is not old]
        jobs = merged_jobs(merged, {key: one.history for key, one in samples.items()})
        features = [path for part in parts for path in part.features()]
        clips = {key: clip for key, one in added.items() if (clip := _clip(key, one, RunStore(target)))}
        store = old.store if old else locks.enter_context(RunStore(target, OTHER))
        if old is None or added or scores or _tables(manifest) != _tables(old.manifest):
            store.drop_summary()
        if old is None or manifest != old.manifest:
            store.write_manifest(manifest)
        for path, content in jobs.items():
            keep_file(target / path, content)
        lines = [line for key, one in samples.items() for line in _lines(key, one, clips.get(key), store)]
        if added:
            # At once: there is no moment in which an attempt is missing.
            write_file(target / SAMPLES, "".join(f"{line.model_dump_json()}\n" for line in lines))
        for score in scores:
            store.add_score(score)
        DiskCache(target / FEATURES).take(features)
    return len(added)


def _tables(manifest: Manifest) -> Manifest:
    """Returns what tables depend on: all but its provenance."""
    return manifest.model_copy(update={"provenance": ()})


def _united(key: SampleKey, old: Part | None, parts: Sequence[Part]) -> _Sample:
    """Unites what folders have of a sample. Raises BenchError if two have different draws of it."""
    own = [] if old is None else old.samples.get(key, [])
    # Most are as they were merged before.
    having = [part for part in parts if key in part.samples and part.samples[key] != own]
    history = united([own, *(part.samples[key] for part in having)])
    if history is None:
        every = [*([old] if old and own else []), *having]
        pairs = ((one, other, united([one.samples[key], other.samples[key]])) for one, other in combinations(every, 2))
        first, second = next((one.folder, other.folder) for one, other, both in pairs if both is None)
        what = f"{key.model}, prompt {key.prompt_id!r}, seed {key.seed}"
        raise BenchError(
            f"expected one sample of {what}, got another in {second} than in {first}; "
            "a second draw is no merge: leave one of the folders out"
        )
    clip_of = None if history.clip_of is None else [old, *having][history.clip_of]
    had = united([own]) if own and having else history
    return _Sample(history, own, clip_of, is_more=not own or had is None or had.texts != history.texts)


def _scores(parts: Sequence[Part]) -> dict[ScoreKey, tuple[Score, Part]]:
    """Returns the score of each clip and metric, and its part. Raises BenchError if two were measured differently."""
    found: dict[ScoreKey, tuple[Score, Part]] = {}
    for part in parts:
        for score in part.scores:
            known, other = found.get(score.key, (score, part))
            if "failed" not in (known.status, score.status) and (known.status, known.value) != (
                score.status,
                score.value,
            ):
                what = f"{score.identity} of {score.model}, prompt {score.prompt_id!r}, seed {score.seed}"
                raise BenchError(
                    f"expected one value of {what}, got {known.value} in {other.folder}, {score.value} in {part.folder}"
                )
            # Of two reasons, the same one in any order.
            better = known.status == "failed" and (score.status != "failed" or str(score.reason) < str(known.reason))
            found[score.key] = (score, part) if better else (known, other)
    return found


def _clip(key: SampleKey, sample: _Sample, store: RunStore) -> tuple[Path, Path] | None:
    """Returns the clip to copy, and its place in the merged folder; None where there is none.

    Raises:
        BenchError: it is lost, leads out of its folder, or another file is in its place.
    """
    if sample.clip_of is None or sample.clip_of.folder == store.folder:
        return None
    line = sample.clip_of.samples[key][-1]
    assert line.clip is not None  # Of a sample that is ok.
    path, known = sample.clip_of.clip(line.clip), line.file_digest  # None in the records of the first versions.
    place = store.clip_path(*key, path.suffix)
    if not path.is_file() or known not in (None, file_digest(path)):
        raise BenchError(f"expected the recorded clip in {path}, got none or another; repeat that run's command first")
    if os.path.lexists(place) and (place.is_symlink() or file_digest(place) != file_digest(path)):
        raise BenchError(f"expected no file or the same in {place}, got another; move it, or {OTHER}")
    return path, place


def _lines(key: SampleKey, sample: _Sample, clip: tuple[Path, Path] | None, store: RunStore) -> Sequence[Sample]:
    """Copies the clip of a sample, if there is one to copy; returns its lines in the merged folder."""
    if not sample.is_more:
        return sample.own
    kept = sample.own[-1].clip if sample.own else None
    if clip is not None:
        path, _ = clip
        place = store.clip_path(*key, path.suffix)  # Where names differ in letter case alone, another than before.
        keep_file(place, path.read_bytes())
        kept = place.relative_to(store.folder).as_posix()
    return [line.model_copy(update={"clip": kept if line.status == "ok" else None}) for line in sample.history.lines]
