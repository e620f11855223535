"""Runs a baseline's `worker.py` in the upstream's environment: `python -I child.py`, JSON lines on fds 0 and 1.

Python 3.9 and the standard library only, because the environments differ. Upstreams print, draw progress bars and start
programs that read stdin; the two file descriptors of the protocol are therefore moved before anything else is imported:
stdout is redirected to stderr, and stdin is empty.

The worker defines `load(weights, device, options) -> model` and `generate(model, seed, folder, **arguments) -> dict`.
A result has `frames` ((T, H, W, 3) uint8, or floats in [-1, 1]) and `fps`, or `file`, a clip that the upstream wrote;
and `audio` ((N,) or (channels, N) floats) with `rate_hz`, beside frames if the model generates audio, or alone if it
generates only audio. Arrays may be tensors.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import IO, Any

FATAL_NAMES = ("OutOfMemoryError", "AcceleratorError")
FATAL_WORDS = ("CUDA error", "CUDA out of memory", "CUBLAS_STATUS", "CUDNN_STATUS", "NCCL error")
"""Errors after which the process cannot continue reliably."""


def main() -> int:
    """Handles requests until `quit` or the end of the input."""
    requests, answers = take_over_stdio()
    adopt_orphans()
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    worker = Worker()
    for line in requests:
        request = json.loads(line)
        if request["op"] == "quit":
            kill(descendants(os.getpid()))
            send(answers, number=request["number"], event="bye")
            return 0
        started = time.perf_counter()
        try:
            act = worker.load if request["op"] == "load" else worker.generate
            result = act(request)
        except BaseException as error:  # A SystemExit of the upstream is a failure, too.
            traceback.print_exc()
            message = " ".join(str(error).split())[:2000]
            details = {"kind": type(error).__name__, "message": message, "fatal": is_fatal(error)}
            send(answers, number=request["number"], event="error", **details)
            if is_fatal(error):
                return 1
            continue
        seconds = time.perf_counter() - started
        event = "ready" if request["op"] == "load" else "done"
        send(answers, number=request["number"], event=event, seconds=seconds, result=result)
    return 0


def take_over_stdio() -> tuple[IO[str], IO[str]]:
    """Returns the pipes to the parent, and hides them from everything that is imported or started later."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def end_with(parent: int) -> None:
    """Ends this process and its descendants when the parent has ended, at any time: it occupies a GPU."""
    while os.getppid() == parent:
        time.sleep(0.5)
    kill(descendants(os.getpid()))
    os.killpg(0, signal.SIGKILL)


def adopt_orphans() -> None:
    """Makes this process the parent of orphaned descendants (Linux), so that they are found and ended."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def descendants(process: int) -> list[int]:
    """Lists the ids of all descendants of a process, including those that left its group; empty without /proc."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # The process has ended meanwhile.
            parent = int(file.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(file.parent.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found[1:]


def kill(processes: list[int]) -> None:
    """Kills processes; ignores those that have ended."""
    for one in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def send(answers: IO[str], **message: Any) -> None:
    """Sends one line to the parent."""
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def is_fatal(error: BaseException) -> bool:
    """Returns whether the process must be restarted."""
    if not isinstance(error, Exception) or isinstance(error, MemoryError):
        return True
    return type(error).__name__ in FATAL_NAMES or any(word in str(error) for word in FATAL_WORDS)


class Worker:
    """The module `worker.py` and its loaded model."""

    def __init__(self) -> None:
        self.module: ModuleType | None = None
        self.model: Any = None

    def load(self, request: dict[str, Any]) -> None:
        """Imports the worker in the checkout and loads the model."""
        os.chdir(request["checkout"])  # Upstreams read files by relative paths, some at import.
        sys.path.insert(0, request["checkout"])
        spec = importlib.util.spec_from_file_location("worker", request["worker"])
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.model = self.module.load(request["weights"], request["device"], request["options"])

    def generate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Generates one sample; writes arrays to files in the request's folder."""
        assert self.module is not None
        seed_everything(request["seed"])
        reset_peak()
        folder = request["folder"]
        made = self.module.generate(self.model, seed=request["seed"], folder=folder, **request["arguments"])
        if not isinstance(made, dict) or not is_whole(made):
            found = sorted(made) if isinstance(made, dict) else repr(made)
            raise TypeError(f"expected a result with either frames, a file or sound alone, got {found}")
        result = {key: value for key, value in made.items() if key not in ("frames", "audio")}
        if "frames" in made:
            result["frames"] = save(Path(folder, "frames.npy"), pixels(made["frames"]))
        if made.get("audio") is not None:
            result["audio"] = save(Path(folder, "audio.npy"), samples(made["audio"]))
        return dict(result, peak_memory_bytes=peak())


def is_whole(made: dict[str, Any]) -> bool:
    """Returns whether a result has either frames or a file, or else audio."""
    pictures = {"frames", "file"} & set(made)
    return len(pictures) == 1 if pictures else made.get("audio") is not None


def seed_everything(seed: int) -> None:
    """Seeds the global random generators: some upstreams ignore their seed argument."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def pixels(frames: Any) -> Any:
    """Converts frames to (T, H, W, 3) uint8; floats are in [-1, 1]."""
    import numpy as np

    array = as_array(frames)
    if array.dtype == np.uint8:
        return array
    if not np.isfinite(array).all():  # As bytes they would be black frames.
        raise ValueError("expected finite frames, got some that are not")
    return np.rint((np.clip(array.astype(np.float32), -1, 1) + 1) * 127.5).astype(np.uint8)


def samples(audio: Any) -> Any:
    """Converts audio to (channels, N) float32."""
    import numpy as np

    array = np.atleast_2d(as_array(audio)).astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError("expected finite sound, got some that is not")
    return array


def as_array(value: Any) -> Any:
    """Converts an array or a tensor to a numpy array."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value  # numpy has no bfloat16
        value = value.numpy()
    return np.asarray(value)


def save(path: Path, array: Any) -> str:
    """Writes an array; returns the name of its file."""
    import numpy as np

    np.save(path, np.ascontiguousarray(array))
    return path.name


def reset_peak() -> None:
    """Resets the peak of GPU memory."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def peak() -> int:
    """Returns the peak of GPU memory since the reset, or of this process without a GPU, in bytes."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
