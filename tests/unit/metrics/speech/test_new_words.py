"""WER among the words that an edit makes: which errors count, by hand, and where there is no answer."""

import numpy as np
import pytest

from jova.data import vocabulary
from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.speech import new_words as metrics
from jova_bench.metrics.speech.errors import (
    new_word_error_rate,
    new_words,
    transcript_length,
    word_error_rate,
)
from jova_bench.metrics.speech.published import published
from jova_bench.metrics.speech.recognition import SpeechErrors, Transcript
from jova_bench.prompts import Edit
from jova_bench.records import Outcome
from jova_bench.runs.estimates import MetricColumn, clip_estimate
from support.asked import prompt
from support.clips import audio_clip

TALK = "place red box at four now"


def edited(transcript, first, count, **fields):
    edit = Edit(kind="speech", clip="c.mp4", span_s=(0.5, 1.0), words=(first, count))
    return prompt(transcript, edit=edit, **fields)


@pytest.mark.parametrize(
    ("words", "heard", "errors"),
    [
        ((1, 1), "place red box at four now", 0.0),
        ((1, 1), "place blue box at four now", 1.0),
        ((1, 1), "place box at four now", 1.0),  # deleted
        ((1, 1), "put red box at four soon", 0.0),  # substitutions of what is kept
        ((1, 1), "place red at four", 0.0),  # deletions of what is kept
        ((1, 1), "place very red box at four now", 1.0),  # inserted before the new word
        ((1, 1), "place red big box at four now", 1.0),  # inserted after it
        ((1, 1), "please place red box at four now", 0.0),  # inserted elsewhere
        ((1, 1), "place red box at the four now", 0.0),
        ((1, 1), "place dark blue box at four now", 2.0),  # one more and another
        ((1, 3), "place blue box four now", 2 / 3),  # a new word is another, a new one is missing
        ((1, 3), "put blue box at nine now", 1 / 3),  # two of three errors are of kept words
        ((1, 2), "place red big box at four now", 0.5),  # inserted between new words
        ((1, 2), "now", 1.0),  # of a run of five deletions two are new words
        ((0, 1), "please place red box at four now", 1.0),  # before the first word of all
        ((5, 1), "place red box at four now please", 1.0),  # after the last word of all
        ((0, 6), "place blue box at four", 2 / 6),  # all words are new: as WER
        ((1, 1), "", 1.0),
    ],
)
def test_errors_by_hand(words, heard, errors):
    assert new_word_error_rate(TALK, heard, "en", words) == pytest.approx(errors)


@pytest.mark.parametrize(
    ("transcript", "new", "heard", "errors"),
    [
        # Any of the three may be the one that is missing: it is the new one, as the others are the clip's own.
        ("put red red red one", 1, "put red red one", 1.0),
        ("put red red red one", 2, "put red red one", 1.0),
        ("put red red red one", 3, "put red red one", 1.0),
        ("a b", 1, "x y b", 1.0),  # x for a and y before b, or x before a and y for it
        ("a b", 0, "a x y", 1.0),  # x after a and y for b, or x for b and y at the end
    ],
)
def test_of_alignments_with_the_fewest_errors_the_one_that_blames_the_new_word_counts(transcript, new, heard, errors):
    assert new_word_error_rate(transcript, heard, "de", (new, 1)) == errors


def test_all_words_new_is_wer():
    random = np.random.default_rng(0)
    for _ in range(300):
        said, heard = (" ".join(random.choice(list("abc"), random.integers(1, 8))) for _ in range(2))
        assert new_word_error_rate(said, heard, "de", (0, len(said.split()))) == word_error_rate(said, heard, "de")


@pytest.mark.parametrize(
    ("transcript", "words", "heard", "errors"),
    [
        ("It's nineteen ninety-nine, Mr. Smith.", (3, 2), "it is 1999 mister jones", 0.5),  # "1999" is before
        ("It's nineteen ninety-nine, Mr. Smith.", (1, 2), "it is 1998 mister jones", 1.0),  # two words become one
        ("He can't pay", (1, 1), "he can pay", 0.5),  # one word becomes two: can not
        ("Um, place red now", (2, 1), "place blue now", 1.0),  # what is dropped before moves the place
        ("C'est très bon", (1, 1), "c est tres bon", 1.0),
        ("दिन रात", (1, 1), "दिन रीत", 1.0),  # Of another vowel, which is a mark.
    ],
)
def test_the_place_of_words_survives_normalisation(transcript, words, heard, errors):
    language = "fr" if "est" in transcript else "hi" if "दिन" in transcript else "en"
    assert new_word_error_rate(transcript, heard, language, words) == pytest.approx(errors)


