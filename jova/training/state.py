"""What the training loops share: the order of the data, states on disk, progress and logs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def generator_of(seed: int, step: int) -> torch.Generator:
    """The randomness of one step: a training resumed at a step draws what an unbroken one would."""
    return torch.Generator().manual_seed((seed << 32) + step)


def batch_indices(step: int, batch: int, count: int, seed: int) -> Tensor:
    """Which of `count` items step `step` uses: pass after pass through all of them, each in its own order.

    Returns:
        (batch,) int64.
    """
    wanted = torch.arange(step * batch, (step + 1) * batch)
    rows = torch.empty_like(wanted)
    first, last = step * batch // count, ((step + 1) * batch - 1) // count
    for epoch in range(first, last + 1):
        order = torch.randperm(count, generator=torch.Generator().manual_seed((seed << 32) + (1 << 31) + epoch))
        inside = wanted.div(count, rounding_mode="floor") == epoch
        rows[inside] = order[wanted[inside] % count]
    return rows


def decay_factor(step: int, steps: int, warmup: int, decay: float) -> float:
    """Warm-up, constant, then linear to zero over the last share `decay` of the steps (0 <= decay <= 1)."""
    down = (steps - step) / max(1.0, decay * steps)
    return min(1.0, (step + 1) / max(1, warmup), down)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group this learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values atomically; read them with `load_state`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part{os.getpid()}")
    torch.save(state, partial)
    partial.replace(path)


def load_state(path: Path) -> dict[str, Any] | None:
    """What `save_state` wrote, or None where there is nothing. Executes no code from the file."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def detached(module: nn.Module) -> dict[str, Tensor]:
    """A copy of a module's state."""
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


class Log:
    """One JSON object a line; lines of steps at or after `resume_at` are dropped when a training resumes."""

    def __init__(self, path: Path, resume_at: int) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if path.is_file():
            for line in path.read_text().splitlines(keepends=True):
                if line.endswith("\n") and json.loads(line)["step"] < resume_at:
                    kept.append(line)
        path.write_text("".join(kept))

    def add(self, record: dict[str, float]) -> None:
        """Append one record; it holds `step`."""
        with self.path.open("a") as file:
            file.write(json.dumps({key: round(value, 6) for key, value in record.items()}) + "\n")


@contextmanager
def progress(title: str, done: int, total: int) -> Iterator[Callable[[int, str], None]]:
    """Yield `show(done, text)`: a bar on a terminal, a plain line at most every 20 s elsewhere; on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        last = 0.0

        def line(done: int, text: str) -> None:
            nonlocal last
            if time.monotonic() - last >= 20 or done >= total:
                last = time.monotonic()
                print(f"{title} {done}/{total} {text}", file=sys.stderr, flush=True)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[text]}"), console=console) as bars:
        task = bars.add_task(title, total=total, completed=done, text="")

        def bar(done: int, text: str) -> None:
            bars.update(task, completed=done, text=text)

        yield bar
