"""Writes a JSON Schema for each file format: `python -m jova_bench.tools.schemas docs/schemas`.

The schemas are made from the records that read and write the files. They are closed, as the records are: a field that
a schema does not name is an error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from jova_bench.calibration.result import Calibration
from jova_bench.comparison.frozen import Frozen
from jova_bench.files.writing import write_file
from jova_bench.metrics.judge.rubric import Rubric
from jova_bench.prompts import Prompt
from jova_bench.records import Record, Sample, Score
from jova_bench.runs.manifest import Manifest
from jova_bench.suites.loading import SuiteInfo
from jova_bench.summary import Summary
from jova_bench.votes.agree import VoteAgreement
from jova_bench.votes.fit import VoteFit
from jova_bench.votes.records import Vote
from jova_bench.votes.study import Ask, Given, Key

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FORMATS: Mapping[str, type[Record]] = MappingProxyType(
    {
        "prompt": Prompt,
        "suite": SuiteInfo,
        "manifest-2": Manifest,
        "sample": Sample,
        "score": Score,
        "summary-1": Summary,
        "frozen-2": Frozen,
        "calibration-1": Calibration,
        "rubric-1": Rubric,
        "vote": Vote,
        "votes-1": VoteFit,
        "agreement-1": VoteAgreement,
        "questions": Ask,
        "study-1": Key,
        "answer": Given,
    }
)
"""Record of a file, or of one line of it, by the name of its schema, with the version of a format that states one."""


def schema_text(name: str) -> str:
    """Returns the text of a schema's file. Its id is the file's name: relative to where the schemas lie."""
    schema = {"$schema": DIALECT, "$id": file_name(name), **FORMATS[name].model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def file_name(name: str) -> str:
    """Returns the name of a schema's file."""
    return f"{name}.schema.json"


def write_schemas(folder: Path) -> None:
    """Writes `NAME.schema.json` for each format. Raises OSError where the folder cannot be written."""
    for name in FORMATS:
        write_file(folder / file_name(name), schema_text(name))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("expected one folder: python -m jova_bench.tools.schemas DIR")
    write_schemas(Path(sys.argv[1]))
