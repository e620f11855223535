"""Builds the selected metrics: built-in ones and those of installed packages, by the same entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import get_args

from jova_bench.errors import BenchError
from jova_bench.formatting.doors import listing
from jova_bench.formatting.messages import shown, suggest
from jova_bench.identity import Identity
from jova_bench.metrics.base import ClipMetric, Metric, MetricContext, SetMetric
from jova_bench.metrics.catalogue import CATALOGUE, WHISPER_SIZES
from jova_bench.metrics.entry import Choice, MetricEntry
from jova_bench.metrics.judge.names import JUDGES, PREFIX, SELECT, judges
from jova_bench.metrics.real_clips import Kind, RealClips, ReferenceClip
from jova_bench.records import MetricSpec, Profile
from jova_bench.registry import Registry, guarded, unfit

ENTRY_POINTS = "jova_bench.metrics"
"""Group in which an installed package names metrics of its own, each a `MetricEntry`."""
BUILT_IN = frozenset(entry.name for entry in CATALOGUE)
"""Names that no installed package may take."""
METHODS: Mapping[str, Mapping[str, int]] = {
    "clip": {"check": 0, "measure": 3},
    "set": {"check": 0, "features": 1, "distance": 1, "details": 1, "reference": 0, "against": 1},
}
"""Methods that a metric of each level must have, with the number of arguments of each."""


def references(names: Iterable[str] | None, profile: Profile) -> set[Kind]:
    """Returns which sets of real clips a selection compares with."""
    wanted = None if names is None else list(names)
    there = _choices(profile, _installed()[0])
    return {one.real_clips for one in there if one.real_clips and one.matches(wanted)}


def build(
    names: Iterable[str] | None,
    profile: Profile,
    context: MetricContext,
    real: Mapping[Kind, RealClips] | None = None,
) -> list[Metric]:
    """Builds the metrics of a profile.

    Args:
        names: which; None for those of `usual`. A name selects every evaluator that it has; `name@variant` is
            the metric as a published bench computes it (or with another detector, or another size of a network),
            `@variant` every metric that has that variant; `judge:RUBRIC` asks a language model a rubric's questions.
        profile: embedded or standard.
        context: cache, device and weights.
        real: the sets of real clips that there are; without theirs, set distances have no value.

    Raises:
        BenchError: a name that no metric of this profile has, one of an installed package that cannot be built, or a
            judge whose server does not answer.
    """
    wanted = list(dict.fromkeys(usual(profile, context)[0] if names is None else names))
    added, refused = _known(wanted)
    there = _choices(profile, added)
    for fault in _faults(wanted, profile, added, refused):
        raise BenchError(fault)
    built = _once(_built(one, context, real or {}) for one in there if one.matches(wanted))
    twice = [one for one, count in Counter(metric.spec.identity for metric in built).items() if count > 1]
    if twice:
        raise BenchError(_same_identity(twice[0]))
    return built


def _once(metrics: Iterable[Metric]) -> list[Metric]:
    """Returns metrics with each question of a judge once: a rubric and one of its questions may both be named."""
    found: list[Metric] = []
    for metric in metrics:
        if not (metric.spec.name.startswith(PREFIX) and any(one.spec == metric.spec for one in found)):
            found.append(metric)
    return found


def usual(profile: Profile, context: MetricContext) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns what a run measures that names no metric: the profile's metrics, without variants.

    Returns:
        Their names, those of installed packages last; and a line for each metric of an installed package that is left
        out because it cannot be built: no name asked for it, so it keeps no run from starting.
    """
    added, refused = _installed()
    left_out = [str(error) for error in refused.values()]
    names: dict[str, None] = {}
    for one in _choices(profile, added):
        if not one.matches(None):
            continue
        if one.entry not in CATALOGUE:
            try:
                _built(one, context, {})
            except BenchError as error:
                left_out.append(str(error))
                continue
        names[one.entry.name] = None
    return tuple(names), tuple(left_out)


