"""A judge against a server on this machine: its identity, its values, and each way in which a server can fail it."""

import numpy as np
import pytest

from jova_bench.errors import BenchError
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build, faults_of_names
from jova_bench.metrics.judge.metric import Judge, agreement
from jova_bench.metrics.judge.rubric import Rubric
from jova_bench.prompts import Prompt
from jova_bench.web import server as web
from support.chat_server import MODEL, STALL, said, serving
from support.clips import clip_of, sine
from support.memory_cache import MemoryCache

CLIP = clip_of(np.full((4, 16, 16, 3), 90, np.uint8), sine(200, 0.16)[None])
PROMPT = Prompt(id="a", video_caption="a man", audio_caption="rain", transcript="hello there")
REFUSAL = "the judge refused to answer"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(web, "sleep", lambda seconds: None)


def judge(at, cache=None, question=None, **changes):
    asked = {"id": "lips", "ask": "Do they fit?", "give": ["frames", "sound"], **(question or {})}
    server = {"url": at.url, "model": "asked-for", "timeout_s": 0.5}
    rubric = Rubric.model_validate({"schema": 1, "questions": [asked], "server": server, **changes})
    return Judge(MetricContext(cache or MemoryCache()), rubric, rubric.questions[0])


def outcome(metric, clip=CLIP, prompt=PROMPT):
    found = metric.score(clip, prompt)
    return found.status, found.value, found.reason


def of_clips(*replies, probe=None):
    """Answers the question that finds the model, then questions about clips, in turn and the last one again."""
    left = list(replies)

    def reply(body):
        if isinstance(body["messages"][-1]["content"], str):
            return said("Yes") if probe is None else probe
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


# --- values ---


def test_the_value_is_the_mean_probability_of_yes_and_its_identity_says_so():
    with serving(of_clips(said("Yes", p_yes=0.9), said("No", p_yes=0.3), probe=said("Yes", p_yes=0.8))) as at:
        metric = judge(at, repeats=2, request={"temperature": 1, "seed": 5}, instructions="Be strict.")
        assert outcome(metric) == ("ok", pytest.approx(0.6, abs=1e-12), None)
    spec, digest = metric.spec, metric.rubric.digest(metric.question)
    assert spec.identity == f"judge_lips@2/standard:{MODEL}{{reads=p_yes,repeats=2,rubric={digest}}}"
    assert (spec.needs, spec.direction, spec.proportion, spec.level) == (("video", "audio"), "up", False, "clip")
    first, second = at.questions
    assert [body["seed"] for body in at.questions] == [5, 6]
    assert (first["model"], first["temperature"], first["logprobs"], first["top_logprobs"]) == (
        "asked-for",
        1,
        True,
        20,
    )
    assert first["messages"] == second["messages"]
    system, user = first["messages"]
    assert system == {"role": "system", "content": "Be strict."}
    kinds = [part["type"] for part in user["content"]]
    assert kinds == ["text", *["image_url"] * 4, "input_audio", "text"]
    assert user["content"][-1]["text"] == "Do they fit?"


def test_without_probabilities_it_is_the_share_of_yes_under_another_identity():
    with serving(of_clips(said("Yes"), said("no"), said("Yes"), said("Yes"))) as at:
        metric = judge(at, repeats=4)
        assert outcome(metric) == ("ok", 0.75, None)
        assert "reads=yes_share" in metric.spec.identity
        assert "logprobs" not in at.questions[0]
        assert not metric.spec.proportion
        assert judge(at).spec.proportion  # One answer is right or wrong.


def test_a_server_that_does_not_take_the_fields_of_probabilities_is_asked_without_them():
    def reply(body):
        return (400, {}, b'{"error": "unknown field logprobs"}') if "logprobs" in body else said("Yes")

    with serving(reply) as at:
        assert outcome(judge(at)) == ("ok", 1.0, None)


def test_on_a_scale_it_is_the_mean_number():
    with serving(of_clips(said("4"), said("5"), probe=said("Yes", p_yes=0.8))) as at:
        metric = judge(at, question={"scale": [1, 5], "ask": "How well is {transcript} said?"}, repeats=2)
        assert outcome(metric) == ("ok", 4.5, None)
        assert (metric.spec.unit, metric.spec.needs) == ("1 to 5", ("video", "audio", "transcript"))
        assert "logprobs" not in at.questions[0]
        assert at.questions[0]["messages"][-1]["content"][-1]["text"] == "How well is hello there said?"
        assert outcome(metric, prompt=None) == ("undefined", None, "no transcript")
        assert len(at.questions) == 2


# --- what a server does ---


