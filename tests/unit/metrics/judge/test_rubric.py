"""Rubrics say what is wrong with them, and their digest changes with all that could change an answer alone."""

import pytest

from jova_bench.errors import BenchError, Undefined
from jova_bench.metrics.judge.rubric import MODEL_VARIABLE, URL_VARIABLE, Rubric, read_rubric, shipped_rubrics
from jova_bench.prompts import Prompt
from support.shown import ROOT, blocks

QUESTION = {"id": "lips", "ask": "Do they fit? Yes or no.", "give": ["frames", "sound"]}
WHOLE = {"schema": 1, "questions": [QUESTION]}
PROMPT = Prompt(id="a", video_caption="a {transcript} in red", audio_caption="rain", transcript="hello")


def rubric(question=None, **changes):
    return Rubric.model_validate({**WHOLE, "questions": [{**QUESTION, **(question or {})}], **changes})


def digest(question=None, **changes):
    made = rubric(question, **changes)
    return made.digest(made.questions[0])


@pytest.mark.parametrize(
    ("question", "changes"),
    [
        ({"ask": "Do they fit?"}, {}),
        ({"give": ["sound", "frames"]}, {}),
        ({"scale": [0, 1]}, {}),
        ({}, {"instructions": "Be strict."}),
        ({}, {"frames": 9}),
        ({}, {"request": {"temperature": 1}}),
    ],
)
def test_what_could_change_an_answer_changes_the_digest(question, changes):
    assert digest(question, **changes) != digest()


@pytest.mark.parametrize(
    ("question", "changes"),
    [
        ({"id": "mouth", "direction": "target"}, {}),
        ({"server": {"url": "http://a/v1", "model": "b"}}, {"server": {"url": "http://c/v1", "model": "d"}}),
        ({}, {"description": "x", "domain": "y", "repeats": 5}),  # Repeats are in the identity by themselves.
    ],
)
def test_what_could_not_does_not(question, changes):
    assert digest(question, **changes) == digest()


def test_frames_and_other_questions_matter_only_where_they_are_given():
    assert digest({"give": ["sound"]}, frames=9) == digest({"give": ["sound"]})
    both = rubric(questions=[QUESTION, {**QUESTION, "id": "voice", "ask": "Is it theirs?"}])
    assert both.digest(both.questions[0]) == digest()


def test_the_prompt_fills_a_question_and_its_own_braces_stay():
    (asked,) = rubric({"ask": "Is it {video_caption}, with {audio_caption}?"}).questions
    assert asked.filled(PROMPT) == "Is it a {transcript} in red, with rain?"
    assert asked.fields == ("video_caption", "audio_caption")
    for prompt in (None, PROMPT.model_copy(update={"audio_caption": " "})):
        with pytest.raises(Undefined, match=r"no (video|audio) caption"):
            asked.filled(prompt)
    (plain,) = rubric().questions
    assert plain.filled(None) == QUESTION["ask"]


TOML = """schema = 1
questions = [{ id = "lips", ask = "Well?", give = ["sound"] }]
"""


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (TOML.replace("schema = 1", "schema = 2"), "schema: expected 1"),
        (TOML.replace("lips", "Lips!"), "questions.0.id: expected a text that matches"),
        (TOML.replace("Well?", "Is it {caption}?"), r"ask: expected braces around .* alone, got '\{caption\}'"),
        (TOML.replace("Well?", "Is it {?"), "ask: expected braces around"),
        (TOML.replace('"sound"', '"smell"'), "questions.0.give.0: expected 'frames', 'sound' or 'video'"),
        (TOML.replace('"sound"', '"sound", "sound"'), "give: expected each once"),
        (TOML.replace("}", ", scale = [5, 1] }"), "scale: expected a lesser and a larger number"),
        (TOML.replace("questions", "frames = 0\nquestions"), "frames: expected greater than or equal to 1"),
        (TOML.replace("questions", "repeat = 3\nquestions"), "did you mean 'repeats'"),
        (TOML.replace("questions", 'request = { model = "x" }\nquestions'), "request: expected fields other than"),
        (TOML.replace("questions", "request = { since = 2026-01-01 }\nquestions"), "request: expected values of JSON"),
        (TOML.replace("]\n", ', { id = "lips", ask = "x", give = ["sound"] }]'), "expected different ids, got 'lips'"),
        ("schema = ", "expected TOML"),
    ],
)
def test_a_fault_names_the_file_and_the_field(tmp_path, content, what):
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(BenchError, match=what) as error:
        read_rubric(str(path))
    assert "mine.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_rubric_that_is_none_is_told_what_there_is(tmp_path):
    with pytest.raises(BenchError, match="did you mean 'speaker'"):
        read_rubric("speakr")
    with pytest.raises(BenchError, match="expected a readable TOML file"):
        read_rubric(str(tmp_path / "gone.toml"))


def test_the_shipped_ones_are_whole(monkeypatch):
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    assert shipped_rubrics() == ("avbench", "speaker")
    for name in shipped_rubrics():
        assert read_rubric(name).description
    speaker, avbench = read_rubric("speaker"), read_rubric("avbench")
    with pytest.raises(BenchError, match=f"for judge_lips: set {URL_VARIABLE} and {MODEL_VARIABLE}"):
        speaker.chat(speaker.questions[0])
    assert len({avbench.chat(one).url for one in avbench.questions}) == 3  # Each evaluator is a model of its own.


def test_the_page_shows_the_shipped_one(tmp_path):
    (shown,) = blocks(ROOT / "docs" / "judge.md", "toml")
    (tmp_path / "shown.toml").write_text(shown)
    assert read_rubric(str(tmp_path / "shown.toml")) == read_rubric("speaker")


def test_the_environment_names_the_server_of_those_that_name_none(monkeypatch):
    monkeypatch.setenv(URL_VARIABLE, "http://here:1/v1")
    monkeypatch.setenv(MODEL_VARIABLE, "mine")
    assert rubric().chat(rubric().questions[0]).by == "mine at here"
    named = rubric({"server": {"url": "http://b/v1", "model": "theirs"}}, server={"url": "http://c/v1", "model": "x"})
    assert named.chat(named.questions[0]).by == "theirs at b"
    bad = rubric(server={"url": "http://me:pw@a/v1", "model": "x"})
    with pytest.raises(BenchError, match="the key goes into JOVA_BENCH_JUDGE_KEY"):
        bad.chat(bad.questions[0])
