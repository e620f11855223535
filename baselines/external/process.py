"""Processes of an upstream: their environment variables, how they end, and the last lines of their log."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from jova_baselines.external import descendants, pickles

POLL_S = 1.0
"""Interval of checks whether a process has ended, in seconds: a child that holds its pipe open hides that."""
TAIL_LINES = 3
MAX_REASON = 400
"""Lines and characters of a log that become part of a reason."""


def tail(log: Path) -> str:
    """Returns `: ` and the last lines of a log, or nothing if it is empty; lines may end with carriage returns."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - (1 << 14)))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return ": " + " / ".join(lines[-TAIL_LINES:])[-MAX_REASON:] if lines else ""


def exited(process: subprocess.Popen[bytes]) -> bool:
    """Returns whether the process has ended, without reaping it: its group id stays valid until the group is killed."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills a process with its group and descendants, waits for it and closes its pipes."""
    left = descendants.of(process.pid)  # Found through their parents, which end with it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    descendants.kill(left)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # Unwritten data has no reader any more.
                pipe.close()


def environment(own: Mapping[str, str], device: str, python: Path, unset: Sequence[str] = ()) -> dict[str, str]:
    """Returns the environment variables of a worker, in which torch.load reads weights and runs no code.

    Args:
        own: variables of the manifest.
        device: `cpu` or `cuda:i`. The worker sees only that GPU, as its first: many upstreams use the first.
        python: interpreter of the upstream's environment, whose programs come first on the path.
        unset: further variables to remove.
    """
    distributed = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    # The last one contradicts the variable that restricts torch.load.
    hidden = {*distributed, "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", *unset}
    found = {key: value for key, value in os.environ.items() if key not in hidden}
    visible = [gpu for gpu in found.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
    index = int(device.partition(":")[2] or 0) if device.startswith("cuda") else None
    if index is None:
        found["CUDA_VISIBLE_DEVICES"] = ""
    else:
        found["CUDA_VISIBLE_DEVICES"] = visible[index] if index < len(visible) else str(index)
    found["PATH"] = os.pathsep.join([str(python.parent), found.get("PATH", "")])
    return {**found, **own, pickles.VARIABLE: "1"}
