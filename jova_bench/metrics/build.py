"""Builds the metrics that are asked for: built-in ones, and those of installed packages."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from jova_bench.cache import FeatureCache
from jova_bench.errors import BenchError, suggest
from jova_bench.metrics.base import ClipMetric, SetMetric
from jova_bench.metrics.catalogue import CATALOGUE, WHISPER_SIZES, Entry, _whisper
from jova_bench.metrics.distances.real_clips import Kind, RealClips
from jova_bench.records import MetricSpec, Profile
from jova_bench.registry import Registry, guarded, unfit

Metric = ClipMetric | SetMetric
Factory = Callable[..., Metric]
"""`factory(cache, device, **options)`."""
ENTRY_POINTS = "jova_bench.metrics"
"""Group in which an installed package names metrics of its own, each a factory without options."""
METHODS: Mapping[str, Mapping[str, int]] = {
    "clip": {"check": 0, "score": 3},
    "set": {"check": 0, "features": 1, "distance": 1, "details": 1, "reference": 0, "against": 1},
}
"""By level of a metric: what it must have, and the number of arguments of each."""


def references(names: Iterable[str] | None, profile: Profile) -> set[Kind]:
    """Which sets of real clips a selection compares with."""
    return {entry.reference for entry in _selected(names, profile) if entry.reference}


def _selected(names: Iterable[str] | None, profile: Profile) -> list[Entry]:
    wanted = None if names is None else list(names)
    return [entry for entry in CATALOGUE if entry.profile == profile and entry.answers(wanted)]


def build(
    names: Iterable[str] | None,
    profile: Profile,
    cache: FeatureCache,
    device: str,
    real: Mapping[Kind, RealClips] | None = None,
) -> list[Metric]:
    """The metrics of a profile.

    Args:
        names: which; None for those of `usual`. A name brings every evaluator that it has; `name@bench` is
            the metric as that bench computes it, `@bench` all that the bench computes.
        profile: embedded or standard.
        cache: where expensive arrays are kept.
        device: where networks run.
        real: the sets of real clips that there are; without theirs, set distances have no value.

    Raises:
        BenchError: a name that no metric of this profile has, or one of an installed package that cannot be built.
    """
    added = _added()
    wanted = list(dict.fromkeys(usual(profile, cache, device)[0] if names is None else names))
    _check(wanted, profile, [*added.names(), *added.refused])
    metrics = _ours(wanted, profile, cache, device, real or {})
    for name in (*added.names(), *added.refused):
        if name in wanted:
            metric = _installed(added, name, cache, device)
            metrics += [metric] if metric.spec.profile == profile else []
    twice = [one for one, count in Counter(metric.spec.identity for metric in metrics).items() if count > 1]
    if twice:
        raise BenchError(_same_identity(twice[0]))
    return metrics


def usual(profile: Profile, cache: FeatureCache, device: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a run measures that names no metric: all of the profile but compat ones.

    Returns:
        Their names, those of installed packages last; and a line for each metric of an installed package that is left
        out because it cannot be built. Nobody asked for that one, so it keeps no run from starting.
    """
    names = list(dict.fromkeys(entry.name for entry in _selected(None, profile)))
    taken = {metric.spec.identity for metric in _ours(names, profile, cache, device, {})}
    left_out = []
    for name, one in _strangers(cache, device).items():
        if isinstance(one, BenchError):
            left_out.append(str(one))
        elif one.spec.profile == profile and one.spec.identity in taken:
            left_out.append(f"the metric {name!r}: {_same_identity(one.spec.identity)}")
        elif one.spec.profile == profile:
            names.append(name)
            taken.add(one.spec.identity)
    return tuple(names), tuple(left_out)


def _ours(
    wanted: Iterable[str], profile: Profile, cache: FeatureCache, device: str, real: Mapping[Kind, RealClips]
) -> list[Metric]:
    """The built-in metrics of a selection."""
    return [
        _load(entry.target)(cache, device, **entry.options, **_real(entry, real))
        for entry in _selected(wanted, profile)
    ]


def _same_identity(identity: str) -> str:
    return f"an installed package has another metric of the identity {identity}; give its own a new name"


def everything(cache: FeatureCache, device: str) -> list[tuple[str, Metric]]:
    """Every metric there is, of all profiles and protocols and of installed packages, with what a user types for it.

    Those of installed packages that cannot be built are in `broken`.
    """
    built = [
        (entry.select, _load(entry.target)(cache, device, **entry.options, **_real(entry, {}))) for entry in CATALOGUE
    ]
    added = [(name, one) for name, one in _strangers(cache, device).items() if not isinstance(one, BenchError)]
    return built + added


def broken(cache: FeatureCache, device: str) -> dict[str, str]:
    """Names of installed packages' metrics that cannot be built, and why."""
    return {name: str(one) for name, one in _strangers(cache, device).items() if isinstance(one, BenchError)}


def _added() -> Registry[Factory]:
    return Registry("metric", {}, ENTRY_POINTS)


def _strangers(cache: FeatureCache, device: str) -> dict[str, Metric | BenchError]:
    """Each metric of an installed package by name, or what keeps it from being built."""
    added, found = _added(), dict[str, Metric | BenchError]()
    for name in (*added.names(), *added.refused):
        try:
            found[name] = _installed(added, name, cache, device)
        except BenchError as error:
            found[name] = error
    return found


def _installed(added: Registry[Factory], name: str, cache: FeatureCache, device: str) -> Metric:
    """A metric of an installed package, whose mistakes are told as such."""
    factory = added.load(name)

    def built() -> Metric:
        metric = factory(cache, device)
        if not isinstance(metric.spec, MetricSpec):
            raise BenchError(f"expected a MetricSpec as `spec`, got {type(metric.spec).__name__}")
        if why := unfit(metric, METHODS[metric.spec.level]):
            raise BenchError(why)
        return metric

    what = f"the metric {name!r} of an installed package ({added.entries[name]}) cannot be built"
    try:
        return guarded(what, built)
    except BenchError as error:
        raise BenchError(f"{error}; mend or uninstall it (docs/plugins.md)") from error


def _real(entry: Entry, real: Mapping[Kind, RealClips]) -> dict[str, RealClips | None]:
    return {"real": real.get(entry.reference)} if entry.reference else {}


def with_whisper(size: str, names: Iterable[str] | None, profile: Profile) -> list[str]:
    """A selection in which another size of Whisper hears what is said: `wer` becomes `wer@whisper-SIZE`.

    Args:
        size: one of `WHISPER_SIZES`.
        names: the selection; None for all of the profile but compat ones.
        profile: only `standard` has Whisper.

    Raises:
        BenchError: no such size, another profile, or a selection that nothing hears.
    """
    if size not in WHISPER_SIZES or profile != "standard":
        raise BenchError(
            f"expected --whisper with one of {', '.join(WHISPER_SIZES)} in the standard profile, "
            f"got {size!r} in the {profile} profile"
        )
    if names is None:
        names = [entry.name for entry in CATALOGUE if entry.profile == profile and entry.bench is None]
    names = list(dict.fromkeys(names))
    if not {"wer", "cer"} & set(names):
        raise BenchError(f"expected wer or cer among the metrics for --whisper, got {', '.join(names)}")
    heard = {entry.name: f"{entry.name}@{entry.bench}" for entry in _whisper(size) if entry.bench}
    return [heard.get(name, name) for name in names]


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
    return (entry.select,) if entry.bench is None else (entry.select, f"@{entry.bench}")


def _load(target: str) -> Factory:
    module, _, attribute = target.partition(":")
    factory: Factory = getattr(importlib.import_module(module), attribute)
    return factory
