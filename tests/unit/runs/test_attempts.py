"""Attempts are honest: what a model answered stays and is counted, and only what the machine failed is tried again."""

import errno
import json
from collections import Counter
from pathlib import Path

import av
import pytest

import jova_bench
from jova_bench import BenchError
from jova_bench.comparison.gate import gate
from jova_bench.comparison.results import freeze, read_results
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK
from jova_bench.media.limits import OverLimit
from jova_bench.report.files import read_leaderboard, view
from jova_bench.report.html.site import write_html
from jova_bench.runs.attempts import unfit
from jova_bench.runs.store import SAMPLES, SUMMARY, read_run
from jova_bench.summary import ABOUT_ATTEMPTS
from support.scripted import SCRIPT, Said, Scripted, counts, lines
from support.tiny_runs import Level, Tones, estimate, go


@pytest.fixture
def three(tmp_path):
    """The same command three times, the last with the flag, of one model."""
    model, said, results = Scripted(SCRIPT), Said(), []
    for again in (False, False, True):
        results.append(go(tmp_path, [model], [Level()], retry_answered=again, progress=said))
        results[-1] = (results[-1], list(model.calls))
        model.calls.clear()
    return results, said.lines


def test_the_machines_failures_are_tried_again_and_answers_only_on_request(three, tmp_path):
    ((first, _), (second, calls), (third, calls_with_flag)), said = three
    assert (first.exit_code, second.exit_code, third.exit_code) == (EXIT_INCOMPLETE,) * 3  # p1 never has a clip.
    # Asked for p0 to p3: without weights, p4 was not.
    assert first.summary.attempts == counts(samples=4, attempts=4, refused=1)
    reasons = dict(estimate(first, model="scripted").reasons)
    assert "NaN" in next(one for one in reasons if one.startswith("no clip: expected finite"))
    assert {one: count for one, count in reasons.items() if "NaN" not in one} == {
        "no clip: refused: no faces of politicians": 1, "no clip: RuntimeError: CUDA out of memory": 1,
        "no clip: weights missing: x": 1,
    }  # fmt: skip
    assert (estimate(first, model="scripted").n_ok, estimate(first, model="scripted").n_failed) == (1, 4)
    # Then p2 a second time and p4 for the first; nothing else is asked.
    assert calls == [(("p2",), 0), (("p4",), 0)]
    assert second.summary.attempts == second.attempts == counts(samples=5, attempts=6, refused=1)
    assert second.attempts[0].text == "6 attempts at 5 samples, 1 refusal"
    refused = second.failed[0]
    assert (refused.prompt_id, refused.status, refused.reason) == ("p1", "refused", "no faces of politicians")
    assert (estimate(second, model="scripted").n_ok, estimate(second, model="scripted").n_failed) == (3, 2)
    assert said == [
        "scripted: 2 samples answered without a clip, 1 of them by a refusal: not asked again; "
        "retry_answered= asks again, for a second draw"
    ]
    # With the flag p1, which refuses once more, and p3: 6 + 2 attempts, 2 of them second draws.
    assert calls_with_flag == [(("p1",), 0), (("p3",), 0)]
    assert third.attempts == counts(samples=5, attempts=8, redrawn=2, refused=2)
    assert third.attempts[0].text == "8 attempts at 5 samples, 2 second draws, 2 refusals"
    assert lines(tmp_path, "p0") == [(1, "ok", True)]
    assert lines(tmp_path, "p1") == [(1, "refused", True), (2, "refused", True)]
    assert lines(tmp_path, "p2") == [(1, "failed", False), (2, "ok", True)]
    assert lines(tmp_path, "p3") == [(1, "failed", True), (2, "ok", True)]
    assert lines(tmp_path, "p4") == [(None, "failed", None), (1, "ok", True)]
    before = (tmp_path / "run" / SAMPLES).read_bytes()
    model = Scripted({})
    assert go(tmp_path, [model], [Level()]).attempts == third.attempts
    assert (model.calls, (tmp_path / "run" / SAMPLES).read_bytes()) == ([], before)


