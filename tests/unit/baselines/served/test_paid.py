"""What is paid for is not paid for again: answers that are lost, clips that do not come, and other statements."""

import pytest

import jova_bench as jb
from jova_bench.errors import BenchError
from support.asked import prompt, suite_of
from support.video_server import DROP, NAME, Made, clip


def test_a_job_whose_id_got_lost_is_asked_for_by_its_key_and_not_made_twice(at, made, tmp_path):
    at.once["create"] = [DROP]
    (found,) = made("a")
    assert (found.status, found.answered) == ("failed", False)
    assert "expected an answer, got none" in found.reason
    at.once["retrieve"] = [DROP] * 6  # The connection stays lost while it is polled.
    assert [one.status for one in made("a", price=2, currency="USD")] == ["failed"]
    plan = jb.dry_run(at.model, suite_of(prompt(id="a")), seeds=[0, 1], device="cpu", out=tmp_path / "run")
    (one,) = plan.models
    assert (one.to_make, one.asked_for, plan.price(one)) == (2, 1, 2.0)  # The job of seed 0 is paid for.
    assert [one.status for one in made("a")] == ["ok"]
    assert at.asked.count("create") == 2
    assert len(at.created) == len(at.by_key) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_creation_that_a_gateway_lost_is_not_repeated_and_keeps_its_key(at, made, status):
    """Between the two: the key is denied, another call with it is under way, and all calls are too many."""
    at.once["create"] = [Made((status, {}, {}))]
    (found,) = made("a")
    assert (found.status, found.answered, at.asked.count("create")) == ("failed", False, 1)
    assert f"got status {status}; a job may have been made, and paid for; run the same command again" in found.reason
    for replies in ([(401, {}, {})], [(409, {}, {})], [(429, {}, {})] * 6):
        at.once["create"] = replies
        assert [one.status for one in made("a")] == ["failed"]
    assert [one.status for one in made("a")] == ["ok"]
    assert (len(at.created), len(at.by_key)) == (1, 1)


def test_what_a_server_does_not_take_is_asked_for_with_another_key(at, made):
    at.knows_keys = False
    at.once["create"] = [Made((400, {}, {}))]  # It would say the same again of the same key.
    assert [one.status for one in made("a")] == ["failed"]
    assert [one.status for one in made("a")] == ["ok"]
    assert len(at.by_key) == 2


def test_a_key_that_was_sent_before_outlives_what_a_server_does_not_take(at, made, tmp_path):
    at.once["create"] = [Made((502, {}, {}))]
    made("a")
    at.once["create"] = [(422, {}, {"error": {"message": "the key is in use"}})]
    (found,) = made("a")
    kept = tmp_path / "run" / "jobs" / NAME / "a.0.json"
    assert "an earlier command sent the same Idempotency-Key, by which a job may have been made, and" in found.reason
    assert found.reason.endswith(f"look there, or remove {kept} to have, and to pay for, another one")
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]


@pytest.mark.parametrize(
    ("status", "headers", "shown"),
    [
        (307, {}, "307"),
        (418, {}, "418"),
        (302, {"Location": "/login"}, "404, after a redirect: 'Not Found'"),
        (303, {"Location": "/busy"}, "429, after a redirect"),
    ],
)
def test_a_creation_with_an_odd_answer_may_be_paid_for(at, made, status, headers, shown):
    at.once |= {"create": [Made((status, headers, {}))], "/busy": [(429, {}, {})]}
    (found,) = made("a")
    assert f"got status {shown}; a job may have been made, and paid for; run the same command again" in found.reason
    assert at.asked.count("create") == 1
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]


@pytest.mark.parametrize("lost", [{"retrieve": [DROP] * 6}, {"create": [Made((502, {}, {}))]}])
def test_a_job_that_an_earlier_command_asked_for_has_no_time_of_its_own(at, made, lost):
    at.once |= lost
    made("a")
    at.state = lambda number: {"status": "completed"}
    (found,) = made("a")
    assert (found.status, found.generate_s, len(at.created)) == ("ok", None, 1)


def test_pauses_of_a_busy_server_are_not_time_of_generation(at, made, waits, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: float(sum(waits)))
    at.state = lambda number: {"status": "completed"}
    as_planned, busy = (200, {}, {"version": at.version}), (429, {}, {})
    at.once |= {"create": [busy, busy], "/version": [as_planned, as_planned, busy], "retrieve": [(503, {}, {})]}
    (found,) = made("a")
    assert (found.status, found.generate_s, waits) == ("ok", 1.0, [1, 2, 1, 1])  # That of a job that is waited for.


def test_a_job_is_not_taken_for_another_request_and_not_overwritten(at, made, tmp_path):
    at.once["retrieve"] = [DROP] * 6
    made("a")
    kept = tmp_path / "run" / "jobs" / NAME / "a.0.json"
    before = kept.read_bytes()
    (found,) = made("a", steps=9)
    assert f"{kept}: expected a job of the same request as now, got one of another, which may be paid" in found.reason
    assert kept.read_bytes() == before
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]


@pytest.mark.parametrize("damage", [lambda text: text[:-30], lambda text: text.replace('"job-0"', '""')])
def test_a_damaged_job_is_not_paid_for_again_and_says_what_to_do(at, made, tmp_path, damage):
    at.once["retrieve"] = [DROP] * 6
    made("a")
    kept = tmp_path / "run" / "jobs" / NAME / "a.0.json"
    kept.write_text(damage(kept.read_text()))
    (found,) = made("a")
    assert found.reason.endswith(f"look, and remove {kept} to have, and to pay for, another one")
    assert len(at.created) == 1
    kept.unlink()
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 2)]


