"""Lists the built-in metrics: their names, and the modules of their factories.

Importing it imports no torch and loads no weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jova_bench.metrics.entry import Family, MetricEntry, Variant
from jova_bench.metrics.real_clips import Kind
from jova_bench.records import Profile

TITLES: Mapping[Family, Mapping[str, str]] = {
    Family.LIP_SYNC: {
        "lse_c": "LSE-C",
        "lse_d": "LSE-D",
        "lse_d_at_0": "LSE-D@0",
    },
    Family.LIP_SYNC_IN_TIME: {
        "av_offset_frames": "AV offset (frames)",
        "sync_within_1": "Sync within 1",
        "mouth_audio_corr": "Mouth-audio corr",
        "mouth_audio_offset": "Mouth-audio offset (frames)",
    },
    Family.AUDIO_VISUAL: {
        "desync": "DeSync (s)",
        "imagebind_score": "ImageBind",
        "av_align": "AV-Align",
        "javis_score": "JavisScore",
        "avh_score": "AVHScore",
    },
    Family.DISTANCE: {
        "fvd": "FVD",
        "kvd": "KVD",
        "fad": "FAD",
        "kad": "KAD",
        "fd_passt": "FD (PaSST)",
        "fd_panns": "FD (PANNs)",
        "fd_clap": "FD (CLAP)",
        "kl_passt": "KL (PaSST)",
        "kl_panns": "KL (PANNs)",
    },
    Family.SPEECH_AND_SOUND: {
        "wer": "WER",
        "cer": "CER",
        "cp_wer": "cpWER",
        "cp_cer": "cpCER",
        "pesq": "PESQ",
        "stoi": "STOI",
        "mcd_dtw": "MCD (DTW)",
        "dnsmos": "DNSMOS",
        "nisqa": "NISQA",
        "utmos": "UTMOS",
        "speaker_similarity": "Speaker similarity",
        "loudness": "Loudness (LUFS)",
        "is_passt": "IS (PaSST)",
        "is_panns": "IS (PANNs)",
    },
    Family.AESTHETICS: {
        "ce": "CE",
        "cu": "CU",
        "pc": "PC",
        "pq": "PQ",
        "audio_quality": "AQ",
    },
    Family.PICTURE: {
        "motion_score": "MS",
        "aesthetic_score": "AS",
        "imaging_quality": "Imaging quality",
        "dynamic_degree": "Dynamic degree",
        "motion_smoothness": "Smoothness",
        "temporal_flicker": "Flicker",
        "subject_consistency": "Subject held",
        "background_consistency": "Background held",
        "video_score_visual": "VideoScore2 visual",
        "video_score_text": "VideoScore2 text",
        "video_score_physics": "VideoScore2 physics",
        "identity_score": "ID",
        "identity_consistency": "ID held",
    },
    Family.FACE: {
        "face_count": "Faces",
        "lip_dynamics": "Lip dynamics",
        "silent_lip_stability": "Lips in pauses",
        "brow_dynamics": "Brow dynamics",
        "head_dynamics": "Head dynamics",
        "mouth_quality": "Mouth quality",
        "face_quality": "Face quality",
    },
    Family.PROMPT: {
        "clap_score": "CS",
        "text_video_score": "TV",
        "prompt_hair": "Prompt hair",
        "prompt_background": "Prompt background",
        "prompt_voice": "Prompt voice",
    },
    Family.EDITING: {
        "wer_new": "WER (new words)",
        "kept_psnr": "Kept picture (PSNR)",
        "kept_audio": "Kept audio",
    },
    Family.JUDGE: {},  # Rubrics have the names.
}
"""Family to name to title, in the order of tables."""
_FAMILIES = {name: family for family, titles in TITLES.items() for name in titles}

WHISPER_SIZES = (
    "large-v3", "large-v3-turbo", "large-v2", "large-v1", "medium", "medium.en", "small", "small.en", "base", "base.en",
    "tiny", "tiny.en",
)  # fmt: skip
"""OpenAI's checkpoints; the first is the default."""
FASTER_WHISPER_SIZES = ("large-v3", "base", "tiny.en")
"""Those that are offered in CTranslate2's format."""


def _metric(name: str, profile: Profile, factory: str, options: Mapping[str, str]) -> MetricEntry:
    """Returns a metric with the title and family of its name."""
    family = _FAMILIES[name]
    return MetricEntry(name, TITLES[family][name], family, profile, f"jova_bench.metrics.{factory}", options)


def _each(names: str, profile: Profile, module: str, **options: str) -> list[MetricEntry]:
    """Returns metrics of one module whose factory, `build`, takes the name of each."""
    return [_metric(name, profile, f"{module}:build", {"name": name, **options}) for name in names.split()]


def _by_name(names: str, profile: Profile, module: str, options: Mapping[str, str] | None = None) -> list[MetricEntry]:
    """Returns metrics of one module whose factories are called like them."""
    return [_metric(name, profile, f"{module}:{name}", options or {}) for name in names.split()]


