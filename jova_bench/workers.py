"""Units of work over processes of this machine, where the death of one costs its own unit and nothing else.

A worker is a fresh interpreter that never imports the caller's main module (as `multiprocessing` would, running a
script without a main guard a second time) and that ends by itself when the caller is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

from jova_bench.executors import (
    ATTEMPTS,
    Answer,
    Executor,
    Here,
    Local,
    Lost,
    Report,
    Setup,
    Unit,
    Worker,
    answered,
    close,
    dispatch,
)
from jova_bench.types import reason_of

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Processes:
    """Answers units in processes of their own."""

    devices: Sequence[str]
    """Dealt out in turn."""
    workers: int
    threads: int
    """Of torch and of the libraries of linear algebra, in each."""

    def map(
        self, units: Sequence[Unit], setup: Setup[Unit, Answer], attempts: int = ATTEMPTS
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """As `Executor.map`."""
        return dispatch(units, _Crew(self, setup), self.workers, attempts)


def on_cpu(workers: int) -> Executor:
    """So many processes of one thread each; 0 for this process, with one thread."""
    return Processes(("cpu",), workers, threads=1) if workers else Local(Here("cpu"), threads=1)


@dataclass(frozen=True)
class _Crew:
    """Starts processes and listens to their pipes."""

    of: Processes
    setup: Setup[Any, Any]

    def start(self, number: int) -> _Process:
        ours, theirs = Pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", f"from jova_bench.workers import serve; serve({theirs.fileno()})"],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            # What libraries print must not mix with the summary that the command prints.
            stdout=sys.stderr.fileno() if _has_fileno(sys.stderr) else subprocess.DEVNULL,
            env={
                **os.environ,
                **dict.fromkeys(THREAD_VARIABLES, str(self.of.threads)),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            # Ctrl-C is for the caller, which then stops its workers.
            start_new_session=True,
        )
        theirs.close()
        worker = _Process(process, ours)
        worker.give((self.setup, Here(self.of.devices[number % len(self.of.devices)])))
        return worker

    def wait(self, workers: Sequence[Worker[Any]]) -> list[Report]:
        by_pipe = {worker.pipe: worker for worker in workers if isinstance(worker, _Process)}
        return [by_pipe[pipe].report() for pipe in wait(list(by_pipe)) if isinstance(pipe, Connection)]


@dataclass(eq=False)
class _Process:
    """The caller's side of a worker."""

    process: subprocess.Popen[bytes]
    pipe: Connection

    def give(self, unit: Any) -> None:
        # If it died meanwhile, its report will say so.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(unit)

    def report(self) -> Report:
        try:
            alive, answer = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            code = self.process.wait()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Report(self, Lost(f"worker process died ({how})"), alive=False)
        return Report(self, answer, alive)

    def stop(self, busy: bool) -> None:
        """Closes the pipe, upon which a worker at rest ends, and waits for that."""
        if busy:
            self.process.kill()
        self.pipe.close()
        self.process.wait()


def _has_fileno(stream: Any) -> bool:
    """Whether a stream is a real file; a test's or a notebook's is not."""
    try:
        return isinstance(stream.fileno(), int)
    except (AttributeError, OSError, ValueError):
        return False


def serve(descriptor: int) -> None:
    """The worker's side: answers units until the caller closes the pipe or is gone."""
    pipe = Connection(descriptor)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            setup, place = pipe.recv()
            answer = setup(place)
        except Exception as error:
            pipe.send((False, Lost(reason_of(error))))
            return
        try:
            pipe.send((True, None))
            while True:
                pipe.send((True, answered(answer, pipe.recv())))
        finally:
            close(answer)
