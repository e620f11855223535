"""Samplers: from noise to data along the velocity field of a model, with classifier-free guidance."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor

from jova.config import Sampler
from jova.flow import Denoiser, Given, Latents, shifts_of, velocity
from jova.multistep import unipc
from jova.text import TextBatch

VelocityField = Callable[[Latents, float], Latents]
"""Velocity of latents at a time in [0, 1)."""


class GuidedField:
    """Velocity of a model under classifier-free guidance: v = v_null + scale (v_text - v_null) (arXiv 2207.12598).

    Picture and sound may have scales of their own: the formula is that of each. Guidance acts while t < until (a
    guidance interval, arXiv 2404.07724): early it decides the words and the scene, later it only exaggerates. Guided,
    both halves run as one batch of 2B; otherwise, or at scale 1, there is only the conditional half. `evals` counts the
    forward passes of each clip.
    """

    def __init__(
        self,
        model: Denoiser,
        text: TextBatch,
        given: Given | None,
        scale: float,
        until: float = 1.0,
        audio_scale: float | None = None,
    ) -> None:
        """Sets the model, its conditions, the scale of guidance, its end, and the scale for sound if it differs."""
        self.model, self.until, self.evals = model, until, 0
        self.scales = scale, scale if audio_scale is None else audio_scale
        self.text, self.given = text, given
        all_rows = torch.ones(len(text.mask), dtype=torch.bool, device=text.mask.device)
        self.both_texts = text.concat(text.drop_text(all_rows))
        self.both_given = None if given is None else given.repeat(2)

    def __call__(self, noisy: Latents, time: float) -> Latents:
        """Returns the velocity of B noisy latents at a time in [0, 1)."""
        if self.scales == (1, 1) or time >= self.until:
            return self._velocities(noisy, time, self.text, self.given)
        both = self._velocities(Latents(*(torch.cat([x, x]) for x in noisy)), time, self.both_texts, self.both_given)
        pairs = (v.chunk(2) for v in both)
        guided = zip(pairs, self.scales, strict=True)
        return Latents(*(torch.lerp(v_null, v_text, scale) for (v_text, v_null), scale in guided))

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


def flow_times(steps: int, shift: float = 1.0) -> list[float]:
    """Returns times 0 = t_0 < ... < t_steps = 1 from noise to data: evenly spaced ones, shifted towards the noise.

    The share of noise, s = 1 - t, becomes shift s / (1 + (shift - 1) s) (Stable Diffusion 3, arXiv 2403.03206, equation
    23, in diffusers the `shift` of its flow-matching schedulers). Larger latents say more of their clip at the same
    share of noise, so they need more of their steps there: Stable Diffusion 3 has 3 at 1024 x 1024 pixels, Wan 2.1 3 at
    480 and 5 at 720 lines. A factor of 1 leaves even steps, bit for bit.
    """
    if steps < 1:
        raise ValueError(f"expected at least 1 step, got {steps}")
    if shift <= 0:
        raise ValueError(f"expected a shift above 0, got {shift}")
    even = (step / steps for step in range(steps + 1))
    return [t / (t + shift * (1 - t)) for t in even]


@contextmanager
def shown(field: VelocityField, times: Sequence[float], wanted: bool) -> Iterator[VelocityField]:
    """Yields a field that, if wanted, reports on stderr how many steps are done: on a terminal, or after 20 s."""
    if not wanted:
        yield field
        return
    from jova.training.state import progress

    begun, steps = time.monotonic(), len(times) - 1
    with progress("steps", 0, steps) as show:

        def watched(noisy: Latents, now: float) -> Latents:
            v = field(noisy, now)
            if sys.stderr.isatty() or time.monotonic() - begun > 20:
                show(min(times.index(now) + 1, steps), "")
            return v

        yield watched


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


SAMPLERS: dict[Sampler, Callable[[VelocityField, Latents, Sequence[float]], Latents]] = {
    "euler": euler,
    "heun": heun,
    "unipc": unipc,
}
