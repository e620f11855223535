"""Records of `summary.json`: an estimate for each model, metric and slice, and what a model's clips cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from jova_bench.formatting.text import counted
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey
from jova_bench.records import Direction, FileRecord, Profile, Record, Value


class Estimate(Record):
    """One (model, metric, identity, slice) of `summary.json`."""

    model: str
    """Name of the model in this run."""
    metric: str
    """Name of the metric."""
    identity: Identity
    """Identity of the metric: two values compare only if theirs are equal."""
    slice: str | None = None
    """`tag=value`, or None for all prompts."""
    level: Literal["clip", "set"]
    """`clip`: a mean over clips; `set`: one value of all clips."""
    value: Value | None
    """None unless something was ok."""
    ci: tuple[Value, Value] | None = None
    """95 % interval over prompts."""
    unit: str
    """Unit of `value` and `ci`; empty for a number without one."""
    direction: Direction
    """Whether more is better, less is better, or the real clips' value is the target."""
    n_ok: int
    """Clips with a value."""
    n_undefined: int
    """Clips for which the metric has no answer."""
    n_failed: int
    """Clips that are missing, or of which the metric could not be asked."""
    n_prompts: int
    """Prompts with at least one ok score."""
    n_seeds: int
    """Sampling seeds with at least one ok score."""
    reasons: Mapping[str, int] = Field(default_factory=dict)
    """How often each reason for undefined or failed was given."""
    extra: Mapping[str, float] = Field(default_factory=dict)
    """Set metrics: `n`, `d`, `n_to_infinity`, `n_to_infinity_r2`; judges: `repeats`, `alpha`."""

    @property
    def column(self) -> ColumnKey:
        """Returns the key of the column that it sums up."""
        return ColumnKey(self.model, self.identity)


class Cost(Record):
    """What a model's clips cost."""

    model: str
    """Name of the model in this run."""
    seconds_per_clip: float | None
    """Median wall-clock seconds to generate a clip; None where not measured."""
    real_time_factor: float | None
    """Generation time / clip length; below 1 is faster than real time."""
    peak_memory_bytes: int | None
    """Most memory of the device over all clips; None where not measured."""
    function_evals: float | None
    """Mean number of forward passes of the network per clip; None where not stated."""


ABOUT_ATTEMPTS = (
    "What the machine failed (a crash, memory, time, a connection) is tried again; what a model answered, by a refusal "
    "or by something that is no clip as planned, only on request, as that is a second draw."
)
"""What a table says beside attempts and refusals."""


class AttemptCounts(Record):
    """How often a model was asked."""

    model: str
    """Name of the model in this run."""
    samples: int
    """Prompts and seeds that it was asked for; none that it could not be asked for, as without its weights."""
    attempts: int
    """How often it was asked for them, the first time included."""
    redrawn: int
    """Other answers at samples that it had answered before: second draws."""
    refused: int
    """Attempts that it refused."""

    @property
    def notable(self) -> bool:
        """Returns whether readers of a table have to know of it: something was tried again, or refused."""
        return self.attempts > self.samples or self.refused > 0

    @property
    def text(self) -> str:
        """Formats what readers have to know: `6 attempts at 5 samples, 1 second draw, 1 refusal`."""
        again = self.attempts > self.samples
        return ", ".join(
            [f"{counted(self.attempts, 'attempt')} at {counted(self.samples, 'sample')}"] * again
            + [counted(self.redrawn, "second draw")] * (self.redrawn > 0)
            + [counted(self.refused, "refusal")] * (self.refused > 0)
        )


class Summary(FileRecord):
    """`summary.json`: everything a table shows."""

    schema_version: Literal[1] = Field(1, alias="schema")
    """Version of the format."""
    suite: str
    """Name of the suite."""
    profile: Profile
    """Profile of the metrics that were asked for."""
    estimates: tuple[Estimate, ...]
    """One for each model, metric identity and slice."""
    cost: tuple[Cost, ...]
    """One for each model."""
    attempts: tuple[AttemptCounts, ...] = ()
    """One for each model that was asked for anything; none in files of versions that did not count."""


def attempts_text(found: Iterable[AttemptCounts]) -> str:
    """Formats what is notable of each model; empty where every sample was one attempt and none was refused."""
    return "; ".join(f"{one.model}: {one.text}" for one in found if one.notable)