def test_every_view_tells_of_them(three, tmp_path):
    told = "scripted: 8 attempts at 5 samples, 2 second draws, 2 refusals"
    go(tmp_path, [Tones("scripted")], [Level()], out="plain")
    board = read_leaderboard(tmp_path / "run")
    text = board.markdown()
    assert f"{ABOUT_ATTEMPTS} {told}." in text
    clips = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("## Clips")[1].splitlines()]
    assert clips[4][:6] == ["Model", "Asked", "Made", "Failed", "of them refused", "Attempts at samples"]
    assert clips[6][:6] == ["scripted", "5", "4", "1", "1", "8 at 5"]
    assert board.frame().loc["scripted", ["attempts", "asked samples", "second draws", "refusals"]].tolist() == [
        8,
        5,
        2,
        2,
    ]
    assert ",8,5,2,2\n" in board.csv()
    value = json.loads(board.json())
    assert value["attempts"] == [{"model": "scripted", "samples": 5, "attempts": 8, "redrawn": 2, "refused": 2}]
    assert (value["made"][0]["failed"], value["made"][0]["refused"]) == (1, 1)
    assert f" {told}.}}" in view("tex")(board)
    pages = tmp_path / "pages"
    write_html(tmp_path / "run", pages, workers=0)
    assert f"{ABOUT_ATTEMPTS} {told}." in (pages / "index.html").read_text()
    assert "<b>refused</b> no faces of politicians" in (pages / "prompts" / "0002.html").read_text()
    frozen = tmp_path / "frozen.json"
    frozen.write_text(freeze(read_results(tmp_path / "run")))
    for side in (tmp_path / "run", frozen):
        found = jova_bench.compare(side, tmp_path / "plain")
        assert f"{ABOUT_ATTEMPTS} In all of A: {told}." in found.markdown()
        assert found.record()["attempts"] == {"a": value["attempts"]}
    assert f"In all of this run: {told}." in gate(tmp_path / "plain", tmp_path / "run").markdown()


def test_no_view_tells_of_what_was_not(tmp_path):
    go(tmp_path, [Tones()], [Level()])
    board = read_leaderboard(tmp_path / "run")
    for suffix in ("md", "csv", "json", "tex"):
        for word in ("attempt", "second draw", "refus"):
            assert word not in view(suffix)(board).lower()
    found = jova_bench.compare(tmp_path / "run", tmp_path / "run")
    assert "attempt" not in found.markdown()
    assert "attempts" not in found.record()
    assert "attempts" not in json.loads(freeze(read_results(tmp_path / "run")))


def test_a_lost_clip_made_again_as_it_was_is_the_same_attempt(tmp_path):
    result = go(tmp_path, [Scripted({})], [Level()])
    for script, attempts, redrawn in (({}, 5, 0), ({"p1": ["is loud"]}, 6, 1), ({"p1": ["crashes"]}, 7, 1)):
        (tmp_path / "run" / read_run(tmp_path / "run").samples[1].clip).unlink()
        result = go(tmp_path, [Scripted(script)], [Level()])
        assert result.attempts == counts(samples=5, attempts=attempts, redrawn=redrawn)
    assert [number for number, _, _ in lines(tmp_path, "p1")] == [1, 1, 2, 3]
    # After the machine's failure, the clip that was lost comes again as it was: an attempt, and no second draw.
    result = go(tmp_path, [Scripted({"p1": ["is loud"]})], [Level()])
    assert result.attempts == counts(samples=5, attempts=8, redrawn=1)


def test_an_answer_stands_after_a_failure_of_the_machine(tmp_path):
    model = Scripted({"p0": ["refuses", "crashes"]})
    for again in (False, True, False):
        model.calls.clear()
        go(tmp_path, [model], [Level()], limit=1, retry_answered=again)
    assert model.calls == []
    assert lines(tmp_path, "p0") == [(1, "refused", True), (2, "failed", False)]
    with pytest.raises(BenchError, match="has answers"):
        go(tmp_path, [Scripted({}, version=2)], [Level()], limit=1)
    result = go(tmp_path, [model], [Level()], limit=1, retry_answered=True)
    assert result.attempts == counts(samples=1, attempts=3, redrawn=1, refused=1)


def test_a_batch_that_ends_at_a_prompt_refused_before_says_nothing_of_the_next(tmp_path):
    model = Scripted({"p1": ["refuses", "ends the batch"], "p2": ["crashes"]}, batch_size=4)
    for _ in range(3):
        go(tmp_path, [model], [Level()])
    assert lines(tmp_path, "p1") == [(1, "refused", True)]
    assert lines(tmp_path, "p2") == [(1, "failed", False), (1, "failed", None), (2, "ok", True)]


def test_a_report_counts_the_attempts_that_were_not_scored(tmp_path):
    model = Scripted({"p1": ["refuses", "refuses"]})
    go(tmp_path, [model], [Level()])
    go(tmp_path, [model], [Level()], retry_answered=True, scoring=False)
    assert read_leaderboard(tmp_path / "run").attempts == counts(samples=5, attempts=6, redrawn=1, refused=2)


def test_an_answer_stands_while_its_model_cannot_be_asked(tmp_path):
    model = Scripted(SCRIPT)
    go(tmp_path, [model], [Level()])
    model.check = lambda: "weights missing: all"
    model.plan = Scripted({}).plan
    before = read_run(tmp_path / "run").samples
    assert go(tmp_path, [model], [Level()], retry_answered=True).unable == {"scripted": "weights missing: all"}
    assert read_run(tmp_path / "run").samples == before
    lone = Scripted({"p0": ["refuses"], "p1": ["crashes"]})
    go(tmp_path, [lone], [Level()], out="lone", limit=2)
    lone.check = lambda: "weights missing: all"
    said = Said()
    result = go(tmp_path, [lone], [Level()], out="lone", limit=2, retry_answered=True, progress=said)
    assert (result.failed, result.exit_code) == ((), 5)
    kept = [one.why_none for one in read_run(tmp_path / "lone").samples]
    assert kept[0] == "refused: no faces of politicians"
    assert said.lines == ["scripted is left out: weights missing: all"]


