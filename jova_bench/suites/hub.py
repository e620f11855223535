"""Gets suites of the Hugging Face Hub, `hf:ORG/NAME@REVISION`: a data set with `prompts.jsonl` and maybe `suite.toml`.

What a suite needs is downloaded: the prompts, the files that they name, and its reference set. A branch or a tag is
resolved once: its commit is recorded beside the files, and stays what the address means until `suites pull` asks again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import Field, RootModel, ValidationError

from jova_bench.assets.download import OFFLINE_VARIABLE, differs, offline
from jova_bench.assets.hub import COMMIT, Commit, HubFile, commit_of, fetch, finish, pulling
from jova_bench.assets.records import Sha256
from jova_bench.assets.table import folder as assets_folder
from jova_bench.assets.transfer import Meter
from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_json, read_json_lines, read_toml
from jova_bench.files.writing import write_file
from jova_bench.formatting.messages import faults_of, shown
from jova_bench.formatting.text import counted
from jova_bench.prompts import Prompt
from jova_bench.records import Record
from jova_bench.suites.prompt_file import INFO, PROMPTS

PREFIX = "hf:"
_PART = "[A-Za-z0-9](?:[A-Za-z0-9_-]|\\.(?!\\.)){0,95}"
_ADDRESS = re.compile(f"hf:(?P<repository>{_PART}/{_PART})@(?P<revision>{_PART}(?:/{_PART})*)")
TEXT_BYTES = 64_000_000
"""Most bytes of the prompts, and of `suite.toml`."""
FILE_BYTES = 2_000_000_000
"""Most bytes of any other file: those of a clip of minutes."""


class Origin(Record):
    """Where the files of a suite are from: beside their folder, and written when all of them are there."""

    repository: str
    commit: str = Field(pattern=COMMIT.pattern)
    licence: str
    """Licence that the repository's card states; empty where it states none."""
    files: dict[str, Sha256]
    """sha256 (hex) by path."""


class _Revisions(RootModel[dict[str, str]]):
    """`revisions.json`: the commits of branches and tags, as they were when last resolved."""


@dataclass(frozen=True)
class Pulled:
    """A suite that is here."""

    folder: Path
    origin: Origin

    @property
    def address(self) -> str:
        """The address by its commit, which always means the same files."""
        return f"{PREFIX}{self.origin.repository}@{self.origin.commit}"


def pulled(address: str, meter: Meter, again: bool = False) -> Pulled:
    """Returns a suite of the Hub, after downloading what is not here yet.

    Args:
        address: `hf:ORG/NAME@REVISION`.
        meter: shows progress.
        again: resolves a branch or tag that has been resolved before.

    Raises:
        BenchError: that is no address, the Hub has no such suite, or a file of it is not what the Hub states.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise BenchError(
            f"expected {PREFIX}ORG/NAME@REVISION, a data set of the Hub and its commit, branch or tag, "
            f"got {shown(address)}"
        )
    repository, revision = found["repository"], found["revision"]
    place = assets_folder() / "suites" / "hub" / repository
    known = _revisions(place)
    commit = revision if COMMIT.fullmatch(revision) else None if again else known.get(revision)
    if commit and (place / f"{commit}.json").is_file():
        origin = as_record(Origin, read_json(place / f"{commit}.json"), str(place / f"{commit}.json"))
        return Pulled(place / commit, origin)
    if offline() and (was := known.get(revision)) and (place / f"{was}.json").is_file():
        raise BenchError(
            f"offline: which commit {address} is now cannot be asked; it was {was}, which is here; "
            f"unset {OFFLINE_VARIABLE} to ask"
        )
    if offline():
        raise BenchError(f"offline: {address} is not in {place}; unset {OFFLINE_VARIABLE} to download it")
    with pulling(place):
        answer = commit_of("datasets", repository, commit or revision, place, _quiet)
        origin = _download(repository, answer, place / answer.sha, meter)
        write_file(place / f"{answer.sha}.json", json.dumps(origin.model_dump(), ensure_ascii=False, indent=1))
        if revision != answer.sha:
            write_file(place / "revisions.json", json.dumps({**_revisions(place), revision: answer.sha}))
        finish(place / answer.sha)
    return Pulled(place / answer.sha, origin)


def is_here(address: str) -> bool:
    """Returns whether a suite of the Hub was downloaded, given by its commit; downloads nothing."""
    found = _ADDRESS.fullmatch(address)
    place = assets_folder() / "suites" / "hub"
    return found is not None and (place / found["repository"] / f"{found['revision']}.json").is_file()


def _revisions(place: Path) -> dict[str, str]:
    path = place / "revisions.json"
    return as_record(_Revisions, read_json(path), str(path)).root if path.is_file() else {}


def _download(repository: str, commit: Commit, folder: Path, meter: Meter) -> Origin:
    """Downloads the files of a suite into a folder that may have some of them."""
    where = f"{PREFIX}{repository}@{commit.sha}"
    if PROMPTS not in commit.files:
        there = ", ".join(sorted(commit.files)[:5]) or "nothing"
        raise BenchError(
            f"expected {PROMPTS} in {where}, got {there}; download prompts of another layout and give them to "
            "`jova-bench suites import`"
        )
    digests: dict[str, str] = {}
    for name in (PROMPTS, INFO):
        if name in commit.files:
            digests[name] = _file(commit.files[name], TEXT_BYTES, folder, _quiet)
    others = dict.fromkeys((*_named(folder / PROMPTS, where), *_reference_set(folder / INFO, commit)))
    if lost := [name for name in others if name not in commit.files]:
        raise BenchError(f"{where}: expected the file {shown(lost[0])}, which a prompt names, got none")
    size = sum(commit.files[name].size for name in others)
    with meter(f"{where}: {counted(len(others), 'file')}", 0, size) as advance:
        for name in others:
            digests[name] = _file(commit.files[name], FILE_BYTES, folder, _quiet)
            advance(commit.files[name].size)
    return Origin(repository=repository, commit=commit.sha, licence=commit.licence, files=digests)


@contextmanager
def _quiet(title: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows nothing: one line or bar is of all files together."""
    yield lambda count: None


def _file(file: HubFile, most: int, folder: Path, meter: Meter) -> str:
    """Downloads a file unless it is here; returns its sha256 (hex)."""
    if file.size > most:
        raise BenchError(
            f"{file.name}: expected at most {most / 1e6:,.0f} MB, got {file.size / 1e6:,.0f} MB at {file.url}"
        )
    if differs(folder / file.name, file.size, file.digests):
        return fetch(file, folder, meter)
    return file_digest(folder / file.name)


def _named(prompts: Path, where: str) -> Iterator[str]:
    """Yields the files that prompts name. Raises BenchError for a line that is no prompt."""
    for number, value in read_json_lines(prompts):
        try:
            if isinstance(value, BenchError):
                raise value
            yield from Prompt.model_validate(value).files.values()
        except ValidationError as error:
            raise BenchError(f"{where}: {PROMPTS}:{number}: {faults_of(error, Prompt.model_fields)[0]}") from error


def _reference_set(info: Path, commit: Commit) -> Iterator[str]:
    """Yields the files of the folder that `suite.toml` names as the reference set."""
    named = read_toml(info).get("reference_set") if info.is_file() else None
    if isinstance(named, str):
        yield from (name for name in commit.files if PurePosixPath(named) in PurePosixPath(name).parents)
