"""cpWER and cpCER of a dialogue: what each voice of a clip says, against what each speaker of its prompt is to say.

Sound alone tells voices apart (`turns`), each turn is transcribed by itself, and a voice may be any speaker's
(`permuted`): whether the right face speaks is another question. MOVA reports cpCER by a service that transcribes and
tells speakers apart in one step, and removes punctuation alone, so its numbers are others (evaluation/metrics/cpcer
@595a976).
"""

from __future__ import annotations

from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, Measured, MetricContext, join_reasons
from jova_bench.metrics.signal.audio import RATE_HZ, Audio, is_silent, mono_16k
from jova_bench.metrics.speech import whisper
from jova_bench.metrics.speech.permuted import permuted_error_rate
from jova_bench.metrics.speech.recognition import SpeechErrors, Unit, finding
from jova_bench.metrics.speech.turns import LEAST_S, PIECE_S, SAME, turns
from jova_bench.metrics.speech.voices import WAVLM
from jova_bench.metrics.speech.whisper import Whisper
from jova_bench.prompts import Prompt
from jova_bench.records import Finding


class SpeakerErrors(ClipMetric):
    """cpWER or cpCER, by the recogniser of a WER or CER."""

    def __init__(self, whole: SpeechErrors, recogniser: Whisper, unit: Unit, context: MetricContext) -> None:
        """Loads nothing yet.

        Args:
            whole: error rate of whole clips, whose ear, normalisation and domain it has.
            recogniser: that of `whole`.
            unit: words or characters.
            context: cache, device and weights.
        """
        super().__init__(context)
        self._whole, self._recogniser, self._unit, self._context = whole, recogniser, unit, context
        what, spec = "word" if unit == "wer" else "character", whole.spec
        voices = {"voices": WAVLM.settings(self.assets), "piece_s": PIECE_S, "same": SAME}
        digest = WAVLM.weights(self.assets)
        self.spec = spec.model_copy(
            update={
                "name": f"cp_{unit}",
                "version": 1,
                "backend": f"{spec.backend}+{WAVLM.name}",
                "weights": spec.weights and digest and f"{spec.weights}+{digest}",
                "params": {**spec.params, **voices},
                "needs": (*spec.needs, "speakers"),
                "domain": f"speech of several people, one at a time, {spec.domain.removeprefix('speech ')}",
                "description": f"concatenated minimum-permutation {what} error rate: {what}s of each voice against "
                f"those of the speaker that fits it best, weighted by the {what}s of all speakers",
                "source": "arXiv 2004.09249; fgnt/meeteval @ f35fc07 meeteval/wer/wer/cp.py",
                "micro": "speakers_words" if unit == "wer" else "speakers_characters",
            }
        )

    def check(self) -> str | None:
        """Returns what of recognisers and their packages is missing; None if nothing is."""
        return join_reasons(self._recogniser.not_installed(), WAVLM.missing(self.assets, *self._recogniser.files))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Measured:
        """Returns errors per word or character; where nothing is said, all are missing (1.0)."""
        if prompt is None or not prompt.speakers:
            raise Undefined("no speakers")
        self._recogniser.admit(clip, prompt.language)
        said = [one.text for one in prompt.speakers]
        # Asked of the texts alone first: whether there is an answer does not depend on what is installed.
        unheard = permuted_error_rate(said, [], prompt.language, self._unit)
        audio = mono_16k(clip)
        if reason := self.check():
            raise Unavailable(reason)
        if is_silent(audio):
            return Measured(unheard)
        if len(audio) < LEAST_S * RATE_HZ:
            raise Undefined(f"too short: {len(audio) / RATE_HZ:.2f} s, {LEAST_S:g} s are needed to tell voices apart")
        return self._measured(audio, prompt, said)

    def _measured(self, audio: Audio, prompt: Prompt, said: list[str]) -> Measured:
        texts: dict[int, list[str]] = {}
        found: list[Finding] = []
        for one in turns(audio, len(said), WAVLM, self._context):
            part = audio[round(one.start_s * RATE_HZ) : round(one.stop_s * RATE_HZ)]
            heard = self._whole.hear(part, prompt.language)
            texts.setdefault(one.voice, []).append(heard.text)
            found += finding(self.spec.backend, heard, one.start_s)
        rate = permuted_error_rate(said, [" ".join(own) for own in texts.values()], prompt.language, self._unit)
        return Measured(rate, tuple(dict.fromkeys(found)))


def standard(context: MetricContext, unit: Unit, size: str) -> SpeakerErrors:
    """Builds cpWER or cpCER with a Whisper of one size."""
    whole = whisper.standard(context, unit, size)
    return SpeakerErrors(whole, Whisper(size, context.assets, context.device), unit, context)
