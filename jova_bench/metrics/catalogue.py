"""The built-in metrics: their names, and where their factories are.

Importing it imports no torch and loads no weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from jova_bench.metrics.distances.real_clips import Kind
from jova_bench.records import Profile


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
        *_entries(profile, "pesq stoi", "speech.pesq_stoi", profile=profile),
        *_entries(profile, "dnsmos", "speech.dnsmos", profile=profile),
        *_entries(profile, "loudness", "sound.loudness", profile=profile),
    ]


WHISPER_SIZES = (
    "large-v3", "large-v3-turbo", "large-v2", "large-v1", "medium", "medium.en", "small", "small.en", "base", "base.en",
    "tiny", "tiny.en",
)  # fmt: skip
"""OpenAI's checkpoints; the first is the default."""


def _whisper(size: str) -> list[Entry]:
    """WER and CER of one recogniser."""
    bench = None if size == WHISPER_SIZES[0] else f"whisper-{size}"
    target = "jova_bench.metrics.speech.whisper:standard"
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
    *_entries("embedded", _LIP_SYNC, "lip_sync.embedded", judge="a"),
    *_entries("embedded", _LIP_SYNC, "lip_sync.embedded", judge="b"),
    *_entries("embedded", "mouth_audio_corr", "lip_sync.mouth_correlation"),
    *_entries("embedded", "fvd fad kvd kad", "distances.embedded", reference="embedded-reference"),
    *_entries("embedded", "prompt_hair prompt_background prompt_voice", "prompt.attributes"),
    Entry("wer", "embedded", "jova_bench.metrics.speech.recognition:embedded", {"unit": "wer"}),
    Entry("cer", "embedded", "jova_bench.metrics.speech.recognition:embedded", {"unit": "cer"}),
    *_profile("embedded"),
    *_benches(
        "lse_c",
        "lip_sync.syncnet",
        *_LIGHTER,
        "syncnet_python",
        "wav2lip",
        "wav2lip-lrs",
        "latentsync",
        "mova",
        "versebench",
    ),
    *_benches("lse_d", "lip_sync.syncnet", *_LIGHTER, "syncnet_python", "wav2lip", "wav2lip-lrs", "mova"),
    *(
        Entry(name, "standard", f"jova_bench.metrics.lip_sync.syncnet_pip:{name}", {}, "syncnet-pip")
        for name in ("lse_c", "lse_d")
    ),
    *_benches("lse_d_at_0", "lip_sync.syncnet", *_LIGHTER),
    *_benches("av_offset_frames", "lip_sync.syncnet", *_LIGHTER, "syncnet_python", "latentsync"),
    *_benches("sync_within_1", "lip_sync.syncnet", *_LIGHTER),
    *(entry for size in WHISPER_SIZES for entry in _whisper(size)),
    Entry("wer", "standard", "jova_bench.metrics.speech.sensevoice:versebench", bench="versebench"),
    *_profile("standard"),
    Entry(
        "dnsmos",
        "standard",
        "jova_bench.metrics.speech.dnsmos:dnsmos",
        {"profile": "standard", "protocol": "mova"},
        "mova",
    ),
    Entry("mcd_dtw", "standard", "jova_bench.metrics.speech.mcd:mcd_dtw"),
    *_sets("fvd kvd", "distances.fvd", "suite"),
    *_sets("fvd kvd", "distances.fvd", "prompts", "javisbench"),
    *_sets("fvd", "distances.fvd", "prompts", "latentsync"),
    *_sets("fad kad", "distances.fad", "suite"),
    *_sets("fad", "distances.fad", "prompts", "avbenchmark"),
    *_sets("fad", "distances.fad_audioclip", "prompts", "javisbench"),
    *_sets("fad", "distances.fad", "suite", "gudgud96"),
    *_sets("fad", "distances.fad", "suite", "fadtk"),
    *_sets("fd_panns fd_passt", "distances.fd_kl", "suite"),
    *_sets("fd_panns fd_passt", "distances.fd_kl", "prompts", "avbenchmark"),
    *(
        Entry(name, "standard", f"jova_bench.metrics.distances.inception_score:{name}", {"protocol": bench}, bench)
        for name, bench in (("is_panns", "avbenchmark"), ("is_panns", "mova"), ("is_passt", "avbenchmark"))
    ),
    *_benches("kl_panns", "distances.fd_kl", "avbenchmark"),
    *_benches("kl_passt", "distances.fd_kl", "avbenchmark", "versebench"),
    *_benches("clap_score", "sound.clap", "versebench", "avbenchmark", "javisbench", "mova"),
    Entry("fd_clap", "standard", "jova_bench.metrics.sound.clap:fd_clap", {"protocol": "versebench"}, "versebench"),
    *(entry for axis in ("ce", "cu", "pc", "pq") for entry in _benches(axis, "sound.audiobox", "versebench")),
    Entry("audio_quality", "standard", "jova_bench.metrics.sound.audiobox:audio_quality", _JAVISBENCH, "javisbench"),
    *_benches("desync", "audio_visual.desync", "avbenchmark", "mova", "javisbench", "vabench", "versebench", "t2av"),
    *_benches("av_align", "audio_visual.av_align", "tempotokens", "javisbench", "mova"),
    *_entries("standard", "nisqa", "speech.nisqa"),
    *_benches("identity_score", "picture.identity", "opencv-haar", "mediapipe", "versebench"),
    *_benches("identity_consistency", "picture.identity", "opencv-haar", "mediapipe"),
    *_benches("imagebind_score", "audio_visual.imagebind", "avbenchmark", "mova", "javisbench", "t2av", "vabench"),
    *_benches("javis_score", "audio_visual.javis_score", "javisbench"),
    Entry("avh_score", "standard", "jova_bench.metrics.audio_visual.javis_score:avh_score", _JAVISBENCH, "javisbench"),
    *_benches("motion_score", "picture.motion", "versebench"),
    *_benches("aesthetic_score", "picture.aesthetic", "versebench"),
)
"""Every built-in metric, in the order of tables."""
