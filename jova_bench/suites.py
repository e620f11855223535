"""Prompt suites: a shipped folder by name, or any file of JSON lines, whose faults are named by line and field."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import ValidationError

from jova_bench.registry import suggest
from jova_bench.types import BenchError, Id, Profile, Prompt, Record

SHIPPED = Path(__file__).parent / "suites"
FILES = ("image", "audio", "reference")
"""Fields of a prompt that name a file."""


class SuiteInfo(Record):
    """`suite.toml` of a shipped suite, or beside any file of prompts."""

    name: Id
    """Of a shipped suite the same as its folder's."""
    description: str
    domain: Literal["embedded"] | None = None
    """`embedded` when its clips are what the embedded evaluators were trained on."""
    profile: Profile
    """Metrics that fit it."""
    reference_set: str | None = None
    """Folder of real clips that set distances compare with, relative to `suite.toml`, or the name of shipped features
    of the embedded evaluators; None leaves those distances undefined."""
    licence: str
    """SPDX expression for its prompts and clips."""


@dataclass(frozen=True)
class Suite:
    """Prompts in a fixed order, and the folder that their files lie in."""

    name: str
    prompts: tuple[Prompt, ...]
    root: Path
    """Paths in prompts are relative to it and stay inside."""
    digest: str
    """sha256 (hex) of the prompts, the domain, the reference set and every file that a prompt names."""
    domain: Literal["embedded"] | None
    reference_set: str | None
    profile: Profile = "standard"
    description: str = ""
    licence: str = ""
    asked_digest: str | None = None
    """sha256 (hex) of what is asked alone, where `digest` covers more: the clips of a scored folder."""

    @property
    def question(self) -> str:
        """What two runs must share before their models can be compared."""
        return self.asked_digest or self.digest

    def path(self, relative: str) -> Path:
        """The file that a prompt names. Raises BenchError when it would lie outside the suite's folder."""
        return _inside(self.root, relative)

    def reference_folder(self) -> Path | None:
        """The folder of real clips that set distances of the standard profile compare with, if the suite has one.

        Raises:
            BenchError: it names something else.
        """
        if self.reference_set is None or (SHIPPED / f"{self.reference_set}.safetensors").is_file():
            return None
        folder = self.path(self.reference_set)
        if not folder.is_dir():
            raise BenchError(f"expected a folder as reference_set of the suite {self.name!r}, got {str(folder)!r}")
        return folder


def shipped_suites() -> tuple[str, ...]:
    """Names of the suites that come with the package."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/suite.toml")))


def load_suite(name_or_path: str | os.PathLike[str]) -> Suite:
    """Loads a shipped suite by name, or the prompts of any `.jsonl` file, with the `suite.toml` beside it if any.

    Raises:
        BenchError: there is no such suite, or a line of it is broken (`FILE:LINE: field: ...`).
    """
    given = str(name_or_path)
    if given in shipped_suites():
        info = _info(SHIPPED / given / "suite.toml")
        if info.name != given:
            raise BenchError(f"{given}/suite.toml: name: expected {given!r} as its folder, got {info.name!r}")
        return _suite(SHIPPED / given / "prompts.jsonl", info)
    path = Path(given)
    if path.suffix != ".jsonl" and not path.is_file():
        hint = suggest(given, shipped_suites())
        raise BenchError(f"expected the name of a shipped suite or a .jsonl file of prompts, got {given!r}; {hint}")
    beside = path.parent / "suite.toml"
    return _suite(path, _info(beside) if beside.is_file() else None)


def load_prompts(path: Path) -> tuple[Prompt, ...]:
    """Reads a prompt file: ids are unique, and every file that a prompt names exists inside the file's folder."""
    prompts: dict[str, Prompt] = {}
    lines: dict[str, int] = {}
    for number, line in _lines(path):
        try:
            prompt = Prompt.model_validate(json.loads(line))
        except json.JSONDecodeError as error:
            raise BenchError(
                f"{path}:{number}: expected a JSON object, got {error.msg} at column {error.colno}"
            ) from error
        except ValidationError as error:
            raise BenchError(f"{path}:{number}: {_fault(error)}") from error
        if prompt.id in prompts:
            raise BenchError(f"{path}:{number}: id: {prompt.id!r} is already on line {lines[prompt.id]}; rename one")
        for field in FILES:
            relative = getattr(prompt, field)
            try:
                if relative is not None and not _inside(path.parent, relative).is_file():
                    raise BenchError(f"expected a file, got {relative!r}; paths are relative to {path.parent}")
            except BenchError as error:
                raise BenchError(f"{path}:{number}: {field}: {error}") from error
        prompts[prompt.id], lines[prompt.id] = prompt, number
    if not prompts:
        raise BenchError(f"{path}: expected at least one prompt, got an empty file")
    return tuple(prompts.values())


def _suite(path: Path, info: SuiteInfo | None) -> Suite:
    prompts = load_prompts(path)
    if info is None:
        return Suite(path.stem, prompts, path.parent, _digest(prompts, path.parent, ""), None, None)
    digest = _digest(prompts, path.parent, f"{info.domain} {info.reference_set}")
    return Suite(
        info.name,
        prompts,
        path.parent,
        digest,
        info.domain,
        info.reference_set,
        info.profile,
        info.description,
        info.licence,
    )


def _info(path: Path) -> SuiteInfo:
    try:
        return SuiteInfo.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BenchError(f"{path}: expected TOML, got {error}") from error
    except ValidationError as error:
        raise BenchError(f"{path}: {_fault(error)}") from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of the lines that are not blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: expected a readable UTF-8 file of JSON lines, got {error}") from error
    # Not splitlines: a JSON string may hold U+2028 and its kin.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _fault(error: ValidationError) -> str:
    """`field: what is wrong with it`, with the known fields when it is not one of them."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = tuple(SuiteInfo.model_fields if error.title == "SuiteInfo" else Prompt.model_fields)
        return f"{where}: unknown field; {suggest(where, known)}"
    return f"{where}: {first['msg']}" if where else f"expected an object, got {type(first['input']).__name__}"


def _inside(root: Path, relative: str) -> Path:
    """Joins a POSIX path from a prompt to the folder, and refuses one that leads out of it, by links too."""
    pure = PurePosixPath(relative)
    path = root / pure
    if not relative or pure.is_absolute() or not path.resolve().is_relative_to(root.resolve()):
        raise BenchError(f"expected a path inside {root}, got {relative!r}; copy the file there")
    return path


def _digest(prompts: tuple[Prompt, ...], root: Path, header: str) -> str:
    """Two suites of the same digest ask the same and show the same files, wherever they lie."""
    digest = hashlib.sha256(header.encode())
    for prompt in prompts:
        digest.update(prompt.model_dump_json().encode())
        for field in FILES:
            relative = getattr(prompt, field)
            if relative is not None:
                with _inside(root, relative).open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
