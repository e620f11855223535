"""Rectified flow: the path from noise to data and the training loss, as pure functions of any model.

Convention: x_0 is noise, x_1 is data, t runs from 0 to 1 and

    x_t = (1 - t) x_0 + t x_1        v = dx_t / dt = x_1 - x_0

The network predicts the data, x_hat (x-prediction), because a video token has more dimensions than the network is
wide: it can name a face, but not every component of the noise. A prediction of the data is a prediction of the
velocity, v_hat = (x_hat - x_t) / (1 - t), so v_hat - v = (x_hat - x_1) / (1 - t). A network whose heads predict the
velocity returns x_hat, too, so that samplers and edits treat both alike; the loss alone differs, which bounds the
weight of an error near the data only where it is an error of the data. Sampling is in `jova.samplers`.

Larger latents say more of their clip at the same share of noise. Picture and sound may therefore be on paths of their
own over one time, x_t = (1 - s(t)) x_0 + s(t) x_1 with s of `shifted`: the network reads t, and a sampler integrates
dx_t / dt = s'(t) v over it.

Letters: B clips, F latent frames, h x w cells of a latent frame, A audio tokens, C channels.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from jova.config import Prediction
from jova.mouth_loss import mouth_mean, mouth_weighted_mean, mouth_weights
from jova.text import TextBatch

TIME_MEAN, TIME_SD = -0.6, 1.2
"""Training times are logit-normal, sigmoid(N(mean, sd)) (arXiv 2403.03206, section 3.1): a quarter lies below 0.2,
where the words are decided, a fifth above 0.6."""

MIN_REMAINING: dict[Prediction, float] = {"x": 0.08, "v": 1e-3}
"""Smallest 1 - t in the loss, by what the heads predict: bounds the weight 1 / (1 - t)^2 of an error of predicted data.
The error of a predicted velocity has no such weight, and only t = 1 is kept off."""


class Latents(NamedTuple):
    """Latents of B clips."""

    video: Tensor
    """(B, F, h, w, C)."""
    audio: Tensor
    """(B, A, C)."""


class Given(NamedTuple):
    """Cells of B clips that are given; the network sees their clean latents."""

    data: Latents
    """Clean latents; their values in other cells have no effect."""
    video: Tensor
    """(B, F, h, w) bool: True where a cell is given."""
    audio: Tensor
    """(B, A) bool."""

    @classmethod
    def nothing(cls, data: Latents) -> Given:
        """Returns a condition in which no cell is given."""
        return cls(data, *(x.new_zeros(x.shape[:-1], dtype=torch.bool) for x in data))

    @property
    def says_when(self) -> Tensor:
        """(B,) bool: True where all audio or all video is given, so that it says when words are spoken.

        A span of the speech that is known in training, but planned from the prompt in sampling, would contradict it.
        Such clips have words without times, in training and in sampling.
        """
        return self.video.flatten(1).all(1) | self.audio.all(1)

    def with_image(self, rows: Tensor) -> Given:
        """Adds latent frame 0 of `rows` (B,) bool, a reference image, to clips of whose video nothing is given.

        The codec is causal, so the first latent of a clip is the latent of its first frame as an image.
        """
        video = self.video.clone()
        video[:, 0] |= _expand(rows & ~video.flatten(1).any(1), video[:, 0])
        return self._replace(video=video)

    def channels(self) -> Latents:
        """Returns channels [condition | mask], (B, F, h, w, C + 1) and (B, A, C + 1); zeros in cells not given."""
        masks = Latents(*(mask[..., None] for mask in (self.video, self.audio)))
        return Latents(*(torch.cat([x * mask, mask.to(x)], dim=-1) for x, mask in zip(self.data, masks, strict=True)))

    def put_into(self, latents: Latents) -> Latents:
        """Returns latents with those that are given in the cells that are given, bit for bit."""
        masks = (mask[..., None] for mask in (self.video, self.audio))
        return Latents(*(torch.where(mask, x, y) for mask, x, y in zip(masks, self.data, latents, strict=True)))

    def repeat(self, times: int) -> Given:
        """Returns the B clips `times` times over."""
        return Given(Latents(*(torch.cat([x] * times) for x in self.data)), *(torch.cat([x] * times) for x in self[1:]))


class Batch(NamedTuple):
    """B training examples."""

    data: Latents
    text: TextBatch
    mouth: Tensor
    """(B, F, h, w) mouth mask in [0, 1]."""


class Losses(NamedTuple):
    """Mean squared errors in velocity space, scalars; where parts of clips are given, of what is made."""

    total: Tensor
    """The training objective: video + audio."""
    video: Tensor
    """The mouth-area loss: cells weighted 1 + lambda M."""
    audio: Tensor
    mouth: Tensor
    """Video error inside the mouth area, NaN without one; for monitoring, not part of the total."""


class Denoiser(Protocol):
    """A network that predicts the data from noisy latents."""

    def __call__(self, noisy: Latents, time: Tensor, text: TextBatch, given: Given | None) -> Latents:
        """Returns x_hat of noisy latents at times (B,), for a text and given cells, if any."""
        ...


class AudioDriven:
    """Conditions a network on given audio.

    The network sees clean audio latents at every time, and they are its prediction of the audio. A sampler therefore
    moves the audio from noise to the given latents, and the audio loss is zero.
    """

    def __init__(self, model: Denoiser, audio: Tensor) -> None:
        """Sets the model, which was trained with clean audio, and the clean audio latents, (B, A, C)."""
        self.model, self.audio, self.shifts = model, audio, shifts_of(model)

    def __call__(self, noisy: Latents, time: Tensor, text: TextBatch, given: Given | None) -> Latents:
        """Returns x_hat of the video; under guidance `noisy` has 2B rows, the second half for the same clips."""
        audio = self.audio.repeat(len(noisy.audio) // len(self.audio), 1, 1)
        return Latents(self.model(Latents(noisy.video, audio), time, text, given).video, audio)


def _expand(time: Tensor, like: Tensor) -> Tensor:
    """Reshapes (B,) to (B, 1, ..., 1) with as many axes as `like`."""
    return time.view(-1, *(1,) * (like.ndim - 1))


def interpolate(noise: Tensor, data: Tensor, time: Tensor) -> Tensor:
    """Returns x_t = (1 - t) x_0 + t x_1 for times (B,)."""
    return torch.lerp(noise, data, _expand(time, data))


def shifted(time: Tensor, shift: float) -> Tensor:
    """Returns s(t) = t / (t + shift (1 - t)), by which the noise's share grows (arXiv 2403.03206, equation 23)."""
    return time if shift == 1 else time / (time + shift * (1 - time))


