"""Copies a run into a folder that is a run again, with nothing of this machine and only the clips that may be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.writing import write_file
from jova_bench.formatting.text import counted
from jova_bench.records import Sample
from jova_bench.report.html.folder import link
from jova_bench.report.html.takes import clip_source
from jova_bench.report.hub.redaction import Redaction
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import MANIFEST, SAMPLES, SCORES, SUMMARY, Run


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
            sample = sample.model_copy(update={"clip": None})
        samples.append(redact.of(sample.model_dump(mode="json")))
    _write(into / MANIFEST, redacted_manifest(run.manifest, redact))
    _write(into / SUMMARY, redact.of(run.summary.model_dump(mode="json", by_alias=True)))
    _write_lines(into / SAMPLES, samples)
    _write_lines(into / SCORES, [redact.of(score.model_dump(mode="json")) for score in run.scores])
    return [LeftOut(counted(count, "clip"), why) for why, count in left.items()]


def redacted_manifest(manifest: Manifest, redact: Redaction) -> dict[str, Any]:
    """Returns the object of a manifest: packages are those that jova-bench names, and prompts stay as they are."""
    found = manifest.written()
    prompts, provenance = found.pop("prompts"), found.pop("provenance")
    result: dict[str, Any] = redact.of(found)
    result["provenance"] = [
        redact.of({**one, "packages": {}}) | {"packages": _named(one["packages"])} for one in provenance
    ]
    result["prompts"] = [one | {"id": redact(one["id"])} for one in prompts]
    return result


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Writes a manifest in the place of the one that is there."""
    _write(folder / MANIFEST, manifest.written())


def _clip(folder: Path, sample: Sample, into: Path, redact: Redaction, placed: dict[Path, str]) -> str | None:
    """Links a clip under its redacted path; returns why it cannot be published."""
    source = clip_source(folder, sample)
    if isinstance(source, str):
        return redact(source)
    if tag := _telling_tag(source, redact):
        return f"its file has a tag {tag!r} that names this machine, its user or a secret"
    clip = str(sample.clip)
    target = into / redact(clip)
    if placed.setdefault(target, clip) != clip:
        raise BenchError(f"expected clips that stay apart, got two that become {redact(clip)}; rename one model")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source.resolve(), target)
    return None


def _telling_tag(path: Path, redact: Redaction) -> str | None:
    """Returns the name of a tag of a media file whose text would be redacted; None where there is none."""
    import av

    try:
        with av.open(str(path)) as file:
            tags = [file.metadata, *(stream.metadata for stream in file.streams)]
    except (av.FFmpegError, OSError):
        return None  # It shows as a clip that cannot be read.
    return next((name for one in tags for name, text in one.items() if redact(text) != text), None)


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
