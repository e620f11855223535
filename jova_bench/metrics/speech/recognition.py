"""WER and CER: a recogniser transcribes a clip, and the errors against its prompt's transcript are counted.

Here is what all recognisers share, and the embedded one: pocketsphinx with the grammar of the shipped corpus.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.digests import file_digest, shortened
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, Measured, MetricContext, require_embedded_domain
from jova_bench.metrics.signal.audio import RATE_HZ, Audio, audio_digest, is_silent, mono_16k
from jova_bench.metrics.speech.errors import character_error_rate, rules_of, word_error_rate
from jova_bench.metrics.speech.languages import primary
from jova_bench.metrics.speech.versions import unusual
from jova_bench.prompts import Prompt
from jova_bench.records import Finding, MetricSpec, Micro, Profile

GRAMMAR = Path(__file__).with_name("embedded.gram")
"""Every sentence of the shipped corpus, as a JSGF grammar of word slots."""
LOOP = "transcript_loop"
"""Finding of a clip whose transcript repeats itself."""
SPAN_S = re.compile(r"(\d+\.\d+) to (\d+\.\d+)(?= s\b)")
"""Start and end in `Transcript.loop`."""
Rate = Callable[[str, str, str], float]
"""`rate(transcript, heard, language)`: errors per word or character; raises Undefined where there is none."""


@dataclass(frozen=True)
class Transcript:
    """What a recogniser writes down."""

    text: str
    loop: str = ""
    """Seconds at which the text is one phrase again and again, and how compressible it is there; empty without."""


def finding(backend: str, heard: Transcript, start_s: float = 0.0) -> tuple[Finding, ...]:
    """Returns what a reader should know of a transcript: where it repeats itself, in seconds of the clip.

    Args:
        backend: of the metric.
        heard: transcript of a part of the clip.
        start_s: where the part begins.
    """
    if not heard.loop:
        return ()
    loop = SPAN_S.sub(lambda span: " to ".join(f"{float(one) + start_s:.2f}" for one in span.groups()), heard.loop)
    return (Finding(code=LOOP, detail=f"{backend}: {loop}"),)


class Recogniser(Protocol):
    """Audio to text."""

    key: CacheKey
    """Names everything that could change what is recognised; the language is added to it."""

    def check(self) -> str | None:
        """Returns why it cannot run here; None if it can."""
        ...

    def admit(self, clip: Clip, language: str) -> None:
        """Raises Undefined for a clip outside its domain."""
        ...

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        """Writes down (N,) audio at 16 kHz that is not silent."""
        ...


class SpeechErrors(ClipMetric):
    """WER or CER of one recogniser."""

    def __init__(self, spec: MetricSpec, recogniser: Recogniser, cache: FeatureCache, rate: Rate | None = None) -> None:
        """Loads nothing yet.

        Args:
            spec: what is measured.
            recogniser: what listens.
            cache: where recognised texts are kept, by the samples of the audio.
            rate: how errors are counted; None for words or characters by the rules of the specification.
        """
        self.spec = spec
        self._recogniser = recogniser
        self._cache = cache
        errors = word_error_rate if spec.name == "wer" else character_error_rate
        self._rate = rate or partial(errors, rules=rules_of(spec.micro))

    def check(self) -> str | None:
        """Returns why the recogniser cannot run here; None if it can."""
        return self._recogniser.check()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Measured:
        """Returns errors per word or character; a silent clip says nothing, so all of its words are missing (1.0)."""
        return self.errors(clip, prompt, self._rate)

    def heard(self, clip: Clip, language: str) -> str:
        """Returns the transcript of the recogniser. Raises Undefined, and what the recogniser raises.

        Args:
            clip: whose audio is transcribed.
            language: BCP 47 tag of what is said.
        """
        self._recogniser.admit(clip, language)
        return self.hear(mono_16k(clip, self.spec.profile), language).text

    def errors(self, clip: Clip, prompt: Prompt | None, rate: Rate) -> Measured:
        """Returns what a rate makes of the prompt's transcript and of what is heard, see `measure`.

        Errors of a text that repeats itself count, and the clip gets a finding: they are the recogniser's.
        """
        if prompt is None or not prompt.transcript.strip():
            raise Undefined("no transcript")
        self._recogniser.admit(clip, prompt.language)
        # Asked of the transcript alone first: whether there is an answer does not depend on what is installed.
        rate(prompt.transcript, "", prompt.language)
        audio = mono_16k(clip, self.spec.profile)
        if reason := self.check():
            raise Unavailable(reason)
        heard = self.hear(audio, prompt.language)
        found = finding(self.spec.backend, heard)
        return Measured(rate(prompt.transcript, heard.text, prompt.language), found)

    def hear(self, audio: Audio, language: str) -> Transcript:
        """Writes down (N,) audio at 16 kHz, once for the same samples; silence is nothing."""
        # Recognisers make words up when nothing is said, Whisper whole sentences.
        if is_silent(audio):
            return Transcript("")

        def transcribed() -> dict[str, np.ndarray[Any, Any]]:
            made = self._recogniser.transcribe(audio, language)
            return {"text": np.array(made.text)} | ({"loop": np.array(made.loop)} if made.loop else {})

        key = replace(self._recogniser.key, params={"language": primary(language)})
        heard = self._cache.get(audio_digest(audio), key, transcribed)
        return Transcript(str(heard["text"]), str(heard.get("loop", "")))


class Pocketsphinx:
    """The embedded recogniser: CMU Sphinx with its own English acoustic model and the corpus's grammar."""

    def __init__(self, grammar: Path = GRAMMAR) -> None:
        self.grammar_digest = shortened(file_digest(grammar))
        self.key = CacheKey("pocketsphinx", 1, self.grammar_digest)
        self._grammar = grammar

    def check(self) -> str | None:
        """Returns which package is missing; None if none is."""
        return not_installed("pocketsphinx", "embedded")

    def admit(self, clip: Clip, language: str) -> None:
        """Accepts drawn faces that say sentences of the corpus."""
        require_embedded_domain(clip)
        if primary(language) != "en":
            raise Undefined(f"the embedded recogniser hears English, not {language!r}")

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        """Returns the sentence of the grammar that fits best, or nothing for what is no speech."""
        decoder = _decoder(self._grammar)
        samples = np.rint(np.clip(audio, -1, 1) * 32767).astype("<i2")
        if not len(samples):
            return Transcript("")
        # Forgets the noise level of the clip before: otherwise what is heard depends on the order of clips.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), False, True)
        decoder.end_utt()
        best = decoder.hyp()
        return Transcript(best.hypstr if best else "")


