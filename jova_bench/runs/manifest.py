"""Defines the record of `manifest.json`: what a run was asked to make, and what made it.

Every key is written, and has to be there again; what earlier versions wrote is read by `manifest_1`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from jova_bench.digests import short_digest
from jova_bench.errors import BenchError
from jova_bench.files.reading import Unread, as_record
from jova_bench.formatting.messages import fault, shown
from jova_bench.models.base import Plan
from jova_bench.prompts import Prompt
from jova_bench.records import FileRecord, Id, MetricSpec, Profile, Record, Seed
from jova_bench.runs.manifest_1 import as_schema_2, keys_of_schema_2
from jova_bench.suites.card import Card

SCHEMA: Literal[2] = 2
"""What this version writes. In 1 everything that makes a clip another one stood in a plan's `note`, as prose."""

NEWER = ("suite_origin", "card")
"""Keys that came while the number was 2, and that are not written where they say nothing."""


class PlanRecord(Record):
    """A `models.base.Plan` as it was written."""

    frames: int | None
    """Number of frames; None, as in the rest of the format, for whatever the source file has."""
    fps: int | float | None
    """Frames per second."""
    height: int | None
    """Pixels."""
    width: int | None
    """Pixels."""
    sample_rate_hz: int | None
    """Audio samples per second."""
    seconds: int | float | None
    """Length of the clip."""
    note: str
    """Words for readers."""
    audio: Literal["generated", "driving", "none"] | None
    """Where the audio comes from: `driving` is audio that the model was given. None: not stated."""
    settings: Mapping[str, bool | int | float | str] | None
    """None in a plan of schema 1 of which only `note` says, in words, what made its clip."""
    weights: str | None
    """Digest of the weights; None for a model without."""

    def differences(self, now: PlanRecord) -> str | None:
        """Returns the fields that differ and change the clips, as one text; None if there are none.

        `note` is for readers and does not count, unless it is all that there is.
        """
        prose = {"settings", "weights"} if self.settings is None else {"note"}
        fields = [name for name in type(self).model_fields if name not in prose]
        changed = [name for name in fields if getattr(self, name) != getattr(now, name)]
        return "; ".join(f"{name} was {getattr(self, name)}, is {getattr(now, name)}" for name in changed) or None

    def digest(self) -> str:
        """Returns the digest of all that `differences` compares: equal for plans without a difference."""
        compared = {name: _whole(value) for name, value in self.model_dump(exclude={"note", "settings"}).items()}
        settings = {name: _whole(value) for name, value in (self.settings or {}).items()}
        return short_digest(json.dumps([compared, settings], sort_keys=True).encode())


def _whole(value: object) -> object:
    """Returns a value as one of those that equal it: 25.0 and 25 are one rate, True and 1 one setting."""
    return int(value) if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()) else value


class NoPlan(Record):
    """Why a model had no plan for a prompt."""

    why_not: str
    """What the prompt lacks, or the model cannot do."""


def _any_plan(value: Any) -> PlanRecord | NoPlan:
    """Makes a record of the kind that the keys tell: pydantic would list the faults of both kinds."""
    without = isinstance(value, NoPlan) or (isinstance(value, Mapping) and "why_not" in value)
    return (NoPlan if without else PlanRecord).model_validate(value)


AnyPlan = Annotated[PlanRecord | NoPlan, BeforeValidator(_any_plan)]


def plan_record(model: str, prompt_id: str, plan: Plan | str) -> AnyPlan:
    """Makes the record of a plan, or of the reason why there is none. Raises BenchError for one that cannot be kept."""
    if isinstance(plan, str):
        return NoPlan(why_not=plan)
    try:
        return PlanRecord.model_validate({one.name: getattr(plan, one.name) for one in fields(Plan)}, strict=True)
    except ValidationError as error:
        raise BenchError(f"the model {model!r}: its plan for prompt {prompt_id!r}: {fault(error)}") from error


class ModelRecord(Record):
    """A model of the run: how it was asked for, its settings and its plans."""

    asked: str
    """Name by which the command asked for it."""
    device: str
    """Device that it ran on: `cpu`, `cuda` or `cuda:i`."""
    needs: tuple[str, ...]
    """What a prompt must have beside its captions: `reference`, `image`, `audio`."""
    batch_size: int
    """Prompts per call."""
    settings: Mapping[str, Any]
    """What the model states of all its clips."""
    plans: Mapping[str, AnyPlan]
    """Plans, one for each prompt id."""


