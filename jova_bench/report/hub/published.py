"""Copies a run into a folder that is a run again, with nothing of this machine and only the clips that may be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.writing import write_file
from jova_bench.formatting.text import counted
from jova_bench.models.registry import FOLDER_PREFIX
from jova_bench.prompts import Prompt
from jova_bench.records import Sample, Score
from jova_bench.report.html.folder import link
from jova_bench.report.html.takes import clip_source
from jova_bench.report.hub.clip_files import why_not
from jova_bench.report.hub.redaction import PATH, Redaction
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import MANIFEST, SAMPLES, SCORES, SUMMARY, Run
from jova_bench.summary import Estimate

OF_SAMPLES = ("status", "timing", "plan_digest", "clip", "clip_digest", "file_digest")
OF_SCORES = ("metric", "identity", "status")
OF_ESTIMATES = ("metric", "identity", "level", "unit", "direction")
OF_MANIFESTS = ("suite_digest", "question", "domain", "profile", "device", "metrics")
"""Fields of records that stay as they are: numbers, identities, digests, and words from a list of jova-bench."""
WORDS = ("domain", "description", "source")
"""Fields of a metric's specification that its identity is not made of."""
FILES = ("image", "audio", "voice", "reference")
"""Fields of prompts that name files."""
_PATH = re.compile(r"(?:[\w.+-]+:)?(?=[/~]|\.{1,2}/|[A-Za-z]:[\\/]|\\\\)")
"""What stands before a path that is the whole of a value."""


@dataclass(frozen=True)
class LeftOut:
    """Names something of the run that is not published, and why."""

    what: str
    why: str


def copy_run(folder: Path, run: Run, into: Path, redact: Redaction, why_no_clips: str | None) -> list[LeftOut]:
    """Writes the records of a finished run, redacted, and links its clips; returns what is left out.

    Args:
        folder: of the run.
        run: its records.
        into: new folder.
        redact: removes what tells of the machine.
        why_no_clips: why no clip may be shown; None where all may.

    Raises:
        BenchError: two names became one, or a record is none any more.
    """
    assert run.summary is not None
    into.mkdir(parents=True)
    left: dict[str, int] = {}
    placed: dict[Path, str] = {}
    samples = []
    for sample in run.samples:
        why = why_no_clips or _clip(folder, sample, into, redact, placed) if sample.clip else None
        if why is not None:
            left[why] = left.get(why, 0) + 1
        clip = None if why or not sample.clip else _place(sample.clip, redact)
        sample = sample.model_copy(update={"clip": clip})
        samples.append(_record(sample, redact, OF_SAMPLES))
    summary = run.summary.model_dump(mode="json", by_alias=True)
    estimates = [_estimate(one, redact) for one in run.summary.estimates]
    _check_apart(run.summary.estimates, estimates)
    _write(into / MANIFEST, redacted_manifest(run.manifest, redact))
    _write(into / SUMMARY, redact.of(summary | {"estimates": ()}) | {"estimates": estimates})
    _write_lines(into / SAMPLES, samples)
    _write_lines(into / SCORES, [_record(score, redact, OF_SCORES) for score in run.scores])
    return [LeftOut(counted(count, "clip"), why) for why, count in left.items()]