def selections(name: str, profile: Profile) -> list[str]:
    """Returns what a user types for a metric of a profile and for each of its variants; empty where there is none."""
    there = _choices(profile, _installed()[0])
    return list(dict.fromkeys(one.select for one in there if one.entry.name == name))


def build_all(context: MetricContext) -> list[tuple[str, Metric]]:
    """Builds every metric and variant of all profiles, with what a user types for each.

    Those of installed packages that cannot be built are in `broken`.
    """
    found = []
    for one in (choice for entry in (*CATALOGUE, *_installed()[0]) for choice in entry.choices()):
        try:
            found.append((one.select, _built(one, context, {})))
        except BenchError:
            if one.entry in CATALOGUE:
                raise
    return found


def broken(context: MetricContext) -> dict[str, str]:
    """Returns what of installed packages' metrics cannot be built, and why."""
    added, refused = _installed()
    found = {name: str(error) for name, error in refused.items()}
    for one in (choice for entry in added for choice in entry.choices()):
        try:
            _built(one, context, {})
        except BenchError as error:
            found[one.select] = str(error)
    return found


def installed_entries() -> tuple[MetricEntry, ...]:
    """Returns the entries of installed packages that can be loaded."""
    return _installed()[0]


def _known(names: Iterable[str]) -> tuple[tuple[MetricEntry, ...], dict[str, BenchError]]:
    """Returns the entries of installed packages and of rubrics that are named, and why others cannot be loaded."""
    (added, refused), (judged, wrong) = _installed(), judges(names)
    return (*added, *judged), {**refused, **wrong}


def _installed() -> tuple[tuple[MetricEntry, ...], dict[str, BenchError]]:
    """Loads the entries of installed packages; returns why one could not be loaded, by its name, too."""
    registry: Registry[object] = Registry("metric", {}, ENTRY_POINTS)
    found, refused = [], {}
    for name in (*registry.names(), *registry.refused):
        try:
            found.append(_entry(name, registry.load(name)))
        except BenchError as error:
            refused[name] = BenchError(f"{error}; correct or uninstall it (docs/plugins.md of our repository)")
    return tuple(found), refused


def _entry(name: str, thing: object) -> MetricEntry:
    if not isinstance(thing, MetricEntry):
        got = thing.__name__ if isinstance(thing, type) else type(thing).__name__
        raise BenchError(f"the metric {name!r} of an installed package: expected a MetricEntry, got {got}")
    if thing.name != name:
        raise BenchError(
            f"the metric {name!r} of an installed package: expected its entry to have that name, got {thing.name!r}"
        )
    if name in BUILT_IN or name.startswith((PREFIX, SELECT)):
        raise BenchError(
            f"the metric {name!r} of an installed package: expected a name that no built-in metric has, got {name!r}"
        )
    kinds = {one.real_clips for one in thing.choices()} - {None, *get_args(Kind)}
    if kinds:
        raise BenchError(
            f"the metric {name!r} of an installed package: expected real_clips {' or '.join(get_args(Kind))}, "
            f"got {', '.join(map(repr, kinds))}"
        )
    return thing


def _choices(profile: Profile, added: Iterable[MetricEntry]) -> list[Choice]:
    """Returns every metric and variant of a profile."""
    return [one for entry in (*CATALOGUE, *added) if entry.profile == profile for one in entry.choices()]


def _built(choice: Choice, context: MetricContext, real: Mapping[Kind, RealClips]) -> Metric:
    context = replace(context, real_clips=real.get(choice.real_clips) if choice.real_clips else None)
    if choice.entry in CATALOGUE or choice.select.startswith(SELECT):
        return choice.build(context)
    what = f"the metric {choice.select!r} of an installed package cannot be built"
    try:
        return guarded(what, partial(_checked, choice, context))
    except BenchError as error:
        raise BenchError(f"{error}; correct or uninstall it (docs/plugins.md of our repository)") from error


