"""Units of work over processes of this machine, where the death of one costs its own unit and nothing else.

A worker is a fresh interpreter that never imports the caller's main module (as `multiprocessing` would, running a
script without a main guard a second time) and that ends by itself when the caller is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any

from jova_bench.errors import reason_of
from jova_bench.execution.base import (
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

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
POLL_S = 1.0
"""A child of a worker that holds its pipe open hides its death; it is looked for this often."""
END_S = 60.0
"""For an orderly end."""
PR_SET_PDEATHSIG = 1
"""Of `prctl`."""


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Processes:
    """Answers units in processes of their own."""

    devices: Sequence[str]
    """Dealt out in turn."""
    workers: int
    threads: int | None
    """Of torch and of the libraries of linear algebra, in each; None for as many as this process has."""
    limit_s: float | None = field(default=None, compare=False)
    """Seconds after which a worker that does not answer is ended; None for never."""

    def map(
        self, units: Sequence[Unit], setup: Setup[Unit, Answer], attempts: int = ATTEMPTS
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """As `Executor.map`."""
        return dispatch(units, _Crew(self, setup), self.workers, attempts, self.limit_s)


def on_cpu(workers: int) -> Executor:
    """So many processes of one thread each; 0 for this process, with one thread."""
    return Processes(("cpu",), workers, threads=1) if workers else Local(Here("cpu"), threads=1)


class _Crew:
    """Starts processes and hears of them."""

    begins_at_once = True

    def __init__(self, of: Processes, setup: Setup[Any, Any]) -> None:
        self.of, self.setup = of, setup
        self._said: SimpleQueue[Report] = SimpleQueue()

    def start(self, number: int) -> _Process:
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
        worker = _Process(process, ours, self._said)
        worker.give((self.setup, Here(self.of.devices[number % len(self.of.devices)])))
        return worker

    def wait(self, workers: Sequence[Worker[Any]], timeout_s: float | None) -> list[Report]:
        reports = []
        with suppress(Empty):
            reports.append(self._said.get(timeout=timeout_s))
            while True:
                reports.append(self._said.get_nowait())
        return [report for report in reports if report.worker in workers]  # Others were ended meanwhile.


class _Process:
    """The caller's side of a worker: a thread talks to it, so that one that stops in a word holds up nobody else."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: Connection, said: SimpleQueue[Report]) -> None:
        self._process, self._pipe, self._said = process, pipe, said
        self._units: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def give(self, unit: Any) -> None:
        self._units.put((unit,))

    def stop(self, busy: bool) -> None:
        """Closes the pipe, upon which a worker at rest ends, and waits for that."""
        self._units.put(None)
        if not busy:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        self._kill()
        self._thread.join()

    def _talk(self) -> None:
        """Gives units and reports answers until the last."""
        number = 0
        try:
            while (given := self._units.get()) is not None:
                number += 1
                self._pipe.send((number, *given))
                alive, answer = self._answer(number)
                self._said.put(Report(self, answer, alive))
        except (EOFError, OSError):
            self._said.put(Report(self, Lost(self._death()), alive=False))
        except Exception as error:  # What cannot be sent or read back.
            self._said.put(Report(self, Lost(reason_of(error)), alive=False))
        finally:
            self._pipe.close()

    def _answer(self, number: int) -> tuple[bool, Any]:
        """The answer of that number; any other is of a request before it."""
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
        """Ends it, if it has not ended, with what it started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _has_fileno(stream: Any) -> bool:
    """Whether a stream is a real file; a test's or a notebook's is not."""
    try:
        return isinstance(stream.fileno(), int)
    except (AttributeError, OSError, ValueError):
        return False


def serve(descriptor: int, tied: bool) -> None:
    """The worker's side: answers units until the caller closes the pipe or is gone.

    Args:
        descriptor: of the pipe.
        tied: whether the system may end it with the thread that started it, in whatever state it is then.
    """
    pipe = Connection(descriptor)
    if tied:
        _end_with_caller()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            number, (setup, place) = pipe.recv()
            answer = setup(place)
        except Exception as error:
            pipe.send((1, False, Lost(reason_of(error))))
            return
        try:
            pipe.send((number, True, None))
            while True:
                number, unit = pipe.recv()
                pipe.send((number, True, answered(answer, unit)))
        finally:
            close(answer)


def _end_with_caller() -> None:
    """Asks Linux for a SIGKILL when the caller dies: a worker that hangs or was stopped would not see it."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
