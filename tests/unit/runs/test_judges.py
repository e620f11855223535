"""A run with a judge: what it answers is paid for once, its agreement stands in the summary, and its key nowhere."""

import hashlib
import json

import pytest

import jova_bench
from jova_bench.comparison.gate import gate
from jova_bench.errors import BenchError
from jova_bench.formatting.text import escaped
from jova_bench.report.files import read_leaderboard
from jova_bench.runs.store import read_run
from jova_bench.web import server as web
from support.chat_server import MODEL, said, serving
from support.clips import write_noise

KEY = "sk-never-to-be-seen"
RUBRIC = """schema = 1
repeats = 2
server = {{ url = "{url}", model = "asked-for" }}
questions = [{{ id = "rain", ask = "Is it rain?", give = ["sound"] }}]
"""


def hears(body):
    """Answers by the sound alone, and by whether it is the first time; refuses one clip in four."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return said("Yes")
    kind = hashlib.sha256(content[0]["input_audio"]["data"].encode()).digest()[0] % 4
    return said("", refusal="No.") if kind == 0 else said("Yes" if kind > 1 else "No")


def test_a_run_is_continued_without_its_server_and_holds_no_key(tmp_path, monkeypatch):
    monkeypatch.setattr(web, "sleep", lambda seconds: None)
    monkeypatch.setenv("JOVA_BENCH_JUDGE_KEY", KEY)
    clips = tmp_path / "clips"
    clips.mkdir()
    for seed in range(8):
        write_noise(clips / f"clip-{seed}.wav", 0.5, seed)
    rubric, out = tmp_path / "mine.toml", tmp_path / "run"
    told = {"metrics": [f"judge:{rubric}", "loudness"], "out": out, "device": "cpu", "workers": 0}

    with serving(lambda body: hears(body) if len(at.questions) < 6 else (500, {}, f"down, {KEY}".encode())) as at:
        rubric.write_text(RUBRIC.format(url=at.url))
        monkeypatch.setenv("JOVA_BENCH_JUDGE_URL", at.url)
        first = jova_bench.score(clips, **told)
        (judged,) = [one for one in first.summary.estimates if one.metric == "judge_rain"]
        assert judged.n_failed > 0
        assert at.keys[0] == f"Bearer {KEY}"
        at.reply = lambda body: hears(body)
        before = len(at.questions)
        second = jova_bench.score(clips, **told)
        assert at.questions[before:]
        assert len(at.asked) - len(at.questions) == 1  # The model was asked for once, by the first of the commands.

    third = jova_bench.score(clips, **told)  # Nobody answers there any more.
    assert third.summary == second.summary
    (judged,) = [one for one in third.summary.estimates if one.metric == "judge_rain"]
    assert (judged.n_failed, judged.identity.backend) == (0, MODEL)
    assert judged.reasons == {"the judge refused to answer": judged.n_undefined}
    assert judged.n_undefined > 0
    assert judged.n_ok > 0
    assert judged.extra == {"repeats": 2, "alpha": 1}
    (spec,) = [one for one in json.loads((out / "manifest.json").read_text())["specs"] if one["name"] == "judge_rain"]
    laid_down = spec["source"].removeprefix("rubric: ").encode()
    assert hashlib.sha256(laid_down).hexdigest()[:12] == spec["params"]["rubric"]
    assert json.loads(laid_down)["ask"] == "Is it rain?"
    board = read_leaderboard(out).markdown()
    assert "## Judges" in board
    assert "Judge: rain" in board
    assert "alpha of its repeats: clips 1.00" in board
    for path in out.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path

    found = gate(out, out)
    assert [check.row.spec.name for check in found.checks] == ["loudness"]
    assert f"Not gated, because a language model judges: {escaped('judge_rain')}." in found.markdown()


def test_a_question_of_a_rubric_joins_it_and_one_that_contradicts_it_leaves_the_folder_as_it_was(tmp_path):
    clips, rubric, other, out = tmp_path / "clips", tmp_path / "mine.toml", tmp_path / "other.toml", tmp_path / "run"
    clips.mkdir()
    write_noise(clips / "clip.wav", 0.5, 0)

    def judged(*names):
        found = jova_bench.score(clips, metrics=names, out=out, device="cpu", workers=0).summary
        return [one.metric for one in found.estimates if one.metric == "judge_rain"]

    with serving(lambda body: said("Yes")) as at:
        rubric.write_text(RUBRIC.format(url=at.url))
        other.write_text(RUBRIC.format(url=at.url).replace("give", 'direction = "down", give'))
        assert judged(f"judge:{rubric}") == ["judge_rain"]
        assert judged(f"judge:{rubric}#rain") == ["judge_rain"]
        before = (out / "manifest.json").read_bytes()
        with pytest.raises(BenchError, match="expected one direction and one domain"):
            judged(f"judge:{other}")
        assert (out / "manifest.json").read_bytes() == before
        assert judged("loudness") == ["judge_rain"]


OURS = {"rain": 'schema = 1\nquestions = [{ id = "rain", ask = "Is it rain?", give = ["sound"] }]\n'}
OURS["snow"] = OURS["rain"].replace("rain?", "snow?")


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """Three clips in a folder, the server of the environment, and what scores them with a rubric of this text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for seed in range(3):
        write_noise(tmp_path / "clips" / f"clip-{seed}.wav", 0.5, seed)

    def score(text, **options):
        (tmp_path / "mine.toml").write_text(text)
        options = {"metrics": ["judge:mine.toml"], "device": "cpu", "workers": 0} | options
        return jova_bench.score(tmp_path / "clips", **options)

    with serving(lambda body: said("No" if "snow" in str(body) else "Yes")) as at:
        monkeypatch.setenv("JOVA_BENCH_JUDGE_URL", at.url)
        monkeypatch.setenv("JOVA_BENCH_JUDGE_MODEL", "asked-for")
        yield at, score


