"""Units of work over processes that may die."""

import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.digests import file_digest
from jova_bench.execution.base import TaskFailed
from jova_bench.execution.processes import Processes
from jova_bench.media import files as media
from jova_bench.records import Outcome
from jova_bench.runs.scoring import ScoringTask, score_clips
from support.deadly_judges import Metric, deadly_to_read, load
from support.doubling import broken, init


def test_a_death_costs_its_own_unit_and_nothing_else():
    answers = dict(Processes(("cpu", "cuda:7"), 2, threads=3).map(range(8), init))
    assert answers.pop(3) == TaskFailed("worker process died (signal 9), 3 times")
    assert answers.pop(4) == TaskFailed("worker process died (exit code 7), 3 times")
    assert answers.pop(5) == TaskFailed("ValueError: not five")
    assert {task: answer[0] for task, answer in answers.items()} == {task: 2 * task for task in (0, 1, 2, 6, 7)}
    assert {answer[1] for answer in answers.values()} == {"3"}
    assert os.getpid() not in {answer[2] for answer in answers.values()}


def test_each_worker_has_a_device_of_its_own():
    devices = ("cuda:0", "cuda:1", "cuda:2")
    by_process = {answer[2:] for _, answer in Processes(devices, 3, threads=1).map([0] * 12, init)}
    assert len(by_process) == len({pid for pid, _ in by_process})
    assert {device for _, device in by_process} <= set(devices)


def test_a_worker_that_cannot_begin_loses_every_unit_and_ends():
    answers = dict(Processes(("cpu",), 2, threads=1).map(range(3), broken, attempts=1))
    assert answers == dict.fromkeys(range(3), TaskFailed("ImportError: no module of this name"))


def test_stopping_early_ends_the_workers():
    running = Processes(("cpu",), 2, threads=1).map(range(100), init)
    _, (_, _, pid, _) = next(running)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


IDENTITIES = tuple(metric.spec.identity for metric in load(None)[0])


def job(folder, name):
    clip = folder / f"{name}.wav"
    media.write(clip, None, Fraction(0), np.full((1, 100), 0.5, np.float32), 16_000)
    return ScoringTask(
        ("m", name, 0), clip, file_digest(clip), media.read(clip).digest, "free", None, None, None, IDENTITIES
    )


def scored(jobs, load):
    found = {}
    for job, findings in score_clips(jobs, load, Processes(("cpu",), 1, threads=1), room=0):
        found.setdefault(job.sample[1], {}).update(findings)
    return found


def test_a_metric_that_kills_its_process_fails_alone(tmp_path):
    found, identities = scored([job(tmp_path, "a")], load)["a"], IDENTITIES
    before, deadly, after = (found[identity] for identity in identities)
    assert before == after == Outcome(status="ok", value=1.0)
    assert deadly == Outcome(status="failed", reason="worker process died (signal 11), 2 times")


def test_a_clip_that_kills_whoever_reads_it_fails_and_costs_no_other(tmp_path):
    metrics = [metric.spec.identity for metric in (Metric("before"), Metric("other"), Metric("after"))]
    jobs = [replace(job(tmp_path, name), identities=tuple(metrics)) for name in ("a", "bomb", "b")]
    found = scored(jobs, deadly_to_read)
    assert found["a"] == found["b"] == dict.fromkeys(metrics, Outcome(status="ok", value=1.0))
    reason = "reading the clip: worker process died (signal 9), 2 times"
    assert found["bomb"] == dict.fromkeys(metrics, Outcome(status="failed", reason=reason))
    # Not once more for each metric.
    assert (tmp_path / "read").read_text().split() == ["a", "bomb", "b", "bomb", "bomb"]
