"""The metrics: what they are (`base`), what they share (`features`), and one file per family.

This file is the catalogue: names and where their factories are. Building imports no torch and loads no weights.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from jova_bench.metrics.base import ClipMetric, FeatureCache, SetMetric
from jova_bench.metrics.reference import Kind, RealClips
from jova_bench.registry import Registry, guarded, suggest, unfit
from jova_bench.types import BenchError, MetricSpec, Profile

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
    """Computed only when asked for as `name@bench`: a published bench that is followed bug for bug, or
    `whisper-SIZE` for another size of the recogniser. None for what we think right."""
    reference: Kind | None = None
    """The real clips that its factory takes as `real`."""

    @property
    def select(self) -> str:
        """What a user types to get it: `name`, or `name@bench`."""
        return self.name if self.bench is None else f"{self.name}@{self.bench}"

    def answers(self, wanted: Iterable[str] | None) -> bool:
        """Whether a selection asks for this: `name`, or `name@bench` and `@bench` for what benches compute."""
        if self.bench is None:
            return wanted is None or self.name in wanted
        return wanted is not None and (self.select in wanted or f"@{self.bench}" in wanted)


def _entries(profile: Profile, names: str, module: str, /, **options: str) -> list[Entry]:
    """Factories that are called like their metrics."""
    return [Entry(name, profile, f"jova_bench.metrics.{module}:{name}", options) for name in names.split()]


def _profile(profile: Profile) -> list[Entry]:
    """What both profiles measure; the profile is part of the identity."""
    return [
        *_entries(profile, "pesq stoi", "audio", profile=profile),
        *_entries(profile, "dnsmos", "dnsmos", profile=profile),
        *_entries(profile, "loudness", "loudness", profile=profile),
    ]


WHISPER_SIZES = (
    "large-v3", "large-v3-turbo", "large-v2", "large-v1", "medium", "medium.en", "small", "small.en", "base", "base.en",
    "tiny", "tiny.en",
)  # fmt: skip
"""OpenAI's checkpoints; the first is the default."""


def _whisper(size: str) -> list[Entry]:
    """WER and CER of one recogniser."""
    bench = None if size == WHISPER_SIZES[0] else f"whisper-{size}"
    target = "jova_bench.metrics.whisper:standard"
    return [Entry(unit, "standard", target, {"unit": unit, "size": size}, bench) for unit in ("wer", "cer")]


def _benches(name: str, module: str, *benches: str) -> list[Entry]:
    """One metric of the standard profile: ours, and as benches compute it."""
    target = f"jova_bench.metrics.{module}:{name}"
    theirs = [Entry(name, "standard", target, {"protocol": bench}, bench) for bench in benches]
    return [Entry(name, "standard", target, {"protocol": "clean"}), *theirs]


def _sets(names: str, module: str, kind: Kind, bench: str | None = None) -> list[Entry]:
    """Distances of the standard profile from real clips: ours, or as a bench computes them."""
    options = {"protocol": bench or "clean"}
    entries = _entries("standard", names, module, **options)
    return [replace(entry, bench=bench, reference=kind) for entry in entries]


