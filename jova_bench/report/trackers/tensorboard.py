"""Writes a run as events that TensorBoard reads."""

from __future__ import annotations

from typing import Any

from jova_bench.formatting.text import escaped, table
from jova_bench.report.trackers.tracked import Tracked

FOLDER = "tensorboard"
"""Folder of the events inside a run: `tensorboard --logdir runs` shows every run below."""


def load() -> Any:
    """Returns the class that writes events. Raises ImportError where TensorBoard is not installed."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter


def log(run: Tracked) -> str:
    """Writes values as scalars at step 0, the request and the leaderboard as texts; returns the folder.

    They take the place of an earlier call's.
    """
    folder = run.folder / FOLDER
    earlier = list(folder.glob("events.out.tfevents.*"))
    with load()(str(folder)) as writer:
        for name, value in run.values.items():
            writer.add_scalar(name, value, 0)
        writer.add_text("parameters", table(["", ""], [[escaped(text) for text in one] for one in run.params.items()]))
        for file in run.files:
            if file.suffix == ".md":
                writer.add_text(file.stem, file.read_text(encoding="utf-8"))
    for file in earlier:
        file.unlink()
    return str(folder)
