"""The parent's side of a worker: starts it, waits no longer than it may take, and outlives its death.

The worker has a process group of its own, so that killing it kills the programs that it started; those that left the
group are found by their parents as long as the worker lives, and not after it died by itself. Its stderr goes to a
file of bounded size, whose end becomes part of the reason when it dies.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jova_baselines.external.child import descendants, kill
from jova_baselines.external.log import keep
from jova_bench.errors import Unavailable

CHILD = Path(__file__).with_name("child.py")
POLL_S = 1.0
LONGEST = 1 << 26
"""Bytes of an answer: arrays are in files."""
"""A child of the worker that holds its pipe open hides its death; it is looked for this often."""
QUIT_S = 10.0
"""For an orderly end."""
TAIL_LINES = 3
MAX_REASON = 400


class WorkerLost(Exception):
    """The process is gone or had to be killed; another may succeed."""


class WorkerTimedOut(WorkerLost):
    """It took longer than it may. Another would, too."""


class LoadFailed(Unavailable):
    """The model cannot be loaded: no sample can be made."""


class SampleFailed(Unavailable):
    """This sample cannot be made; the next may."""


@dataclass(frozen=True)
class WorkerResult:
    """What a worker made of one request."""

    result: Mapping[str, Any]
    seconds: float
    """In `generate`."""
    load_s: float
    """Loading that this request had to wait for; 0 when the model was there."""


@dataclass(frozen=True)
class WorkerCommand:
    """How a worker is started."""

    python: Path
    """Of the upstream's environment."""
    load: Mapping[str, Any]
    """`worker`, `checkout`, `weights`, `device`, `options` of the request `load`."""
    environment: Mapping[str, str]
    log: Path
    """Gets stderr."""
    start_timeout_s: float
    sample_timeout_s: float


@dataclass
class Worker:
    """A model in a process of its own: loaded by the first request, and once for all that follow."""

    command: WorkerCommand
    _process: subprocess.Popen[bytes] | None = None
    _buffer: bytes = b""
    _number: int = 0
    """Of the last request; an answer carries that of its own."""
    _log: threading.Thread | None = None
    _broken: str | None = None
    _stop: Any = None

    def generate(self, arguments: Mapping[str, Any], seed: int, folder: Path) -> WorkerResult:
        """Makes one sample.

        A worker that dies is started again and asked once more; one that took too long is not, for it would again.

        Args:
            arguments: of the worker's `generate`.
            seed: of the sample.
            folder: an empty one, for its files.

        Raises:
            LoadFailed: the model cannot be loaded.
            SampleFailed: it could not make this sample.
        """
        load_s = 0.0
        for again in (True, False):
            try:
                load_s += self._ensure_loaded()
                request = {"op": "generate", "arguments": dict(arguments), "seed": seed, "folder": str(folder)}
                answer = self._request(request, self.command.sample_timeout_s)
                if answer["event"] == "error":
                    raise SampleFailed(f"{answer['kind']}: {answer['message']}")
                return WorkerResult(answer["result"], float(answer["seconds"]), load_s)
            except WorkerLost as error:
                if isinstance(error, WorkerTimedOut) or not again:
                    raise SampleFailed(str(error)) from error
                shutil.rmtree(folder, ignore_errors=True)  # Of what the first attempt left.
                folder.mkdir(exist_ok=True)
        raise AssertionError

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._process is None:
            return
        with contextlib.suppress(WorkerLost):
            self._send({"op": "quit"})
            self._receive(QUIT_S)
        self._kill()

    def _ensure_loaded(self) -> float:
        """Seconds that loading took; 0 when the model is there."""
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
            # Trying again with every prompt would take as long every time.
            self._broken = f"the model cannot be loaded: {answer['kind']}: {answer['message']}"
            raise LoadFailed(self._broken)
        return time.monotonic() - started

    def _start(self) -> None:
        self.command.log.parent.mkdir(parents=True, exist_ok=True)
        said, log = os.pipe()
        self._log = keep(said, self.command.log)
        try:
            # -I: neither this folder's modules nor the caller's PYTHONPATH stand before the upstream's.
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
        self._stop = weakref.finalize(self, _kill_group, self._process)  # Also when the interpreter ends.

    def _request(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """One request and its answer. Raises WorkerLost when there is none; the process is gone then."""
        try:
            self._send(request)
            answer = self._receive(seconds)
        except BaseException:  # Who stops the run must not wait for the sample in hand.
            self._kill()
            raise
        if answer.get("fatal"):
            self._kill()
            raise WorkerLost(f"{answer['kind']}: {answer['message']}")
        return answer

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._number += 1
            self._process.stdin.write(json.dumps({**request, "number": self._number}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise WorkerLost(self._exit_reason()) from error

    def _receive(self, seconds: float) -> dict[str, Any]:
        """The answer to the last request; what else the worker says is nobody's."""
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
        """The next line of the worker."""
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WorkerTimedOut(f"no answer within {seconds:g} s{self._tail()}")
                dead = _exited(self._process)
                if selector.select(0 if dead else min(left, POLL_S)):
                    chunk = os.read(pipe, 1 << 16)
                    if not chunk:
                        raise WorkerLost(self._exit_reason())
                    self._buffer += chunk
                    if len(self._buffer) > LONGEST:
                        self._kill()
                        raise WorkerLost(f"the worker said more than {LONGEST:,} bytes in one line{self._tail()}")
                elif dead:
                    raise WorkerLost(self._exit_reason())
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _exit_reason(self) -> str:
        """How the process ended, and its last words."""
        assert self._process is not None
        process, deadline = self._process, time.monotonic() + QUIT_S
        while not _exited(process) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._kill()
        if self._log is not None:
            self._log.join(POLL_S)  # Its last words may be on their way.
        code = process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return f"the worker {how}{self._tail()}"

    def _tail(self) -> str:
        return tail(self.command.log)

    def _kill(self) -> None:
        """Ends the process and all that it started."""
        if self._process is not None:
            self._stop()
            self._process = None


def tail(log: Path) -> str:
    """`: ` and the last lines of a log; nothing when it has none. A progress bar ends its lines with a return."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - (1 << 14)))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return ": " + " / ".join(lines[-TAIL_LINES:])[-MAX_REASON:] if lines else ""


def _exited(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended. Leaves it unreaped, so that its group's number still is its own when it is killed."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    left = descendants(process.pid)  # Found by their parents, which are gone when it is.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    kill(left)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # What was not yet written has no reader any more.
                pipe.close()


def environment(own: Mapping[str, str], device: str, python: Path, unset: Sequence[str] = ()) -> dict[str, str]:
    """Environment variables of a worker.

    Args:
        own: of the manifest.
        device: `cpu` or `cuda:i`. The worker sees that one GPU alone, as its first: many upstreams take the first.
        python: of the upstream's environment, whose programs come first on the path.
        unset: more that it must not see.
    """
    distributed = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    hidden = {*distributed, "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", *unset}
    found = {key: value for key, value in os.environ.items() if key not in hidden}
    visible = [one for one in found.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
    index = int(device.partition(":")[2] or 0) if device.startswith("cuda") else None
    if index is None:
        found["CUDA_VISIBLE_DEVICES"] = ""
    else:
        found["CUDA_VISIBLE_DEVICES"] = visible[index] if index < len(visible) else str(index)
    found["PATH"] = os.pathsep.join([str(python.parent), found.get("PATH", "")])
    return {**found, **own}
