"""Checks of what codecs are given: one wording, with the nearest valid length or size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def nearest_length(frames: int, frames_per_latent: int) -> int:
    """Returns the valid length, 1 + a multiple of the stride, nearest to a number of frames; the shorter of two."""
    below = 1 + max(0, frames - 1) // frames_per_latent * frames_per_latent
    above = below + frames_per_latent
    return above if above - frames < frames - below else below


def check_frames(frames: Tensor, frames_per_latent: int, pixels_per_cell: int) -> None:
    """Raises unless a codec with these strides can encode frames (B, T, H, W, 3) uint8 without cutting them.

    Raises:
        ValueError: the shape, the dtype, the number of frames or the sides are others.
    """
    if frames.ndim != 5 or frames.shape[-1] != 3 or frames.dtype != torch.uint8:
        raise ValueError(f"expected frames (B, T, H, W, 3) of uint8, got {tuple(frames.shape)} of {frames.dtype}")
    count, height, width = frames.shape[1:4]
    if count < 1 or count % frames_per_latent != 1 % frames_per_latent:
        nearest = nearest_length(count, frames_per_latent)
        raise ValueError(
            f"expected 1 + {frames_per_latent}k frames, got {count} frames; the nearest valid length is {nearest}"
        )
    if height < 1 or width < 1 or height % pixels_per_cell or width % pixels_per_cell:
        near = " x ".join(str(max(1, round(side / pixels_per_cell)) * pixels_per_cell) for side in (height, width))
        raise ValueError(
            f"expected sides that are multiples of {pixels_per_cell} pixels, got {height} x {width}; "
            f"the nearest valid size is {near}"
        )


def check_audio(audio: Tensor) -> None:
    """Raises ValueError unless audio is (B, N) of floating point with at least one sample."""
    if audio.ndim != 2 or audio.shape[1] < 1 or not audio.is_floating_point():
        raise ValueError(f"expected audio (B, N) of floating point, got {tuple(audio.shape)} of {audio.dtype}")


def check_latents(latents: Tensor, axes: Sequence[str], channels: int) -> None:
    """Raises ValueError unless latents have these axes, none of them empty, and the codec's channels as the last."""
    if latents.ndim != len(axes) or latents.shape[-1] != channels or not all(latents.shape[1:]):
        names = ", ".join((*axes[:-1], str(channels)))
        raise ValueError(f"expected latents ({names}), got {tuple(latents.shape)}")


def checked_statistics(mean: Tensor, deviation: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Returns mean and deviation of latents, (channels,) float32 on the CPU.

    Raises:
        ValueError: they are of another number of channels, or would make latents that are no numbers.
    """
    mean, deviation = (value.detach().to("cpu", torch.float32).clone() for value in (mean, deviation))
    if mean.shape != (channels,) or deviation.shape != (channels,):
        raise ValueError(
            f"expected mean and deviation of {channels} channels, got {tuple(mean.shape)} and {tuple(deviation.shape)}"
        )
    if not (mean.isfinite().all() and deviation.isfinite().all() and (deviation > 0).all()):
        raise ValueError("expected finite means and deviations above 0 of latents, got others")
    return mean, deviation
