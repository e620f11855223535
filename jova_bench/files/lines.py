"""Files of records, one a line, that are appended to: they survive their writer being killed at any byte."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_bytes
from jova_bench.formatting.messages import fault

RecordType = TypeVar("RecordType", bound=BaseModel)


def repair(path: Path) -> None:
    """Cuts what follows the last newline: a line whose writer was killed. Its work will be done again."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        data = file.read()
        if (whole := data.rfind(b"\n") + 1) < len(data):  # Else its time would say that there is something new.
            file.truncate(whole)


def records(path: Path, kind: type[RecordType]) -> Iterator[RecordType]:
    """Yields the whole lines of a record file, in order; a line still being written is left out.

    Raises:
        BenchError: a line is damaged.
    """
    if not path.exists():
        return
    for number, line in enumerate(read_bytes(path).split(b"\n")[:-1], start=1):
        yield _record(path, number, line, kind)


class Following(Generic[RecordType]):
    """Reads a record file that grows, each line once."""

    def __init__(self, path: Path, kind: type[RecordType]) -> None:
        """Takes the file, which need not be there yet, and what its lines are."""
        self._path, self._kind = path, kind
        self._file, self._at, self._lines = 0, 0, 0

    def new(self) -> tuple[bool, list[RecordType]]:
        """Returns whether all that was read before is void, as the file is another or was cut, and the new records.

        Raises:
            BenchError: a line is damaged; it is read again by the next call.
        """
        try:
            with self._path.open("rb") as file:
                about = os.fstat(file.fileno())
                void = self._at > 0 and (about.st_ino != self._file or about.st_size < self._at)
                if void:
                    self._at = self._lines = 0
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            void = self._at > 0
            self._at = self._lines = 0
            return void, []
        self._file = about.st_ino
        whole = data[: data.rfind(b"\n") + 1]
        lines = enumerate(whole.split(b"\n")[:-1], self._lines + 1)
        found = [_record(self._path, number, line, self._kind) for number, line in lines]
        self._at, self._lines = self._at + len(whole), self._lines + len(found)
        return void, found


def _record(path: Path, number: int, line: bytes, kind: type[RecordType]) -> RecordType:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        what = f"{path}:{number}: {fault(error)}; delete the line to have its work done again"
        raise BenchError(what) from error
