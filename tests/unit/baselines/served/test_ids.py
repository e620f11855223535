"""Ids of jobs: of two jobs, of another job than was asked for, and with the key in them. No clip is another's."""

from pathlib import Path

import pytest

from jova_baselines.served import jobs
from jova_baselines.served.jobs import Job, Jobs
from jova_bench.files.reading import read_json
from support.video_server import DROP, KEY, NAME, Made


def test_a_server_that_gives_two_jobs_one_id_makes_no_two_samples_of_one_clip(at, made, tmp_path):
    at.once["create"] = [Made((200, {}, {"id": "job-0", "status": "queued"}))] * 2
    jobs = tmp_path / "run" / "jobs" / NAME
    for _ in range(2):
        a, b = made()
        assert (a.status, b.status, b.answered, at.asked.count("create")) == ("ok", "failed", False, 2)
        assert f"expected an id that no other job has, got 'job-0', which is in {jobs / 'a.0.json'}, too" in b.reason
        assert b.reason.endswith(f"remove {jobs / 'b.0.json'} to have, and to pay for, another one")
    (jobs / "b.0.json").unlink()
    assert [one.status for one in made()] == ["ok", "ok"]


def test_the_job_of_a_clip_that_is_in_the_run_may_make_room_for_another_of_its_id(at, made, tmp_path):
    made("ab", limit=1)
    at.created.clear(), at.by_key.clear()
    (_, b) = made("ab")
    kept = tmp_path / "run" / "jobs" / NAME / "a.0.json"
    assert f"remove {kept} if its clip is in the run, else remove " in b.reason
    kept.unlink()
    assert [(one.status, len(at.created)) for one in made("ab")] == [("ok", 1)] * 2


def test_a_job_whose_id_a_server_gives_again_has_not_the_clip_of_the_other(at, made, tmp_path):
    """A server that counts from 0, and was started again while a job of it was waited for."""
    at.state = lambda number: {"status": "queued"}
    at.once["create"] = [(503, {}, {})]
    made("ba", timeout_s=1e-9)
    at.created.clear(), at.by_key.clear()
    at.state = lambda number: {"status": "completed"}
    for _ in range(2):
        assert [(one.status, one.answered) for one in made("ba")] == [("failed", False)] * 2
    assert len(at.created) == 1
    (tmp_path / "run" / "jobs" / NAME / "a.0.json").unlink()
    assert [(one.status, len(at.created)) for one in made("ba")] == [("ok", 2)] * 2


def test_jobs_of_two_servers_may_have_one_id(at, made, tmp_path):
    at.once["retrieve"] = [DROP] * 6
    made("a")
    kept = tmp_path / "run" / "jobs" / NAME / "a.0.json"
    kept.with_name("b.0.json").write_text(kept.read_text().replace(at.url, "http://other:8091"))
    kept.with_name("c.0.json").write_text("{")
    assert [one.status for one in made("a")] == ["ok"]


def test_a_run_of_many_clips_reads_the_file_of_a_job_once(tmp_path, monkeypatch):
    fields = {"server": "http://a", "model": "m", "seed": 0, "request": "r", "key": "k"}
    (one, two), first = [Jobs(tmp_path / "jobs" / name) for name in "mn"], Job(**fields, prompt_id="p0", id="job-0")
    kept = [one.keep(first), *(two.keep(Job(**fields, prompt_id=f"p{k}", id=f"job-{k}")) for k in range(1, 5))]
    read = []
    monkeypatch.setattr(jobs, "read_json", lambda path: read.append(Path(path).stem) or read_json(path))
    assert [one.other(job) for job in (first, kept[4])] == [None, two.folder / "p4.0.json"]
    assert sorted(read) == [f"p{k}.0" for k in range(5)]
    assert [one.other(first) for _ in range(3)] == [None] * 3
    two.keep(kept[2].model_copy(update={"id": "job-0"}))  # By another process, while this one makes clips.
    assert one.other(first) == two.folder / "p2.0.json"
    assert sorted(read) == ["p0.0", "p1.0", "p2.0", "p2.0", "p3.0", "p4.0"]
    two.forget("p2", 0)
    assert one.other(first) is None


@pytest.mark.parametrize("status", ["failed", "completed", "blocked", "queued"])
def test_an_answer_about_another_job_is_none(at, made, status):
    at.once["retrieve"] = [(200, {}, {"id": "job-7", "status": status, "error": {"message": "oom"}})]
    (found,) = made("a")
    assert (found.status, found.answered) == ("failed", False)
    assert found.reason.endswith("expected an answer about the job 'job-0', got one about 'job-7'")
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]


def test_an_id_with_the_key_in_it_is_not_kept(at, made, tmp_path):
    at.once["create"] = [Made((200, {}, {"id": f"x-{KEY}", "status": "queued"}))]
    (found,) = made("a")
    assert "got one with the key of JOVA_BENCH_VIDEOS_KEY in it; a job may have been made, and" in found.reason
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert [(one.status, len(at.created), len(at.by_key)) for one in made("a")] == [("ok", 1, 1)]


def test_a_word_in_place_of_a_key_may_stand_in_an_id(at, made, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_VIDEOS_KEY", "job")
    assert [one.status for one in made("a")] == ["ok"]
