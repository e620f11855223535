"""Jobs over processes that may die."""

import os
import signal

import pytest

from jova_bench.workers import Died, work


def setup():
    """What a worker does: doubles; 3 kills it, 4 leaves."""

    def answer(job):
        if job == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if job == 4:
            os._exit(7)
        return 2 * job, os.environ["OMP_NUM_THREADS"], os.getpid()

    return answer


def test_a_death_costs_its_own_job_and_nothing_else():
    answers = dict(work(range(8), setup, workers=2))
    assert answers.pop(3) == Died("scoring process died (signal 9)")
    assert answers.pop(4) == Died("scoring process died (exit code 7)")
    assert {job: answer[0] for job, answer in answers.items()} == {job: 2 * job for job in (0, 1, 2, 5, 6, 7)}
    assert {threads for _, threads, _ in answers.values()} == {"1"}
    assert os.getpid() not in {pid for _, _, pid in answers.values()}


def test_stopping_early_ends_the_workers():
    running = work(range(100), setup, workers=2)
    _, (_, _, pid) = next(running)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_workers_jobs_are_done_here_in_order(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert [(job, pid) for job, (_, _, pid) in work(range(3), setup, workers=0)] == [(i, os.getpid()) for i in range(3)]
