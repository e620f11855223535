"""Merges run folders that were made apart, such as by the jobs of a scheduler, into one.

A run folder has one writer, so that jobs at the same time have folders of their own. All parts are checked before
anything is written; one that would not compare is refused, and nothing in the merged folder is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from jova_bench.cache import DiskCache
from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.writing import write_file
from jova_bench.formatting.messages import shown
from jova_bench.keys import SampleKey, ScoreKey
from jova_bench.records import MetricSpec, Sample, Score
from jova_bench.runs.draws import further
from jova_bench.runs.manifest import AnyPlan, Manifest, ModelRecord, NoPlan, PlanRecord, Provenance
from jova_bench.runs.resume import fairness
from jova_bench.runs.store import FEATURES, JOBS, MANIFEST, SAMPLES, RunStore

SAME = ("suite_digest", "prompts_digest", "card", "domain", "reference_set", "profile", "prompts")
"""What all parts have to have in common."""
LEAVE, OTHER = "leave it out", "merge into a new folder"
"""What to do about a part, and about the merged folder, that cannot be taken."""
OF_MODEL = ("batch_size", "needs", "settings")
"""What a model has to have in common in all parts, besides its plans and the kind of its device."""


@dataclass(frozen=True)
class Part:
    """Holds one run folder, as it was read under its lock."""

    store: RunStore
    manifest: Manifest
    samples: Mapping[SampleKey, list[Sample]]
    """Every line of each sample, in order."""
    scores: Sequence[Score]

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.store.folder


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
            is lost, or two parts have different draws of one model, prompt and seed. Nothing was written then.
    """
    places = [folder.resolve() for folder in (target, *sources)]
    if len(set(places)) < len(places):
        raise BenchError(f"expected different run folders, got {shown([str(one) for one in (target, *sources)])}")
    for folder in sources:
        if not (folder / MANIFEST).is_file():  # Before a lock is made there.
            raise BenchError(f"expected a run folder with a {MANIFEST}, got {folder}")
    with ExitStack() as locks:
        parts = [_part(locks.enter_context(RunStore(folder, LEAVE))) for folder in sources]
        old = [_part(locks.enter_context(RunStore(target, OTHER)))] if (target / MANIFEST).is_file() else []
        merged = [*old, *parts]
        manifest = _manifest(merged)
        added = [(lines, part) for lines, part in _samples(merged, old).values() if lines]
        scores = [score for score, part in _scores(merged).values() if part not in old]
        jobs = _jobs(target, parts)
        for lines, part in added:
            _check_clip(part, lines[-1], target)
        store = old[0].store if old else locks.enter_context(RunStore(target, OTHER))
        if not old or added or scores or manifest != old[0].manifest:
            store.drop_summary()
        store.write_manifest(manifest)
        for path, content in jobs.items():
            write_file(path, content)
        for lines, part in added:
            _keep(part, lines, store)
        for score in scores:
            store.add_score(score)
        for part in parts:
            DiskCache(target / FEATURES).take(part.folder / FEATURES)
    return len(added)


def _part(store: RunStore) -> Part:
    manifest = store.manifest()
    assert manifest is not None  # Asked before.
    samples, prompts = dict[SampleKey, list[Sample]](), {prompt.id for prompt in manifest.prompts}
    for line in store.lines():
        if line.model not in manifest.models or line.prompt_id not in prompts:
            what = f"got {line.model}, prompt {line.prompt_id!r}; delete its lines"
            raise BenchError(f"{store.folder / SAMPLES}: expected samples of models and prompts in {MANIFEST}, {what}")
        samples.setdefault(line.key, []).append(line)
    return Part(store, manifest, samples, store.scores())


def _manifest(parts: Sequence[Part]) -> Manifest:
    """Merges the manifests. Raises BenchError where parts have something else in common than `SAME`."""
    first, manifests = parts[0], [part.manifest for part in parts]
    models: dict[str, ModelRecord] = {}
    for part in parts:
        for field in SAME:
            was, now = (getattr(one.manifest, field) for one in (first, part))
            if was != now:
                values = "" if field == "prompts" else f": {shown(was)} and {shown(now)}"
                raise BenchError(f"expected runs of one {field}, got {first.folder} and {part.folder}{values}")
        for name, model in part.manifest.models.items():
            models[name] = _model(name, models[name], model, part.folder) if name in models else model
    return first.manifest.model_copy(
        update={
            "seeds": tuple(sorted({seed for one in manifests for seed in one.seeds})),
            "metrics": tuple(dict.fromkeys(name for one in manifests for name in one.metrics)),
            "specs": _specs(parts),
            "models": models,
            "fairness": fairness(models),
            "provenance": _different(origin for one in manifests for origin in one.provenance),
        }
    )


