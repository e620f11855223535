"""Samplers: from noise to data along the velocity field of a model, with classifier-free guidance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from jova.config import Sampler
from jova.flow import Denoiser, Given, Latents, shifts_of, velocity
from jova.text import TextBatch

VelocityField = Callable[[Latents, float], Latents]
"""Velocity of latents at a time in [0, 1)."""


class GuidedField:
    """Velocity of a model under classifier-free guidance: v = v_null + scale (v_text - v_null) (arXiv 2207.12598).

    Guidance acts while t < until (a guidance interval, arXiv 2404.07724): early it decides the words and the scene,
    later it only exaggerates. Guided, both halves run as one batch of 2B; otherwise, or at scale 1, there is only the
    conditional half. `evals` counts the forward passes of each clip.
    """

    def __init__(self, model: Denoiser, text: TextBatch, given: Given | None, scale: float, until: float = 1.0) -> None:
        self.model, self.scale, self.until, self.evals = model, scale, until, 0
        self.text, self.given = text, given
        all_rows = torch.ones(len(text.mask), dtype=torch.bool, device=text.mask.device)
        self.both_texts = text.concat(text.drop_text(all_rows))
        self.both_given = None if given is None else given.repeat(2)

    def __call__(self, noisy: Latents, time: float) -> Latents:
        """Returns the velocity of B noisy latents at a time in [0, 1)."""
        if self.scale == 1 or time >= self.until:
            return self._velocities(noisy, time, self.text, self.given)
        both = self._velocities(Latents(*(torch.cat([x, x]) for x in noisy)), time, self.both_texts, self.both_given)
        pairs = (v.chunk(2) for v in both)
        return Latents(*(torch.lerp(v_null, v_text, self.scale) for v_text, v_null in pairs))

    def _velocities(self, noisy: Latents, time: float, text: TextBatch, given: Given | None) -> Latents:
        """Returns the model's velocities of B or 2B rows."""
        self.evals += len(noisy.video) // len(self.text.mask)
        times = noisy.video.new_full((len(noisy.video),), time)
        guess = self.model(noisy, times, text, given)
        paths = zip(guess, noisy, shifts_of(self.model), strict=True)
        return Latents(*(velocity(x_hat, x_t, times, shift) for x_hat, x_t, shift in paths))


class Keeping:
    """A network that generates only a part of each clip: its prediction of the kept cells is their true value.

    A sampler therefore moves those on the straight path from its noise to the given latents, which is how a training
    with edits has them; where it ends, they differ from the given ones by rounding alone.
    """

    def __init__(self, model: Denoiser, kept: Given) -> None:
        """Sets the model, which was trained with edits, and the kept cells of B clips."""
        self.model, self.shifts = model, shifts_of(model)
        self.kept = {1: kept, 2: kept.repeat(2)}

    def __call__(self, noisy: Latents, time: Tensor, text: TextBatch, given: Given | None) -> Latents:
        """Returns x_hat; under guidance `noisy` has 2B rows, the second half for the same clips."""
        guess = self.model(noisy, time, text, given)
        return self.kept[len(noisy.video) // len(self.kept[1].video)].put_into(guess)


def uniform_times(steps: int) -> list[float]:
    """Returns times 0 = t_0 < ... < t_steps = 1, evenly spaced, from noise to data."""
    if steps < 1:
        raise ValueError(f"expected at least 1 step, got {steps}")
    return [step / steps for step in range(steps + 1)]


def _advance(x: Latents, v: Latents, dt: float) -> Latents:
    """Returns x + dt v."""
    return Latents(*(a + dt * b for a, b in zip(x, v, strict=True)))


def euler(field: VelocityField, x: Latents, times: Sequence[float]) -> Latents:
    """Integrates by Euler's method, x(t + h) = x + h v(x, t): first order, one evaluation per step."""
    for now, then in pairwise(times):
        x = _advance(x, field(x, now), then - now)
    return x


def heun(field: VelocityField, x: Latents, times: Sequence[float]) -> Latents:
    """Integrates by Heun's method, x(t + h) = x + h/2 (v(x, t) + v(x + h v, t + h)).

    Second order, two evaluations per step. The last step is Euler's, because the velocity of an x-prediction has
    no value at t = 1.
    """
    for now, then in pairwise(times[:-1]):
        here = field(x, now)
        there = field(_advance(x, here, then - now), then)
        x = _advance(_advance(x, here, (then - now) / 2), there, (then - now) / 2)
    return euler(field, x, times[-2:])


SAMPLERS: dict[Sampler, Callable[[VelocityField, Latents, Sequence[float]], Latents]] = {"euler": euler, "heun": heun}