class Fairness(Record):
    """What was the same for every model, and what was not."""

    prompts: str
    """A sentence on what was the same: the prompts."""
    seeds: str
    """A sentence on what was the same: the seeds."""
    devices: Mapping[str, str]
    """Devices, one for each model, like the next two."""
    native_formats: Mapping[str, tuple[str, ...]]
    """The different formats of its clips."""
    settings: Mapping[str, Mapping[str, Any]]
    """What it states of all its clips."""


class Provenance(Record):
    """The code and the machine of one command; see `provenance.collect`."""

    git_commit: str | None
    """Commit of the checkout; None outside one."""
    git_dirty: str | None
    """sha256 (hex) of how the code differs from the commit; None where it does not."""
    packages: Mapping[str, str]
    """Version of every installed distribution."""
    python: str
    """Version of Python."""
    platform: str
    """Operating system and processor."""
    cpu_count: int | None
    """Logical cores."""
    device: str
    """Device that scored: `cpu`, `cuda` or `cuda:i`."""
    device_name: str | None
    """Name of the processor or GPU; None in a manifest of schema 1 without it."""


class Manifest(FileRecord):
    """The whole file."""

    schema_version: Literal[2] = Field(validation_alias="schema", serialization_alias="schema")
    """Version of the format."""
    suite: str
    """Name of the suite."""
    suite_digest: str
    """sha256 (hex) of the prompts and of every file that they name."""
    prompts_digest: str | None = Field(validation_alias="question", serialization_alias="question")
    """Digest of what was asked; runs with different ones do not compare. None in a run of the first version."""
    suite_origin: str | None = None
    """What the suite was downloaded from, with its commit; not there for one of this machine."""
    card: Card | None = None
    """What the suite says that clips should be; not there where it says nothing."""
    domain: Literal["embedded"] | None
    """`embedded` when the clips are what the embedded evaluators were trained on."""
    reference_set: str | None
    """Real clips that set distances compare with; None where the suite names none."""
    profile: Profile
    """Profile of the metrics that were asked for."""
    seeds: tuple[Seed, ...]
    """All sampling seeds that were asked for."""
    device: str
    """Device of the latest command."""
    metrics: tuple[str, ...]
    """Names that were asked for."""
    specs: tuple[MetricSpec, ...]
    """Specifications of the metrics that measured; empty before scoring."""
    models: Mapping[Id, ModelRecord]
    """One for each model, by its name in this run."""
    fairness: Fairness
    """Conditions that all models shared, and those that they did not."""
    provenance: tuple[Provenance, ...]
    """One entry for each command that had another origin than the one before."""
    prompts: tuple[Prompt, ...]
    """The suite's prompts."""

    @model_serializer(mode="wrap")
    def _without_what_is_newer(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = write(self)
        return {name: value for name, value in fields.items() if name not in NEWER or value is not None}

    def written(self) -> dict[str, Any]:
        """Returns the object of the file."""
        return self.model_dump(mode="json")


def read_manifest(value: Any, where: str) -> Manifest:
    """Makes the record of an object that was read from a file.

    Args:
        value: from JSON.
        where: names the file in messages.

    Raises:
        BenchError: it has a schema that this version does not know, or does not fit its own.
    """
    if not isinstance(value, dict):
        raise Unread(where, f"expected an object, got {shown(value)}")
    schema = value.get("schema")
    if type(schema) is not int or schema not in (1, SCHEMA):
        raise BenchError(f"{where}: expected schema 1 or {SCHEMA}, got {_unknown(value)}")
    if schema == 1:
        if later := keys_of_schema_2(value):
            what = f"{later}: expected no such key in schema 1, got one of schema {SCHEMA}"
            raise BenchError(f"{where}: {what}; put the file back as it was written, or use another folder")
        return as_record(Manifest, as_schema_2(value), where)
    manifest = as_record(Manifest, value, where)
    for place, spec in enumerate(manifest.specs):
        # Elsewhere a spec may leave out what is usual; here an identity is made of it.
        if lacking := [name for name in MetricSpec.model_fields if name not in spec.model_fields_set]:
            raise Unread(where, f"specs.{place}.{lacking[0]}: expected a value, got none")
    return manifest


def _unknown(value: Mapping[str, Any]) -> str:
    """Formats a manifest's schema that is not known, and what to do: only a higher number tells what wrote it."""
    schema = value.get("schema")
    if type(schema) is int and schema > SCHEMA:
        return f"{schema}: a later version of jova-bench wrote it; use that version, or another folder"
    got = shown(schema) if "schema" in value else "no `schema`"
    return f"{got}, which no version of jova-bench writes; put the file back as it was written, or use another folder"
