"""What a metric is called and how it is built: one `MetricEntry` for built-in metrics and those of packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from jova_bench.identity import Selection
from jova_bench.metrics.base import Metric, MetricContext
from jova_bench.metrics.real_clips import Kind
from jova_bench.records import Profile
from jova_bench.registry import load

Factory = Callable[..., Metric]
"""`factory(context, **options)`."""


class Family(StrEnum):
    """Titles of the tables of a report, in their order."""

    LIP_SYNC = "Lip-sync"
    LIP_SYNC_IN_TIME = "Lip-sync in time"
    AUDIO_VISUAL = "Picture and sound together"
    DISTANCE = "Distance from real clips"
    SPEECH_AND_SOUND = "Speech and sound"
    AESTHETICS = "Audio aesthetics"
    PICTURE = "Picture"
    FACE = "Face and lips"
    PROMPT = "Prompt following"
    EDITING = "Editing"
    JUDGE = "Judges"


@dataclass(frozen=True)
class Variant:
    """Describes a metric as others compute it; it has its own identity and is computed only when selected."""

    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the factory: over those of the entry, or alone where the variant has its own factory."""
    real_clips: Kind | None = None
    """The real clips that it compares with."""
    factory: str | Factory | None = None
    """None for the factory of the entry."""


@dataclass(frozen=True)
class MetricEntry:
    """One metric of one profile; two evaluators of the same name are two entries.

    An installed package names one as an entry point of the group `jova_bench.metrics`, called like the metric.
    """

    name: str
    title: str
    """What tables call it."""
    family: str
    """The table that it stands in: a `Family`, or a title of one's own."""
    profile: Profile
    factory: str | Factory
    """`factory(context, **options)` returns the metric; a text `module:attribute` is imported when it is built."""
    options: Mapping[str, str] = field(default_factory=dict)
    real_clips: Kind | None = None
    """The real clips that `context.real_clips` holds: the set that a suite names, or its prompts' own."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """Variants by the name after the `@`: a published bench, another size of a recogniser, another detector."""
    default: bool = True
    """Whether a run that names no metrics computes it."""
    plain: bool = True
    """Whether there is a metric of the bare name; False where only variants exist."""

    def choices(self) -> Iterator[Choice]:
        """Returns all that can be built from this entry: the metric itself, then its variants."""
        if self.plain:
            yield Choice(self, None, self.factory, self.options, self.real_clips)
        for name, one in self.variants.items():
            options = one.options if one.factory else {**self.options, **one.options}
            yield Choice(self, name, one.factory or self.factory, options, one.real_clips)


@dataclass(frozen=True)
class Choice:
    """A metric or one of its variants."""

    entry: MetricEntry
    variant: str | None
    factory: str | Factory
    options: Mapping[str, str]
    real_clips: Kind | None

    @property
    def select(self) -> str:
        """What a user types to get it: `name`, or `name@variant`."""
        return str(Selection(self.entry.name, self.variant))

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that may be typed to get it; `@variant` gets that variant of every metric."""
        return (self.select,) if self.variant is None else (self.select, str(Selection("", self.variant)))

    def matches(self, wanted: Iterable[str] | None) -> bool:
        """Returns whether a selection includes this; None is the default selection."""
        if wanted is None:
            return self.variant is None and self.entry.default
        return not set(self.names).isdisjoint(wanted)

    def build(self, context: MetricContext) -> Metric:
        """Builds the metric by its factory, which is imported now."""
        factory = self.factory
        if isinstance(factory, str):
            factory = cast(Factory, load(factory, f"the metric {self.select!r}"))
        return factory(context, **self.options)
