"""Tests how tasks are distributed when workers die, and that a run on several workers equals one in this process."""

import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
import torch

from jova_bench.errors import BenchError
from jova_bench.execution import placement
from jova_bench.execution.base import ATTEMPTS, Local, LocalContext, TaskFailed
from jova_bench.execution.devices import resolve_device, resolve_devices
from jova_bench.execution.pool import WorkerEvent, dispatch
from jova_bench.execution.processes import Processes
from jova_bench.runs import request as config
from jova_bench.runs.store import read_run
from support import fleet
from support.fleet import go
from support.tiny_runs import content


class FakeWorker:
    """Returns ten times the task, and dies where its pool says so."""

    def __init__(self, pool, number):
        self.pool, self.number, self.task, self.began, self.stopped = pool, number, None, False, None
        pool.ready.append(self)

    def give(self, task):
        assert self.began
        assert self.task is None
        assert self.stopped is None
        self.task = task
        self.pool.given.append((self.number, task))
        self.pool.ready.append(self)

    def stop(self, busy):
        assert self.stopped is None
        self.stopped = busy

    def event(self):
        if not self.began:
            self.began = True
            alive = self.pool.births.popleft() if self.pool.births else True
            return WorkerEvent(self, None if alive else TaskFailed("cannot begin"), alive)
        task, self.task = self.task, None
        if task in self.pool.deadly and self.pool.given.count((self.number, task)) <= self.pool.deadly[task]:
            return WorkerEvent(self, TaskFailed("gone"), alive=False)
        return WorkerEvent(self, 10 * task)


class FakePool:
    """Reports events in turn; workers of the slots in `never` do not start."""

    def __init__(self, deadly=None, births=(), never=()):
        self.deadly, self.births, self.never = deadly or {}, deque(births), never
        self.ready, self.given, self.all = deque(), [], []

    begins_at_once = True

    def start(self, number):
        self.all.append(FakeWorker(self, number))
        return self.all[-1]

    def wait(self, workers, timeout_s):
        able = [worker for worker in self.ready if worker in workers and worker.number not in self.never]
        assert able, "would wait for ever"
        self.ready.remove(able[0])
        return [able[0].event()]


def answers(pool, tasks, size, **options):
    done = list(dispatch(tasks, pool, size, **options))
    assert all(worker.stopped is not None for worker in pool.all)
    assert sorted(task for task, _ in done) == sorted(tasks)
    return dict(done)


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_every_unit_is_answered_once_by_no_more_workers_than_asked(size):
    pool = FakePool()
    assert answers(pool, range(5), size) == {task: 10 * task for task in range(5)}
    assert len(pool.all) == min(size, 5)
    assert {worker.stopped for worker in pool.all} == {False}


def test_no_units_need_no_worker():
    pool = FakePool()
    assert answers(pool, [], 4) == {}
    assert pool.all == []


def test_the_unit_of_a_dead_worker_goes_to_another_and_its_seat_is_filled():
    pool, begun = FakePool(deadly={1: 1}), []
    assert answers(pool, range(4), 2, begun=begun.append)[1] == 10
    assert begun == [task for _, task in pool.given]
    assert [task for _, task in pool.given].count(1) == 2
    # Two from the beginning, and one in the slot of the dead.
    assert [worker.number for worker in pool.all] == [0, 1, 1]
    assert [worker.stopped for worker in pool.all].count(True) == 1


def test_a_unit_that_kills_every_worker_is_lost_after_its_tries_and_the_others_are_not():
    pool = FakePool(deadly={1: 99})
    found = answers(pool, range(4), 2)
    assert found == {0: 0, 1: TaskFailed("gone, 3 times"), 2: 20, 3: 30}
    assert [task for _, task in pool.given].count(1) == ATTEMPTS == 3
    assert answers(FakePool(deadly={1: 99}), range(2), 2, attempts=1)[1] == TaskFailed("gone")


