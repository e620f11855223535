"""WER and CER by Whisper: OpenAI's checkpoint of any size, run by transformers or by openai-whisper.

Both decode as `whisper.transcribe` does by default: with times, so that windows follow what is said, and again at
higher temperatures where a text repeats itself or is improbable. Greedy decoding alone can write one word for as
long as it may: a clip that begins with a hum became "Hmmmm" of 449 letters. Draws are seeded by the sound, so a clip
has one text, whatever was heard before. A text that repeats itself at every temperature stays, as a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import Audio, audio_digest
from jova_bench.metrics.speech.languages import primary
from jova_bench.metrics.speech.recognition import SpeechErrors, Transcript, Unit, not_installed, spec_of

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
        self.files: tuple[str, ...] = (
            (self.weights, self.vocabulary) if self.package == "transformers" else (self.weights,)
        )
        """Names in the table of weights."""
        self._assets, self._device = assets, device
        self.key = CacheKey(self.package, 2, f"{assets.digest(self.weights)},{assets.digest(self.vocabulary)}")

    def check(self) -> str | None:
        """Returns which weights or package are missing; None if none is."""
        return join_reasons(self.not_installed(), self._assets.missing(*self.files))

    def not_installed(self) -> str | None:
        """Returns how to install its package; None if it is there."""
        return not_installed("transformers" if self.package == "transformers" else "whisper", "standard")

    def admit(self, clip: Clip, language: str) -> None:
        """Accepts speech in a language that Whisper knows."""
        from jova_bench.metrics.networks.whisper import LANGUAGES

        if self.english_only and primary(language) != "en":
            raise Undefined(f"{self.weights} hears English, not {language!r}")
        if whispered(language) not in LANGUAGES:
            raise Undefined(f"Whisper does not know the language {language!r}")
        if whispered(language) == LANGUAGES[-1] and "large-v3" not in self.weights:
            raise Undefined(f"{self.weights} does not know the language {language!r}, whisper-large-v3 does")

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        """Transcribes the speech, in the language of the prompt."""
        load: Callable[[], Any] = self._ours if self.package == "transformers" else self._openai
        net = cached_network(f"{self.key}@{self._device}", load)
        return joined(net.transcribe(audio, whispered(language), seed_of(audio)))

    def _ours(self) -> Any:
        return OurWhisper(self._assets.find(self.weights), self._assets.find(self.vocabulary), self._device)

    def _openai(self) -> Any:
        return OpenaiWhisper(self._assets.find(self.weights), self._device)


class OurWhisper:
    """Whisper on transformers."""

    def __init__(self, checkpoint: Path, vocabulary: Path, device: str) -> None:
        from jova_bench.metrics.networks.whisper import load

        self._net = load(checkpoint, vocabulary, device)

    def transcribe(self, audio: Audio, language: str, seed: int) -> list[Any]:
        """Writes down (N,) audio at 16 kHz, window by window; draws are those of the seed."""
        from jova_bench.metrics.networks.whisper_transcript import transcribe
        from jova_bench.metrics.networks.whisper_window import drawing

        return transcribe(self._net, audio, language, drawing(seed))


class OpenaiWhisper:
    """The same decoding by openai-whisper, where transformers is not installed; its draws are torch's."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        import whisper

        # A path, never a name: a name would be downloaded.
        self._net = whisper.load_model(str(checkpoint), device)

    def transcribe(self, audio: Audio, language: str, seed: int) -> list[Any]:
        """Writes down (N,) audio at 16 kHz, window by window; draws are those of the seed."""
        import torch

        cuda = [self._net.device.index or 0] if self._net.device.type == "cuda" else []
        with torch.random.fork_rng(cuda):
            torch.manual_seed(seed)
            found = self._net.transcribe(audio, language=language, fp16=False)
        return by_window((one["seek"], one["end"], one["text"]) for one in found["segments"])


def by_window(segments: Iterable[tuple[int, float, str]]) -> list[Any]:
    """Joins the segments of each window.

    Args:
        segments: where their window starts, in steps of 10 ms; where they end, in seconds; and their texts.
    """
    from jova_bench.metrics.networks.whisper_transcript import Heard

    windows = [(seek, list(found)) for seek, found in groupby(segments, key=lambda one: one[0])]
    return [Heard(seek / 100, found[-1][1], "".join(text for _, _, text in found)) for seek, found in windows]


def joined(windows: Sequence[Any]) -> Transcript:
    """Joins windows to a transcript, and says of which the text repeats itself."""
    from jova_bench.metrics.networks.whisper_transcript import COMPRESSION

    loops = [
        f"{one.start_s:.2f} to {one.end_s:.2f} s, {one.compression:.1f} times as long as compressed"
        for one in windows
        if one.compression > COMPRESSION
    ]
    return Transcript("".join(one.text for one in windows).strip(), "; ".join(loops))


def seed_of(audio: Audio) -> int:
    """Returns the seed of a sound's draws: 32 bits of its digest."""
    return int(audio_digest(audio)[:8], 16)


def whispered(language: str) -> str:
    """Returns Whisper's code of a BCP 47 tag."""
    return SAME_LANGUAGE.get(primary(language), primary(language))


def standard(context: MetricContext, unit: Unit, size: str) -> SpeechErrors:
    """Builds WER or CER with a Whisper of one size."""
    recogniser = Whisper(size, context.assets, context.device)
    params: dict[str, str | int | float] = {"decoding": "transcribe", "normaliser": "spoken"}
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
