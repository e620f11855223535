"""Merges the jobs of models on servers, whose files have no time, either: histories tell which job is the latest.

Whatever happens to a job is an attempt of its sample. So of two files of a sample that one is the latest whose folder
has every attempt, and where a folder has the clip, none is waited for any more.

One id at one address in two folders is of two servers, as of each node's own `localhost`: in the merged folder it
would not be known which of them is asked, so that no job is merged before its clip is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from itertools import pairwise, product
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.ids import file_stem
from jova_bench.keys import SampleKey
from jova_bench.runs.draws import United, united
from jova_bench.runs.merge_parts import Part
from jova_bench.runs.store import JOBS

Kept = tuple[Part, bytes | None]
"""A folder, and what it keeps; None where it keeps nothing."""


def merged_jobs(parts: Sequence[Part], histories: Mapping[SampleKey, United]) -> dict[Path, bytes | None]:
    """Returns the files of all jobs, by path in a run folder; None for one that is over.

    Args:
        parts: run folders.
        histories: what all of them have of each sample.

    Raises:
        BenchError: two folders have different jobs of one clip, either of which may be paid for, and no clip; or one
            id is that of two folders' jobs, one of which has no clip.
    """
    found = [(part, dict(part.jobs())) for part in parts]
    paths = {path: None for _, files in found for path in files}
    samples = {_path(key): key for key in histories} if paths else {}
    result: dict[Path, bytes | None] = {}
    for path in paths:
        kept = [(part, files.get(path)) for part, files in found]
        key = samples.get(path)
        result[path] = _smallest(kept) if key is None else _latest(path, kept, key, histories[key])
    _check_apart(found, result, {path for path, key in samples.items() if histories[key].clip_of is not None})
    return result


def _check_apart(
    found: Sequence[tuple[Part, dict[Path, bytes]]], result: Mapping[Path, bytes | None], ended: Set[Path]
) -> None:
    """Raises BenchError where jobs of different folders have one id, and one of them has no clip yet."""
    same, folders = dict[tuple[str, str], list[Path]](), dict[Path, list[Path]]()
    for path, content in result.items():
        if content is not None and (known := _id(content)) is not None:
            same.setdefault(known, []).append(path)
            folders[path] = [part.folder for part, files in found if files.get(path) == content]
    for (server, job_id), paths in same.items():
        for one, other in product((path for path in paths if path not in ended), paths):
            if set(folders[one]).isdisjoint(folders[other]):
                first, second = folders[one][0] / one, folders[other][0] / other
                what = f"expected jobs of one server at {server}, got the id {shown(job_id)} in {first} and in {second}"
                until = "repeat the command of each folder, where its server is, until it has the clip"
                raise BenchError(f"{what}; {until}")


def _id(content: bytes) -> tuple[str, str] | None:
    """Returns the address of a job's server and the id that it gave; None for a file without."""
    try:
        job = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(job, dict) or not all(isinstance(job.get(key), str) for key in ("server", "id")):
        return None
    return job["server"], job["id"]


def _path(key: SampleKey) -> Path:
    return Path(JOBS, key.model, f"{file_stem(key.prompt_id)}.{key.seed}.json")


def _latest(path: Path, kept: Sequence[Kept], key: SampleKey, history: United) -> bytes | None:
    """Returns the latest of what folders keep of a sample; a job that the latest one forgot has ended."""
    having = [(part, content) for part, content in kept if key in part.samples]
    latest = [one for one in having if _has_all(one[0], key, history)] or having
    if history.clip_of is not None:
        latest = [one for one in latest if one[0].samples[key][-1].status == "ok"] or latest
        return _smallest(latest)
    files = [one for one in latest if one[1] is not None]
    for (first, one), (other, another) in pairwise(files):
        if one != another:
            what = f"got another in {other.folder / path} than in {first.folder / path}, and no clip of either"
            todo = "repeat the command of one folder until it has the clip, or leave one out"
            raise BenchError(f"expected one job of each prompt and seed, {what}; {todo}")
    return _smallest(files)


def _smallest(kept: Sequence[Kept]) -> bytes | None:
    """Returns the same file in any order of the folders."""
    return min((content for _, content in kept if content is not None), default=None)


def _has_all(part: Part, key: SampleKey, history: United) -> bool:
    """Returns whether a folder has every attempt of a sample."""
    own = united([part.samples[key]])
    return own is not None and own.texts == history.texts
