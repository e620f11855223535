"""Chooses the trackers of `--track`; what fails in one costs no run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from jova_bench.errors import BenchError, reason_of
from jova_bench.formatting.messages import shown
from jova_bench.report.trackers import mlflow, tensorboard, wandb
from jova_bench.report.trackers.tracked import Tracked, tracked


class Tracker(NamedTuple):
    """Names a tracker, and holds its two functions; its key is the extra that installs it."""

    title: str
    load: Callable[[], Any]
    """Imports its package, or raises ImportError."""
    log: Callable[[Tracked], str]
    """Logs a run and returns where it is to be found."""


TRACKERS = {
    "mlflow": Tracker("MLflow", mlflow.load, mlflow.log),
    "wandb": Tracker("W&B", wandb.load, wandb.log),
    "tensorboard": Tracker("TensorBoard", tensorboard.load, tensorboard.log),
}


def check_trackers(names: Sequence[str] | None) -> None:
    """Fails early when a tracker is not installed.

    Raises:
        BenchError: there is no such tracker, it is not installed, or it cannot be imported.
    """
    for name in names or ():
        if name not in TRACKERS:
            raise BenchError(f"expected a tracker, {', '.join(TRACKERS)}, got {shown(name)}")
        try:
            TRACKERS[name].load()
        except ImportError as error:
            raise BenchError(f"not installed: {name}; pip install 'jova-bench[{name}]'") from error
        except Exception as error:  # A package that does not fit those beside it fails in any way.
            raise BenchError(f"{name} cannot be imported: {reason_of(error)}") from error


def track(name: str, folder: Path, files: Sequence[Path]) -> str:
    """Logs a finished run.

    Args:
        name: of the tracker.
        folder: of the run.
        files: views of its leaderboard, which are logged beside its summary.

    Returns:
        What to tell the user: to what it was logged, and as what.

    Raises:
        BenchError: the run has no summary, or the tracker fails, in whatever way: the run is on disk all the same.
    """
    tracker = TRACKERS[name]
    run = tracked(folder, files)
    try:
        with redirect_stdout(sys.stderr):  # Trackers talk, and results alone are for stdout.
            return f"logged to {tracker.title} as {tracker.log(run)}"
    except Exception as error:
        raise BenchError(f"{tracker.title} does not take {folder}: {reason_of(error)}") from error