def test_a_refusal_that_is_raised_is_of_what_is_left_of_the_batch(tmp_path):
    result = go(tmp_path, [Scripted({"p2": ["ends the batch"]}, batch_size=4)], [Level()])
    found = {one.prompt_id: (one.status, one.reason) for one in read_run(tmp_path / "run").samples}
    assert found == dict.fromkeys(("p0", "p1", "p4"), ("ok", None)) | dict.fromkeys(
        ("p2", "p3"), ("refused", "nothing of this kind")
    )
    assert result.attempts == counts(samples=5, attempts=5, refused=2)


def test_runs_without_these_fields_are_read_and_resumed_as_before(tmp_path):
    go(tmp_path, [Scripted(SCRIPT)], [Level()])
    run = tmp_path / "run"
    old = [
        {
            key: "failed" if value == "refused" else value
            for key, value in json.loads(line).items()
            if key not in ("attempt", "answered")
        }
        for line in (run / SAMPLES).read_text().splitlines()
    ]
    (run / SAMPLES).write_text("".join(json.dumps(line) + "\n" for line in old))
    summary = json.loads((run / SUMMARY).read_text())
    del summary["attempts"]
    (run / SUMMARY).write_text(json.dumps(summary))
    assert "attempt" not in read_leaderboard(run).markdown()
    model = Scripted({})
    result = go(tmp_path, [model], [Level()])
    assert [ids for ids, _ in model.calls] == [("p1",), ("p2",), ("p3",), ("p4",)]
    # Nobody knows whether these had been asked; p0 has a clip and no number, as it had.
    assert (result.exit_code, result.attempts) == (EXIT_OK, counts(samples=4, attempts=4))
    (run / read_run(run).samples[0].clip).unlink()
    again = go(tmp_path, [Scripted({"p0": ["is loud"]})], [Level()])
    assert again.attempts == counts(samples=5, attempts=6, redrawn=1)


def test_a_folders_clips_are_nobodys_attempts(tmp_path):
    go(tmp_path, [Tones()], [Level()], out="made")
    clips = tmp_path / "mine"
    clips.mkdir()
    for sample in read_run(tmp_path / "made").samples:
        (clips / f"{sample.prompt_id}.wav").write_bytes((tmp_path / "made" / sample.clip).read_bytes())
    good = (clips / "p3.wav").read_bytes()
    (clips / "p3.wav").write_bytes(b"RIFF")
    results = []
    for content in (b"RIFF", b"RIFF", good):
        (clips / "p3.wav").write_bytes(content)
        results.append(go(tmp_path, [f"clips:{clips}"], [Level()]))
    assert [one.exit_code for one in results] == [EXIT_INCOMPLETE, EXIT_INCOMPLETE, EXIT_OK]
    assert results[-1].summary.attempts == ()
    assert Counter(one.attempt for one in read_run(tmp_path / "run").samples) == {None: 5}


@pytest.mark.parametrize(
    ("error", "answered"),
    [
        (BenchError("0.1 s, planned 2 s"), True),
        (FileNotFoundError(2, "the file that it said", "clip.mp4"), True),
        (FileNotFoundError(2, "No usable temporary directory found"), False),
        (av.error.OSError(errno.EIO, "of a damaged file, too"), True),
        (av.error.InvalidDataError(1094995529, "Invalid data"), True),
        (OverLimit("set JOVA_BENCH_MAX_CLIP_GB"), False),
        (ImportError("av"), False),
        (RuntimeError("can't start new thread"), False),
        (MemoryError(), False),
        *((OSError(one, "the machine"), False) for one in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES)),
        *((av.error.OSError(one, "the machine"), False) for one in (errno.ENOSPC, errno.EAGAIN)),
    ],
)
def test_a_clip_that_the_machine_cannot_take_is_no_answer(error, answered):
    key, given = jova_bench.keys.SampleKey("m", "p", 0), Path("clip.mp4")
    assert unfit(key, error, given).answered is answered
    wrapped = BenchError("cannot write clip.mp4")
    wrapped.__cause__ = error
    assert unfit(key, wrapped, given).answered is answered


def test_a_model_is_no_worse_for_a_clip_over_the_limit_of_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_MAX_CLIP_GB", "0.000001")
    go(tmp_path, [Scripted({})], [Level()], limit=1, scoring=False)
    monkeypatch.delenv("JOVA_BENCH_MAX_CLIP_GB")
    go(tmp_path, [Scripted({})], [Level()], limit=1)
    assert lines(tmp_path, "p0") == [(1, "failed", False), (2, "ok", True)]