@cache
def _decoder(grammar: Path) -> Any:
    """Returns the decoder of this process; creating one takes as long as dozens of clips."""
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, samprate=float(RATE_HZ), loglevel="FATAL")
    decoder.add_jsgf_string("embedded", grammar.read_text())
    decoder.activate_search("embedded")
    return decoder


def not_installed(package: str, extra: str) -> str | None:
    """Returns the command that installs the extra of a missing package; None where the package is there."""
    return None if find_spec(package) else f"not installed: pip install 'jova-bench[{extra}]'"


Unit = Literal["wer", "cer"]


def embedded(context: MetricContext, unit: Unit) -> SpeechErrors:
    """Builds WER or CER with pocketsphinx."""
    recogniser = Pocketsphinx()
    params = {"grammar": recogniser.grammar_digest, "normaliser": "whisper-english"}
    domain = "sentences of the shipped corpus"
    return SpeechErrors(spec_of(unit, "embedded", "pocketsphinx", None, params, domain), recogniser, context.cache)


def spec_of(
    unit: Unit,
    profile: Profile,
    backend: str,
    weights: str | None,
    params: Mapping[str, str | int | float],
    domain: str,
) -> MetricSpec:
    """Returns the specification that WER and CER of all recognisers share."""
    what = "word" if unit == "wer" else "character"
    of_spoken: Micro = "spoken_words" if unit == "wer" else "spoken_characters"
    of_transcript: Micro = "transcript_words" if unit == "wer" else "transcript_characters"
    # Version 1 of CER weighted clips by words; of either, the one before in the standard profile resampled with a short
    # filter, and compared letters without their marks.
    return MetricSpec(
        name=unit,
        version=(1 if unit == "wer" else 2) + (profile == "standard"),
        profile=profile,
        backend=backend,
        weights=weights,
        params={**params, **unusual(str(params["normaliser"]))},
        unit=f"errors per {what}",
        direction="down",
        needs=("audio", "transcript"),
        domain=domain,
        description=f"{what} error rate of what a recogniser hears, weighted by the {what}s of each transcript",
        source="normalisation of arXiv 2212.04356, appendix C",
        micro=of_spoken if params["normaliser"] == "spoken" else of_transcript,
    )
