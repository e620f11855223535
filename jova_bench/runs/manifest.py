"""What `manifest.json` says: what a run was asked for, and what made it.

Every field may be missing, since older versions wrote fewer; one that is there has its kind, to the last level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from jova_bench.records import FileRecord, Id, MetricSpec, Profile, Prompt, Record, Seed

SCHEMA = 1
"""What this version writes, and all that it reads."""


class PlanSaid(Record):
    """A `models.Plan` as it was written, or why there was none."""

    frames: int | None = None
    fps: float | None = None
    height: int | None = None
    width: int | None = None
    sample_rate_hz: int | None = None
    seconds: float | None = None
    note: str = ""
    audio: Literal["generated", "driving", "none"] | None = None
    why_not: str | None = None


class ModelSaid(Record):
    """What a model said before it started."""

    asked: str = ""
    """The name it was asked for by."""
    device: str | None = None
    needs: tuple[str, ...] = ()
    batch_size: int | None = None
    settings: Mapping[str, Any] = Field(default_factory=dict)
    plans: Mapping[str, PlanSaid] = Field(default_factory=dict)
    """By prompt id."""


class Fairness(Record):
    """What was the same for every model, and what was not."""

    prompts: str = ""
    seeds: str = ""
    devices: Mapping[str, str] = Field(default_factory=dict)
    """By model, like the next two."""
    native_formats: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)


class MadeBy(Record):
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

    schema_version: Literal[1] = Field(1, alias="schema")
    suite: str | None = None
    suite_digest: str | None = None
    prompts_digest: str | None = Field(None, validation_alias="question", serialization_alias="question")
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
    models: Mapping[Id, ModelSaid] = Field(default_factory=dict)
    fairness: Fairness | None = None
    provenance: tuple[MadeBy, ...] = ()
    """One entry for each command that had another origin than the one before."""
    prompts: tuple[Prompt, ...] = ()
