"""Replaces a folder of pages by a new one, and never something that is no such folder."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.files.writing import PART, abandoned, check_writable, holding, part_of

MARK = ".jova-bench-report"
"""File that marks a folder of pages: only such a folder is ever replaced, or served."""


def check_target(target: Path, mark: str = MARK, what: str = "report") -> None:
    """Refuses a folder that is neither new nor one with this mark, before any work. Raises BenchError."""
    target = _where(target)
    if target.is_symlink():
        raise BenchError(f"expected a folder, got {target}, a link that leads nowhere")
    if target.exists() and not (target.is_dir() and ((target / mark).is_file() or not any(target.iterdir()))):
        raise BenchError(f"expected a new folder or an earlier {what}, got {target}, which is something else")
    for repository in (*target.glob(".git"), *target.glob("*/.git")):
        raise BenchError(
            f"expected a new folder or an earlier {what}, got {target}, which has the repository "
            f"{repository.relative_to(target)}, and is replaced as a whole; keep the repository elsewhere"
        )
    check_writable(target.parent)


@contextmanager
def replacing_folder(target: Path, mark: str = MARK) -> Iterator[Path]:
    """Yields a new folder with a mark that takes the place of `target` when the block ends, unless it fails.

    Raises:
        BenchError: the file system does not take what the block writes.
    """
    target = _where(target)
    part = part_of(target)
    try:
        _remove_parts(target, mark)
        part.mkdir(parents=True)
        with holding(part / mark):
            yield part
            _swap(part, target)
    except OSError as error:
        raise BenchError(f"expected a folder that can be written, got {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _where(target: Path) -> Path:
    """Returns the folder that a link leads to, so that the link stays and nothing is moved between file systems."""
    return Path(os.path.realpath(target))


def link(source: Path, target: Path) -> None:
    """Links a file where the file system can, and copies it elsewhere."""
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without links.
        shutil.copyfile(source, target)


def _remove_parts(target: Path, mark: str) -> None:
    """Removes what an earlier report to the same target left when it was killed."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*"):
        known = PART.fullmatch(path.name) or (target.exists() and PART.fullmatch(path.with_suffix(".part").name))
        if known and path.is_dir() and abandoned(path / mark):
            shutil.rmtree(path, ignore_errors=True)


def _swap(part: Path, target: Path) -> None:
    """Replaces an older folder by a finished one."""
    old = part.with_suffix(".old")
    with suppress(FileNotFoundError):
        target.rename(old)
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)
