"""Client of a worker process: starts it, sends requests with a time limit, and restarts it after a crash.

The worker has its own process group, so that killing it kills the programs that it started; those that left the group
are found through their parents while the worker lives, but not after it has crashed. Its stderr goes to a file of
bounded size, whose last lines become part of the reason of a failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jova_baselines.external.log import copy_to_log
from jova_baselines.external.process import POLL_S, exited, kill_group, tail
from jova_bench.errors import BenchError, Refused, Unavailable, UnfitClip

CHILD = Path(__file__).with_name("child.py")
LONGEST = 1 << 26
"""Largest response in bytes: arrays are passed in files."""
QUIT_S = 10.0
"""Time limit for an orderly exit, in seconds."""


class WorkerLost(Exception):
    """The process crashed or was killed; a new one may succeed."""


class WorkerTimedOut(WorkerLost):
    """The request exceeded its time limit; a new process would, too."""


class LoadFailed(Unavailable):
    """The model cannot be loaded: no sample can be generated."""


class SampleFailed(BenchError):
    """This sample was not generated; others may be."""


@dataclass(frozen=True)
class WorkerResult:
    """Response of a worker to one request."""

    result: Mapping[str, Any]
    seconds: float
    """Time in `generate`."""
    load_s: float
    """Time for loading the model that this request waited for; 0 if it was loaded."""


@dataclass(frozen=True)
class WorkerCommand:
    """Command that starts a worker, and its time limits."""

    python: Path
    """Interpreter of the upstream's environment."""
    load: Mapping[str, Any]
    """`worker`, `checkout`, `weights`, `device`, `options` of the request `load`."""
    environment: Mapping[str, str]
    log: Path
    """File for stderr."""
    start_timeout_s: float
    sample_timeout_s: float


@dataclass
class Worker:
    """A model in its own process, loaded once, by the first request."""

    command: WorkerCommand
    _process: subprocess.Popen[bytes] | None = None
    _buffer: bytes = b""
    _number: int = 0
    """Number of the last request; a response repeats the number of its request."""
    _log: threading.Thread | None = None
    _broken: str | None = None
    _stop: Any = None

    def generate(self, arguments: Mapping[str, Any], seed: int, folder: Path) -> WorkerResult:
        """Generates one sample.

        After a crash the worker is restarted and the request repeated once; after a timeout it is not.

        Args:
            arguments: of the worker's `generate`.
            seed: of the sample.
            folder: an empty folder for the worker's files.

        Raises:
            LoadFailed: the model cannot be loaded.
            SampleFailed: the worker failed to generate this sample.
            UnfitClip: the model gave something that is no clip.
            Refused: the model declined.
        """
        load_s = 0.0
        for may_retry in (True, False):
            try:
                load_s += self._ensure_loaded()
                request = {"op": "generate", "arguments": dict(arguments), "seed": seed, "folder": str(folder)}
                answer = self._request(request, self.command.sample_timeout_s)
                if answer["event"] == "error":
                    kind = UnfitClip if answer.get("answered") else SampleFailed
                    raise kind(f"{answer['kind']}: {answer['message']}")
                if "refused" in answer["result"]:
                    raise Refused(answer["result"]["refused"])
                return WorkerResult(answer["result"], float(answer["seconds"]), load_s)
            except WorkerLost as error:
                if isinstance(error, WorkerTimedOut) or not may_retry:
                    raise SampleFailed(str(error)) from error
                shutil.rmtree(folder, ignore_errors=True)  # Files of the first attempt.
                folder.mkdir(exist_ok=True)
        raise AssertionError

    def close(self) -> None:
        """Ends the process, if it runs."""
        if self._process is None:
            return
        with contextlib.suppress(WorkerLost):
            self._send({"op": "quit"})
            self._receive(QUIT_S)
        self._kill()

    def _ensure_loaded(self) -> float:
        """Loads the model if necessary; returns the seconds it took, or 0.

        Raises:
            LoadFailed: the model cannot be loaded.
        """
        if self._broken is not None:
            raise LoadFailed(self._broken)
        if self._process is not None:
            return 0.0
        started = time.monotonic()
        try:
            self._start()
            answer = self._request({"op": "load", **self.command.load}, self.command.start_timeout_s)
        except (OSError, WorkerLost) as error:
            answer = {"event": "error", "kind": "cannot load", "message": str(error)}
        if answer["event"] == "error":
            self._kill()
            # Without this, every prompt would wait for another attempt.
            self._broken = f"the model cannot be loaded: {answer['kind']}: {answer['message']}"
            raise LoadFailed(self._broken)
        return time.monotonic() - started

    def _start(self) -> None:
        """Starts the process and the thread that writes its log."""
        self.command.log.parent.mkdir(parents=True, exist_ok=True)
        reading, log = os.pipe()
        self._log = copy_to_log(reading, self.command.log)
        try:
            # -I: neither this folder nor the caller's PYTHONPATH comes before the upstream's modules.
            self._process = subprocess.Popen(
                [str(self.command.python), "-I", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(self.command.environment),
                start_new_session=True,
            )
        finally:
            os.close(log)
        self._buffer = b""
        self._stop = weakref.finalize(self, kill_group, self._process)  # Also when the interpreter ends.

    def _request(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Sends a request and returns its response. Raises WorkerLost if there is none; the process has ended then."""
        try:
            self._send(request)
            answer = self._receive(seconds)
        except BaseException:  # An interrupted run must not wait for the current sample.
            self._kill()
            raise
        if answer.get("fatal"):
            self._kill()
            raise WorkerLost(f"{answer['kind']}: {answer['message']}")
        return answer

    def _send(self, request: Mapping[str, Any]) -> None:
        """Writes a request as one line of JSON."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._number += 1
            self._process.stdin.write(json.dumps({**request, "number": self._number}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise WorkerLost(self._exit_reason()) from error

    def _receive(self, seconds: float) -> dict[str, Any]:
        """Returns the response to the last request; ignores other output."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = json.loads(self._line(deadline, seconds))
            except (ValueError, RecursionError):
                answer = None
            if isinstance(answer, dict) and answer.get("number") == self._number:
                return answer
            if time.monotonic() > deadline:
                raise WorkerTimedOut(f"no answer within {seconds:g} s{self._tail()}")

    def _line(self, deadline: float, seconds: float) -> bytes:
        """Returns the next line of the worker's output."""
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WorkerTimedOut(f"no answer within {seconds:g} s{self._tail()}")
                dead = exited(self._process)
                if selector.select(0 if dead else min(left, POLL_S)):
                    chunk = os.read(pipe, 1 << 16)
                    if not chunk:
                        raise WorkerLost(self._exit_reason())
                    self._buffer += chunk
                    if len(self._buffer) > LONGEST:
                        self._kill()
                        raise WorkerLost(f"the worker wrote more than {LONGEST:,} bytes in one line{self._tail()}")
                elif dead:
                    raise WorkerLost(self._exit_reason())
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _exit_reason(self) -> str:
        """Waits for the process to end; returns how it ended and the last lines of its log."""
        assert self._process is not None
        process, deadline = self._process, time.monotonic() + QUIT_S
        while not exited(process) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._kill()
        if self._log is not None:
            self._log.join(POLL_S)  # Its last lines may not have been written yet.
        code = process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return f"the worker {how}{self._tail()}"

    def _tail(self) -> str:
        """Returns the last lines of the log."""
        return tail(self.command.log)

    def _kill(self) -> None:
        """Kills the process and its descendants."""
        if self._process is not None:
            self._stop()
            self._process = None
