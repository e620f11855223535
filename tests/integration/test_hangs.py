"""Workers that never answer are ended by a limit; what one says late is nobody's answer; a file costs one worker."""

import gc
import os
import signal
import sys
import threading
from collections import deque
from fractions import Fraction
from multiprocessing.connection import Connection

import numpy as np
import pytest

import jova_bench
from jova_bench.errors import BenchError
from jova_bench.execution import pool
from jova_bench.execution.base import TaskFailed
from jova_bench.execution.pool import LIMIT_S, WorkerEvent, dispatch, task_limit_s
from jova_bench.execution.processes import Processes, _ProcessPool
from jova_bench.media import files as media
from jova_bench.runs.store import read_run
from support.deadly import DEADLY
from support.tiny_runs import content

WHY = "no answer within 10 s (JOVA_BENCH_UNIT_LIMIT_S)"


class FakeWorker:
    """Returns ten times the task, but hangs in the tasks that its pool names."""

    def __init__(self, pool):
        self.pool, self.stopped = pool, None
        pool.ready.append(WorkerEvent(self, None))

    def give(self, task):
        if task not in self.pool.hangs:
            self.pool.ready.append(WorkerEvent(self, 10 * task))

    def stop(self, busy):
        self.stopped = busy


class FakePool:
    """Keeps a clock of its own, which advances when there is no event."""

    def __init__(self, hangs, begins_at_once=True, room=99):
        self.hangs, self.begins_at_once, self.room = hangs, begins_at_once, room
        self.ready, self.time, self.all = deque(), 0.0, []

    def start(self, number):
        self.all.append(FakeWorker(self))
        if number >= self.room:
            self.ready.pop()
        return self.all[-1]

    def wait(self, workers, timeout_s):
        found = [event for event in self.ready if event.worker in workers]
        self.ready.clear()
        if not found:
            assert timeout_s is not None, "would wait for ever"
            self.time += timeout_s
        return found


def answers(pool, tasks, size, **options):
    return dict(dispatch(tasks, pool, size, limit_s=10.0, now=lambda: pool.time, **options))


def test_a_unit_that_is_never_answered_is_ended_tried_again_and_lost_with_the_reason():
    pool = FakePool(hangs={1})
    assert answers(pool, range(4), 2) == {0: 0, 1: TaskFailed(f"{WHY}, 3 times"), 2: 20, 3: 30}
    assert pool.time == 30.0
    assert [worker.stopped for worker in pool.all].count(True) >= 3
    assert answers(FakePool(hangs={1}), range(2), 1, attempts=1) == {0: 0, 1: TaskFailed(WHY)}


def test_a_worker_that_never_begins_is_ended_unless_it_waits_for_room():
    never = FakePool(hangs=(), room=0)
    assert answers(never, range(2), 1) == dict.fromkeys(range(2), TaskFailed(f"{WHY}, 3 times"))
    # On a cluster one slot is enough, and those that wait cost nothing, however long the tasks take.
    waiting = FakePool(hangs={1}, begins_at_once=False, room=1)
    assert answers(waiting, range(3), 2) == {0: 0, 1: TaskFailed(f"{WHY}, 3 times"), 2: 20}


def test_the_limit_is_an_hour_or_what_the_environment_says(monkeypatch):
    monkeypatch.delenv(pool.LIMIT_VARIABLE, raising=False)
    assert task_limit_s() == LIMIT_S == 3600
    monkeypatch.setenv(pool.LIMIT_VARIABLE, "90.5")
    assert task_limit_s() == 90.5
    for wrong in ("0", "-1", "an hour", "nan", "inf"):
        monkeypatch.setenv(pool.LIMIT_VARIABLE, wrong)
        with pytest.raises(BenchError, match=f"seconds above 0 in {pool.LIMIT_VARIABLE}, got '{wrong}'"):
            task_limit_s()


def stops_itself(context):
    """Doubles; a path stops the process for good, once a file beside it says so."""

    def answer(task):
        if not isinstance(task, int):
            (task / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        return 2 * task

    return answer


def test_a_process_that_was_stopped_is_ended(tmp_path):
    marks = tmp_path / "stopped"
    marks.mkdir()
    # A clock that stands still until a process has stopped itself, and jumps then.
    pool = _ProcessPool(Processes(("cpu",), 1, threads=1), stops_itself)
    found = dict(dispatch([1, marks, 2], pool, 1, 2, 0.05, lambda: 1000.0 * len(list(marks.iterdir()))))
    assert found == {1: 2, 2: 4, marks: TaskFailed("no answer within 0.05 s (JOVA_BENCH_UNIT_LIMIT_S), 2 times")}
    pids = [int(mark.name) for mark in marks.iterdir()]
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_thread_is_left_of_workers_that_ended(tmp_path):
    before = threading.active_count()
    assert dict(Processes(("cpu",), 2, threads=1).map(range(3), stops_itself)) == {0: 0, 1: 2, 2: 4}
    assert threading.active_count() == before


def talks(context):
    """Says things of its own over the pipe of the answers, as a library that found its descriptor might."""

    def answer(task):
        (pipe,) = (one for one in gc.get_objects() if isinstance(one, Connection))
        for number in (0, task, task + 99):
            pipe.send((number, True, "late"))
        return 2 * task

    return answer


def test_a_late_or_second_answer_is_nobodys():
    # The first request of a worker is its initialiser: task k has number k + 1.
    assert dict(Processes(("cpu",), 1, threads=1).map([1, 2, 3], talks)) == {1: 2, 2: 4, 3: 6}


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for k, name in enumerate(("a", "bomb", "c", "d")):
        audio = np.full((1, 1600 + k), 0.1 + k / 10, np.float32)
        media.write(folder / f"{name}.wav", None, Fraction(0), audio, 16_000)
    return folder


def test_a_clip_that_kills_whoever_reads_it_fails_alone_and_again_so(tmp_path, clips, monkeypatch):
    """What the system does for want of memory, or a broken codec; here by a module that each worker imports first."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    options = {"metrics": ["loudness"], "device": "cpu", "out": tmp_path / "run"}
    for _ in range(2):
        result = jova_bench.score(clips, workers=1, **options)
        assert result.exit_code == 5
        (failed,) = result.failed
        assert failed.reason == "worker process died (signal 9), 3 times"
        (loudness,) = [one for one in result.summary.estimates if one.slice is None]
        assert (loudness.n_ok + loudness.n_undefined, loudness.n_failed) == (3, 1)
    assert len((tmp_path / "run/samples.jsonl").read_text().splitlines()) == 4
    # Whoever is not killed by it goes on from there.
    monkeypatch.setattr(sys, "path", sys.path[1:])
    assert jova_bench.score(clips, workers=0, **options).exit_code == 0
    assert {sample.status for sample in read_run(tmp_path / "run").samples} == {"ok"}


def test_files_give_the_same_run_in_workers_as_in_this_process(tmp_path, clips):
    for workers in (0, 2):
        out = tmp_path / f"run{workers}"
        jova_bench.score(clips, workers=workers, metrics=["loudness"], device="cpu", out=out)
        jova_bench.run(
            ["real", "shifted"], "embedded", limit=3, workers=workers, metrics=["loudness"], device="cpu", out=out / "x"
        )
    for folder in ("", "x"):
        assert content(tmp_path / "run0" / folder) == content(tmp_path / "run2" / folder)
