"""Rectified flow: path, training loss, guidance and samplers, as pure functions of any model.

Convention: x_0 is noise, x_1 is data, t runs from 0 to 1 and

    x_t = (1 - t) x_0 + t x_1        v = dx_t / dt = x_1 - x_0

The network answers with its guess of the data, x_hat (x-prediction), because a video token has more dimensions
than the network is wide: it can name a face, but not every component of the noise. A guess of the data is a
guess of the velocity, v_hat = (x_hat - x_t) / (1 - t), so v_hat - v = (x_hat - x_1) / (1 - t).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from jova.config import Sampler
from jova.mouth import mouth_weighted_mean
from jova.text import TextTokens

TIME_MEAN, TIME_SD = -0.6, 1.2
"""Training times are sigmoid(N(mean, sd)): a quarter below 0.2, where it is decided what is said, a fifth above 0.6."""

MIN_REMAINING = 0.08
"""Smallest 1 - t in the loss: bounds the weight 1 / (1 - t)^2 near the data."""


class Latents(NamedTuple):
    """The two streams of a clip, B of them."""

    video: Tensor
    """(B, F, h, w, C)."""
    audio: Tensor
    """(B, A, C)."""


class Batch(NamedTuple):
    """B training examples."""

    data: Latents
    text: TextTokens
    mouth: Tensor
    """(B, F, h, w) mouth mask in [0, 1]."""


class Losses(NamedTuple):
    """Mean squared errors in velocity space, scalars."""

    total: Tensor
    """What to minimise: video + audio."""
    video: Tensor
    """With mouth cells weighted 1 + lambda M."""
    audio: Tensor
    mouth: Tensor
    """Mean over the mouth alone (weights M), to watch; not part of the total."""


class Denoiser(Protocol):
    """A network that guesses the data from noisy latents."""

    def __call__(self, noisy: Latents, time: Tensor, text: TextTokens, image: Tensor | None) -> Latents:
        """x_hat of noisy latents at times (B,), given text and image condition (B, F, h, w, C + 1) or None."""
        ...


Field = Callable[[Latents, float], Latents]
"""Velocity of latents at a time in [0, 1)."""


class AudioDriven:
    """A network whose sound is given: it sees clean audio latents at every time, and its guess of them is right.

    So a sampler carries the audio from its noise to what was given, and there is no error to learn from.
    """

    def __init__(self, model: Denoiser, audio: Tensor) -> None:
        """Args: model: trained with clean sound. audio: (B, A, C) clean latents."""
        self.model, self.audio = model, audio

    def __call__(self, noisy: Latents, time: Tensor, text: TextTokens, image: Tensor | None) -> Latents:
        """x_hat of the picture; guidance runs 2B rows, the second half for the same clips."""
        audio = self.audio.repeat(len(noisy.audio) // len(self.audio), 1, 1)
        return Latents(self.model(Latents(noisy.video, audio), time, text, image).video, audio)


def _expand(time: Tensor, like: Tensor) -> Tensor:
    """(B,) -> (B, 1, ..., 1) with as many axes as `like`."""
    return time.view(-1, *(1,) * (like.ndim - 1))


def interpolate(noise: Tensor, data: Tensor, time: Tensor) -> Tensor:
    """x_t = (1 - t) x_0 + t x_1 for times (B,)."""
    return torch.lerp(noise, data, _expand(time, data))


def velocity(data: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
    """v_hat = (x_hat - x_t) / (1 - t) for times (B,) below 1."""
    return (data - noisy) / _expand(1 - time, data)


def sample_times(count: int, generator: torch.Generator) -> Tensor:
    """(count,) training times, sigmoid(N(TIME_MEAN, TIME_SD))."""
    return torch.sigmoid(TIME_MEAN + TIME_SD * torch.randn(count, generator=generator))


def velocity_error(guess: Tensor, data: Tensor, time: Tensor) -> Tensor:
    """(v_hat - v)^2 = ((x_hat - x_1) / max(1 - t, MIN_REMAINING))^2, elementwise."""
    return ((guess - data) / _expand((1 - time).clamp(min=MIN_REMAINING), data)).square()


def image_condition(video: Tensor, given: Tensor) -> Tensor:
    """Channels [condition latent | mask] of a reference image, which stands at latent frame 0 and nowhere else.

    The codec is causal, so the first latent of a clip is the latent of its first frame as an image.

    Args:
        video: (B, F, h, w, C) latents whose frame 0 is the image.
        given: (B,) bool; rows without an image get zeros in both.

    Returns:
        (B, F, h, w, C + 1).
    """
    condition = video.new_zeros(*video.shape[:-1], video.shape[-1] + 1)
    shown = _expand(given, video[:, 0]).to(video.dtype)  # (B, 1, 1, 1)
    condition[:, 0, ..., :-1] = video[:, 0] * shown
    condition[:, 0, ..., -1:] = shown
    return condition


def losses(
    model: Denoiser,
    batch: Batch,
    generator: torch.Generator,
    *,
    mouth_weight: float,
    text_dropout: float = 0.1,
    image_dropout: float = 0.8,
) -> Losses:
    """The training loss of one batch.

    Args:
        model: the network.
        batch: clean latents with their text and mouth masks.
        generator: on the CPU, so that a training is the same on every device.
        mouth_weight: lambda of the mouth-area loss.
        text_dropout: share of examples trained without text, for classifier-free guidance.
        image_dropout: share of examples trained without their first frame as reference image.
    """
    data, device = batch.data, batch.data.video.device
    count = len(data.video)
    time = sample_times(count, generator).to(device)  # (B,)
    noise = Latents(*(torch.randn(x.shape, generator=generator).to(device) for x in data))
    no_text = (torch.rand(count, generator=generator) < text_dropout).to(device)  # (B,)
    with_image = (torch.rand(count, generator=generator) >= image_dropout).to(device)  # (B,)

    noisy = Latents(*(interpolate(x0, x1, time) for x0, x1 in zip(noise, data, strict=True)))
    guess = model(noisy, time, batch.text.without(no_text), image_condition(data.video, with_image))

    video_error = velocity_error(guess.video, data.video, time)  # (B, F, h, w, C)
    video = mouth_weighted_mean(video_error, batch.mouth, mouth_weight)
    audio = velocity_error(guess.audio, data.audio, time).mean()
    with torch.no_grad():
        mouth = (video_error.mean(-1) * batch.mouth).sum() / batch.mouth.sum().clamp(min=1)
    return Losses(video + audio, video, audio, mouth)


class GuidedField:
    """The velocity of a model under classifier-free guidance: v = v_null + scale (v_text - v_null).

    Guidance acts while t < until (arXiv 2404.07724): it decides what is said and shown, and later only exaggerates.
    Guided, both halves run as one batch of 2B; otherwise, or at scale 1, there is only the conditional half. `evals`
    counts the forward passes that each clip took.
    """

    def __init__(
        self, model: Denoiser, text: TextTokens, image: Tensor | None, scale: float, until: float = 1.0
    ) -> None:
        self.model, self.scale, self.until, self.evals = model, scale, until, 0
        self.text, self.image = text, image
        everyone = torch.ones(len(text.ids), dtype=torch.bool, device=text.ids.device)
        self.both_texts = text.then(text.without(everyone))
        self.both_images = None if image is None else torch.cat([image, image])

    def __call__(self, noisy: Latents, time: float) -> Latents:
        """The velocity at a time in [0, 1)."""
        if self.scale == 1 or time >= self.until:
            return self._velocities(noisy, time, self.text, self.image)
        both = self._velocities(Latents(*(torch.cat([x, x]) for x in noisy)), time, self.both_texts, self.both_images)
        pairs = (v.chunk(2) for v in both)
        return Latents(*(torch.lerp(v_null, v_text, self.scale) for v_text, v_null in pairs))

    def _velocities(self, noisy: Latents, time: float, text: TextTokens, image: Tensor | None) -> Latents:
        """The model's velocities of B or 2B rows."""
        self.evals += len(noisy.video) // len(self.text.ids)
        times = noisy.video.new_full((len(noisy.video),), time)
        guess = self.model(noisy, times, text, image)
        return Latents(*(velocity(x_hat, x_t, times) for x_hat, x_t in zip(guess, noisy, strict=True)))