def _benches(entry: MetricEntry, variants: str = "", real_clips: Kind | None = None) -> MetricEntry:
    """Adds variants: published benches, other detectors, coarser numbers. Ours is the variant `clean`."""
    added = {name: Variant({"variant": name}, real_clips) for name in variants.split()}
    return replace(entry, options={**entry.options, "variant": "clean"}, variants={**entry.variants, **added})


def _standard(names: str, module: str, variants: str) -> list[MetricEntry]:
    """Returns metrics of the standard profile with variants, whose factories are called like them."""
    return [_benches(entry, variants) for entry in _by_name(names, "standard", module)]


def _with(
    entry: MetricEntry, name: str, factory: str, options: Mapping[str, str], real_clips: Kind | None = None
) -> MetricEntry:
    """Adds one variant that another factory builds."""
    added = Variant(options, real_clips, f"jova_bench.metrics.{factory}")
    return replace(entry, variants={**entry.variants, name: added})


def _distance(names: str, module: str, variants: str = "") -> list[MetricEntry]:
    """Returns set metrics that compare with the suite's real clips, and benches' that compare with its prompts' own."""
    found = [_benches(entry, variants, "prompts") for entry in _each(names, "standard", module)]
    return [replace(entry, real_clips="suite") for entry in found]


def _benches_alone(names: str, module: str, variants: str) -> list[MetricEntry]:
    """Returns metrics of the standard profile that exist as their variants alone."""
    return [replace(entry, plain=False) for entry in _standard(names, module, variants)]


_NUMBERS = "lse_c lse_d lse_d_at_0 av_offset_frames sync_within_1"
_THEIRS = {
    "lse_c": "syncnet_python wav2lip wav2lip-lrs latentsync mova mocha versebench",
    "lse_d": "syncnet_python wav2lip wav2lip-lrs mova mocha",
    "av_offset_frames": "syncnet_python latentsync",
}


def _lip_sync(name: str) -> MetricEntry:
    """Returns one number of SyncNet's shift curve: with other detectors, coarser numbers, and as benches compute it."""
    (found,) = _each(name, "standard", "lip_sync.syncnet")
    found = _benches(found, f"opencv-haar mediapipe bfloat16 {_THEIRS.get(name, '')}")
    package = "lip_sync.syncnet_pip:build"
    return _with(found, "syncnet-pip", package, {"name": name}) if name in ("lse_c", "lse_d") else found


def _errors(name: str, factory: str = "speech.whisper:standard", **options: str) -> MetricEntry:
    """Returns an error rate by Whisper, in all of its sizes, and by faster-whisper."""
    found = _metric(name, "standard", factory, {**options, "size": WHISPER_SIZES[0]})
    found = replace(found, variants={f"whisper-{size}": Variant({"size": size}) for size in WHISPER_SIZES[1:]})
    for size in FASTER_WHISPER_SIZES:
        faster = f"speech.faster_whisper:{'new_words' if name == 'wer_new' else 'standard'}"
        found = _with(found, f"faster-whisper-{size}", faster, {**options, "size": size})
    return found


def _both(profile: Profile) -> list[MetricEntry]:
    """Returns what both profiles measure; the profile is part of the identity."""
    return [
        *_by_name("pesq stoi", profile, "speech.pesq_stoi", {"profile": profile}),
        *_by_name("dnsmos", profile, "speech.dnsmos", {"profile": profile}),
        *_by_name("loudness", profile, "sound.loudness", {"profile": profile}),
    ]


def _editing(profile: Profile, new_words: MetricEntry) -> list[MetricEntry]:
    """Returns what is asked of edited clips; suites of edits name them."""
    kept = _by_name("kept_psnr kept_audio", profile, "editing.kept", {"profile": profile})
    return [replace(entry, default=False) for entry in (new_words, *kept)]


