"""Writes the records of a run as tables that `datasets` loads: Parquet where pyarrow is installed, else JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jova_bench.files.writing import write_file
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.runs.store import Run

FOLDER = "data"
"""Folder of the tables in a data set."""
SPLIT = "test"
"""The one split of each table."""


@dataclass(frozen=True)
class Table:
    """Holds rows of single values, and the type of each column, as the Hub names them."""

    name: str
    about: str
    types: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]


def tables(board: Leaderboard, run: Run) -> tuple[Table, ...]:
    """Returns the tables of a run; its prompts are one where their texts are there."""
    labels = {column.identity: column.label for column in board.columns}
    specs = {spec.identity: spec for spec in run.manifest.specs}
    found = [
        Table(
            "estimates",
            "one row per model, metric and slice (null: all prompts), with the 95 % interval and the counts of clips",
            {
                "model": "string", "metric": "string", "label": "string", "identity": "string", "slice": "string",
                "level": "string", "value": "float64", "ci_low": "float64", "ci_high": "float64", "unit": "string",
                "direction": "string", "n_ok": "int64", "n_undefined": "int64", "n_failed": "int64",
                "n_prompts": "int64", "n_seeds": "int64", "reasons": "string",
            },
            [
                one.model_dump(mode="json", exclude={"ci", "reasons", "extra"})
                | dict(zip(("ci_low", "ci_high"), one.ci or (None, None), strict=True))
                | {"label": labels[one.identity], "reasons": _json(one.reasons)}
                for one in board.summary.estimates
            ],
        ),
        Table(
            "scores",
            "one row per clip and metric, with the value or the reason why there is none",
            {
                "model": "string", "prompt_id": "string", "seed": "int64", "metric": "string", "identity": "string",
                "status": "string", "value": "float64", "reason": "string",
            },
            [one.model_dump(mode="json") for one in run.scores],
        ),
        Table(
            "samples",
            "one row per model, prompt and seed: what was made, or why there is no clip",
            {
                "model": "string", "prompt_id": "string", "seed": "int64", "status": "string", "reason": "string",
                "clip": "string", "clip_digest": "string", "findings": "string", "generate_s": "float64",
                "clip_s": "float64", "peak_memory_bytes": "int64", "function_evals": "int64",
            },
            [
                one.model_dump(mode="json", exclude={"findings"})
                | {"findings": "; ".join(f"{finding.code}: {finding.detail}" for finding in one.findings)}
                for one in run.samples
            ],
        ),
        Table(
            "metrics",
            "one row per identity: what a number is",
            dict.fromkeys(
                ("identity", "label", "name", "version", "profile", "backend", "protocol", "weights", "params",
                 "domain", "description", "source"), "string",
            ),
            [
                {"identity": one, "label": label, "name": one.name, "version": str(one.version), "profile": one.profile}
                | {"backend": one.backend, "protocol": one.protocol, "weights": one.weights, "params": one.params}
                | {name: getattr(specs.get(one), name, None) for name in ("domain", "description", "source")}
                for one, label in labels.items()
            ],
        ),
    ]  # fmt: skip
    prompts = run.manifest.prompts
    texts = ("video_caption", "audio_caption", "transcript")
    if any(getattr(one, name) for one in prompts for name in texts):
        found.append(
            Table(
                "prompts",
                "one row per prompt",
                dict.fromkeys(("id", *texts, "language", "tags"), "string"),
                [one.model_dump(mode="json") | {"tags": _json(one.tags)} for one in prompts],
            )
        )
    return tuple(found)


def write_tables(found: Sequence[Table], folder: Path) -> dict[str, str]:
    """Writes tables below a folder and returns their paths in it by name."""
    suffix = "parquet" if find_spec("pyarrow") else "jsonl"
    paths = {one.name: f"{FOLDER}/{one.name}.{suffix}" for one in found}
    for one in found:
        rows = [{name: row[name] for name in one.types} for row in one.rows]
        path = folder / paths[one.name]
        path.parent.mkdir(exist_ok=True)
        if suffix == "parquet":
            _write_parquet(one.types, rows, path)
        else:
            write_file(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))
    return paths


def _write_parquet(types: Mapping[str, str], rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), ensure_ascii=False)