def uniform_times(steps: int) -> list[float]:
    """Times 0 = t_0 < ... < t_steps = 1, evenly spaced, from noise to data."""
    if steps < 1:
        raise ValueError(f"expected at least 1 step, got {steps}")
    return [step / steps for step in range(steps + 1)]


def _advance(x: Latents, v: Latents, dt: float) -> Latents:
    return Latents(*(a + dt * b for a, b in zip(x, v, strict=True)))


def euler(field: Field, x: Latents, times: Sequence[float]) -> Latents:
    """x(t + h) = x + h v(x, t): first order, one evaluation a step."""
    for now, then in pairwise(times):
        x = _advance(x, field(x, now), then - now)
    return x


def heun(field: Field, x: Latents, times: Sequence[float]) -> Latents:
    """x(t + h) = x + h/2 (v(x, t) + v(x + h v, t + h)): second order, two evaluations a step.

    The last step is Euler's, because the velocity of an x-prediction has no value at t = 1.
    """
    for now, then in pairwise(times[:-1]):
        here = field(x, now)
        there = field(_advance(x, here, then - now), then)
        x = _advance(_advance(x, here, (then - now) / 2), there, (then - now) / 2)
    return euler(field, x, times[-2:])


SAMPLERS: dict[Sampler, Callable[[Field, Latents, Sequence[float]], Latents]] = {"euler": euler, "heun": heun}
