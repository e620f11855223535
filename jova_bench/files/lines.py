"""Files of records, one a line, that are appended to: they survive their writer being killed at any byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

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
        file.truncate(data.rfind(b"\n") + 1)


def records(path: Path, kind: type[RecordType]) -> Iterator[RecordType]:
    """Yields the whole lines of a record file, in order; a line still being written is left out.

    Raises:
        BenchError: a line is damaged.
    """
    if not path.exists():
        return
    for number, line in enumerate(read_bytes(path).split(b"\n")[:-1], start=1):
        try:
            yield kind.model_validate_json(line)
        except ValidationError as error:
            what = f"{path}:{number}: {fault(error)}; delete the line to have its work done again"
            raise BenchError(what) from error