def test_a_refusal_is_undefined_and_not_asked_for_again():
    with serving(of_clips(said("Yes"), said(None, refusal="No faces."))) as at:
        cache = MemoryCache()
        for _ in range(2):
            assert outcome(judge(at, cache, repeats=2)) == ("undefined", None, REFUSAL)
        assert len(at.questions) == 2


def test_an_answer_that_cannot_be_read_is_a_failure():
    with serving(of_clips(said("Rather"))) as at:
        assert outcome(judge(at)) == ("failed", None, "expected yes or no as an answer, got 'Rather'")
    with serving(of_clips({"model": MODEL, "choices": []})) as at:
        status, _, reason = outcome(judge(at))
        assert status == "failed"
        assert "expected an answer with a text" in reason


@pytest.mark.parametrize("reply", [(500, {}, b""), STALL], ids=["errs", "stalls"])
def test_a_server_that_fails_is_a_failure_and_what_it_answered_before_is_not_paid_twice(reply):
    cache = MemoryCache()
    with serving(of_clips(said("Yes"), reply)) as at:
        status, value, reason = outcome(judge(at, cache, repeats=3))
        assert (status, value) == ("failed", None)
        assert reason.startswith("asked-for at 127.0.0.1: expected an answer, got")
    with serving(of_clips(said("No"))) as later:
        later_on = judge(at, cache, repeats=3)  # The same address, which does not answer: the model is known.
        object.__setattr__(later_on.server, "url", later.url)
        assert outcome(later_on) == ("ok", pytest.approx(1 / 3), None)
        assert len(later.asked) == 2


def test_another_model_fails_all_that_follows_and_nothing_more_is_asked():
    with serving(of_clips(said("Yes"), said("Yes", model="judge-8b"))) as at:
        metric, cache = judge(at, repeats=2), MemoryCache()
        why = f"expected an answer of {MODEL}, got one of judge-8b"
        assert outcome(metric) == ("failed", None, why)
        assert outcome(metric, clip_of(CLIP.frames + 1, CLIP.audio)) == ("failed", None, why)
        assert len(at.questions) == 2
        # The model that changed before scoring began has an identity of its own.
        at.reply = lambda body: said("Yes", model="judge-8b")
        assert judge(at, cache).spec.backend == "judge-8b"
        at.reply = lambda body: said("Yes")
        assert outcome(judge(at, cache)) == ("failed", None, f"expected an answer of judge-8b, got one of {MODEL}")


def test_a_server_that_keeps_failing_is_left_after_three_answers_in_a_row():
    clips = [clip_of(CLIP.frames + k, CLIP.audio) for k in range(8)]
    down = (500, {}, b"down")
    with serving(of_clips((413, {}, b"too long"))) as at:
        metric = judge(at)
        assert ["status 413" in outcome(metric, clip)[2] for clip in clips] == [True] * 8  # The questions' own fault.
    with serving(of_clips(said("Yes"), down)) as at:
        metric = judge(at)
        reasons = [outcome(metric, clip)[2] for clip in clips]
        assert reasons[0] is None
        assert [reason.startswith("asked-for at") for reason in reasons[1:]] == [True] * 3 + [False] * 4
        assert set(reasons[4:]) == {f"not asked, after 3 answers in a row that did not come; last: {reasons[3]}"}
        assert len(at.questions) == 1 + 3 * 6


def test_a_model_without_a_name_is_refused():
    nameless = said("Yes", model=None)
    with serving(lambda body: nameless) as at, pytest.raises(BenchError, match="an answer that names its model"):
        judge(at)


@pytest.mark.parametrize("name", ["[x]-model", "{x}", " x"])
def test_a_model_whose_name_no_identity_can_hold_is_refused_in_one_line(name):
    odd = said("Yes", model=name)
    with serving(lambda body: odd) as at, pytest.raises(BenchError, match="whose name an identity can hold") as error:
        judge(at)
    assert "\n" not in str(error.value)


def test_an_error_in_place_of_an_answer_is_no_other_model():
    with serving(of_clips({"error": {"message": "out of memory"}}, said("Yes"))) as at:
        metric = judge(at)
        assert outcome(metric) == (
            "failed",
            None,
            "asked-for at 127.0.0.1: expected an answer, got an error: 'out of memory'",
        )
        assert outcome(metric) == ("ok", 1.0, None)


