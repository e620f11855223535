"""Reads a prompt file: JSON lines of prompts, whose files exist inside the folder of the file; faults name the line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json_lines
from jova_bench.formatting.messages import faults_of, shown
from jova_bench.prompts import Prompt

PROMPTS, INFO = "prompts.jsonl", "suite.toml"
"""Files of a suite's folder."""
TABLES = (".csv", ".tsv")
Check = Callable[[Prompt, Path], list[str]]
"""Returns the faults of a prompt, whose paths are relative to a folder: `field: fault`."""


def prompt_file(path: Path) -> Path:
    """Returns the prompt file of a path: the path itself, or `prompts.jsonl` of a folder.

    Raises:
        BenchError: a folder has no such file, or the path can be none, or is that of a table.
    """
    if path.suffix.lower() in TABLES and not path.is_dir():
        raise BenchError(
            f"expected a .jsonl file of prompts, got the table {str(path)!r}; "
            f"`jova-bench suites import csv {path} --out {path.with_suffix('.jsonl')}` makes one of it, and "
            "`--map COLUMN=FIELD` says which of its columns is what"
        )
    try:
        if not path.is_dir():
            return path
    except OSError as error:  # A name that no file system can have.
        raise BenchError(f"expected a path of prompts, got {shown(str(path))}: {error.strerror}") from error
    if not (path / PROMPTS).is_file() and (path / "manifest.json").is_file():
        raise BenchError(
            f"expected the folder of a suite, got a run's, {str(path)!r}; name the suite that it was made of"
        )
    if not (path / PROMPTS).is_file():
        there = sorted(one.name for one in path.glob("*.jsonl"))
        hint = (
            f"name one of its own: {', '.join(str(path / one) for one in there[:5])}" if there else "it has no .jsonl"
        )
        raise BenchError(f"expected {PROMPTS}, and {INFO} where there is one, in the folder {str(path)!r}; {hint}")
    return path / PROMPTS


def load_prompts(path: Path) -> tuple[Prompt, ...]:
    """Reads a prompt file: ids are unique, and every file that a prompt names exists inside the file's folder."""
    prompts, faults = read_prompts(path)
    if faults:
        more = f" (and {len(faults) - 1} more: `suites validate` lists them)" if faults[1:] else ""
        raise BenchError(f"{faults[0]}{more}")
    return prompts


def read_prompts(path: Path, check: Check | None = None) -> tuple[tuple[Prompt, ...], tuple[str, ...]]:
    """Reads the valid lines of a prompt file, and the faults of the others: `FILE:LINE: field: fault`.

    Args:
        path: file of prompts.
        check: finds further faults of a prompt that has none so far; None for no more.

    Raises:
        BenchError: the file cannot be read.
    """
    prompts: dict[str, Prompt] = {}
    lines: dict[str, int] = {}
    faults: list[str] = []
    for number, value in read_json_lines(path):
        if isinstance(value, BenchError):
            faults.append(str(value))
            continue
        try:
            prompt = Prompt.model_validate(value)
        except ValidationError as error:
            faults += [f"{path}:{number}: {fault}" for fault in faults_of(error, Prompt.model_fields)]
            continue
        wrong = [f"{field}: {why}" for field, file in prompt.files.items() if (why := _missing(path.parent, file))]
        wrong += faults_of_tags(prompt.tags)
        if prompt.id in lines:
            wrong.append(f"id: {prompt.id!r} is already on line {lines[prompt.id]}; rename one")
        if check and not wrong:
            wrong += check(prompt, path.parent)
        faults += [f"{path}:{number}: {fault}" for fault in wrong]
        lines.setdefault(prompt.id, number)
        if not wrong:
            prompts[prompt.id] = prompt
    if not prompts and not faults:
        faults.append(f"{path}: expected at least one prompt, got an empty file")
    return tuple(prompts.values()), tuple(faults)


def faults_of_tags(tags: Iterable[str]) -> list[str]:
    """Returns the faults of names of tags: a slice is called `tag=value`, and split at the first `=`."""
    return [f"tags: expected a name without '=', got {shown(tag)}; rename it" for tag in tags if "=" in tag]


def _missing(root: Path, relative: str) -> str | None:
    """Returns the fault of a file that a prompt names, or None."""
    try:
        if not inside(root, relative).is_file():
            return f"expected a file, got {shown(relative)}; paths are relative to {root}"
    except (BenchError, OSError) as error:
        return str(error)
    return None


def inside(root: Path, relative: str) -> Path:
    """Joins a POSIX path from a prompt to the folder, and refuses one that leads out of it, by links too."""
    pure = PurePosixPath(relative)
    path = root / pure
    try:
        outside = not path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        outside = True  # A loop of links, a name too long, a zero byte.
    if not relative or pure.is_absolute() or outside:
        raise BenchError(f"expected a path inside {root}, got {shown(relative)}; copy the file there")
    return path
