import pytest
import torch

from jova.text import Prompt, WordTokenizer
from jova.text.duration import DurationPredictor
from jova.text.words import FIRST_WORD, NULL, PAD, words_of
from support.jova_micro import tokens

WORDS = ("red", "long", "low", "calm", "place", "with", "don't")


def test_three_parts_become_one_sequence():
    text = WordTokenizer(WORDS, 4)([Prompt("Red long,", "a low calm.", "Place with, don't!"), Prompt("long", "", "")])
    ids = [[0, 1, 2, 3, 4, 5, 6], [1]]  # places in WORDS; the article of the caption is dropped
    assert text.ids.tolist() == [[FIRST_WORD + i for i in ids[0]], [FIRST_WORD + 1] + [PAD] * 6]
    assert text.segments.tolist()[0] == [0, 0, 1, 1, 2, 2, 2]
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


def test_a_word_of_other_letters_is_one_word_and_hides_no_known_one():
    assert words_of("Ünïcode, it's 2_3 時間!") == ["ünïcode", "it's", "2", "3", "時間"]
    tokenize = WordTokenizer(("red",), 4)
    with pytest.raises(ValueError, match="got 'öred' in the video caption"):
        tokenize([Prompt("öred", "", "")])


def test_a_repeated_word_of_a_vocabulary_is_refused():
    with pytest.raises(ValueError, match="1 repeated"):
        WordTokenizer(("red", "red"), 4)


def test_no_text_at_all_is_the_null_token():
    assert WordTokenizer(WORDS, 4)([Prompt("", "", "")]).ids.tolist() == [[NULL]]


def test_without_replaces_the_text_of_some_rows_only():
    text = tokens()
    dropped = text.drop_text(torch.tensor([False, True, False]))
    assert dropped.ids[1].tolist() == [NULL] + [PAD] * (text.ids.shape[1] - 1)
    assert dropped.segments[1].sum() == dropped.positions[1].sum() == 0
    for row in (0, 2):
        assert all(torch.equal(a[row], b[row]) for a, b in zip(text, dropped, strict=True))


def test_select_takes_rows_and_cuts_common_padding():
    text = tokens().select(torch.tensor([2]))
    assert text.ids.tolist() == [[FIRST_WORD + 2, FIRST_WORD + 3, FIRST_WORD + 6]]  # long, low, now
    assert text.positions.tolist() == [[0, 0, 0]]


def test_letters_say_where_a_word_is_and_a_span_when():
    text = WordTokenizer(WORDS, 4)([Prompt("red", "", "place don't red"), Prompt("long", "calm", "")])
    # 5 + 5 + 3 letters; the apostrophe counts.
    assert text.shares[0].tolist() == pytest.approx([0, 2.5 / 13, 7.5 / 13, 11.5 / 13])
    assert text.shares[1].tolist() == [0] * 4
    assert text.times_s.tolist() == [[0] * 4] * 2
    said = text.with_spans(torch.tensor([[1.0, 2.3], [1.0, 2.0]]))
    assert said.times_s[0].tolist() == pytest.approx([0, 1.25, 1.75, 2.15])
    assert said.times_s[1].tolist() == [0] * 4
    assert said.drop_text(torch.tensor([True, False])).times_s[0].tolist() == [0] * 4


def test_speaking_time_is_learned_word_by_word_and_planned_inside_the_clip():
    """40 prompts whose speech lasts .3 s for `place`, .2 for any other word, and .1 less when it is calm."""
    tokenizer = WordTokenizer(WORDS, 8)
    prompts = [
        Prompt(
            "",
            "calm" if i % 2 else "low",
            " ".join(["place"] * (i % 3) + ["red"] * (1 + i % 2) + ["long"] * (i % 5 % 2)),
        )
        for i in range(400)
    ]
    lengths = [
        0.3 * p.transcript.count("place")
        + 0.2 * p.transcript.count("red")
        + 0.2 * p.transcript.count("long")
        - 0.1 * (p.audio_caption == "calm")
        for p in prompts
    ]
    text = tokenizer(prompts).with_spans(torch.tensor([[0.5, 0.5 + length] for length in lengths]))
    speaking = DurationPredictor(tokenizer.size)
    speaking.fit(text)
    asked = tokenizer([Prompt("", "low", "place place red long"), Prompt("", "calm", "red")])
    plans = torch.stack(
        [
            speaking.plan(asked, 3.0, [torch.Generator().manual_seed(2 * seed + row) for row in range(2)])
            for seed in range(200)
        ]
    )  # (200, 2, 2)
    spoken = plans[..., 1] - plans[..., 0]
    # Damping moves a second of speech by a few milliseconds; 0.1 s is below the shortest plan.
    assert spoken[:, 0].mean().item() == pytest.approx(1.0, abs=0.02)
    assert spoken[:, 1].tolist() == pytest.approx([0.3] * 200)
    assert plans.min() >= 0.06
    assert plans.max() <= 2.94 + 1e-6
    # Beginnings are uniform over what room is left: 1.88 s, standard error .04.
    assert plans[:, 0, 0].mean().item() == pytest.approx(0.06 + 1.88 / 2, abs=0.16)
    again = speaking.plan(asked, 3.0, [torch.Generator().manual_seed(row) for row in range(2)])
    assert torch.equal(again, plans[0])
    # A clip too short for the speech is filled.
    assert speaking.plan(asked, 0.5, [torch.Generator()] * 2)[0].tolist() == pytest.approx([0.06, 0.44])
