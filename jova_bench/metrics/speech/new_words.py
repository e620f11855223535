"""WER of the words that an edit makes: what `wer` hears of the whole clip, and of its errors those among new words."""

from __future__ import annotations

from functools import partial

from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, Measured, MetricContext
from jova_bench.metrics.speech import recognition, whisper
from jova_bench.metrics.speech.errors import made_words, new_word_error_rate, rules_of
from jova_bench.metrics.speech.recognition import SpeechErrors
from jova_bench.prompts import Prompt


class NewWordErrors(ClipMetric):
    """WER among new words, by the recogniser of a WER."""

    def __init__(self, whole: SpeechErrors) -> None:
        """Loads nothing yet.

        Args:
            whole: WER of whole clips, whose recogniser, normalisation and domain it has.
        """
        self._whole = whole
        self._rules = rules_of(whole.spec.micro)
        self.spec = whole.spec.model_copy(
            update={
                "name": "wer_new",
                "version": 1,
                "unit": "errors per new word",
                "needs": (*whole.spec.needs, "edit"),
                "description": "word error rate among the words that an edit of speech makes, with words inserted "
                "between them or at their border, weighted by the number of new words",
                "micro": "spoken_new_words" if self._rules == "spoken" else "new_words",
            }
        )

    def check(self) -> str | None:
        """Returns why the recogniser cannot run here; None if it can."""
        return self._whole.check()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Measured:
        """Returns errors per new word; a silent clip says nothing, so all of its words are missing (1.0)."""
        if prompt is None:
            raise Undefined("no edit")
        return self._whole.errors(
            clip, prompt, partial(new_word_error_rate, made=made_words(prompt), rules=self._rules)
        )


def embedded(context: MetricContext) -> NewWordErrors:
    """Builds the metric with pocketsphinx."""
    return NewWordErrors(recognition.embedded(context, "wer"))


def standard(context: MetricContext, size: str) -> NewWordErrors:
    """Builds the metric with a Whisper of one size."""
    return NewWordErrors(whisper.standard(context, "wer", size))
