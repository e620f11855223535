"""The harness's vocabulary: samples, scores and specifications of metrics; prompts have a module of their own.

Everything that is written to disk is a frozen pydantic record, so a file that does not fit is refused
with the name of the field. Imports nothing heavier than numpy and pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from jova_bench.errors import OUTSIDE, OUTSIDE_HINT
from jova_bench.files.paths import check_path
from jova_bench.files.record import FileRecord as FileRecord
from jova_bench.files.record import Record as Record
from jova_bench.formatting.messages import shown
from jova_bench.identity import Identity, NoIdentity, joined
from jova_bench.identity import Profile as Profile
from jova_bench.ids import check_id
from jova_bench.keys import SampleKey, ScoreKey

Status = Literal["ok", "undefined", "failed"]
"""`undefined`: the question has no answer for this clip (no speech, no face, outside the domain).
`failed`: the question could not be asked (missing package or weights, unreadable file, a crash)."""

Direction = Literal["up", "down", "target"]
"""Whether more is better, less is better, or the value is to match the real clips' value."""

Timing = Literal["free", "aligned", "reference"]
"""How a clip's audio relates in time to its prompt's reference clip: `free` (a model invented its own
timing), `aligned` (sample by sample, e.g. a codec round trip), `reference` (it is the reference)."""

Micro = Literal[
    "transcript_words", "transcript_characters", "new_words", "spoken_words", "spoken_characters", "spoken_new_words",
    "speakers_words", "speakers_characters",
]  # fmt: skip
"""What the weight of a clip in a micro average counts: in its transcript as Whisper's rules have it, or as spoken; or
in what each of several speakers says."""

LARGEST_VALUE = 1e60
Value = Annotated[float, Field(ge=-LARGEST_VALUE, le=LARGEST_VALUE)]
"""No metric comes near these, and the sums of squares of what is between them are finite."""

Seed = Annotated[int, Field(ge=0, lt=2**63, description="Sampling seed.")]
"""Random generators take no other numbers."""
Id = Annotated[str, AfterValidator(check_id)]
AnyOutcome = TypeVar("AnyOutcome", "Outcome", "Score")


class Finding(Record):
    """Something noticed about a media file that a reader of its scores should know."""

    code: str
    """Short stable name: `no_audio`, `no_video`, `length_mismatch`, `vfr`, `start_offset`, `silent`, ..."""
    detail: str
    """The measured facts, with units."""


class Sample(Record):
    """One attempt of one model at one prompt with one seed: a line of `samples.jsonl`."""

    model: Id
    """Name of the model in this run."""
    prompt_id: Id
    """Id of the prompt in the suite."""
    seed: Seed
    status: Literal["ok", "failed", "refused"]
    """`refused` when the model declined the prompt, `failed` when there is no clip for any other reason."""
    reason: str | None = None
    """Why it failed or was refused; None when ok."""
    attempt: Annotated[int, Field(ge=1)] | None = None
    """Number of the attempt, from 1; None for a prompt that the model was not asked for, for a copy of a file, and in
    records of versions that did not keep it."""
    answered: bool | None = None
    """Whether the model answered this attempt: by a clip, by something that is no clip as planned, or by a refusal.
    False where the machine failed (a crash, memory, time, a connection); None without an attempt."""
    plan_digest: str | None = None
    """Digest of the plan that the model was asked with; None without an attempt, and in records of versions that did
    not keep it."""
    clip: Annotated[str, AfterValidator(check_path)] | None = None
    """Path of the clip inside the run folder."""
    clip_digest: str | None = None
    """`Clip.digest` of the decoded clip."""
    file_digest: str | None = None
    """sha256 (hex) of the file; None in records of versions that did not keep it."""
    decoded_bytes: int | None = None
    """Memory that the decoded clip takes; None in records of versions that did not keep it."""
    timing: Timing = "free"
    """How the audio relates in time to the prompt's real clip."""
    findings: tuple[Finding, ...] = ()
    """What was noticed about the file."""
    generate_s: float | None = None
    """Wall-clock seconds this sample took (its share of its batch), without loading weights where the model tells."""
    load_s: float | None = None
    """Seconds that weights were loaded before this sample."""
    clip_s: float | None = None
    """Length of the clip in seconds."""
    peak_memory_bytes: int | None = None
    """Most memory of the device that was in use; None where not measured."""
    function_evals: int | None = None
    """Forward passes of the network per clip."""

    @property
    def key(self) -> SampleKey:
        """Returns which clip it is."""
        return SampleKey(self.model, self.prompt_id, self.seed)

    @property
    def why_none(self) -> str | None:
        """Returns why there is no clip, as metrics give it; None when ok."""
        return f"refused: {self.reason}" if self.status == "refused" else self.reason

    def with_findings(self, found: Iterable[Finding]) -> Sample:
        """Returns it with what else was noticed, each thing once."""
        return self.model_copy(update={"findings": tuple(dict.fromkeys((*self.findings, *found)))})


