"""Runs a baseline's `worker.py` in the upstream's environment: `python -I child.py`, JSON lines on fds 0 and 1.

Python 3.9 and the standard library only, because the environments differ. Upstreams print, draw progress bars and start
programs that read stdin; the two file descriptors of the protocol are therefore moved before anything else is imported:
stdout is redirected to stderr, and stdin is empty.

The worker defines `load(weights, device, options) -> model` and `generate(model, seed, folder, **arguments) -> dict`.
A result has `frames` ((T, H, W, 3) uint8, or floats in [-1, 1]) and `fps`, or `file`, a clip that the upstream wrote;
and `audio` ((N,) or (channels, N) floats) with `rate_hz`, beside frames if the model generates audio, or alone if it
generates only audio. Arrays may be tensors. A model that declines a prompt returns `{"refused": REASON}` instead;
no reason (None) beside a result is no refusal.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import random
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any


def module_at(path: Path) -> ModuleType:
    """Imports a file by its path: no folder of ours is on the path of an upstream, whose modules have any names."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from jova_baselines.external import arrays, descendants, pickles
else:
    arrays, descendants, pickles = (
        module_at(Path(__file__).with_name(f"{name}.py")) for name in ("arrays", "descendants", "pickles")
    )

FATAL_NAMES = ("OutOfMemoryError", "AcceleratorError")
FATAL_WORDS = ("CUDA error", "CUDA out of memory", "CUBLAS_STATUS", "CUDNN_STATUS", "NCCL error")
"""Errors after which the process cannot continue reliably."""


def main() -> int:
    """Handles requests until `quit` or the end of the input."""
    requests, answers = take_over_stdio()
    descendants.adopt_orphans()
    threading.Thread(target=descendants.end_with, args=(os.getppid(),), daemon=True).start()
    worker = Worker()
    for line in requests:
        request = json.loads(line)
        if request["op"] == "quit":
            descendants.kill(descendants.of(os.getpid()))
            send(answers, number=request["number"], event="bye")
            return 0
        started = time.perf_counter()
        try:
            act = worker.load if request["op"] == "load" else worker.generate
            result = act(request)
        except BaseException as error:  # A SystemExit of the upstream is a failure, too.
            traceback.print_exc()
            message = " ".join(str(error).split())[:2000]
            details: dict[str, Any] = {"kind": type(error).__name__, "message": message, "fatal": is_fatal(error)}
            details["answered"] = worker.answered and not isinstance(error, OSError)
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
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # A process that is killed has its last lines in the log.
    return requests, answers


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
        self.answered = False
        """Whether the model has answered the current request: what fails then is that the answer is no clip."""

    def load(self, request: dict[str, Any]) -> None:
        """Imports the worker in the checkout and loads the model."""
        os.chdir(request["checkout"])  # Upstreams read files by relative paths, some at import.
        sys.path.insert(0, request["checkout"])
        pickles.restrict()
        self.module = module_at(Path(request["worker"]))
        self.model = self.module.load(request["weights"], request["device"], request["options"])

    def generate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Generates one sample; writes arrays to files in the request's folder."""
        assert self.module is not None
        seed_everything(request["seed"])
        reset_peak()
        folder = request["folder"]
        self.answered = False
        made = self.module.generate(self.model, seed=request["seed"], folder=folder, **request["arguments"])
        self.answered = True
        if isinstance(made, dict) and made.get("refused"):
            return {"refused": str(made["refused"])}
        if not isinstance(made, dict) or not arrays.is_whole(made):
            found = sorted(made) if isinstance(made, dict) else repr(made)
            raise TypeError(f"expected a result with either frames, a file or sound alone, got {found}")
        result = {key: value for key, value in made.items() if key not in ("frames", "audio", "refused")}
        if "frames" in made:
            result["frames"] = arrays.save(Path(folder, "frames.npy"), arrays.pixels(made["frames"]))
        if made.get("audio") is not None:
            result["audio"] = arrays.save(Path(folder, "audio.npy"), arrays.samples(made["audio"]))
        return dict(result, peak_memory_bytes=peak())


def seed_everything(seed: int) -> None:
    """Seeds the global random generators: some upstreams ignore their seed argument."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


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
