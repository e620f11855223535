"""When the words of a span are spoken, and where speech is."""

import numpy as np
import pytest

from jova.word_times import speech_span, word_times


def test_words_of_the_span_are_spread_over_it_and_others_over_the_rest():
    # Letters: place red | blue | now here. 8 letters over 1 s from 0.2, 4 over 0.6 s, 7 over 0.7 s.
    times = word_times("Place red, [blue] now here", (1.2, 1.8), (0.2, 2.5), 0.08)
    assert times == pytest.approx([0.2 + 2.5 / 8, 0.2 + 6.5 / 8, 1.5, 1.8 + 0.15, 1.8 + 0.5])
    assert word_times("[place red]", (1.0, 1.8), (0.2, 2.5), 0.08) == pytest.approx([1.25, 1.65])
    assert word_times("place []", (1.0, 1.8), (0.2, 1.0), 0.08) == pytest.approx([0.6])  # silence


@pytest.mark.parametrize(
    ("transcript", "message"),
    [
        (
            "place red now",
            r"words of the span in one pair of brackets, as in 'place \[blue\] now', .*, got 'place red now'",
        ),
        ("", r"or '\[\]' where it is to be silent, got ''"),
        ("[place] [red]", r"all words of the span in one pair of brackets, .*, got '\[place\] \[red\]'"),
        ("place] red [now", "words of the span in one pair of brackets"),
        # 0.4 s have room for five words of 0.08 s.
        (
            "[a b c d e f]",
            "expected at most 5 words in the span of 0.1 to 0.5 s, 0.08 s of speech for each, got 6: 'a b",
        ),
        ("place [red]", "expected speech before the span of 0.1 to 0.5 s for the words 'place', got speech from 0.20"),
        (
            "[place] red",
            "expected speech after the span of 0.1 to 0.5 s for the words 'red', got speech from 0.20 to 0.4",
        ),
    ],
)
def test_transcripts_that_do_not_fit_the_span_are_refused(transcript, message):
    with pytest.raises(ValueError, match=message):
        word_times(transcript, (0.1, 0.5), (0.2, 0.4), 0.08)


def test_words_need_a_token_each_and_one_always_fits():
    assert len(word_times("[a b c d e]", (0.1, 0.5), (0.0, 1.0), 0.08)) == 5
    assert len(word_times("[a]", (0.1, 0.11), (0.0, 1.0), 0.08)) == 1
    with pytest.raises(
        ValueError, match=r"at most 1 word after the span of 0.5 to 0.9 s, .*, got 2: 'b c'; give fewer"
    ):
        word_times("[a] b c", (0.5, 0.9), (0.0, 1.0), 0.08)


def test_speech_is_where_sound_is_loud():
    audio = np.zeros(16_000, np.float32)
    audio[4000:8000] = 0.5 * np.sin(np.arange(4000))
    audio[:4000] = 0.001  # 0.3 % of it
    assert speech_span(audio, 16_000) == (0.25, 0.5)
    assert speech_span(np.zeros(16_000, np.float32), 16_000) == (0.0, 1.0)