def known_paths(run: Run) -> set[str]:
    """Returns the paths that stand in the settings of models, whole: what follows one in a text is no part of it."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, Mapping):
            walk(list(value.values()))
        elif isinstance(value, list | tuple):
            for one in value:
                walk(one)
        elif isinstance(value, str) and (path := _PATH.match(value)):
            found.add(value[path.end() :].rstrip("*").rstrip("/"))

    for model in run.manifest.models.values():
        walk(model.model_dump(mode="json"))
    return found


def redacted_manifest(manifest: Manifest, redact: Redaction) -> dict[str, Any]:
    """Returns the object of a manifest. Packages are those that jova-bench names; words for readers are left out."""
    found = manifest.written()
    result = {name: found.pop(name) for name in ("prompts", "provenance", "specs", "models")}
    same = {name: found[name] for name in OF_MANIFESTS}
    result["prompts"] = [_prompt(one, redact) for one in manifest.prompts]
    result["specs"] = [one | {name: redact(one[name]) for name in WORDS} for one in result["specs"]]
    result["provenance"] = [
        redact.of({**one, "packages": {}}) | {"packages": _named(one["packages"])} for one in result["provenance"]
    ]
    found["fairness"]["settings"] = {name: redact.settings(one) for name, one in found["fairness"]["settings"].items()}
    for model in result["models"].values():
        model["settings"] = redact.settings(model["settings"])
        if model["asked"].startswith(FOLDER_PREFIX):
            model["asked"] = f"{FOLDER_PREFIX}{PATH}"
        for plan in model["plans"].values():
            if "note" in plan:
                plan |= {"note": "", "settings": redact.settings(plan["settings"])}
    result["models"] = redact.of(result["models"])
    merged: dict[str, Any] = redact.of(found) | same | result
    return merged


def _record(one: Sample | Score | Estimate, redact: Redaction, same: tuple[str, ...]) -> dict[str, Any]:
    """Returns the object of a record, redacted but for those fields that have no words of a user or a machine."""
    found = one.model_dump(mode="json")
    result: dict[str, Any] = redact.of(found) | {name: found[name] for name in same}
    return result


def _estimate(one: Estimate, redact: Redaction) -> dict[str, Any]:
    found = _record(one, redact, OF_ESTIMATES)
    if one.slice is not None:
        (pair,) = redact.tags(dict([one.slice.split("=", 1)])).items()
        found["slice"] = "=".join(pair)
    return found


def _check_apart(estimates: Sequence[Estimate], written: Sequence[Mapping[str, Any]]) -> None:
    """Raises BenchError where two slices became one: of their numbers one would stand for both."""
    before: dict[str | None, str | None] = {}
    for one, record in zip(estimates, written, strict=True):
        if (other := before.setdefault(record["slice"], one.slice)) != one.slice:
            raise BenchError(
                f"expected slices that stay apart, got {other!r} and {one.slice!r}, which become {record['slice']!r}: "
                "their tag or value looks like a secret, a path or a host; rename it in a run of its own"
            )


def _prompt(prompt: Prompt, redact: Redaction) -> dict[str, Any]:
    """Returns the object of a prompt: captions and words as they are, files by their redacted names alone."""
    found = prompt.model_dump(mode="json")

    def named(one: dict[str, Any], *files: str) -> dict[str, Any]:
        return one | {name: redact(re.split(r"[/\\]", one[name])[-1]) for name in files if one.get(name)}

    found = named(found, *FILES) | {"id": redact(prompt.id), "tags": redact.tags(prompt.tags)}
    if prompt.edit:
        found["edit"] = named(found["edit"], "clip")
    if prompt.speakers:
        found["speakers"] = [named(one, *FILES) | {"id": redact(one["id"])} for one in found["speakers"]]
    return found


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Writes a manifest in the place of the one that is there."""
    _write(folder / MANIFEST, manifest.written())


def _clip(folder: Path, sample: Sample, into: Path, redact: Redaction, placed: dict[Path, str]) -> str | None:
    """Links a clip under its redacted path; returns why it cannot be published."""
    source = clip_source(folder, sample)
    if isinstance(source, str):
        return redact(source)
    if (why := why_not(source, redact)) is not None:
        return why
    clip = str(sample.clip)
    target = into / _place(clip, redact)
    if placed.setdefault(target, clip) != clip:
        raise BenchError(f"expected clips that stay apart, got two that become {target.name}; rename one model")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source.resolve(), target)
    return None


def _place(clip: str, redact: Redaction) -> str:
    """Returns the path of a clip in the run folder, each of its parts redacted."""
    return "/".join(map(redact, clip.split("/")))


def _named(packages: Mapping[str, str]) -> dict[str, str]:
    """Returns the versions of the packages that jova-bench itself names: others may be private."""
    try:
        ours = {_plain(re.split(r"[^\w.-]", one)[0]) for one in requires("jova-bench") or ()}
    except PackageNotFoundError:
        ours = set()
    return {name: version for name, version in packages.items() if _plain(name) in ours | {"jova-bench"}}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_TEXT: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _write(path: Path, value: Mapping[str, Any]) -> None:
    write_file(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    write_file(path, "".join(f"{_TEXT(row)}\n" for row in rows))