_MARKS = "video_score_visual video_score_text video_score_physics"  # Dear: a large network writes a page on a clip.
_PESQ, _STOI, _DNSMOS, _LOUDNESS = _both("standard")
_FAD, _KAD = _distance("fad kad", "distances.fad")
CATALOGUE: tuple[MetricEntry, ...] = (
    *_each(_NUMBERS, "embedded", "lip_sync.embedded", judge="a"),
    *_each(_NUMBERS, "embedded", "lip_sync.embedded", judge="b"),
    *_by_name("mouth_audio_corr", "embedded", "lip_sync.mouth_correlation"),
    *_each("fvd fad kvd kad", "embedded", "distances.embedded", reference="embedded-reference"),
    *_each("prompt_hair prompt_background prompt_voice", "embedded", "prompt.attributes"),
    *(_metric(unit, "embedded", "speech.recognition:embedded", {"unit": unit}) for unit in ("wer", "cer")),
    *_both("embedded"),
    *_editing("embedded", _metric("wer_new", "embedded", "speech.new_words:embedded", {})),
    *(_lip_sync(name) for name in _NUMBERS.split()),
    *(
        _with(one, "theval", "faces.theval:build", {"name": one.name})
        for one in (
            *_by_name("mouth_audio_corr", "standard", "lip_sync.mouth_sound"),
            *_by_name("lip_dynamics silent_lip_stability brow_dynamics", "standard", "faces.dynamics"),
        )
    ),
    *_by_name("mouth_audio_offset", "standard", "lip_sync.mouth_sound"),
    *_by_name("face_count", "standard", "faces.count"),
    *(
        _with(one, "theval", "faces.head_theval:head_dynamics", {})
        for one in _by_name("head_dynamics", "standard", "faces.head")
    ),
    *_standard("mouth_quality", "faces.mouth_quality", "theval"),
    *_standard("face_quality", "faces.face_quality", "theval"),
    _with(
        _with(_errors("wer", unit="wer"), "versebench", "speech.sensevoice:versebench", {}),
        "openai-whisper",
        "speech.openai_rules:build",
        {"size": WHISPER_SIZES[0]},
    ),
    _errors("cer", unit="cer"),
    *(
        replace(
            _metric(f"cp_{unit}", "standard", "speech.speakers:standard", {"unit": unit, "size": WHISPER_SIZES[0]}),
            variants={f"whisper-{size}": Variant({"size": size}) for size in ("large-v3-turbo", "base")},
            default=False,  # Suites with several speakers name it.
        )
        for unit in ("wer", "cer")
    ),
    _PESQ,
    _STOI,
    replace(_DNSMOS, variants={"mova": Variant({"variant": "mova"})}),
    _LOUDNESS,
    *_by_name("mcd_dtw", "standard", "speech.mcd"),
    *_distance("fvd", "distances.fvd", "javisbench latentsync"),
    *_distance("kvd", "distances.fvd", "javisbench"),
    _benches(
        _with(
            _benches(_FAD, "avbenchmark", "prompts"),
            "javisbench",
            "distances.fad_audioclip:build",
            {"name": "fad", "variant": "javisbench"},
            "prompts",
        ),
        "gudgud96 fadtk",
        "suite",
    ),
    _KAD,
    *(
        replace(_benches(entry, "avbenchmark", "prompts"), real_clips="suite")
        for entry in _by_name("fd_panns fd_passt", "standard", "distances.fd_kl")
    ),
    *_benches_alone("is_panns", "distances.inception_score", "avbenchmark mova"),
    *_benches_alone("is_passt", "distances.inception_score", "avbenchmark"),
    *_standard("kl_panns", "distances.fd_kl", "avbenchmark"),
    *_standard("kl_passt", "distances.fd_kl", "avbenchmark versebench"),
    *_standard("clap_score", "sound.clap", "versebench avbenchmark javisbench mova"),
    *_benches_alone("fd_clap", "sound.clap", "versebench"),
    *(_benches(one, "versebench") for one in _each("ce cu pc pq", "standard", "sound.audiobox")),
    *_benches_alone("audio_quality", "sound.audiobox", "javisbench"),
    *_standard("desync", "audio_visual.desync", "avbenchmark mova javisbench vabench versebench t2av t2av-absolute"),
    *_standard("av_align", "audio_visual.av_align", "tempotokens javisbench mova"),
    *_by_name("nisqa", "standard", "speech.nisqa"),
    *_by_name("utmos", "standard", "speech.utmos"),
    *_standard("speaker_similarity", "speech.speaker", "ecapa"),
    *_standard("identity_score", "picture.identity", "opencv-haar mediapipe arcface versebench"),
    *_standard("identity_consistency", "picture.identity", "opencv-haar mediapipe arcface"),
    *_standard("imagebind_score", "audio_visual.imagebind", "avbenchmark mova javisbench t2av vabench"),
    *_standard("text_video_score", "prompt.text_video", "clip javisbench javisbench-clip t2av vabench"),
    *_standard("javis_score", "audio_visual.javis_score", "javisbench"),
    *_benches_alone("avh_score", "audio_visual.javis_score", "javisbench"),
    *_standard("motion_score", "picture.motion", "versebench"),
    *_standard("aesthetic_score", "picture.aesthetic", "versebench vbench theval"),
    *_standard("imaging_quality", "picture.imaging", "vbench"),
    *_standard("dynamic_degree", "picture.dynamic", "vbench"),
    *_standard("motion_smoothness", "picture.smoothness", "vbench"),
    *_standard("temporal_flicker", "picture.flicker", "vbench"),
    *_standard("subject_consistency background_consistency", "picture.consistency", "vbench"),
    *(replace(_benches(one, "videoscore2"), default=False) for one in _each(_MARKS, "standard", "prompt.video_score")),
    *_editing("standard", _errors("wer_new", "speech.new_words:standard")),
)
"""Every built-in metric, in the order in which it is computed."""
