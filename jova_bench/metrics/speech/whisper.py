"""WER and CER by Whisper: OpenAI's checkpoint of any size, run by transformers or by openai-whisper.

Decoding is that of the paper's evaluation: greedy, with the language given, independent windows of at most
30 s, no timestamps. Whisper writes whole sentences for audio without speech, so the text of a window is empty when it
is silent, or when the network finds both speech and its own text improbable (the rule and thresholds of
openai/whisper, transcribe.py).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import Audio, is_silent
from jova_bench.metrics.speech.languages import primary
from jova_bench.metrics.speech.recognition import SpeechErrors, Unit, not_installed, spec_of

NO_SPEECH, LOG_PROBABILITY = 0.6, -1.0
"""A window has no speech if its no-speech probability is above the first and its mean log probability not above the
second."""
SAME_LANGUAGE = {"cmn": "zh", "jv": "jw", "nb": "no", "fil": "tl"}
"""BCP 47 subtags of languages with another code in Whisper."""


class Whisper:
    """Transcribes speech window by window."""

    def __init__(self, size: str, assets: AssetTable, device: str) -> None:
        """Loads nothing yet.

        Args:
            size: OpenAI's name of a checkpoint: `large-v3`, `tiny.en`, ...
            assets: has the checkpoint.
            device: where to run, in single precision.
        """
        self.english_only = size.endswith(".en")
        self.weights = f"whisper-{size.replace('.', '-')}"
        self.vocabulary = "whisper-vocabulary-en" if self.english_only else "whisper-vocabulary"
        self.package = "openai-whisper" if find_spec("whisper") and not find_spec("transformers") else "transformers"
        self._assets, self._device = assets, device
        self.key = CacheKey(self.package, 1, f"{assets.digest(self.weights)},{assets.digest(self.vocabulary)}")

    def check(self) -> str | None:
        """Returns which weights or package are missing; None if none is."""
        files = (self.weights, self.vocabulary) if self.package == "transformers" else (self.weights,)
        module = "transformers" if self.package == "transformers" else "whisper"
        return join_reasons(not_installed(module, "standard"), self._assets.missing(*files))

    def admit(self, clip: Clip, language: str) -> None:
        """Accepts speech in a language that Whisper knows."""
        from jova_bench.metrics.networks.whisper import LANGUAGES

        if self.english_only and primary(language) != "en":
            raise Undefined(f"{self.weights} hears English, not {language!r}")
        if whispered(language) not in LANGUAGES:
            raise Undefined(f"Whisper does not know the language {language!r}")

    def transcribe(self, audio: Audio, language: str) -> str:
        """Transcribes the speech, in the language of the prompt."""
        from jova_bench.metrics.networks.whisper import WINDOW, Transcription

        load: Callable[[], Any] = self._ours if self.package == "transformers" else self._openai
        net = cached_network(f"{self.key}@{self._device}", load)

        def hear(window: Audio) -> Transcription:
            return net.transcribe(window, whispered(language))

        windows = [audio[start : start + WINDOW] for start in range(0, len(audio), WINDOW)]
        return " ".join(filter(None, (window_text(hear(window)) for window in windows if not is_silent(window))))

    def _ours(self) -> Any:
        from jova_bench.metrics.networks.whisper import load

        return load(self._assets.find(self.weights), self._assets.find(self.vocabulary), self._device)

    def _openai(self) -> Any:
        return OpenaiWhisper(self._assets.find(self.weights), self._device)


class OpenaiWhisper:
    """The same decoding by openai-whisper, where transformers is not installed."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        import whisper

        # A path, never a name: a name would be downloaded.
        self._net = whisper.load_model(str(checkpoint), device)

    def transcribe(self, window: Audio, language: str) -> Any:
        """Writes down (N,) audio at 16 kHz, at most 30 s."""
        import whisper

        from jova_bench.metrics.networks.whisper import Transcription

        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(window), self._net.dims.n_mels).to(self._net.device)
        options = whisper.DecodingOptions(language=language, without_timestamps=True, fp16=False)
        heard = whisper.decode(self._net, mel, options)
        return Transcription(heard.text, heard.no_speech_prob, heard.avg_logprob)


def window_text(heard: Any) -> str:
    """Returns the text of a window, or nothing without speech."""
    no_speech = heard.no_speech > NO_SPEECH and heard.log_probability <= LOG_PROBABILITY
    return "" if no_speech else heard.text


def whispered(language: str) -> str:
    """Returns Whisper's code of a BCP 47 tag."""
    return SAME_LANGUAGE.get(primary(language), primary(language))


def standard(context: MetricContext, unit: Unit, size: str) -> SpeechErrors:
    """Builds WER or CER with a Whisper of one size."""
    recogniser = Whisper(size, context.assets, context.device)
    params: dict[str, str | int | float] = {
        "decoding": "greedy",
        "normaliser": "spoken",
        "no_speech": NO_SPEECH,
        "window_s": 30,
    }
    if recogniser.package == "transformers":  # openai-whisper has a vocabulary of its own.
        params["vocabulary"] = str(context.assets.digest(recogniser.vocabulary))
    spec = spec_of(
        unit,
        "standard",
        f"{recogniser.weights}/{recogniser.package}",
        context.assets.digest(recogniser.weights),
        params,
        "speech in a language that Whisper knows",
    )
    return SpeechErrors(spec, recogniser, context.cache)
