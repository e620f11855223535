"""The metrics: what they are (`base`), what they share (`features`), and one file per family.

This file is the catalogue: names and where their factories are. Building imports no torch and loads no weights.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jova_bench.metrics.base import ClipMetric, FeatureCache, SetMetric
from jova_bench.registry import Registry, suggest
from jova_bench.types import BenchError, Profile

Metric = ClipMetric | SetMetric
Factory = Callable[..., Metric]
"""`factory(cache, device, **options)`."""
ENTRY_POINTS = "jova_bench.metrics"
"""Group in which an installed package names metrics of its own, each a factory without options."""


@dataclass(frozen=True)
class Entry:
    """One metric of one profile; two evaluators of the same name are two entries."""

    name: str
    profile: Profile
    target: str
    """`module:factory`."""
    options: Mapping[str, str] = field(default_factory=dict)
    """For the factory."""
    bench: str | None = None
    """A published bench that is followed bug for bug; None for what we think right."""

    def answers(self, wanted: Iterable[str] | None) -> bool:
        """Whether a selection asks for this: `name`, or `name@bench` and `@bench` for what benches compute."""
        if self.bench is None:
            return wanted is None or self.name in wanted
        return wanted is not None and (f"{self.name}@{self.bench}" in wanted or f"@{self.bench}" in wanted)


def _entries(profile: Profile, names: str, module: str, /, **options: str) -> list[Entry]:
    """Factories that are called like their metrics."""
    return [Entry(name, profile, f"jova_bench.metrics.{module}:{name}", options) for name in names.split()]


def _profile(profile: Profile) -> list[Entry]:
    """What both profiles measure; the profile is part of the identity."""
    return [
        Entry("wer", profile, f"jova_bench.metrics.speech:{profile}", {"unit": "wer"}),
        Entry("cer", profile, f"jova_bench.metrics.speech:{profile}", {"unit": "cer"}),
        *_entries(profile, "pesq stoi", "audio", profile=profile),
        *_entries(profile, "dnsmos", "dnsmos", profile=profile),
        *_entries(profile, "loudness", "loudness", profile=profile),
    ]


_LIP_SYNC = "lse_c lse_d lse_d_at_0 av_offset_frames sync_within_1"
CATALOGUE: tuple[Entry, ...] = (
    *_entries("embedded", _LIP_SYNC, "lipsync", judge="a"),
    *_entries("embedded", _LIP_SYNC, "lipsync", judge="b"),
    *_entries("embedded", "mouth_audio_corr", "mouth"),
    *_entries("embedded", "fvd fad kvd kad", "sets", reference="embedded-reference"),
    *_entries("embedded", "prompt_hair prompt_background prompt_voice", "alignment"),
    *_profile("embedded"),
    *_profile("standard"),
)
"""Every built-in metric, in the order of tables."""


def build(names: Iterable[str] | None, profile: Profile, cache: FeatureCache, device: str) -> list[Metric]:
    """The metrics of a profile.

    Args:
        names: which; None for all but compat ones. A name brings every evaluator that it has; `name@bench` is
            the metric as that bench computes it, `@bench` all that the bench computes.
        profile: embedded or standard.
        cache: where expensive arrays are kept.
        device: where networks run.

    Raises:
        BenchError: a name that no metric of this profile has.
    """
    added = Registry[Factory]("metric", {}, ENTRY_POINTS)
    wanted = None if names is None else list(dict.fromkeys(names))
    if wanted is not None:
        _check(wanted, profile, added.names())
    metrics = [
        _load(entry.target)(cache, device, **entry.options)
        for entry in CATALOGUE
        if entry.profile == profile and entry.answers(wanted)
    ]
    for name in added.names():
        if wanted is None or name in wanted:
            metric = added.load(name)(cache, device)
            metrics += [metric] if metric.spec.profile == profile else []
    return metrics


def _check(wanted: Iterable[str], profile: Profile, added: Iterable[str]) -> None:
    names = [(name, entry.profile) for entry in CATALOGUE for name in _names(entry)]
    here = dict.fromkeys([name for name, of in names if of == profile] + list(added))
    anywhere = dict(names)
    for name in wanted:
        if name not in here and name in anywhere:
            raise BenchError(
                f"expected a metric of the {profile} profile, got {name!r}; it needs --profile {anywhere[name]}"
            )
        if name not in here:
            raise BenchError(f"expected the name of a metric, got {name!r}; {suggest(name, here)}")


def _names(entry: Entry) -> tuple[str, ...]:
    """What may be typed to get an entry."""
    return (entry.name,) if entry.bench is None else (f"{entry.name}@{entry.bench}", f"@{entry.bench}")


def _load(target: str) -> Factory:
    module, _, attribute = target.partition(":")
    factory: Factory = getattr(importlib.import_module(module), attribute)
    return factory
