"""Jobs over worker processes, where the death of a process costs its own job and nothing else.

A worker is a fresh interpreter that never imports the caller's main module (as `multiprocessing` would, running a
script without a main guard a second time) and that ends by itself when the caller is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar, cast

Job = TypeVar("Job")
Answer = TypeVar("Answer")

# One thread each: as many workers as cores, and sums in the same order on every machine.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


@dataclass(frozen=True)
class Died:
    """Stands for the answer of a job whose process ended before it gave one."""

    reason: str


@dataclass
class _Worker(Generic[Job]):
    process: subprocess.Popen[bytes]
    pipe: Connection
    job: Job


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Main memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def work(
    jobs: Iterable[Job], setup: Callable[[], Callable[[Job], Answer]], workers: int
) -> Iterator[tuple[Job, Answer | Died]]:
    """Does every job and yields its answer, in the order in which they finish.

    Args:
        jobs: picklable jobs.
        setup: importable and picklable; called once in each worker, it returns what answers a job.
        workers: number of processes; 0 does the jobs here, in order.
    """
    if workers == 0:
        answer = setup()
        for job in jobs:
            yield job, answer(job)
        return
    queue = iter(jobs)
    busy: dict[Connection, _Worker[Job]] = {}
    try:
        for _ in range(workers):
            for job in islice(queue, 1):
                worker = _start(setup, job)
                busy[worker.pipe] = worker
        while busy:
            for ready in wait(list(busy)):
                worker = busy.pop(cast(Connection, ready))
                done, result = worker.job, _receive(worker)
                for job in islice(queue, 1):
                    worker = _start(setup, job) if isinstance(result, Died) else _assign(worker, job)
                    busy[worker.pipe] = worker
                if worker.pipe not in busy:
                    _stop(worker)
                yield done, result
    finally:
        for worker in busy.values():
            worker.process.kill()
            _stop(worker)


def _start(setup: Callable[[], Any], job: Job) -> _Worker[Job]:
    """Starts a process and gives it its first job."""
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", f"from jova_bench.workers import serve; serve({theirs.fileno()})"],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        # What libraries print must not mix with the summary that the command prints.
        stdout=sys.stderr.fileno() if _has_fileno(sys.stderr) else subprocess.DEVNULL,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        # Ctrl-C is for the caller, which then stops its workers.
        start_new_session=True,
    )
    theirs.close()
    ours.send(setup)
    return _assign(_Worker(process, ours, job), job)


def _has_fileno(stream: Any) -> bool:
    """Whether a stream is a real file; a test's or a notebook's is not."""
    try:
        return isinstance(stream.fileno(), int)
    except (AttributeError, OSError, ValueError):
        return False


def _assign(worker: _Worker[Job], job: Job) -> _Worker[Job]:
    """Sends the next job."""
    worker.job = job
    # If it died meanwhile, receiving will say so.
    with suppress(BrokenPipeError, ConnectionResetError):
        worker.pipe.send(job)
    return worker


def _receive(worker: _Worker[Any]) -> Any:
    """The answer, or `Died`."""
    try:
        return worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        code = worker.process.wait()
        worker.pipe.close()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Died(f"scoring process died ({how})")


def _stop(worker: _Worker[Any]) -> None:
    """Closes the pipe, upon which the worker ends, and waits for that."""
    worker.pipe.close()
    worker.process.wait()


def serve(descriptor: int) -> None:
    """The worker's side: answers jobs until the caller closes the pipe or is gone."""
    pipe = Connection(descriptor)
    try:
        answer = pipe.recv()()
        while True:
            pipe.send(answer(pipe.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
