"""The record of `manifest.json`: what a run was asked for, and what made it.

Every field may be missing, since older versions wrote fewer; one that is there has its kind, to the last level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, shown
from jova_bench.records import FileRecord, Id, MetricSpec, Profile, Prompt, Record, Seed

SCHEMA: Literal[2] = 2
"""What this version writes."""
SCHEMAS = (1, SCHEMA)
"""What this version reads. 1: everything that makes a clip another one stood in a plan's `note`, as prose."""


class PlanRecord(Record):
    """A `models.base.Plan` as it was written, or why there was none."""

    frames: int | None = None
    fps: int | float | None = None
    height: int | None = None
    width: int | None = None
    sample_rate_hz: int | None = None
    seconds: int | float | None = None
    note: str = ""
    audio: Literal["generated", "driving", "none"] | None = None
    settings: Mapping[str, bool | int | float | str] | None = None
    """None in plans of schema 1, which say in `note` what made their clips."""
    weights: str | None = None
    why_not: str | None = None

    def differences(self, now: PlanRecord) -> str | None:
        """Names the fields that make the clips of another plan other clips; None where there are none.

        `note` is for readers and does not count, but for a plan of schema 1, where it stands for settings and weights.
        """
        prose = {"settings", "weights"} if self.settings is None else {"note"}
        fields = [name for name in type(self).model_fields if name not in prose]
        changed = [name for name in fields if getattr(self, name) != getattr(now, name)]
        return "; ".join(f"{name} was {getattr(self, name)}, is {getattr(now, name)}" for name in changed) or None


class ModelRecord(Record):
    """What a model said before it started."""

    asked: str = ""
    """The name it was asked for by."""
    device: str | None = None
    needs: tuple[str, ...] = ()
    batch_size: int | None = None
    settings: Mapping[str, Any] = Field(default_factory=dict)
    plans: Mapping[str, PlanRecord] = Field(default_factory=dict)
    """Plans, one for each prompt id."""


class Fairness(Record):
    """What was the same for every model, and what was not."""

    prompts: str = ""
    seeds: str = ""
    devices: Mapping[str, str] = Field(default_factory=dict)
    """Devices, one for each model, like the next two."""
    native_formats: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)


class Provenance(Record):
    """The code and the machine of one command; see `provenance.collect`."""

    git_commit: str | None = None
    git_dirty: str | None = None
    packages: Mapping[str, str] = Field(default_factory=dict)
    python: str | None = None
    platform: str | None = None
    cpu_count: int | None = None
    device: str | None = None
    device_name: str | None = None


class Manifest(FileRecord):
    """The whole file."""

    schema_version: Literal[1, 2] = Field(default=SCHEMA, validation_alias="schema", serialization_alias="schema")
    suite: str | None = None
    suite_digest: str | None = None
    prompts_digest: str | None = Field(default=None, validation_alias="question", serialization_alias="question")
    """Digest of what was asked; runs with different ones do not compare."""
    domain: Literal["embedded"] | None = None
    reference_set: str | None = None
    profile: Profile | None = None
    seeds: tuple[Seed, ...] = ()
    device: str | None = None
    metrics: tuple[str, ...] = ()
    """Names that were asked for."""
    specs: tuple[MetricSpec, ...] = ()
    """What measured; empty until something did."""
    models: Mapping[Id, ModelRecord] = Field(default_factory=dict)
    fairness: Fairness | None = None
    provenance: tuple[Provenance, ...] = ()
    """One entry for each command that had another origin than the one before."""
    prompts: tuple[Prompt, ...] = ()

    def written(self) -> dict[str, Any]:
        """Returns the object of the file: the fields that were read or given, in their order, and always `schema`."""
        return {"schema": self.schema_version} | self.model_dump(mode="json", exclude_unset=True)


def read_manifest(value: Any, where: str) -> Manifest:
    """Makes the record of an object that was read from a file.

    Args:
        value: from JSON.
        where: names the file in messages.

    Raises:
        BenchError: it has a schema that this version does not know, or does not fit its own.
    """
    if not isinstance(value, dict):
        raise BenchError(f"{where}: expected an object, got {shown(value)}; start again in another folder")
    schema = value.get("schema", SCHEMAS[0])
    if type(schema) is not int or schema not in SCHEMAS:
        what = f"expected schema {' or '.join(map(str, SCHEMAS))}, got {shown(schema)}: another version of jova-bench"
        raise BenchError(f"{where}: {what} wrote it; use that version, or another folder")
    return as_record(Manifest, value, where)
