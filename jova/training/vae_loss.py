"""A small video VAE of Wan's kind, and the loss that trains it without weights of others.

Of the 8 x 8 pixels of a cell, 2 x 2 are a patch (as in Wan 2.2's VAE), so that no layer works at the full resolution.

All is float32. In bfloat16 on a CPU with AMX (PyTorch 2.13, oneDNN 3.12) the gradient of the weights of a 3D
convolution to 24 channels or more is NaN for rows of 64, and that to 16 overwrites other memory for rows of 96; without
AMX, bfloat16 is no faster.

Letters: B clips, T frames, H x W pixels, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from jova.bounds import Count, CountOrNone, LearningRate, Seconds, Seed, Share, Size, Weight, check_numbers
from jova.codecs.pretrained import NEEDED_BY, network_class
from jova.codecs.wan import CLASS, GROUP
from jova.extras import imported
from jova.mouth_loss import mouth_weighted_mean
from jova.training.crops import CELL

VaeParts = Literal["all", "decoder"]
"""What a training moves. `decoder`: the encoder keeps the principal components that it begins with, so clips can be
encoded before the training has ended, and a step takes less time."""

PATCH = 2
"""Pixels along the side of a patch."""


@dataclass(frozen=True)
class VaeTraining:
    """Hyperparameters of a training.

    The learning rate warms up, is constant, and decays linearly to zero at the end.
    """

    steps: Count
    base_dim: Size = 24
    """Channels of the first stage; the two others have twice and four times as many."""
    batch: Count = 4
    """Crops of a step. Every fourth step has a quarter as many, of twice the side: as many pixels, wider views."""
    crop: Size = 64
    """Height and width of a crop, px; a smaller picture is taken whole."""
    frames: Size = 9
    """Frames of a crop: one that is encoded alone, and two groups of four."""
    trains: VaeParts = "all"
    lr: LearningRate = 5e-4
    """Peak learning rate of AdamW."""
    warmup: CountOrNone = 100
    decay: Share = 0.4
    """Share of the steps, at the end, over which the learning rate falls to zero."""
    ema_decay: Share = 0.998
    """Decay of the exponential moving average (EMA) of the weights, which is stored; smaller at first."""
    edge_weight: Weight = 1.0
    """Weight of the absolute error of the differences between neighbours in time, height and width."""
    kl_weight: Weight = 1e-3
    """Weight of the Kullback-Leibler divergence, in nats per latent value, from a normal distribution."""
    kl_warmup: Count = 1000
    """Steps over which that weight rises from zero: a decoder does not yet read its latents, and the divergence alone
    would make them noise."""
    mouth_weight: Weight = 5.0
    """lambda of the mouth-area loss, whose cells are pixels here."""
    save_every_s: Seconds = 180.0
    """Seconds between two checkpoints."""
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.crop % CELL:
            raise ValueError(f"expected crop to be a multiple of {CELL} pixels, got {self.crop}")
        if self.frames % GROUP != 1:
            raise ValueError(f"expected frames of a crop to be 1 + {GROUP}k, got {self.frames}")


def new_network(base_dim: int) -> Any:
    """Returns an `AutoencoderKLWan` with random weights, whose latents are not normalised.

    Raises:
        ModuleNotFoundError: diffusers is not installed.
    """
    channels = 16
    return network_class(CLASS)(
        base_dim=base_dim,
        z_dim=channels,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        in_channels=3 * PATCH**2,
        out_channels=3 * PATCH**2,
        patch_size=PATCH,
        scale_factor_spatial=CELL,
        latents_mean=[0.0] * channels,
        latents_std=[1.0] * channels,
    )


def pixels_of(frames: Tensor) -> Tensor:
    """Returns frames (B, T, H, W, 3) uint8 as the network is given them, (B, 3, T, H, W) in [-1, 1]."""
    return frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def decode_unclamped(network: Any, latents: Tensor) -> Tensor:
    """Decodes latents (B, C, F, h, w) to pixels (B, 3, T, H, W) that may lie outside of [-1, 1].

    `network.decode` clamps them, and what is clamped has no gradient: a training whose pixels all lie outside, as after
    its first large steps, would stay there.
    """
    groups: list[Tensor] = []
    hook = network.decoder.register_forward_hook(lambda _module, _given, group: groups.append(group))
    try:
        network.decode(latents)
    finally:
        hook.remove()
    patches = torch.cat(groups, dim=2)  # (B, 3 x patch, T, H / PATCH, W / PATCH)
    module = imported("diffusers.models.autoencoders.autoencoder_kl_wan", NEEDED_BY)
    pixels: Tensor = module.unpatchify(patches, network.config.patch_size)
    return pixels


def reconstruction_loss(
    network: Any, frames: Tensor, mask: Tensor, training: VaeTraining, step: int, random: torch.Generator
) -> dict[str, Tensor]:
    """Encodes frames, draws latents from their posterior and decodes them.

    Args:
        network: the VAE.
        frames: (B, T, H, W, 3) uint8.
        mask: (B, T, H, W) share of each pixel that the mouth's box covers.
        training: weights of the parts.
        step: from 0.
        random: draws the latents.

    Returns:
        The parts `pixel` and `edge`, absolute errors with 1 + lambda M as weights, and `kl`; and their weighted `loss`.
    """
    pixels = pixels_of(frames)
    with torch.set_grad_enabled(training.trains == "all"):
        posterior = network.encode(pixels).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=random)
    decoded = decode_unclamped(network, posterior.mean + (posterior.logvar / 2).exp() * noise)
    error = (decoded - pixels).permute(0, 2, 3, 4, 1)  # (B, T, H, W, 3)
    edges = [
        mouth_weighted_mean(
            error.diff(dim=axis).abs(), mask.narrow(axis, 1, mask.shape[axis] - 1), training.mouth_weight
        )
        for axis in (1, 2, 3)
        if mask.shape[axis] > 1
    ]
    parts = {
        "pixel": mouth_weighted_mean(error.abs(), mask, training.mouth_weight),
        "edge": torch.stack(edges).mean(),
        "kl": (posterior.mean.square() + posterior.logvar.exp() - 1 - posterior.logvar).mean() / 2,
    }
    kl_weight = training.kl_weight * min(1.0, step / training.kl_warmup)
    total = parts["pixel"] + training.edge_weight * parts["edge"] + kl_weight * parts["kl"]
    return {"loss": total, **parts}
