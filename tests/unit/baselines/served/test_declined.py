"""A prompt that the model declines, and a server that is busy or broken and speaks of the same."""

import pytest

from support.video_server import Made

FILTER_BROKE = {"error": {"code": "content_filter", "message": "Your request was blocked by our moderation system."}}


@pytest.mark.parametrize("reply", [Made((503, {}, FILTER_BROKE)), Made((500, {}, FILTER_BROKE))])
def test_a_broken_server_that_speaks_of_its_filter_is_no_refusal_and_keeps_its_key(at, made, reply):
    at.once["create"] = [reply]
    (found,) = made("a")
    assert (found.status, found.answered) == ("failed", False)
    assert "; a job may have been made, and paid for; run the same command again" in found.reason
    assert [(one.status, len(at.created), len(at.by_key)) for one in made("a")] == [("ok", 1, 1)]


@pytest.mark.parametrize("status", [401, 402, 404, 407, 408, 409, 429])
def test_a_status_that_is_no_answer_of_the_model_is_no_refusal(at, made, status):
    at.once["create"] = [(status, {}, FILTER_BROKE)] * (6 if status == 429 else 1)
    assert [(one.status, one.answered) for one in made("a")] == [("failed", False)]
    assert [one.status for one in made("a")] == ["ok"]


@pytest.mark.parametrize("status", [200, 400, 403, 422])
def test_a_prompt_that_is_declined_is_a_refusal_and_not_asked_for_again(at, made, status):
    at.once["create"] = [(status, {}, FILTER_BROKE)]
    for _ in range(2):
        assert [(one.status, one.answered, at.asked.count("create")) for one in made("a")] == [("refused", True, 1)]


@pytest.mark.parametrize("error", [{"code": "safety_checker_oom"}, {"message": "moderation backend timed out"}])
def test_a_job_that_failed_with_its_filter_is_no_refusal(at, made, error):
    at.state = lambda number: {"status": "failed", "error": error}
    assert [(one.status, one.answered) for one in made("a")] == [("failed", False)]


def test_a_request_that_is_blocked_at_once_is_a_refusal_though_no_job_of_it_is_kept(at, made):
    at.once["create"] = [(200, {}, {"id": "job-7", "status": "blocked"})]
    for _ in range(2):
        (found,) = made("a")
        assert (found.status, found.reason) == ("refused", "by vllm 0.30.0: 'blocked'")
        assert (at.asked.count("create"), at.asked.count("retrieve")) == (1, 0)
