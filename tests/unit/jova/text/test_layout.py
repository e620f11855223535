import pytest

from jova.text import Prompt
from jova.text.layout import prompt_text


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (
            Prompt("A man at a desk.", "A low voice.", "Good morning!"),
            "<Video Caption> A man at a desk. <Audio Caption> A low voice. <Transcript> Good morning!",
        ),
        (Prompt(" a\n man ", "", "hi\u00a0there"), "<Video Caption> a man <Audio Caption> <Transcript> hi there"),
        (Prompt("", "", "x"), "<Video Caption> <Audio Caption> <Transcript> x"),
        (Prompt("<S>a<E> <transcript>", "", ""), "<Video Caption> <S>a<E> <transcript> <Audio Caption> <Transcript>"),
        (Prompt("", "", ""), ""),
        (Prompt(" \n", "\t", ""), ""),
    ],
)
def test_three_parts_are_one_text(prompt, text):
    assert prompt_text(prompt) == text


def test_a_part_that_begins_another_is_refused():
    with pytest.raises(ValueError, match=r"audio caption without <Transcript>, which .*, got 'a voice <Transcript> no"):
        prompt_text(Prompt("", "a voice\n<Transcript>  no", ""))
    with pytest.raises(ValueError, match="video caption without <Audio Caption>"):
        prompt_text(Prompt("a <Audio\nCaption>", "", ""))


def test_half_a_character_is_refused_as_tokenizers_do_in_other_words():
    with pytest.raises(ValueError, match="expected a transcript of Unicode characters"):
        prompt_text(Prompt("", "", "hi \ud83d"))
