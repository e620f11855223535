"""Jobs over processes that may die."""

import os
import signal
from fractions import Fraction

import numpy as np
import pytest

from jova_bench import media
from jova_bench.metrics.base import NoCache
from jova_bench.scoring import Job, score_clips
from jova_bench.types import MetricSpec, Outcome
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


class Metric:
    """Says 1 of every clip, or kills its process."""

    def __init__(self, name):
        self.spec = MetricSpec(
            name=name,
            version=1,
            profile="standard",
            backend="x",
            direction="up",
            needs=(),
            domain="any",
            description="",
        )

    def check(self):
        return None

    def score(self, clip, prompt, reference):
        if self.spec.name == "deadly":
            os.kill(os.getpid(), signal.SIGSEGV)
        return Outcome(status="ok", value=1.0)


def load():
    """What a worker scores with."""
    return [Metric("before"), Metric("deadly"), Metric("after")], NoCache()


def test_a_metric_that_kills_its_process_fails_alone(tmp_path):
    media.write(tmp_path / "a.wav", None, Fraction(0), np.full((1, 100), 0.5, np.float32), 16_000)
    identities = tuple(metric.spec.identity for metric in load()[0])
    job = Job(("m", "a", 0), tmp_path / "a.wav", "free", None, None, None, identities)
    found = {}
    for _, findings in score_clips([job], load, workers=1):
        found |= findings
    before, deadly, after = (found[identity] for identity in identities)
    assert before == after == Outcome(status="ok", value=1.0)
    assert deadly == Outcome(status="failed", reason="scoring process died (signal 11)")