def _checked(choice: Choice, context: MetricContext) -> Metric:
    """Builds a metric of an installed package. Raises BenchError where it is none, or says it is another."""
    metric = choice.build(context)
    if why := unfit_metric(metric):
        raise BenchError(why)
    spec = metric.spec
    if spec.profile != choice.entry.profile:
        raise BenchError(
            f"expected a spec of the {choice.entry.profile} profile, as its entry says, got {spec.profile}"
        )
    if spec.name != choice.entry.name:
        raise BenchError(f"expected a spec of the name {choice.entry.name!r}, as its entry has, got {spec.name!r}")
    plain = next(choice.entry.choices())
    if plain.variant != choice.variant and plain.build(context).spec.identity == spec.identity:
        raise BenchError(
            f"expected an identity of its own, as `protocol` or `params` give it, got that of {plain.select}"
        )
    return metric


def unfit_metric(metric: object) -> str | None:
    """Returns why an object of a user or a package is no metric; None where it is one."""
    if not isinstance(metric, ClipMetric | SetMetric):
        return f"expected a ClipMetric or a SetMetric, got {type(metric).__name__}"
    spec = getattr(metric, "spec", None)
    if not isinstance(spec, MetricSpec):
        return f"expected a MetricSpec as `spec`, got {type(spec).__name__}"
    level, kind = ("clip", ClipMetric) if isinstance(metric, ClipMetric) else ("set", SetMetric)
    if spec.level != level:
        return f'expected a spec of level="{level}" of a {kind.__name__}, got level="{spec.level}"'
    if isinstance(metric, SetMetric):
        clips = metric.reference_clips
        if not isinstance(clips, Sequence) or not all(isinstance(one, ReferenceClip) for one in clips):
            return f"expected `reference_clips`, a sequence of ReferenceClip, got {shown(clips)}"
    return unfit(metric, METHODS[level])


def _same_identity(identity: Identity) -> str:
    if identity.name.startswith(PREFIX):
        return f"expected one direction and one domain of a judge's question, got two of {identity}; name one of them"
    return f"an installed package has another metric of the identity {identity}; give its own a new name"


def with_whisper(size: str, names: Iterable[str] | None, profile: Profile) -> list[str]:
    """Returns a selection in which another size of Whisper transcribes: `wer` becomes `wer@whisper-SIZE`.

    Args:
        size: one of `WHISPER_SIZES`.
        names: the selection; None for the default one.
        profile: only `standard` has Whisper.

    Raises:
        BenchError: no such size, another profile, or a selection without WER and CER.
    """
    if size not in WHISPER_SIZES or profile != "standard":
        raise BenchError(
            f"expected --whisper with one of {', '.join(WHISPER_SIZES)} in the standard profile, "
            f"got {shown(size)} in the {profile} profile"
        )
    if names is None:
        names = [one.entry.name for one in _choices(profile, ()) if one.matches(None)]
    names = list(dict.fromkeys(names))
    if not {"wer", "cer"} & set(names):
        raise BenchError(f"expected wer or cer among the metrics for --whisper, got {', '.join(names)}")
    if size == WHISPER_SIZES[0]:
        return names
    return [f"{name}@whisper-{size}" if name in ("wer", "cer") else name for name in names]


def faults_of_names(names: Iterable[str], profile: Profile) -> list[str]:
    """Returns a line for each name that no metric of the profile has, or whose metric cannot be loaded."""
    names = list(names)
    return list(_faults(names, profile, *_known(names)))


def _faults(
    names: Iterable[str], profile: Profile, added: Iterable[MetricEntry], refused: Mapping[str, BenchError]
) -> Iterator[str]:
    here = dict.fromkeys(name for one in _choices(profile, added) for name in one.names)
    anywhere = {name: entry.profile for entry in (*CATALOGUE, *added) for one in entry.choices() for name in one.names}
    for name in names:
        if name in refused and name not in BUILT_IN:  # A claim to a built-in name leaves the metric usable.
            yield str(refused[name])
        elif name not in here and name in anywhere:
            yield f"expected a metric of the {profile} profile, got {shown(name)}; it is of profile {anywhere[name]!r}"
        elif name not in here:
            hint = JUDGES if name.startswith("judge") else suggest(name, here, listing("metrics"))
            yield f"expected the name of a metric, got {shown(name)}; {hint}"