_LIGHTER = ("opencv-haar", "mediapipe", "bfloat16")
"""Detectors other than the papers' S3FD, and coarser numbers, for lip-sync that is otherwise ours."""
_JAVISBENCH = {"protocol": "javisbench"}
_LIP_SYNC = "lse_c lse_d lse_d_at_0 av_offset_frames sync_within_1"
CATALOGUE: tuple[Entry, ...] = (
    *_entries("embedded", _LIP_SYNC, "lipsync", judge="a"),
    *_entries("embedded", _LIP_SYNC, "lipsync", judge="b"),
    *_entries("embedded", "mouth_audio_corr", "mouth"),
    *_entries("embedded", "fvd fad kvd kad", "sets", reference="embedded-reference"),
    *_entries("embedded", "prompt_hair prompt_background prompt_voice", "alignment"),
    Entry("wer", "embedded", "jova_bench.metrics.speech:embedded", {"unit": "wer"}),
    Entry("cer", "embedded", "jova_bench.metrics.speech:embedded", {"unit": "cer"}),
    *_profile("embedded"),
    *_benches(
        "lse_c", "lse", *_LIGHTER, "syncnet_python", "wav2lip", "wav2lip-lrs", "latentsync", "mova", "versebench"
    ),
    *_benches("lse_d", "lse", *_LIGHTER, "syncnet_python", "wav2lip", "wav2lip-lrs", "mova"),
    *(
        Entry(name, "standard", f"jova_bench.metrics.lse_package:{name}", {}, "syncnet-pip")
        for name in ("lse_c", "lse_d")
    ),
    *_benches("lse_d_at_0", "lse", *_LIGHTER),
    *_benches("av_offset_frames", "lse", *_LIGHTER, "syncnet_python", "latentsync"),
    *_benches("sync_within_1", "lse", *_LIGHTER),
    *(entry for size in WHISPER_SIZES for entry in _whisper(size)),
    Entry("wer", "standard", "jova_bench.metrics.sensevoice:versebench", bench="versebench"),
    *_profile("standard"),
    Entry(
        "dnsmos", "standard", "jova_bench.metrics.dnsmos:dnsmos", {"profile": "standard", "protocol": "mova"}, "mova"
    ),
    Entry("mcd_dtw", "standard", "jova_bench.metrics.mcd:mcd_dtw"),
    *_sets("fvd kvd", "i3d", "suite"),
    *_sets("fvd kvd", "i3d", "prompts", "javisbench"),
    *_sets("fvd", "i3d", "prompts", "latentsync"),
    *_sets("fad kad", "vggish", "suite"),
    *_sets("fad", "vggish", "prompts", "avbenchmark"),
    *_sets("fad", "audioclip", "prompts", "javisbench"),
    *_sets("fad", "vggish", "suite", "gudgud96"),
    *_sets("fad", "vggish", "suite", "fadtk"),
    *_sets("fd_panns fd_passt", "tagging", "suite"),
    *_sets("fd_panns fd_passt", "tagging", "prompts", "avbenchmark"),
    *(
        Entry(name, "standard", f"jova_bench.metrics.inception:{name}", {"protocol": bench}, bench)
        for name, bench in (("is_panns", "avbenchmark"), ("is_panns", "mova"), ("is_passt", "avbenchmark"))
    ),
    *_benches("kl_panns", "tagging", "avbenchmark"),
    *_benches("kl_passt", "tagging", "avbenchmark", "versebench"),
    *_benches("clap_score", "clap", "versebench", "avbenchmark", "javisbench", "mova"),
    Entry("fd_clap", "standard", "jova_bench.metrics.clap:fd_clap", {"protocol": "versebench"}, "versebench"),
    *(entry for axis in ("ce", "cu", "pc", "pq") for entry in _benches(axis, "aesthetics", "versebench")),
    Entry("audio_quality", "standard", "jova_bench.metrics.aesthetics:audio_quality", _JAVISBENCH, "javisbench"),
    *_benches("desync", "desync", "avbenchmark", "mova", "javisbench", "vabench", "versebench", "t2av"),
    *_benches("av_align", "av_align", "tempotokens", "javisbench", "mova"),
    *_entries("standard", "nisqa", "nisqa"),
    *_benches("identity_score", "identity", "opencv-haar", "mediapipe", "versebench"),
    *_benches("identity_consistency", "identity", "opencv-haar", "mediapipe"),
    *_benches("imagebind_score", "imagebind", "avbenchmark", "mova", "javisbench", "t2av", "vabench"),
    *_benches("javis_score", "javis", "javisbench"),
    Entry("avh_score", "standard", "jova_bench.metrics.javis:avh_score", _JAVISBENCH, "javisbench"),
    *_benches("motion_score", "motion", "versebench"),
    *_benches("aesthetic_score", "aesthetic", "versebench"),
)
"""Every built-in metric, in the order of tables."""


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