def test_workers_that_cannot_begin_cost_tries_and_the_run_ends():
    pool = FakePool(births=[False] * 99)
    assert answers(pool, range(2), 2) == dict.fromkeys(range(2), TaskFailed("cannot begin, 3 times"))
    assert 2 * ATTEMPTS <= len(pool.all) <= 2 * ATTEMPTS + 1  # One may be starting when the last task fails.
    # One bad start among good ones loses nothing.
    assert answers(FakePool(births=[False]), range(3), 2) == {0: 0, 1: 10, 2: 20}


def test_no_unit_waits_for_a_worker_that_has_no_room():
    pool = FakePool(never=(1,))
    assert answers(pool, range(4), 2) == {task: 10 * task for task in range(4)}
    assert [worker.stopped for worker in pool.all] == [False, True]


def test_who_stops_early_ends_the_workers():
    pool = FakePool()
    running = dispatch(range(9), pool, 3)
    next(running)
    running.close()
    assert [worker.stopped for worker in pool.all] == [True] * 3


class Halves:
    """Says in how many threads it halves; odd units cannot be."""

    def __init__(self, context):
        self.context, self.closed = context, False

    def __call__(self, task):
        if task % 2:
            raise ValueError("odd")
        return task // 2, torch.get_num_threads(), self.context.device

    def close(self):
        self.closed = True


def test_in_this_process_an_exception_loses_its_unit_and_threads_come_back():
    made = []
    before = torch.get_num_threads()
    with pytest.raises(StopIteration):
        next(Local(LocalContext("cpu")).map([], made.append))
    done = list(Local(LocalContext("x"), threads=1).map([4, 3, 2], lambda here: made.append(Halves(here)) or made[-1]))
    assert done == [(4, (2, 1, "x")), (3, TaskFailed("ValueError: odd")), (2, (1, 1, "x"))]
    assert [one.closed for one in made] == [True]
    assert torch.get_num_threads() == before


@pytest.fixture
def four_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(placement, "device_bytes", lambda devices: None if devices == ("cpu",) else 80 * 10**9)


def test_devices_by_name(four_gpus):
    every = ("cuda:0", "cuda:1", "cuda:2", "cuda:3")
    assert resolve_devices("cuda") == resolve_devices("auto") == every
    assert resolve_devices("cuda:2,cuda:0") == ("cuda:2", "cuda:0")
    assert resolve_devices("cpu") == ("cpu",)
    assert resolve_device("cuda") == "cuda:0"
    for wrong in ("cuda:4", "cuda:0,cuda:9", "cuda,cuda:1", "cuda:", "cuda:0,"):
        with pytest.raises(BenchError, match="expected"):
            resolve_devices(wrong)


def test_a_machine_without_gpus_has_its_processor():
    if not torch.cuda.is_available():
        assert resolve_devices("auto") == ("cpu",)
        with pytest.raises(BenchError, match=r"which shows no GPU, got 'cuda'; cpu and auto"):
            resolve_devices("cuda")


def where(monkeypatch, device, workers=None, cores=8):
    monkeypatch.setattr(placement, "available_cores", lambda: cores)
    monkeypatch.setattr(placement, "memory_bytes", lambda: 10**12)
    monkeypatch.setattr(placement, "device_name", lambda device: f"name of {device}")
    with placement.placed("processes", device, workers) as found:
        return found


def judges(found):
    """Who scores clips of a gigabyte with networks of 3 GB."""
    return found.scoring(10**9, 3 * 10**9).executor


def test_one_worker_for_each_gpu_and_this_process_without(monkeypatch, four_gpus):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cpu = where(monkeypatch, "cpu")
    assert cpu.generation == Local(LocalContext("cpu"))
    assert judges(cpu) == Processes(("cpu",), 8, threads=1)
    one = where(monkeypatch, "cuda:2")
    assert (one.generation, one.device) == (Local(LocalContext("cuda:2")), "cuda:2")
    two = where(monkeypatch, "cuda:0,cuda:3")
    assert two.generation == Processes(("cuda:0", "cuda:3"), 2, threads=4)
    assert judges(two) == Processes(("cuda:0", "cuda:3"), 8, threads=1)
    assert (two.device, two.device_name) == ("cuda:0,cuda:3", "name of cuda:0, name of cuda:3")
    assert where(monkeypatch, "cuda").generation.workers == 4