def test_answers_that_are_all_there_need_no_server_of_the_environment(heard, monkeypatch):
    at, score = heard
    first = score(OURS["rain"])
    asked = len(at.asked)
    monkeypatch.delenv("JOVA_BENCH_JUDGE_URL")
    assert score(OURS["rain"]).summary == first.summary
    with pytest.raises(BenchError, match="expected a server for judge_rain: set JOVA_BENCH_JUDGE_URL"):
        score(OURS["snow"])
    assert len(at.asked) == asked


def test_an_edited_rubric_is_another_column_beside_the_one_that_was(heard):
    at, score = heard
    before = read_run(score(OURS["rain"]).folder)
    score(OURS["snow"])
    asked = len(at.asked)
    for text in (OURS["snow"], OURS["rain"]):  # Put back, it is the column of now, and the other stays.
        result = score(text)
        found = {one.identity: (one.value, one.n_ok, one.n_failed) for one in result.summary.estimates}
        assert list(found.values()) == ([(0, 3, 0), (1, 3, 0)] if text == OURS["snow"] else [(1, 3, 0), (0, 3, 0)])
        run = read_run(result.folder)
        assert {one.identity for one in run.manifest.specs} == set(found)
        assert set(before.scores) < set(run.scores)
    assert len(at.asked) == asked
    assert "Judge: rain" in read_leaderboard(result.folder).markdown()


def test_a_clip_more_is_the_only_one_to_be_asked_about(heard, tmp_path):
    at, score = heard
    first = score(OURS["rain"])
    write_noise(tmp_path / "clips" / "clip-3.wav", 0.5, 3)
    second = score(OURS["rain"])
    assert first.folder != second.folder
    assert [one.n_ok for one in second.summary.estimates] == [4]
    assert (len(at.questions), len(at.asked)) == (4, 5)  # And once which model it is.
    score(OURS["rain"], out="elsewhere")
    assert len(at.questions) == 8


def test_a_calibration_asks_about_a_clip_more_alone(heard, tmp_path):
    at, _ = heard
    (tmp_path / "mine.toml").write_text(OURS["rain"])
    for count in (3, 4):
        jova_bench.calibrate(
            "judge:mine.toml", "clips", changes=["silence"], profile="standard", workers=0, device="cpu"
        )
        assert len(at.questions) == count + 1  # All clips' silence is one.
        write_noise(tmp_path / "clips" / "clip-3.wav", 0.5, 3)
