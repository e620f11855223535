"""Defines what a calibration finds: how each metric responds to each change, paired with the unchanged clips.

`calibration.json` is a `Calibration`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from jova_bench.calibration.changes import Change
from jova_bench.comparison.pairing import ALPHA
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK
from jova_bench.identity import Identity
from jova_bench.metrics.responses import Axis, Expected
from jova_bench.records import Direction, FileRecord, Profile, Record, Value

if TYPE_CHECKING:
    import pandas as pd


class Level(Record):
    """A metric's value over all clips with one change."""

    value: Value | None
    """Mean over clips, or the distance of their set; None where no clip has a value."""
    ci: tuple[Value, Value] | None
    """95 % interval over clips."""
    n_ok: int
    """Clips with a value."""
    n_undefined: int
    """Clips for which the metric has no answer."""
    n_failed: int
    """Clips that could not be made, or of which the metric could not be asked."""
    reasons: Mapping[str, int] = Field(default_factory=dict)
    """How often each reason for undefined or failed was given."""


class Response(Record):
    """How a metric responds to one change."""

    change: str
    """Name of the change."""
    axis: Axis
    """What is changed."""
    strength: int
    """How much, in the unit of the axis; 0 for a change that is there or not."""
    expected: Expected | None
    """Whether the metric should notice the change or ignore it; None where nothing is claimed and it is measured."""
    level: Level
    """The value with the change."""
    n: int
    """Clips with a value with and without the change, on which the test is."""
    lost: int
    """Clips that have a value unchanged and none with the change."""
    difference: Value | None
    """Mean of the value with the change less that without it; None without a test."""
    ci: tuple[Value, Value] | None
    """95 % interval of the difference."""
    p: float | None
    """P-value of the paired test."""
    p_holm: float | None
    """The same after Holm over all changes of the metric."""
    min_detectable: float | None
    """Difference that this test finds four times in five; None where there are too few clips for any."""
    why_not: str | None
    """Why there is no test."""

    @property
    def title(self) -> str:
        """Returns what tables call the change."""
        return Change(self.axis, self.strength).title

    @property
    def differs(self) -> bool | None:
        """Returns whether the change is shown to make a difference; None where too few clips could show any."""
        if self.p_holm is None or (self.min_detectable is None and self.p_holm > ALPHA):
            return None
        return self.p_holm <= ALPHA

    @property
    def unwanted(self) -> bool:
        """Returns whether the metric moves by a change that it should ignore."""
        return self.expected == "ignore" and self.differs is True


class Resolution(Record):
    """The smallest offset between picture and sound that is shown to make a difference, in frames."""

    early: int | None
    """Sound before the picture; None where no offset is shown to make a difference."""
    late: int | None
    """Sound after the picture."""


class MetricCalibration(Record):
    """How one metric responds to all changes."""

    metric: str
    """Name of the metric."""
    identity: Identity
    """Identity of the metric, the same as in a run."""
    label: str
    """What tables call it."""
    unit: str
    """Unit of its values and differences."""
    direction: Direction
    """Whether more is better, less is better, or the real clips' value is the target."""
    unchanged: Level
    """The value of the clips as they are."""
    tests: int
    """Changes with a test, which share one error rate."""
    clips_needed: int
    """Clips below which no difference, however large, can be shown by so many tests."""
    resolution: Resolution | None
    """None where no offset was planted."""
    responses: tuple[Response, ...]
    """One for each change, by axis and strength."""

    @property
    def chance(self) -> Response | None:
        """Returns the response to the sound of another clip; None where that was not planted."""
        return next((one for one in self.responses if one.axis == Axis.OTHER_SOUND), None)

    @property
    def too_few(self) -> bool:
        """Returns whether there are tests, and none of them could show any difference."""
        return self.tests > 0 and all(one.differs is None for one in self.responses)

    def of(self, axis: Axis) -> tuple[Response, ...]:
        """Returns the responses along an axis."""
        return tuple(one for one in self.responses if one.axis == axis)

    def share_of_range(self, response: Response) -> float | None:
        """Returns a difference as a share of the way from unchanged to chance; None where chance does not differ."""
        chance = self.chance
        if chance is None or not chance.differs or not chance.difference or response.difference is None:
            return None
        return response.difference / chance.difference


class Calibration(FileRecord):
    """How metrics respond to changes that were planted on real clips."""

    schema_version: Literal[1] = Field(1, alias="schema")
    """Version of the format."""
    planted: int
    """Version of the changes: those of two versions do not compare."""
    suite: str
    """Name of the suite, or of the folder of the clips."""
    suite_digest: str
    """sha256 (hex) of the prompts and clips."""
    profile: Profile
    """Profile of the metrics."""
    clips: int
    """Real clips that changes were planted on."""
    failed: int
    """Changed clips that could not be made, whose reasons are in the counts."""
    alpha: float = ALPHA
    """Error rate that all tests of one metric share."""
    metrics: tuple[MetricCalibration, ...]
    """One for each identity, in the order of tables."""

    @property
    def exit_code(self) -> int:
        """Returns 5 when a changed clip could not be made, or there are too few clips for a metric; else 0."""
        return EXIT_INCOMPLETE if self.failed or any(one.too_few for one in self.metrics) else EXIT_OK

    def table(self) -> pd.DataFrame:
        """Returns one row per metric and change."""
        import pandas as pd

        return pd.DataFrame([
            {
                "metric": one.label, "identity": one.identity, "change": r.change, "axis": str(r.axis),
                "strength": r.strength, "expected": r.expected, "differs": r.differs, "value": r.level.value,
                "difference": r.difference, "ci": r.ci, "p": r.p, "p_holm": r.p_holm, "n": r.n, "lost": r.lost,
                "n_undefined": r.level.n_undefined, "n_failed": r.level.n_failed, "why_not": r.why_not,
            }
            for one in self.metrics for r in one.responses
        ])  # fmt: skip


def resolution_of(responses: Sequence[Response]) -> Resolution | None:
    """Finds the smallest offset on each side that is shown to make a difference; None where no offset was planted."""
    offsets = [one for one in responses if one.axis == Axis.OFFSET]
    if not offsets:
        return None
    differ = [one.strength for one in offsets if one.differs]
    return Resolution(
        early=min((one for one in differ if one > 0), default=None),
        late=min((-one for one in differ if one < 0), default=None),
    )