def shifts_of(model: object) -> tuple[float, float]:
    """Returns the shifts of video and audio with which a network is trained; 1 where it names none."""
    found: tuple[float, float] = getattr(model, "shifts", (1.0, 1.0))
    return found


def velocity(data: Tensor, noisy: Tensor, time: Tensor, shift: float = 1.0) -> Tensor:
    """Returns dx_t / dt = (x_hat - x_t) / (1 - t), over t + shift (1 - t) on a shifted path, for times (B,) below 1.

    On that path v = (x_hat - x_t) / (1 - s), and s' / (1 - s) is 1 over (1 - t) (t + shift (1 - t)).
    """
    v = (data - noisy) / _expand(1 - time, data)
    return v if shift == 1 else v / _expand(time + shift * (1 - time), data)


def data_of(velocity: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
    """Returns x_hat = x_t + (1 - t) v_hat for times (B,): inverts `velocity`."""
    return torch.addcmul(noisy, _expand(1 - time, noisy), velocity.to(noisy))


def sample_times(count: int, generator: torch.Generator) -> Tensor:
    """Draws (count,) training times, sigmoid(N(TIME_MEAN, TIME_SD))."""
    return torch.sigmoid(TIME_MEAN + TIME_SD * torch.randn(count, generator=generator))


def velocity_error(guess: Tensor, data: Tensor, time: Tensor, prediction: Prediction = "x") -> Tensor:
    """Returns (v_hat - v)^2 = ((x_hat - x_1) / max(1 - t, MIN_REMAINING))^2, elementwise."""
    return ((guess - data) / _expand((1 - time).clamp(min=MIN_REMAINING[prediction]), data)).square()


def mean_of_made(error: Tensor, weight: Tensor, made: Tensor) -> Tensor:
    """Returns the weighted mean error of the cells that are made, on the scale of a clip that is made whole.

    Each clip's weighted mean over made cells is multiplied by the mean weight of all of its cells: a clip whose error
    is alike in all cells counts as much as if all of them were made, however few or heavy those that are made. Where
    nothing of a modality is made, it has no error.

    Args:
        error: (B, ..., C) squared error of each latent value.
        weight: (B, ...) weight of each cell, at least 1.
        made: (B, ...) bool.
    """
    counted, weight = (weight * made).flatten(1), weight.flatten(1)  # (B, n)
    mean = (counted * error.mean(dim=-1).flatten(1)).sum(1) / counted.sum(1).clamp(min=1)  # (B,)
    return (mean * weight.mean(1)).mean()


class Draws(NamedTuple):
    """Random numbers of B training examples."""

    time: Tensor
    """(B,) flow times."""
    noise: Latents
    no_text: Tensor
    """(B,) bool: True where the text is dropped."""
    with_image: Tensor
    """(B,) bool: True where the first frame is given as reference image."""

    def to(self, device: torch.device | str) -> Draws:
        """Moves the draws to a device."""
        noise = Latents(*(x.to(device) for x in self.noise))
        return Draws(self.time.to(device), noise, self.no_text.to(device), self.with_image.to(device))


def draw(data: Latents, generator: torch.Generator, text_dropout: float, image_dropout: float) -> Draws:
    """Draws the random numbers of a batch, on the CPU.

    Args:
        data: clean latents of the batch, of which the shapes count.
        generator: on the CPU, so that a training draws the same numbers on every device.
        text_dropout: share of examples trained without text, for classifier-free guidance.
        image_dropout: share of examples trained without their first frame as reference image. It is a hint: unlike
            cells that are kept, it has a loss.
    """
    count = len(data.video)
    time = sample_times(count, generator)
    noise = Latents(*(torch.randn(x.shape, generator=generator) for x in data))
    no_text = torch.rand(count, generator=generator) < text_dropout
    return Draws(time, noise, no_text, torch.rand(count, generator=generator) >= image_dropout)


def losses(
    model: Denoiser,
    batch: Batch,
    generator: torch.Generator,
    *,
    mouth_weight: float,
    text_dropout: float = 0.1,
    image_dropout: float = 0.8,
    kept: Given | None = None,
    prediction: Prediction = "x",
) -> Losses:
    """Computes the training loss of one batch with the numbers that `draw` draws for it; see `losses_of`."""
    draws = draw(batch.data, generator, text_dropout, image_dropout)
    draws = draws.to(batch.data.video.device)
    return losses_of(model, batch, draws, mouth_weight=mouth_weight, kept=kept, prediction=prediction)


def losses_of(
    model: Denoiser,
    batch: Batch,
    draws: Draws,
    *,
    mouth_weight: float,
    kept: Given | None = None,
    prediction: Prediction = "x",
) -> Losses:
    """Computes the training loss of one batch.

    Cells that are given are noisy like all others, and clean beside that, in the condition: so a sampler has them, on
    the straight path from its noise to what is given, and what the network reads as noisy looks the same in free
    generation.

    Args:
        model: the network.
        batch: clean latents with their text and mouth masks.
        draws: its random numbers.
        mouth_weight: lambda of the mouth-area loss.
        kept: cells of each clip that are given and have no loss; None if all of every clip is made.
        prediction: what the heads of the network predict, which returns x_hat in any case.
    """
    data, time = batch.data, draws.time
    times = Latents(*(shifted(time, shift) for shift in shifts_of(model)))
    noisy = Latents(*(interpolate(x0, x1, t) for x0, x1, t in zip(draws.noise, data, times, strict=True)))
    text = batch.text if kept is None else batch.text.without_times(kept.says_when)
    given = (kept or Given.nothing(data)).with_image(draws.with_image)
    guess = model(noisy, time, text.drop_text(draws.no_text), given)

    video_error = velocity_error(guess.video, data.video, times.video, prediction)  # (B, F, h, w, C)
    audio_error = velocity_error(guess.audio, data.audio, times.audio, prediction)  # (B, A, C)
    if kept is None:
        video = mouth_weighted_mean(video_error, batch.mouth, mouth_weight)
        audio = audio_error.mean()
        area = batch.mouth
    else:
        video = mean_of_made(video_error, mouth_weights(batch.mouth, mouth_weight), ~kept.video)
        audio = mean_of_made(audio_error, torch.ones_like(data.audio[..., 0]), ~kept.audio)
        area = batch.mouth * ~kept.video
    with torch.no_grad():
        mouth = mouth_mean(video_error, area)
    return Losses(video + audio, video, audio, mouth)
