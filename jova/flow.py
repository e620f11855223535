"""Rectified flow: the path from noise to data and the training loss, as pure functions of any model.

Convention: x_0 is noise, x_1 is data, t runs from 0 to 1 and

    x_t = (1 - t) x_0 + t x_1        v = dx_t / dt = x_1 - x_0

The network predicts the data, x_hat (x-prediction), because a video token has more dimensions than the network is
wide: it can name a face, but not every component of the noise. A prediction of the data is a prediction of the
velocity, v_hat = (x_hat - x_t) / (1 - t), so v_hat - v = (x_hat - x_1) / (1 - t). Sampling is in `jova.samplers`.

Letters: B clips, F latent frames, h = w cells along each side of a latent frame, A audio tokens, C channels.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from jova.mouth_loss import mouth_mean, mouth_weighted_mean
from jova.text import TextTokens

TIME_MEAN, TIME_SD = -0.6, 1.2
"""Training times are logit-normal, sigmoid(N(mean, sd)) (arXiv 2403.03206, section 3.1): a quarter lies below 0.2,
where the words are decided, a fifth above 0.6."""

MIN_REMAINING = 0.08
"""Smallest 1 - t in the loss: bounds the weight 1 / (1 - t)^2 near the data."""


class Latents(NamedTuple):
    """Latents of B clips."""

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
    """The training objective: video + audio."""
    video: Tensor
    """The mouth-area loss: cells weighted 1 + lambda M."""
    audio: Tensor
    mouth: Tensor
    """Video error inside the mouth area, for monitoring; not part of the total."""


class Denoiser(Protocol):
    """A network that predicts the data from noisy latents."""

    def __call__(self, noisy: Latents, time: Tensor, text: TextTokens, image: Tensor | None) -> Latents:
        """Returns x_hat of noisy latents at times (B,), given text and an image (B, F, h, w, C + 1) or None."""
        ...


class AudioDriven:
    """Conditions a network on given audio.

    The network sees clean audio latents at every time, and they are its prediction of the audio. A sampler therefore
    moves the audio from noise to the given latents, and the audio loss is zero.
    """

    def __init__(self, model: Denoiser, audio: Tensor) -> None:
        """Args: model: trained with clean audio. audio: (B, A, C) clean latents."""
        self.model, self.audio = model, audio

    def __call__(self, noisy: Latents, time: Tensor, text: TextTokens, image: Tensor | None) -> Latents:
        """Returns x_hat of the video; under guidance `noisy` has 2B rows, the second half for the same clips."""
        audio = self.audio.repeat(len(noisy.audio) // len(self.audio), 1, 1)
        return Latents(self.model(Latents(noisy.video, audio), time, text, image).video, audio)


def _expand(time: Tensor, like: Tensor) -> Tensor:
    """Reshapes (B,) to (B, 1, ..., 1) with as many axes as `like`."""
    return time.view(-1, *(1,) * (like.ndim - 1))


def interpolate(noise: Tensor, data: Tensor, time: Tensor) -> Tensor:
    """Returns x_t = (1 - t) x_0 + t x_1 for times (B,)."""
    return torch.lerp(noise, data, _expand(time, data))


def velocity(data: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
    """Returns v_hat = (x_hat - x_t) / (1 - t) for times (B,) below 1."""
    return (data - noisy) / _expand(1 - time, data)


def sample_times(count: int, generator: torch.Generator) -> Tensor:
    """Draws (count,) training times, sigmoid(N(TIME_MEAN, TIME_SD))."""
    return torch.sigmoid(TIME_MEAN + TIME_SD * torch.randn(count, generator=generator))


def velocity_error(guess: Tensor, data: Tensor, time: Tensor) -> Tensor:
    """Returns (v_hat - v)^2 = ((x_hat - x_1) / max(1 - t, MIN_REMAINING))^2, elementwise."""
    return ((guess - data) / _expand((1 - time).clamp(min=MIN_REMAINING), data)).square()


def image_condition(video: Tensor, given: Tensor) -> Tensor:
    """Returns channels [condition latent | mask] of a reference image, which is at latent frame 0 and nowhere else.

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
    """Computes the training loss of one batch.

    Args:
        model: the network.
        batch: clean latents with their text and mouth masks.
        generator: on the CPU, so that a training draws the same numbers on every device.
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
    guess = model(noisy, time, batch.text.drop_text(no_text), image_condition(data.video, with_image))

    video_error = velocity_error(guess.video, data.video, time)  # (B, F, h, w, C)
    video = mouth_weighted_mean(video_error, batch.mouth, mouth_weight)
    audio = velocity_error(guess.audio, data.audio, time).mean()
    with torch.no_grad():
        mouth = mouth_mean(video_error, batch.mouth)
    return Losses(video + audio, video, audio, mouth)
