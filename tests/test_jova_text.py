import pytest
import torch
from jova_micro import tokens

from jova.text import Prompt, WordTokenizer
from jova.text.words import FIRST_WORD, NULL, PAD

WORDS = ("red", "long", "low", "calm", "place", "with", "don't")


def test_three_parts_become_one_sequence():
    text = WordTokenizer(WORDS, 4)([Prompt("Red long,", "a low calm.", "Place with, don't!"), Prompt("long", "", "")])
    ids = [[0, 1, 2, 3, 4, 5, 6], [1]]  # places in WORDS; the article of the caption is dropped
    assert text.ids.tolist() == [[FIRST_WORD + i for i in ids[0]], [FIRST_WORD + 1] + [PAD] * 6]
    assert text.parts.tolist()[0] == [0, 0, 1, 1, 2, 2, 2]
    assert text.positions.tolist()[0] == [0, 1, 0, 1, 0, 1, 2]
    assert text.mask.sum(1).tolist() == [7, 1]


def test_stop_words_are_dropped_from_captions_but_spoken_in_transcripts():
    tokenizer = WordTokenizer(WORDS, 4)
    caption, transcript = Prompt("long hair with a calm voice", "", ""), Prompt("", "", "place with")
    assert tokenizer([caption]).ids.tolist() == [[FIRST_WORD + 1, FIRST_WORD + 3]]
    assert tokenizer([transcript]).ids.tolist() == [[FIRST_WORD + 4, FIRST_WORD + 5]]


def test_unknown_words_are_named_with_the_vocabulary():
    with pytest.raises(ValueError, match=r"got 'green' in the video caption; it knows: calm don't long low place red"):
        WordTokenizer(WORDS, 4)([Prompt("green long", "", "")])
    with pytest.raises(ValueError, match="got 'the' in the transcript"):
        WordTokenizer(WORDS, 4)([Prompt("", "", "place the")])


def test_too_many_words_are_refused():
    with pytest.raises(ValueError, match="at most 2 words in a transcript, got 3"):
        WordTokenizer(WORDS, 2)([Prompt("", "", "place place place")])


def test_a_repeated_word_of_a_vocabulary_is_refused():
    with pytest.raises(ValueError, match="1 repeated"):
        WordTokenizer(("red", "red"), 4)


def test_no_text_at_all_is_the_null_token():
    assert WordTokenizer(WORDS, 4)([Prompt("", "", "")]).ids.tolist() == [[NULL]]


def test_without_replaces_the_text_of_some_rows_only():
    text = tokens()
    dropped = text.without(torch.tensor([False, True, False]))
    assert dropped.ids[1].tolist() == [NULL] + [PAD] * (text.ids.shape[1] - 1)
    assert dropped.parts[1].sum() == dropped.positions[1].sum() == 0
    for row in (0, 2):
        assert all(torch.equal(a[row], b[row]) for a, b in zip(text, dropped, strict=True))


def test_select_takes_rows_and_cuts_common_padding():
    text = tokens().select(torch.tensor([2]))
    assert text.ids.tolist() == [[FIRST_WORD + 2, FIRST_WORD + 3, FIRST_WORD + 6]]  # long, low, now
    assert text.positions.tolist() == [[0, 0, 0]]
