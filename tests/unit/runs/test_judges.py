"""A run with a judge: what it answers is paid for once, its agreement stands in the summary, and its key nowhere."""

import hashlib
import json

import pytest

import jova_bench
from jova_bench.comparison.gate import gate
from jova_bench.errors import BenchError
from jova_bench.formatting.text import escaped
from jova_bench.report.files import read_leaderboard
from jova_bench.web import chat
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
    monkeypatch.setattr(chat, "sleep", lambda seconds: None)
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
