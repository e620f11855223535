"""WER by Whisper with the published rules of normalising, whatever they make of a language."""

from __future__ import annotations

from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.speech import whisper
from jova_bench.metrics.speech.published import published_word_error_rate
from jova_bench.metrics.speech.recognition import SpeechErrors
from jova_bench.metrics.speech.versions import USUAL, unusual


def build(context: MetricContext, size: str) -> SpeechErrors:
    """Builds the metric with a Whisper of one size."""
    clean = whisper.standard(context, "wer", size).spec
    params = {name: value for name, value in clean.params.items() if name not in USUAL}
    spec = clean.model_copy(
        update={
            "protocol": "openai-whisper@c0d2f62",
            "params": {**params, "normaliser": "whisper", **unusual("whisper")},
            "description": "word error rate by the published rules: in languages other than English marks are spaces, "
            "and in Chinese, Japanese, Thai, Lao and Burmese each cluster is a word",
            "source": "openai/whisper whisper/normalizers @c0d2f62",
            "micro": "transcript_words",
        }
    )
    recogniser = whisper.Whisper(size, context.assets, context.device)
    return SpeechErrors(spec, recogniser, context.cache, published_word_error_rate)