def test_the_key_goes_to_the_server_of_the_environment_and_is_kept_in_no_answer(monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_JUDGE_KEY", "secret-key-7")
    monkeypatch.setenv("JOVA_BENCH_JUDGE_URL", "http://127.0.0.1:1/v1")
    with serving(of_clips(said("it is secret-key-7"))) as at:
        judge(at)
        monkeypatch.setenv("JOVA_BENCH_JUDGE_URL", f"{at.url}/other")
        status, _, reason = outcome(judge(at))
        assert at.keys == [None, *["Bearer secret-key-7"] * 2]
    assert (status, reason) == ("failed", "expected yes or no as an answer, got 'it is [key]'")


def test_an_answer_is_of_one_clip_one_question_one_prompt_and_one_model():
    cache, ask = MemoryCache(), {"ask": "Is it {video_caption}?"}
    with serving(of_clips(said("Yes"))) as at:
        judged = judge(at, cache, ask)
        assert outcome(judged)[0] == outcome(judged)[0] == "ok"
        assert len(at.questions) == 1
        outcome(judged, prompt=PROMPT.model_copy(update={"video_caption": "a woman"}))
        outcome(judged, clip_of(CLIP.frames + 1, CLIP.audio))
        outcome(judge(at, cache))
        assert len(at.questions) == 4


# --- agreement ---


def test_alpha_is_krippendorffs():
    # Hand-derived: of 10 pairs 4 differ, and of 20 ratings 6 are 1: 1 - 19 * 4 / (6 * 14), as in his example of 2011.
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert agreement(np.array([meg, owen], float).T) == pytest.approx(1 - 76 / 84, abs=1e-12)
    # D_o: (1 + 1 + 4) / 3 and 0, on the mean 1; D_e: the mean over 15 pairs of 1, 2, 3, 4, 4, 4, which is 48 / 15.
    assert agreement(np.array([[1, 2, 3], [4, 4, 4.0]])) == pytest.approx(1 - 15 / 48, abs=1e-12)
    assert agreement(np.array([[0, 0], [1, 1.0]])) == 1
    assert agreement(np.array([[1, 1], [1, 1.0]])) is None
    assert agreement(np.array([[1], [0.0]])) is None


def test_alpha_is_over_the_clips_that_have_all_their_answers():
    cache, clips = MemoryCache(), [clip_of(CLIP.frames + k, CLIP.audio) for k in range(3)]
    with serving(of_clips(*map(said, ["Yes", "Yes", "No", "No", "Yes", "No"]))) as at:
        metric = judge(at, cache, repeats=2)
        for clip in clips:
            outcome(metric, clip)
    lost = ("0" * 64, PROMPT)
    found = metric.details([*((clip.digest, PROMPT) for clip in clips), lost])
    # Within clips 0, 0 and 1/2; of 1, 1, 0, 0, 1, 0 the variance is 0.3.
    assert found == {"repeats": 2, "alpha": pytest.approx(1 - (1 / 6) / 0.3, abs=1e-12)}
    assert metric.details([lost]) == {"repeats": 2}


# --- how it is chosen ---

RUBRIC = """schema = 1
server = {{ url = "{url}", model = "m" }}
questions = [
    {{ id = "lips", ask = "Do they fit?", give = ["sound"] }},
    {{ id = "voice", ask = "Is it theirs?", give = ["sound"] }},
]
"""


def test_a_selection_names_a_rubric_or_one_of_its_questions(tmp_path):
    path = tmp_path / "mine.toml"
    with serving(of_clips(said("Yes"))) as at:
        path.write_text(RUBRIC.format(url=at.url))
        for name, ids in ((f"judge:{path}", ["lips", "voice"]), (f"judge:{path}#voice", ["voice"])):
            found = build(["loudness", name], "standard", MetricContext(MemoryCache()))
            assert [one.spec.name for one in found] == ["loudness", *(f"judge_{one}" for one in ids)]
            assert faults_of_names([name], "standard") == []
        found = build([f"judge:{path}", f"judge:{path}#voice"], "standard", MetricContext(MemoryCache()))
        assert [one.spec.name for one in found] == ["judge_lips", "judge_voice"]


@pytest.mark.parametrize(
    ("name", "profile", "what"),
    [
        ("judge:speaker#lip", "standard", "expected a question of the rubric speaker, got 'lip'; did you mean 'lips'?"),
        ("judge:speakr", "standard", "did you mean 'speaker'?"),
        ("judge", "standard", "got 'judge'; judge:RUBRIC asks the questions of a rubric"),
        ("judge:gone.toml", "standard", "gone.toml: expected a readable TOML file"),
        ("judge:speaker", "embedded", "expected a metric of the embedded profile, got 'judge:speaker'"),
    ],
)
def test_a_wrong_selection_is_one_line_before_anything_is_asked(name, profile, what):
    (fault,) = faults_of_names([name], profile)
    assert what in fault
    with pytest.raises(BenchError) as error:
        build([name], profile, MetricContext(MemoryCache()))
    assert str(error.value) == fault