@pytest.mark.parametrize(
    ("transcript", "language", "words", "reason"),
    [
        ("in nineteen ninety-nine", "en", (2, 1), "no place in the normalised transcript"),  # 1999 is one word
        ("twenty one red", "en", (0, 1), "no place in the normalised transcript"),
        (TALK, "en", (1, 0), "no new words"),  # the span is to be silent
        ("um red", "en", (0, 1), "no new words"),  # dropped by the normaliser
        ("你好 世界", "zh", (1, 1), "needs spaces between words"),
        ("...", "en", (0, 1), "no transcript"),
        ("दिन रात", "en", (1, 1), "carry marks"),
    ],
)
def test_words_without_a_place_have_no_rate(transcript, language, words, reason):
    with pytest.raises(Undefined, match=reason):
        new_word_error_rate(transcript, "hello", language, words)


def test_every_word_of_the_drawn_corpus_has_a_place():
    for template in vocabulary.TEMPLATES:
        for choice in range(8):
            written = [vocabulary.SLOTS[slot][choice % len(vocabulary.SLOTS[slot])] for slot in template]
            for first in range(len(written)):
                for count in range(1, len(written) - first + 1):
                    assert new_words(" ".join(written), "en", (first, count)) == range(first, first + count)


class Parrot:
    """Hears the same in every clip that is not silent."""

    def __init__(self, heard):
        self.heard = heard
        self.key = metrics.recognition.Pocketsphinx().key

    def check(self):
        return None

    def admit(self, clip, language):
        pass

    def transcribe(self, audio, language):
        return Transcript(self.heard)


def metric_of(heard):
    real = metrics.embedded(MetricContext(NoCache()))
    spec = metrics.recognition.embedded(MetricContext(NoCache()), "wer").spec
    made = metrics.NewWordErrors(SpeechErrors(spec, Parrot(heard), NoCache()))
    assert made.spec == real.spec
    return made


def test_a_clip_is_heard_as_a_whole_and_a_silent_one_misses_every_word():
    noise = audio_clip(np.random.default_rng(0).normal(0, 0.1, 16_000))
    metric = metric_of("put blue box at four now")
    assert metric.score(noise, edited(TALK, 1, 1)) == Outcome(status="ok", value=1.0)
    assert metric.score(noise, edited(TALK, 2, 1)) == Outcome(status="ok", value=0.0)
    assert metric.score(audio_clip(np.zeros(16_000)), edited(TALK, 2, 2)).value == 1.0


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (None, "no edit"),
        (prompt(TALK), "no edit"),
        (prompt(TALK, edit=Edit(kind="sound", clip="c.mp4")), "an edit of kind 'sound' has no new words"),
        (edited(TALK, 1, 0), "no new words"),
    ],
)
def test_prompts_without_new_words_have_no_answer(asked, reason):
    metric = metric_of("hello")
    clip = audio_clip(np.random.default_rng(0).normal(0, 0.1, 16_000))
    assert metric.score(clip, asked) == Outcome(status="undefined", reason=reason)
    assert transcript_length(asked, "new_words") == 0


def test_the_mean_is_of_all_new_words_together():
    asked = {"a": edited(TALK, 1, 1, id="a"), "b": edited(TALK, 0, 3, id="b"), "c": prompt(TALK, id="c")}
    parts = {("a", 0): Outcome(status="ok", value=1.0), ("b", 0): Outcome(status="ok", value=1 / 3)}
    parts["c", 0] = Outcome(status="undefined", reason="no edit")
    found = clip_estimate(MetricColumn("m", metric_of("").spec, parts), asked)
    assert found.value == pytest.approx(2 / 4)  # one error of one word, and one of three


def test_it_is_a_metric_of_its_own_beside_wer():
    whole = metrics.recognition.embedded(MetricContext(NoCache()), "wer").spec
    new = metrics.embedded(MetricContext(NoCache())).spec
    assert str(new.identity) == str(whole.identity).replace("wer@", "wer_new@")
    assert new.needs == ("audio", "transcript", "edit")
    small, large = (metrics.standard(MetricContext(NoCache()), size).spec.identity for size in ("small", "large-v3"))
    assert small != large
    assert published(TALK, "en") == "place red box at 4 now"
    assert metrics.standard(MetricContext(NoCache()), "small").spec.micro == "spoken_new_words"
