"""What a judge answers becomes a number, a refusal or a failure; probabilities are those of the tokens, by hand."""

import math

import pytest

from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.judge.answers import REFUSED, Answer, read_answer, value_of, yes_probability
from support.chat_server import said


def answer(text="", **fields):
    return Answer(**{"text": text, "refused": False, "cut": False, "tokens": (), **fields})


@pytest.mark.parametrize(
    ("text", "value"),
    [("Yes", 1), ("no.", 0), (" **YES** ", 1), ("'No'\n", 0)],
)
def test_yes_is_1_and_no_is_0(text, value):
    assert value_of(answer(text), "yes/no", probable=False) == value


@pytest.mark.parametrize(("text", "value"), [("4", 4), (" 2.5\n", 2.5), ("**3**", 3), ("+1.", 1), ("5 ", 5)])
def test_a_number_is_itself(text, value):
    assert value_of(answer(text), (1.0, 5.0), probable=True) == value


@pytest.mark.parametrize("minus", ["-", "\u2212", "\u2013"])
def test_a_number_below_zero_has_its_sign(minus):
    assert value_of(answer(f"**{minus}1.5**"), (-2.0, 2.0), probable=True) == -1.5


@pytest.mark.parametrize(
    ("text", "scale", "what"),
    [
        ("Yes, the lips move", "yes/no", "expected yes or no as an answer, got 'Yes, the lips move'"),
        ("yesterday", "yes/no", "expected yes or no"),
        ("", "yes/no", "got ''"),
        ("4 of 5", (1.0, 5.0), "expected a number from 1 to 5 as an answer, got '4 of 5'"),
        ("4/5", (1.0, 5.0), "got '4/5'"),
        ("6", (1.0, 5.0), "got 6"),
        ("-1", (1.0, 5.0), "got -1"),
        ("1e3", (1.0, 5.0), "got '1e3'"),
        ("nan", (1.0, 5.0), "got 'nan'"),
        ("four", (1.0, 5.0), "got 'four'"),
        ("1%", (0.0, 1.0), "got '1%'"),
        ("<5", (1.0, 5.0), "got '<5'"),
        ("~5", (1.0, 5.0), "got '~5'"),
        ("2½", (1.0, 5.0), "got '2½'"),
        ("\u22121", (1.0, 5.0), "got -1"),
    ],
)
def test_anything_else_is_a_failure_with_what_was_said(text, scale, what):
    with pytest.raises(Unavailable, match=what):
        value_of(answer(text), scale, probable=False)


def test_an_answer_that_was_cut_off_says_so():
    with pytest.raises(Unavailable, match="got 'The lips', which the server cut off; allow more tokens"):
        value_of(answer("The lips", cut=True), "yes/no", probable=False)
    assert value_of(answer("Yes", cut=True), "yes/no", probable=False) == 1  # One token is all that was asked for.


@pytest.mark.parametrize(
    "found",
    [
        read_answer(said(None, refusal="I will not judge faces.")),
        read_answer({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}),
        answer("I'm sorry, but I can't help with that."),
        answer("Sorry, no."),
        answer("I cannot identify people."),
        answer("As an AI, I do not judge."),
    ],
)
def test_refusals_are_counted_together(found):
    with pytest.raises(Undefined) as error:
        value_of(found, "yes/no", probable=True)
    assert str(error.value) == REFUSED


def place(chosen, **tokens):
    return {"token": chosen, "logprob": math.log(tokens[chosen]), "top_logprobs": [
        {"token": token, "logprob": math.log(p)} for token, p in tokens.items()
    ]}  # fmt: skip


def probable(*places, text="Yes"):
    found = read_answer({"choices": [{"message": {"content": text}, "logprobs": {"content": list(places)}}]})
    return value_of(found, "yes/no", probable=True)


def test_all_spellings_of_yes_and_no_share_the_probability():
    # Yes has 0.5 of 0.75.
    found = probable(place("Yes", **{"Yes": 0.3, " yes": 0.2, "No": 0.1, "ĠNO": 0.15, "Maybe": 0.25}))
    assert found == pytest.approx(2 / 3, abs=1e-12)


def test_a_no_counts_by_its_yes_and_what_is_not_listed_has_no_share():
    assert probable(place("No", No=0.75, Yes=0.25), text="No") == pytest.approx(0.25, abs=1e-12)
    assert probable(place("Yes", Yes=0.9, The=0.1)) == 1.0


def test_the_first_word_of_the_text_counts_and_the_chosen_token_need_not_be_listed_again():
    first = {"token": "**", "logprob": -0.1, "top_logprobs": [{"token": "Yes", "logprob": -3.0}]}
    second = {"token": "Yes", "logprob": math.log(0.6), "top_logprobs": [{"token": "no", "logprob": math.log(0.2)}]}
    assert probable(first, second, place("**", **{"**": 0.9}), text="**Yes**") == pytest.approx(0.75, abs=1e-12)


def test_what_is_thought_before_the_answer_has_no_part_in_its_probability():
    no, end = place("No", No=0.99, Yes=0.01), place("<|im_end|>", **{"<|im_end|>": 0.9})
    yes, thought = place("ĠYes", **{"ĠYes": 0.8, "No": 0.2}), place("</think>", **{"</think>": 0.9})
    for last in ((yes,), (yes, end), (place("ĊĊ", **{"ĊĊ": 0.9}), yes, end)):
        assert probable(*[no] * 20, yes, thought, *last) == pytest.approx(0.8, abs=1e-12)
    assert probable(no, yes, text="Yes") == pytest.approx(0.8, abs=1e-12)
    with pytest.raises(Unavailable, match="expected the probability of yes or no"):
        probable(no, thought, place("Ja", Ja=0.9))


def test_a_yes_in_two_tokens_has_no_probability():
    with pytest.raises(Unavailable, match="expected the probability of yes or no"):
        probable(place("Y", Y=0.9), place("es", es=0.9))
    with pytest.raises(Unavailable, match="expected the probability of yes or no"):
        yes_probability(())


@pytest.mark.parametrize(
    "found",
    [
        {}, [], None, {"choices": []}, {"choices": [3]}, {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": ["Yes"]}}]},
        {"choices": [{"message": {"content": "Yes"}, "logprobs": {"content": [{"token": "Yes"}]}}]},
        {"choices": [{"message": {"content": "Yes"}, "logprobs": {"content": [{"token": "Yes", "logprob": "x"}]}}]},
    ],
)  # fmt: skip
def test_json_of_another_form_is_no_answer(found):
    assert read_answer(found) is None
