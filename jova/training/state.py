"""Utilities of the training loops: order of the data, learning rate, checkpoints, logs and progress."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor, nn

from jova.devices import is_of_memory
from jova.extras import in_one_line
from jova.files import atomic_path


def generator_of(seed: int, step: int) -> torch.Generator:
    """Returns the random generator of one step: a resumed training draws the numbers of an uninterrupted one.

    PyTorch's generator on the CPU takes the low 32 bits of its seed, so these numbers do not depend on `seed`. They
    stay as they are, because the recipes' trainings have them; `hashed_generator` is for all others.
    """
    return torch.Generator().manual_seed((seed << 32) + step)


def hashed_generator(seed: int, what: str, number: int) -> torch.Generator:
    """Returns a random generator that depends on a seed, on what is drawn and on the number of the draw."""
    digest = hashlib.sha256(f"{seed} {what} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))


def batch_indices(step: int, batch: int, count: int, seed: int) -> Tensor:
    """Returns the items of a step: epochs over all `count` items, each in its own random order, whatever the seed.

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


def lr_factor(step: int, steps: int, warmup: int, decay: float) -> float:
    """Returns the factor of the learning rate: linear warm-up, constant, then linear decay to zero.

    Args:
        step: from 0.
        steps: of the whole training.
        warmup: steps of the warm-up.
        decay: share of the steps, at the end, over which the factor falls to zero; from 0 to 1.
    """
    down = (steps - step) / max(1.0, decay * steps)
    return min(1.0, (step + 1) / max(1, warmup), down)


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Sets the learning rate of every parameter group."""
    for group in optimiser.param_groups:
        group["lr"] = lr


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint of tensors and plain values, atomically; `load_state` reads it."""
    with writing(path), atomic_path(path) as unfinished:
        torch.save(state, unfinished)


def load_state(path: Path) -> dict[str, Any] | None:
    """Reads a checkpoint written by `save_state` to the CPU; None if there is none. Executes no code from the file.

    Raises ValueError if it is damaged.
    """
    if not path.is_file():
        return None
    with reading(path):
        with ZipFile(path) as archive:  # torch compares no checksums
            if (part := archive.testzip()) is not None:
                raise ValueError(f"another checksum of {part}")
        state: dict[str, Any] = dict(torch.load(path, map_location="cpu", weights_only=True))
    return state


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises ValueError, with the path, for whatever a damaged checkpoint makes of the block that reads it."""
    try:
        yield
    except Exception as error:  # torch has many: of the archive, of the pickle, of names and shapes, of the system.
        if is_of_memory(error):
            raise
        raise ValueError(
            f"expected a checkpoint of this training in {path}, got a damaged file ({in_one_line(error)}); copy it "
            "again, or remove it to train anew"
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises OSError, with the path, for whatever a full disk makes of the block that writes it."""
    try:
        yield
    except Exception as error:  # torch and safetensors have their own for it.
        if is_of_memory(error):
            raise
        raise OSError(
            f"expected to write {path}, got {in_one_line(error)}; what was there stands: make room, and the same "
            "command continues"
        ) from error


def detached(module: nn.Module) -> dict[str, Tensor]:
    """Returns a copy of a module's state dict."""
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def average(weights: Mapping[str, Tensor], now: Mapping[str, Tensor], step: int, decay: float) -> None:
    """Moves an exponential moving average of weights towards those after a step, in place.

    Args:
        weights: the average.
        now: what it follows.
        step: from 0.
        decay: of the average; smaller in the first steps, (1 + step) / (10 + step), so that it forgets the beginning.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for name, value in now.items():
        weights[name].lerp_(value, 1 - decay)


def check_finite(step: int, loss: Tensor, norm: Tensor) -> None:
    """Raises ValueError if a step has a loss or gradients that are no number: before they move weights.

    The checkpoint before is then whole.

    Args:
        step: its number.
        loss: of this process's part of the batch.
        norm: of the gradients, of all processes, so that all of them stop at the same step.
    """
    if not bool(loss.isfinite() & norm.isfinite()):
        raise ValueError(
            f"expected a finite loss and finite gradients at step {step}, got a loss of {loss.item():g} and a norm of "
            f"{norm.item():g}; the last checkpoint is whole: look at the data of that step, or train anew, into "
            "another folder, with a lower lr or a longer warmup"
        )


class Log:
    """Log of a training as JSON lines; lines of steps at or after `resume_at` are dropped when the training resumes."""

    def __init__(self, path: Path, resume_at: int) -> None:
        self.path = path
        kept = []
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                try:
                    if line.endswith("\n") and json.loads(line)["step"] < resume_at:
                        kept.append(line)
                except (ValueError, TypeError, KeyError) as error:
                    raise ValueError(f"expected records with a step in {path}, got {error!r}; move it away") from None
        with atomic_path(path) as unfinished:
            unfinished.write_text("".join(kept))

    def add(self, record: Mapping[str, float | str]) -> None:
        """Appends one record, which has a `step`; a text is the reason why there is no number."""
        rounded = {key: value if isinstance(value, str) else round(value, 6) for key, value in record.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(rounded) + "\n")


@contextmanager
def progress(title: str, done: int, total: int) -> Iterator[Callable[[int, str], None]]:
    """Yields `show(done, text)`, which reports on stderr: a bar on a terminal, else a line every 20 s at most.

    Nothing where the logger `jova` has a level above INFO.
    """
    if logging.getLogger("jova").level > logging.INFO:
        yield lambda done, text: None
        return
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