def _model(name: str, before: ModelRecord, now: ModelRecord, folder: Path) -> ModelRecord:
    """Merges the records of one model. Raises BenchError if its clips would not compare."""
    where = f"{folder} has another version of {name!r} than the runs before it"
    for field in OF_MODEL:
        if (was := getattr(before, field)) != (new := getattr(now, field)):
            raise BenchError(f"{where}: {field} was {shown(was)}, is {shown(new)}; merge it apart")
    if before.device.split(":")[0] != now.device.split(":")[0]:
        raise BenchError(f"{where}: it was made on {before.device}, is on {now.device}; merge it apart")
    plans: dict[str, AnyPlan] = dict(before.plans)
    for key, plan in now.plans.items():
        known = plans.get(key)
        if isinstance(known, PlanRecord) and isinstance(plan, PlanRecord) and (differ := known.differences(plan)):
            raise BenchError(f"{where}: prompt {key!r}: {differ}; merge it apart")
        if known is None or isinstance(known, NoPlan):
            plans[key] = plan
    return before.model_copy(update={"plans": plans})


def _specs(parts: Sequence[Part]) -> tuple[MetricSpec, ...]:
    """Returns the specifications of all metrics. Raises BenchError if one has other identities in another part."""
    found: dict[str, tuple[MetricSpec, ...]] = {}
    for part in parts:
        own: dict[str, tuple[MetricSpec, ...]] = {}
        for spec in part.manifest.specs:
            own[spec.name] = (*own.get(spec.name, ()), spec)
        for name, specs in own.items():
            known = found.setdefault(name, specs)
            if {one.identity for one in known} != {one.identity for one in specs}:
                what = f"{known[0].identity} and, in {part.folder}, {specs[0].identity}"
                raise BenchError(f"expected one identity of {name}, got {what}; score the parts with the same weights")
    return tuple(spec for specs in found.values() for spec in specs)


def _samples(parts: Sequence[Part], old: Sequence[Part]) -> dict[SampleKey, tuple[list[Sample], Part]]:
    """Returns what each sample lacks in the old folder, and the part with its clip.

    Raises BenchError if two parts have different draws of it.
    """
    found: dict[SampleKey, tuple[list[Sample], Part]] = {}
    for part in parts:
        for key, lines in part.samples.items():
            known, other = found.get(key, (lines, part))
            more = further(known, lines)
            if more is None:
                what = f"{key.model}, prompt {key.prompt_id!r}, seed {key.seed}"
                raise BenchError(
                    f"expected one sample of {what}, got another in {part.folder} than in {other.folder}; "
                    "a second draw is no merge: leave one of the folders out"
                )
            found[key] = ([*known, *more], part) if more else (known, other)
    had = {key: len(lines) for one in old for key, lines in one.samples.items()}
    return {key: (lines[had.get(key, 0) :], part) for key, (lines, part) in found.items()}


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
            better = known.status == "failed" != score.status
            found[score.key] = (score, part) if better else (known, other)
    return found


def _jobs(target: Path, parts: Sequence[Part]) -> dict[Path, bytes]:
    """Returns files of jobs on servers that are not in the target. Raises BenchError if two have the same name."""
    found: dict[Path, bytes] = {}
    for part in parts:
        for path in sorted((part.folder / JOBS).rglob("*.json")):
            place, content = target / path.relative_to(part.folder), path.read_bytes()
            there = found.get(place) or (place.read_bytes() if place.is_file() else None)
            if there not in (None, content):
                raise BenchError(f"expected one job of each prompt and seed, got another in {path} than in {place}")
            if not place.is_file():
                found[place] = content
    return found


def _check_clip(part: Part, sample: Sample, target: Path) -> None:
    """Raises BenchError if a recorded clip is lost, or the target has another file in its place."""
    if sample.clip is None:
        return
    path, place = part.store.recorded(sample.clip), target / sample.clip
    known = sample.file_digest  # None in the records of the first versions.
    if not path.is_file() or known not in (None, file_digest(path)):
        raise BenchError(f"expected the recorded clip in {path}, got none or another; repeat that run's command first")
    if place.exists() and file_digest(place) != file_digest(path):
        raise BenchError(f"expected no file or the same in {place}, got another; move it, or {OTHER}")


def _keep(part: Part, lines: Sequence[Sample], store: RunStore) -> None:
    """Copies the clip of a sample and appends its lines."""
    clip = lines[-1].clip
    kept = None
    if clip is not None:
        source, key = part.store.recorded(clip), lines[-1].key
        place = store.clip_path(*key, source.suffix)
        store.keep_clip(source.read_bytes(), place)
        kept = place.relative_to(store.folder).as_posix()
    for line in lines:
        store.add_sample(line.model_copy(update={"clip": kept if line.clip is not None else None}))


def _different(origins: Iterable[Provenance]) -> tuple[Provenance, ...]:
    """Returns each origin once: they cannot be hashed."""
    found: list[Provenance] = []
    for origin in origins:
        if origin not in found:
            found.append(origin)
    return tuple(found)
