"""Training loop of all evaluators: AdamW, a short warm-up, cosine decay to zero, progress on stderr."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

Loss = Callable[[np.random.Generator], Tensor]
"""Draws a batch and returns its loss."""


def progress() -> Progress:
    """Returns a progress bar on stderr."""
    columns = (TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def fit(name: str, nets: nn.ModuleList, loss_of: Loss, steps: int, rate: float, seed: int) -> None:
    """Trains a network in place; the same seed gives the same weights on the same machine.

    Args:
        name: what the progress line says.
        nets: everything with parameters, heads included.
        loss_of: draws a batch and returns its loss.
        steps: optimiser steps.
        rate: largest learning rate.
        seed: of the batches; the weights were drawn before.
    """
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(nets.parameters(), lr=rate, weight_decay=0.02)
    warmup = min(50, steps // 10 + 1)

    def factor(step: int) -> float:
        return min((step + 1) / warmup, 0.5 + 0.5 * math.cos(math.pi * step / steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
    nets.train()
    smooth = 0.0
    with progress() as bar:
        task = bar.add_task(name, total=steps)
        for step in range(steps):
            loss = loss_of(rng)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(nets.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            smooth += (float(loss.detach()) - smooth) / min(step + 1, 50)
            bar.update(task, advance=1, description=f"{name}: loss {smooth:.4f}")
    nets.eval()
