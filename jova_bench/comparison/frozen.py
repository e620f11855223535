"""Defines the file of a frozen run: the results of every clip as one JSON text that can be committed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from jova_bench.arrays import FloatArray
from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_json
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey, PromptSeed
from jova_bench.records import FileRecord, Id, MetricSpec, Micro, Outcome, Profile, Record, Seed, Status, Value
from jova_bench.runs.estimates import ClipResult
from jova_bench.summary import AttemptCounts

LARGEST = 1e60
"""Largest magnitude of a feature: their squares are summed."""


class Vectors(Record):
    """Holds the features of one clip, without loss."""

    shape: tuple[int, ...] = Field(min_length=1, max_length=2)
    """(d,) or (p, d)."""
    dtype: Literal["<f4", "<f8"]
    """Type of the numbers: little-endian floats of 4 or 8 bytes."""
    data: str
    """Numbers in base64, row by row."""


class FrozenCell(Record):
    """Holds the result of one clip: a value, features, or the reason why there is neither."""

    prompt_id: Id
    """Id of the prompt in the suite."""
    seed: Seed
    status: Status
    """Whether there is a value or features, no answer, or a metric that could not be asked."""
    value: Value | None = None
    """Value of a clip metric; None unless ok."""
    reason: str | None = None
    """Why there is no value; None when ok."""
    features: Vectors | None = None
    """Features for a set metric; None unless ok."""


class FrozenColumn(Record):
    """Holds one metric of one model."""

    model: Id
    """Name of the model in the run."""
    identity: Identity
    """Identity of the metric: two values compare only if theirs are equal."""
    cells: tuple[FrozenCell, ...] = Field(min_length=1)
    """One for each clip."""


class Frozen(FileRecord):
    """Defines the file of a frozen run."""

    schema_version: Literal[2] = Field(2, alias="schema")
    """Version; 1 kept the words of transcripts alone."""
    suite: str
    """Name of the suite."""
    prompts_digest: str = Field(validation_alias="question", serialization_alias="question")
    """Digest of what was asked; runs with different ones do not compare."""
    profile: Profile
    """Profile of the metrics that were asked for."""
    specs: tuple[MetricSpec, ...]
    """The metrics that measured."""
    lengths: Mapping[Micro, Mapping[Id, Annotated[int, Field(ge=0, lt=2**31)]]]
    """Words or characters of each prompt's transcript, where an error rate is weighted by them."""
    made_by: Mapping[str, Any]
    """Code and machine of the run's last command, as in its manifest."""
    columns: tuple[FrozenColumn, ...]
    """One for each model and metric identity."""
    attempts: tuple[AttemptCounts, ...] | None = None
    """How often models were asked: those with more than one attempt at a sample, or a refusal."""


Columns = Mapping[ColumnKey, Mapping[PromptSeed, ClipResult]]
"""The results of every clip, by column."""


def frozen_columns(columns: Columns) -> tuple[FrozenColumn, ...]:
    """Returns the columns as records, their cells by prompt and seed."""
    return tuple(
        FrozenColumn(model=model, identity=identity, cells=tuple(_frozen(cell, parts[cell]) for cell in sorted(parts)))
        for (model, identity), parts in columns.items()
    )


def read_frozen(path: Path) -> tuple[Frozen, Columns]:
    """Reads a file of a frozen run; returns the record, and its columns.

    Raises:
        BenchError: the file is broken.
    """
    try:
        frozen = as_record(Frozen, read_json(path), str(path))
        columns = {
            ColumnKey(column.model, column.identity): {
                PromptSeed(cell.prompt_id, cell.seed): _thawed(cell) for cell in column.cells
            }
            for column in frozen.columns
        }
    except (BenchError, ValueError) as error:
        what = str(error) if isinstance(error, BenchError) else f"{path}: {error}"
        raise BenchError(f"{what}; `jova-bench freeze RUN` makes such a file") from error
    return frozen, columns


def _frozen(cell: PromptSeed, part: ClipResult) -> FrozenCell:
    if isinstance(part, Outcome):
        return FrozenCell(**cell._asdict(), status=part.status, value=part.value, reason=part.reason)
    # Most embedders give float32: half the size.
    dtype: Literal["<f4", "<f8"] = "<f4" if np.array_equal(part.astype("<f4").astype("<f8"), part) else "<f8"
    data = base64.b64encode(part.astype(dtype).tobytes()).decode()
    features = Vectors(shape=part.shape, dtype=dtype, data=data)
    return FrozenCell(**cell._asdict(), status="ok", features=features)


def _thawed(cell: FrozenCell) -> ClipResult:
    if cell.features is None:
        return Outcome(status=cell.status, value=cell.value, reason=cell.reason)
    data = base64.b64decode(cell.features.data, validate=True)
    found = np.frombuffer(data, cell.features.dtype).astype(np.float64)
    if not (np.abs(found) < LARGEST).all():
        raise ValueError(f"{cell.prompt_id}: expected finite features below {LARGEST:g}")
    features: FloatArray = found.reshape(cell.features.shape)
    return features
