"""WER and CER by faster-whisper: Whisper's weights in CTranslate2, as most people run them.

It decodes as `faster_whisper.WhisperModel.transcribe` does by default, which is not what OpenAI's package does: with 5
beams, and 5 drawn texts at each higher temperature. So its numbers are of another identity.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.digests import short_digest
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import Audio
from jova_bench.metrics.speech.new_words import NewWordErrors
from jova_bench.metrics.speech.recognition import SpeechErrors, Transcript, Unit, not_installed, spec_of
from jova_bench.metrics.speech.whisper import Whisper, by_window, joined, seed_of, whispered


class FasterWhisper(Whisper):
    """Transcribes with the languages of Whisper, from a folder in the format of CTranslate2."""

    package = "faster-whisper"

    def __init__(self, size: str, assets: AssetTable, device: str) -> None:
        """Loads nothing yet.

        Args:
            size: OpenAI's name of a checkpoint.
            assets: has the files of the folder.
            device: where to run, in single precision.
        """
        super().__init__(size, assets, device)
        self.weights = f"faster-{self.weights}"
        names = (
            self.weights,
            *(f"{self.weights}-{part}" for part in ("config", "tokenizer", "vocabulary", "features")),
        )
        self.files = tuple(name for name in names if name in assets.entries)
        digests = [assets.digest(name) for name in self.files]
        self.digest = None if None in digests else short_digest(",".join(map(str, digests)).encode())
        self.key = CacheKey(self.package, 1, self.digest)

    def not_installed(self) -> str | None:
        """Returns how to install its package; None if it is there."""
        return not_installed("faster_whisper", "faster-whisper")

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        """Transcribes the speech, in the language of the prompt."""
        net = cached_network(f"{self.key}@{self._device}", self._load)
        return joined(net.transcribe(audio, whispered(language), seed_of(audio)))

    def _load(self) -> Any:
        files = [self._assets.find(name) for name in self.files]
        if elsewhere := next((file for file in files if file.parent != files[0].parent), None):
            raise Unavailable(f"weights unreadable: expected all files of a model in one folder, got {elsewhere}")
        return Folder(files[0].parent, self._device)


class Folder:
    """A network of CTranslate2 behind faster-whisper, whose draws are those of a seed."""

    def __init__(self, folder: Path, device: str) -> None:
        import faster_whisper
        import torch

        kind, _, index = device.partition(":")
        self._folder = str(folder)
        self._options = {"device": kind, "device_index": int(index or 0), "compute_type": "float32"}
        threads = torch.get_num_threads()
        try:
            self._net = faster_whisper.WhisperModel(self._folder, cpu_threads=threads, **self._options)
        except (RuntimeError, ValueError) as error:
            raise Unavailable(f"weights unreadable: {folder}: {error}") from error
        self._options["intra_threads"] = threads

    def transcribe(self, audio: Audio, language: str, seed: int) -> list[Any]:
        """Writes down (N,) audio at 16 kHz, window by window."""
        whole = self._net.model
        self._net.model = _Seeded(whole, seed, self._folder, self._options)
        try:
            found, _ = self._net.transcribe(audio, language=language)
            return by_window((one.seek, one.end, one.text) for one in found)
        finally:
            self._net.model = whole


class _Seeded:
    """A network that is loaded once more before its first draw of a clip.

    CTranslate2 seeds the numbers of a thread when the thread draws first, and never again: a clip's text would depend
    on the clips before.
    """

    def __init__(self, net: Any, seed: int, folder: str, options: dict[str, Any]) -> None:
        self._net, self._seed, self._folder, self._options = net, seed, folder, options
        self._fresh = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._net, name)

    def generate(self, *args: Any, **options: Any) -> Any:
        """Generates as the network does."""
        if options.get("sampling_temperature", 0) > 0 and not self._fresh:
            import ctranslate2

            ctranslate2.set_random_seed(self._seed)
            self._net, self._fresh = ctranslate2.models.Whisper(self._folder, **self._options), True
        return self._net.generate(*args, **options)


def standard(context: MetricContext, unit: Unit, size: str) -> SpeechErrors:
    """Builds WER or CER with a Whisper of one size in CTranslate2."""
    recogniser = FasterWhisper(size, context.assets, context.device)
    params: dict[str, str | int | float] = {"decoding": "faster-whisper", "normaliser": "spoken"}
    if recogniser.digest:
        params["files"] = recogniser.digest
    weights = context.assets.digest(recogniser.weights)
    backend, domain = f"whisper-{size.replace('.', '-')}/faster-whisper", "speech in a language that Whisper knows"
    return SpeechErrors(spec_of(unit, "standard", backend, weights, params, domain), recogniser, context.cache)


def new_words(context: MetricContext, size: str) -> NewWordErrors:
    """Builds the WER of new words with a Whisper of one size in CTranslate2."""
    return NewWordErrors(standard(context, "wer", size))
