"""Multistep sampler: UniPC of order 2 (arXiv 2302.04867), with which Wan is sampled, as diffusers has it.

It is of second order with one evaluation a step, because it keeps the predictions of the steps before. diffusers counts
the share of noise, s = 1 - t, and its velocity points to the noise.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch

from jova.flow import Latents

ALL_NOISE = 1 - 1e-6
"""Share of noise at the start, as diffusers has it: at 1 the solver's clock, log((1 - s) / s), has no value."""


def unipc(field: Callable[[Latents, float], Latents], x: Latents, times: Sequence[float]) -> Latents:
    """Integrates by UniPC; its first and its last step are of first order.

    Raises:
        ModuleNotFoundError: diffusers is not installed.
    """
    solvers = [_solver(times) for _ in x]
    for index, now in enumerate(times[:-1]):
        v = field(x, now)
        steps = zip(solvers, v, x, strict=True)
        x = Latents(*(one.step(-speed, one.timesteps[index], part, return_dict=False)[0] for one, speed, part in steps))
    return x


def _solver(times: Sequence[float]) -> Any:
    """Returns diffusers' solver for these times."""
    try:
        diffusers = importlib.import_module("diffusers")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the sampler unipc needs {error.name}, which is not installed: pip install 'jova-bench[diffusers]'; "
            "heun needs nothing",
            name=error.name,
        ) from None
    solver = diffusers.UniPCMultistepScheduler(
        solver_order=2, prediction_type="flow_prediction", use_flow_sigmas=True, final_sigmas_type="zero"
    )
    solver.set_timesteps(len(times) - 1)
    # Its own times have another spacing, and a model would be given them in thousandths.
    solver.sigmas = torch.tensor([min(1 - time, ALL_NOISE) for time in times], dtype=torch.float64)
    solver.set_begin_index(0)
    return solver
