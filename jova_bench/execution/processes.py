"""Runs tasks in subprocesses; if a worker crashes, only its current task is lost.

A worker is a fresh interpreter that never imports the caller's main module (as `multiprocessing` would, running a
script without a main guard a second time) and that ends by itself when the caller has died.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any

from jova_bench.errors import reason_of
from jova_bench.execution.base import (
    ATTEMPTS,
    Executor,
    Local,
    LocalContext,
    Task,
    TaskFailed,
    TaskResult,
    WorkerInit,
    close,
    run_task,
)
from jova_bench.execution.pool import Worker, WorkerEvent, dispatch

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
POLL_S = 1.0
"""Interval at which the process is polled: a child of a worker that keeps the pipe open would hide its death."""
END_S = 60.0
"""Time that a worker has for an orderly end."""
PR_SET_PDEATHSIG = 1
"""Option of `prctl`: signal that a process receives when its parent dies."""


def available_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Processes:
    """Runs tasks in subprocesses."""

    devices: Sequence[str]
    """Assigned to workers in turn."""
    workers: int
    threads: int | None
    """Threads of torch and of the linear algebra libraries in each worker; None for as many as this process has."""
    limit_s: float | None = field(default=None, compare=False)
    """Seconds after which a worker without a result is killed; None for never."""

    def map(
        self,
        tasks: Sequence[Task],
        init: WorkerInit[Task, TaskResult],
        attempts: int = ATTEMPTS,
        begun: Callable[[Task], None] | None = None,
    ) -> Iterator[tuple[Task, TaskResult | TaskFailed]]:
        """Runs tasks as `Executor.map` does."""
        return dispatch(tasks, _ProcessPool(self, init), self.workers, attempts, self.limit_s, begun=begun)


def on_cpu(workers: int) -> Executor:
    """Returns `workers` single-threaded processes; with 0, runs in this process on one thread."""
    return Processes(("cpu",), workers, threads=1) if workers else Local(LocalContext("cpu"), threads=1)


class _ProcessPool:
    """Starts processes and collects their events."""

    begins_at_once = True

    def __init__(self, of: Processes, init: WorkerInit[Any, Any]) -> None:
        self.of, self.init = of, init
        self._events: SimpleQueue[WorkerEvent] = SimpleQueue()

    def start(self, number: int) -> _ProcessWorker:
        ours, theirs = Pipe()
        tied = threading.current_thread() is threading.main_thread()
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from jova_bench.execution.processes import serve; serve({theirs.fileno()}, {tied})",
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            # What libraries print must not mix with the summary that the command prints.
            stdout=sys.stderr.fileno() if _has_fileno(sys.stderr) else subprocess.DEVNULL,
            env={
                **os.environ,
                **({} if self.of.threads is None else dict.fromkeys(THREAD_VARIABLES, str(self.of.threads))),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            # Ctrl-C is for the caller, which then stops its workers.
            start_new_session=True,
        )
        theirs.close()
        worker = _ProcessWorker(process, ours, self._events)
        worker.give((self.init, LocalContext(self.of.devices[number % len(self.of.devices)])))
        return worker

    def wait(self, workers: Sequence[Worker[Any]], timeout_s: float | None) -> list[WorkerEvent]:
        events = []
        with suppress(Empty):
            events.append(self._events.get(timeout=timeout_s))
            while True:
                events.append(self._events.get_nowait())
        return [event for event in events if event.worker in workers]  # Others were ended meanwhile.


class _ProcessWorker:
    """Controls a worker from the caller's side, in a thread of its own: one that hangs in a message blocks no other."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: Connection, events: SimpleQueue[WorkerEvent]) -> None:
        self._process, self._pipe, self._events = process, pipe, events
        self._tasks: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=self._exchange, daemon=True)
        self._thread.start()

    def give(self, task: Any) -> None:
        self._tasks.put((task,))

    def stop(self, busy: bool) -> None:
        """Closes the pipe, which ends an idle worker, and waits for its end."""
        self._tasks.put(None)
        if not busy:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        self._kill()
        self._thread.join()

    def _exchange(self) -> None:
        """Sends tasks and reports their results until the last."""
        number = 0
        try:
            while (given := self._tasks.get()) is not None:
                number += 1
                self._pipe.send((number, *given))
                alive, answer = self._answer(number)
                self._events.put(WorkerEvent(self, answer, alive))
        except (EOFError, OSError):
            self._events.put(WorkerEvent(self, TaskFailed(self._death()), alive=False))
        except Exception as error:  # What cannot be sent or read back.
            self._events.put(WorkerEvent(self, TaskFailed(reason_of(error)), alive=False))
        finally:
            self._pipe.close()

    def _answer(self, number: int) -> tuple[bool, Any]:
        """Returns the reply to the request of this number, skipping replies to earlier requests."""
        while True:
            while not self._pipe.poll(POLL_S):
                if self._process.poll() is not None and not self._pipe.poll():
                    raise EOFError
            said, alive, answer = self._pipe.recv()
            if said == number:
                return alive, answer

    def _death(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(POLL_S)
        self._kill()
        code = self._process.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"worker process died ({how})"

    def _kill(self) -> None:
        """Kills the process, if it runs, with the processes that it started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _has_fileno(stream: Any) -> bool:
    """Returns whether a stream is a real file; a test's or a notebook's is not."""
    try:
        return isinstance(stream.fileno(), int)
    except (AttributeError, OSError, ValueError):
        return False


def serve(descriptor: int, tied: bool) -> None:
    """Runs tasks as a worker until the caller closes the pipe or dies.

    Args:
        descriptor: file descriptor of the pipe.
        tied: whether the system may kill the worker when the thread that started it ends, whatever it is doing.
    """
    pipe = Connection(descriptor)
    if tied:
        _end_with_caller()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            number, (init, context) = pipe.recv()
            answer = init(context)
        except Exception as error:
            pipe.send((1, False, TaskFailed(reason_of(error))))
            return
        try:
            pipe.send((number, True, None))
            while True:
                number, task = pipe.recv()
                pipe.send((number, True, run_task(answer, task)))
        finally:
            close(answer)


def _end_with_caller() -> None:
    """Requests a SIGKILL from Linux when the caller dies, which a hanging or stopped worker would not notice."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