@pytest.mark.parametrize("status", [404, 410])
def test_a_clip_that_is_not_there_yet_is_no_lost_job(at, made, status):
    at.once["content"] = [(status, {}, {"detail": "not yet"})]
    (found,) = made("a")
    assert f"got status {status}: 'not yet' for the clip of the job 'job-0'; run the same command again" in found.reason
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]


def test_a_clip_of_a_job_that_the_server_lost_is_said_before_another_is_paid_for(at, made):
    state = (200, {}, {"id": "job-0", "status": "completed"})
    at.once |= {"content": [(404, {}, {})], "retrieve": [state, (404, {}, {"detail": "Video not found"})]}
    (found,) = made("a")
    assert "expected the job 'job-0', which this server no longer has; run the same command again" in found.reason
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 2)]


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (200, "video/mp4", b""),
        (200, "text/html", b"<html>please wait</html>"),
        (202, "application/json", {"error": "not ready"}),
        (200, "video/mp4", clip(level=50)[:-700]),
    ],
)
def test_a_clip_that_does_not_come_whole_is_fetched_again_and_not_paid_for_again(at, made, status, kind, content):
    at.once["content"] = [(status, {"Content-Type": kind, "Content-Length": None}, content)]
    (found,) = made("a")
    assert (found.status, found.answered) == ("failed", False)
    assert "expected the clip of the job 'job-0', got " in found.reason
    assert "; run the same command again to fetch it again" in found.reason
    (found,) = made("a", retry=True)
    assert (found.status, found.answered, len(at.created)) == ("ok", True, 1)


def test_a_version_that_changes_in_the_middle_is_a_failure_and_no_other_row_is_paid_for_unasked(at, made):
    def state(number):
        at.version = "0.31.0"
        return {"status": "completed"}

    at.state = state
    a, b = made()
    assert "expected version '0.30.0' of the server, as planned, got '0.31.0' in the middle of a clip" in a.reason
    assert "got '0.31.0'; for clips of that version take another folder, or another `engine` in its table" in b.reason
    with pytest.raises(BenchError, match=r"its server now makes it 'talker-2-via-vllm-0\.31\.0'"):
        made()
    assert at.asked.count("create") == 1
    found = [(one.model, one.status) for one in made(engine="vllm 0.31.0") if one.model != NAME]
    assert found == [("talker-2-via-vllm-0.31.0", "ok")] * 2


@pytest.mark.parametrize("reply", [(200, {}, {}), (200, {}, b"<html>"), (404, {}, {}), (403, {}, {})])
def test_a_version_that_is_not_stated_at_the_end_of_a_clip_spoils_no_job(at, made, reply):
    as_planned = (200, {}, {"version": at.version})
    at.once["/version"] = [as_planned, as_planned, reply]
    assert [one.status for one in made("a")] == ["failed"]
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]


@pytest.mark.parametrize("stated", [None, "0.31.0"])
def test_another_statement_of_the_same_server_pays_for_no_clip_again(at, made, stated):
    """Neither for one that is made, nor for one that waits."""
    at.once["retrieve"] = [(200, {}, {"id": "job-0", "status": "completed"}), *[DROP] * 6]
    assert [one.status for one in made("ab")] == ["ok", "failed"]
    at.version = stated
    with pytest.raises(BenchError, match=f"has '{NAME}', of which jobs and clips are paid for; .*give another out="):
        made("ab")
    at.version = "0.30.0"
    assert [one.status for one in made("ab")] == ["ok", "ok"]
    assert len(at.created) == 2


def test_jobs_of_one_version_are_not_clips_of_another_by_the_name_that_the_user_gives(at, made):
    at.once["retrieve"] = [DROP] * 6
    made("a", engine="ours 1")
    at.version = "0.31.0"
    (found,) = made("a", engine="ours 1")
    assert "expected a job of the same version as now, got one of another, which may be paid for" in found.reason
    at.version = "0.30.0"
    assert [(one.status, len(at.created)) for one in made("a", engine="ours 1")] == [("ok", 1)]


def test_a_job_that_the_server_lost_is_said_before_another_is_paid_for(at, made):
    at.once["retrieve"] = [(404, {}, {"error": {"message": "No video with id 'job-0'", "code": "not_found"}})]
    (found,) = made("a")
    assert "expected the job 'job-0', which this server no longer has; run the same command again" in found.reason
    assert [one.status for one in made("a")] == ["ok"]
    assert len(at.created) == 2


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("content", [b"<html>404 Not Found</html>", b"", {}, {"detail": "Not Found"}])
def test_a_job_is_not_given_up_because_a_gateway_blinked(at, made, status, content, tmp_path):
    at.once["retrieve"] = [(status, {}, content)]
    (found,) = made("a")
    kept = tmp_path / "run" / "jobs" / NAME / "a.0.json"
    assert (found.status, found.answered) == ("failed", False)
    assert "which does not say that the job 'job-0' is gone, and may be a gateway's; run the same" in found.reason
    assert found.reason.endswith(f"to ask again, or remove {kept} to have, and to pay for, another one")
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]


def test_a_server_that_stalls_is_left_and_waited_for_again(at, made):
    at.state = lambda number: {"status": "in_progress"}
    (found,) = made("a", timeout_s=1e-9)
    assert "the job 'job-0' is 'in_progress' after 1e-09 s; run the same command again to wait on" in found.reason
    at.state = lambda number: {"status": "completed"}
    assert [one.status for one in made("a")] == ["ok"]
    assert len(at.created) == 1
