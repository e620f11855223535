"""WER as Verse-Bench computes it: SenseVoice transcribes, and words are compared as they are written.

Dorniwang/Verse-Bench at 5645a09: `wer/sensevoice_inferencer.py` (SenseVoiceSmall behind the voice detector fsmn-vad,
language guessed, numbers and punctuation written as in print) and `wer/wer_inferencer.py` (both texts in lower case
without outer spaces, `jiwer.wer`), then the mean over clips. Punctuation, digits and the emojis that SenseVoice
appends count as errors, and a language without spaces is one word.
"""

from __future__ import annotations

import contextlib
import string
import sys
from importlib.util import find_spec
from typing import Any

from jova_bench.assets.table import UNVERIFIED, AssetTable
from jova_bench.cache import CacheKey
from jova_bench.digests import short_digest
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import RATE_HZ, Audio
from jova_bench.metrics.speech.recognition import SpeechErrors, Transcript, spec_of

WEIGHTS, VOICE_DETECTOR = "sensevoice-small", "fsmn-vad"
FILES = (
    WEIGHTS,
    "sensevoice-small-config",
    "sensevoice-small-configuration",
    "sensevoice-small-mvn",
    "sensevoice-small-bpe",
    VOICE_DETECTOR,
    "fsmn-vad-config",
    "fsmn-vad-configuration",
    "fsmn-vad-mvn",
)


class SenseVoice:
    """Runs FunASR's pipeline on local files: given a name alone, it would download."""

    def __init__(self, assets: AssetTable, device: str) -> None:
        self.files = _digest(assets)
        """All files together; None where one is not here."""
        self.key = CacheKey("sensevoice", 1, self.files)
        self._assets, self._device = assets, device

    def check(self) -> str | None:
        """Returns which package or file is missing; None if none is."""
        # Filter banks come from either; torchaudio must not be in this environment, but may be in another.
        banks = find_spec("kaldi_native_fbank") or find_spec("torchaudio")
        there = find_spec("funasr") and banks
        return join_reasons(
            None if there else "not installed: pip install funasr kaldi-native-fbank", self._assets.missing(*FILES)
        )

    def admit(self, clip: Clip, language: str) -> None:
        """Accepts any speech."""

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        """Transcribes the speech, in the language that the network detects."""
        from funasr.utils.postprocess_utils import rich_transcription_postprocess

        with contextlib.redirect_stdout(sys.stderr):  # It talks.
            heard = cached_network(f"{self.key}@{self._device}", self._load).generate(
                input=audio,
                fs=RATE_HZ,
                cache={},
                language="auto",
                use_itn=True,
                batch_size_s=60,
                merge_vad=True,
                merge_length_s=15,
            )
        return Transcript(rich_transcription_postprocess(heard[0]["text"]) if heard else "")

    def _load(self) -> Any:
        import torch
        from funasr import AutoModel

        files = {name: self._assets.find(name) for name in FILES}
        for name, file in files.items():
            beside = files[WEIGHTS if name.startswith(WEIGHTS) else VOICE_DETECTOR]
            if file.parent != beside.parent:
                raise Unavailable(f"weights unreadable: FunASR reads what lies beside {beside}, so {file} must, too")
        threads = torch.get_num_threads()
        return AutoModel(
            model=str(files[WEIGHTS].parent),
            vad_model=str(files[VOICE_DETECTOR].parent),
            vad_kwargs={"max_single_segment_time": 30_000, "ncpu": threads},
            device=self._device,
            ncpu=threads,  # It would set four for the whole process.
            disable_update=True,
            disable_pbar=True,
        )


def _digest(assets: AssetTable) -> str | None:
    """Returns the first hex digits of the digest of all files; None until all are here, for none is published."""
    found = [assets.digest(name) for name in FILES]
    if None in found:
        return None
    digests = ",".join(map(str, found))
    whole = short_digest(digests.replace(UNVERIFIED, "").encode())
    return whole + (UNVERIFIED if UNVERIFIED in digests else "")


def written_word_errors(transcript: str, heard: str, language: str) -> float:
    """Returns errors per word of the transcript as written; recognised punctuation alone counts as no speech."""
    import jiwer

    if not transcript.strip():
        raise Undefined("no transcript")
    if set(heard) <= set(string.punctuation):
        heard = ""
    return jiwer.wer(transcript.strip().lower(), heard.strip().lower())


def versebench(context: MetricContext) -> SpeechErrors:
    """Builds the WER of Verse-Bench."""
    recogniser = SenseVoice(context.assets, context.device)
    params: dict[str, str | int | float] = {"normaliser": "lower-strip"}
    if recogniser.files:
        params["files"] = recogniser.files
    spec = spec_of("wer", "standard", WEIGHTS, context.assets.digest(WEIGHTS), params, "speech").model_copy(
        update={
            "protocol": "versebench@5645a09",
            "micro": None,
            "description": "mean over clips of the word error rate of raw text: punctuation, digits and emojis "
            "count as errors",
            "source": "Dorniwang/Verse-Bench wer/wer_inferencer.py @5645a09",
        }
    )
    return SpeechErrors(spec, recogniser, context.cache, written_word_errors)