def _value_iff_ok(one: AnyOutcome) -> AnyOutcome:
    if (one.status == "ok") != (one.value is not None) or (one.status == "ok") != (one.reason is None):
        raise ValueError(f"ok needs a value and no reason, other statuses a reason and no value; got {one!r}")
    return one


class Outcome(Record):
    """What a metric says of one clip: a value, or the reason why there is none."""

    status: Status
    """Whether there is a value, no answer, or a metric that could not be asked."""
    value: Value | None = None
    """The metric's number; None unless ok."""
    reason: str | None = None
    """Why there is no value; None when ok."""
    findings: tuple[Finding, ...] = ()
    """What was noticed about the clip in measuring it; a run keeps them with the sample."""

    _checked = model_validator(mode="after")(_value_iff_ok)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yields what a print shows: the fields, and what to do about a clip outside the embedded domain."""
        yield from super().__repr_args__()
        if self.reason == OUTSIDE:
            yield "hint", OUTSIDE_HINT


class Score(Record):
    """One metric of one sample: a line of `scores.jsonl`."""

    model: Id
    """Name of the model in this run."""
    prompt_id: Id
    """Id of the prompt in the suite."""
    seed: Seed
    metric: str
    """Name of the metric."""
    identity: Identity
    """Identity of the metric: two values compare only if theirs are equal."""
    status: Status
    """Whether there is a value, no answer, or a metric that could not be asked."""
    value: Value | None
    """The metric's number, in its unit; None unless ok."""
    reason: str | None
    """Why there is no value; None when ok."""

    _checked = model_validator(mode="after")(_value_iff_ok)

    @property
    def key(self) -> ScoreKey:
        """Returns which metric of which clip it is."""
        return ScoreKey(SampleKey(self.model, self.prompt_id, self.seed), self.identity)

    def outcome(self) -> Outcome:
        """Returns its status, with its value or the reason why there is none."""
        return Outcome(status=self.status, value=self.value, reason=self.reason)


class MetricSpec(Record):
    """What a metric is, apart from its arithmetic."""

    name: str
    """Name of the metric; its variants share it."""
    version: int
    """Raised whenever the same clip could get another value."""
    profile: Profile
    """Profile of the evaluator that measures it."""
    backend: str
    """Which evaluator measures it, e.g. `syncnet-a`, `pocketsphinx`, `p862`."""
    protocol: str = "clean"
    """`clean` for ours; `BENCH@COMMIT` for what a published bench computes, bug for bug (`compat`)."""
    weights: str | None = None
    """First 12 hex digits of the weights' sha256, with `?` where none is published; None without weights."""
    params: Mapping[str, str | int | float] = Field(default_factory=dict)
    """Preprocessing parameters that change the value."""
    level: Literal["clip", "set"] = "clip"
    """Whether a value is of one clip, or of a set of clips."""
    unit: str = ""
    """Unit of its values; empty for a number without one."""
    direction: Direction
    """Whether more is better, less is better, or the real clips' value is the target."""
    needs: tuple[
        Literal[
            "video", "audio", "transcript", "image", "voice", "reference", "reference_set", "tags", "edit", "speakers"
        ],
        ...,
    ]
    """What a clip and its prompt must have."""
    domain: str
    """Description of the clips for which the value is valid."""
    description: str
    """One line for `ls metrics`."""
    source: str = ""
    """Paper section, equation, or upstream file."""
    micro: Micro | None = None
    """Weight of a clip in the mean: length of its transcript, or of what is new in it (a micro average), or equal."""
    proportion: bool = False
    """A clip's value is 1 or 0, right or wrong, so that the mean is a share of clips. No part of the identity."""

    @field_validator("params", mode="before")
    @classmethod
    def _has_no_switch(cls, params: object) -> object:
        for key, value in params.items() if isinstance(params, Mapping) else ():
            if isinstance(value, bool):  # It would become the number 1 or 0, and its text that of the number.
                raise NoIdentity(f"expected a text or a number for {shown(key)}, got {value}; write 'yes' or 'no'")
        return params

    @model_validator(mode="after")
    def _has_an_identity(self) -> MetricSpec:
        _ = self.identity
        if self.version < 1:
            raise NoIdentity(f"expected a version from 1, got {self.version}")
        return self

    @property
    def identity(self) -> Identity:
        """Returns what a number is: two compare only if these are equal."""
        return Identity(
            self.name,
            self.version,
            self.profile,
            self.backend,
            self.protocol,
            self.weights or None,
            joined(self.params),
        )