def test_workers_share_the_cores_unless_threads_are_asked_for(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert where(monkeypatch, "cpu", workers=3).generation == Processes(("cpu",), 3, threads=2)
    assert where(monkeypatch, "cpu", workers=99).generation.threads == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert where(monkeypatch, "cpu", workers=3).generation.threads == 5
    none = where(monkeypatch, "cpu", workers=0)
    assert (none.generation, judges(none)) == (Local(LocalContext("cpu")), Local(LocalContext("cpu"), threads=1))


@pytest.mark.parametrize(
    ("executor", "device", "workers", "message"),
    [
        ("threads", "cpu", None, "expected executor= processes or ray, got 'threads'"),
        ("processes", "cpu", -1, "at least 0 workers, got -1"),
        ("ray", "cpu", 0, "at least 1 workers, got 0"),
        ("ray", "cuda:1", 1, "auto, cpu or cuda on a cluster, got 'cuda:1'"),
    ],
)
def test_mistakes_are_told_before_anything_starts(executor, device, workers, message):
    with pytest.raises(BenchError, match=message), placement.placed(executor, device, workers):
        pass


def test_a_run_in_processes_of_which_one_is_killed_equals_a_run_in_one(package, mark, tmp_path):
    networks = {"profile": "embedded", "metrics": ["kad", "mouth_audio_corr"]}
    result = go(tmp_path / "run", ["real", "dies-once"], workers=2, **networks)
    assert mark.exists()
    assert (result.exit_code, result.failed) == (0, ())
    go(tmp_path / "whole", ["real", "noise"], workers=0, **networks)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert all(sample.generate_s > 0 for sample in read_run(tmp_path / "whole").samples if sample.model == "noise")


def test_a_batch_that_kills_every_worker_fails_and_the_run_goes_on(package, mark, tmp_path):
    result = go(tmp_path / "run", ["dies"], workers=1, metrics=["level"])
    assert result.exit_code == 5
    # The batch of the victim: the third prompt and the fourth.
    assert {sample.prompt_id for sample in result.failed} == set(fleet.IDS[2:4])
    assert {sample.reason for sample in result.failed} == {"worker process died (exit code 3), 3 times"}
    (level,) = [e for e in result.summary.estimates if e.slice is None]
    assert (level.n_ok, level.n_failed) == (len(fleet.IDS) - 2, 2)
    # That was no answer of the model: the same command asks again. Five samples, two of them twice.
    assert {(sample.attempt, sample.answered) for sample in result.failed} == {(1, False)}
    result = go(tmp_path / "run", ["noise"], workers=0, metrics=["level"])
    assert (result.exit_code, result.attempts[0].text) == (0, "7 attempts at 5 samples")


KILLED = """
import os, sys
sys.path[:0] = [{tests!r}, {site!r}]
from contextlib import contextmanager
from support.fleet import go

class Killer:
    def say(self, line): pass

    @contextmanager
    def phase(self, title, total):
        yield lambda: os._exit(9) if title == {title!r} else None

go({out!r}, ["real", "noise"], workers=2, progress=Killer())
"""


@pytest.mark.parametrize("title", ["generate noise", "score"])
def test_a_caller_that_vanishes_leaves_a_run_that_resumes(whole, tmp_path, title):
    paths = {"tests": str(Path(__file__).parents[2]), "site": sys.path[0], "out": str(tmp_path / "run")}
    code = KILLED.format(**paths, title=title)
    killed = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(config.__file__).parents[1])
    assert killed.returncode == 9
    go(tmp_path / "run", ["real", "noise"], workers=0)
    assert content(tmp_path / "run") == content(whole)


def test_a_model_that_is_an_object_stays_here(tmp_path, package):
    model = fleet.Noise("noise")
    model.before = lambda prompt: made.append(os.getpid())
    made = []
    result = go(tmp_path / "run", [model], workers=1, metrics=["level"], limit=2)
    assert (result.exit_code, set(made)) == (0, {os.getpid()})
