"""Reads the JSON file of a sweep."""

from __future__ import annotations

import os
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json
from jova_bench.formatting.messages import shown

SCHEMA = 1
"""Version of the file's format."""


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the JSON values of a sweep; what they hold is for their reader to check.

    Raises:
        BenchError: the file is missing, is no sweep's, or has another version of the format.
    """
    record = read_json(path)
    if not isinstance(record, dict) or "sweep" not in record:
        raise BenchError(f"{path}: expected a sweep's results, got another JSON file; name the NAME.json of a sweep")
    if record.get("schema") != SCHEMA:
        raise BenchError(
            f"{path}: expected a sweep's results of schema {SCHEMA}, got {shown(record.get('schema'))}; "
            "read it with the version of jova-bench that wrote it"
        )
    return record
