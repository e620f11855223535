"""Speaker similarity: whether the clip speaks with the voice that was asked for.

The cosine of the embeddings of two voices (`voices`): that of the clip's speech, and that of the file that the prompt
names as `voice`. A prompt's `audio` is what an audio-driven model is given as the very sound of its clip, and
its `reference` is a clip that no model was shown: neither is a voice that was asked for, unless `voice` names the same
file. All speech of the clip counts: where several people speak, the embedding is of their mixture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jova_bench.arrays import Audio, FloatArray
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.editing.given import read
from jova_bench.metrics.signal.audio import is_silent, mono_16k
from jova_bench.metrics.speech.voices import ECAPA, LEAST_S, MOST_S, WAVLM, Encoder, spoken
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec


@dataclass(frozen=True)
class SpeakerSimilarity(ClipMetric):
    """Cosine of the clip's voice and of the reference voice."""

    spec: MetricSpec
    encoder: Encoder
    context: MetricContext

    def check(self) -> str | None:
        """Returns which packages and files are missing; None if none is."""
        return self.encoder.missing(self.context.assets)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the clip's speech with the prompt's reference voice; ignores the real clip."""
        if prompt is None or prompt.voice is None:
            raise Undefined("no reference voice")
        audio = mono_16k(clip)
        if is_silent(audio):
            raise Undefined("silent")
        if reason := self.check():
            raise Unavailable(reason)
        wanted = reference_voice(prompt.voice)
        try:
            anchor = self._voice(wanted)
        except Undefined as error:
            raise Undefined(f"the reference voice: {error}") from error
        return float(self._voice(audio) @ anchor)

    def _voice(self, audio: Audio) -> FloatArray:
        return self.encoder.embedding(spoken(audio, self.context.cache), self.context)


def reference_voice(path: str) -> Audio:
    """Reads the sound of a file as (N,) samples at 16 kHz.

    Raises:
        Undefined: it has none.
        Unavailable: it cannot be read.
    """
    given = read(path, pictures=False, name="the reference voice")
    if given.audio is None:
        raise Undefined("the reference voice: no audio stream")
    return mono_16k(given)


def speaker_similarity(context: MetricContext, variant: Literal["clean", "ecapa"] = "clean") -> SpeakerSimilarity:
    """Builds the similarity of the clip's voice and the prompt's."""
    encoder = {"clean": WAVLM, "ecapa": ECAPA}[variant]
    params: dict[str, str | int | float] = {"least_s": LEAST_S, "most_s": MOST_S}
    if encoder.files[1:]:
        params["config"] = encoder.settings(context.assets)
    spec = MetricSpec(
        name="speaker_similarity",
        version=1,
        profile="standard",
        backend=encoder.name,
        weights=encoder.weights(context.assets),
        params=params,
        direction="up",
        needs=("audio", "voice"),
        domain=f"speech of one person for {LEAST_S:g} s or more",
        description="cosine of a speaker recogniser between the clip's speech and the prompt's reference voice",
        source=f"{encoder.source}; Silero VAD",
    )
    return SpeakerSimilarity(spec, encoder, context)
