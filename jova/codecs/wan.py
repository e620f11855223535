"""Video codec of Wan: diffusers' `AutoencoderKLWan`, causal, 4 frames and 8 x 8 (Wan 2.2 5B: 16 x 16) pixels per cell.

diffusers encodes frames in groups of four and drops an incomplete last group without a word, so the length is checked
here. Latents are the posterior's mode, normalised with the mean and deviation of the network's config.

Letters: B clips, F latents, h x w cells, C channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jova.codecs.checks import check_frames, check_latents, checked_statistics
from jova.codecs.fingerprint import fingerprint_of, weights_of
from jova.codecs.pretrained import in_own_precision, load_network, settings_of

CLASS = "AutoencoderKLWan"
GROUP = 4
"""Frames that diffusers encodes at once after the first, whatever the network."""
SETTINGS = ("z_dim", "dim_mult", "temperal_downsample", "is_residual", "patch_size", "latents_mean", "latents_std")
"""Fields of the config that decide latents and that shapes of weights do not show."""


class WanCodec(nn.Module):
    """Video codec on a Wan VAE; implements `jova.codecs.base.PictureCodec`.

    The network may be moved and cast with `.to`; latents are float32 and lie where the network is.
    """

    def __init__(self, vae: Any) -> None:
        super().__init__()
        config = vae.config
        frames = 2 ** sum(config.temperal_downsample)
        pixels = 2 ** (len(config.dim_mult) - 1) * (config.patch_size or 1)
        if frames != GROUP:
            raise ValueError(f"expected temperal_downsample of {GROUP} frames per latent, got {frames}")
        for name, stride in (("scale_factor_temporal", frames), ("scale_factor_spatial", pixels)):
            if config[name] != stride:
                raise ValueError(f"expected {name} = {stride}, as the network's layers have it, got {config[name]}")
        mean, deviation = (torch.tensor(config[name] or ()) for name in ("latents_mean", "latents_std"))
        self._statistics = checked_statistics(mean, deviation, config.z_dim)
        self.vae = vae
        self.channels: int = config.z_dim
        self.frames_per_latent: int = frames
        self.pixels_per_cell: int = pixels
        self.fingerprint: str = fingerprint_of(
            "wan", settings_of(config, SETTINGS), weights_of(vae, ("encoder.", "quant_conv."))
        )
        self._tiling = False

    @classmethod
    def load(cls, folder: Path) -> WanCodec:
        """Reads a folder that `AutoencoderKLWan.save_pretrained` wrote, such as `vae` of a Wan pipeline."""
        return cls(load_network(folder, (CLASS,)))

    def save(self, folder: Path) -> None:
        """Writes the folder that `load` reads."""
        self.vae.save_pretrained(folder)

    def enable_tiling(self, enabled: bool = True) -> None:
        """Decodes frames above 256 pixels in overlapping tiles, which takes less memory.

        Only decoding: tiles have edges, and encoding by tiles would make other latents.
        """
        self._tiling = enabled

    @in_own_precision
    def encode(self, media: Tensor) -> Tensor:
        """Encodes frames (B, 1 + 4k, H, W, 3) uint8 to latents (B, 1 + k, h, w, C) float32.

        Clips are encoded one at a time, so that no clip depends on its batch.

        Raises:
            ValueError: the number of frames or the sides do not fit the strides.
        """
        check_frames(media, self.frames_per_latent, self.pixels_per_cell)
        mean, deviation = (value.to(self.vae.device) for value in self._statistics)
        self.vae.use_tiling = False
        parts = []
        for clip in torch.split(media, 1):
            pixels = clip.to(self.vae.device).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
            latents = self.vae.encode(pixels.to(self.vae.dtype)).latent_dist.mode().float().permute(0, 2, 3, 4, 1)
            parts.append((latents - mean) / deviation)
        return torch.cat(parts)

    @in_own_precision
    def decode(self, latents: Tensor) -> Tensor:
        """Decodes latents (B, F, h, w, C) to frames (B, 1 + 4 (F - 1), H, W, 3) uint8, a clip at a time."""
        check_latents(latents, ("B", "F", "h", "w", "C"), self.channels)
        mean, deviation = (value.to(self.vae.device) for value in self._statistics)
        self.vae.use_tiling = self._tiling
        parts = []
        for clip in torch.split(latents, 1):
            values = (clip.to(self.vae.device, torch.float32) * deviation + mean).permute(0, 4, 1, 2, 3)
            pixels = self.vae.decode(values.to(self.vae.dtype)).sample.float().clamp(-1, 1)
            parts.append(((pixels + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 4, 1))
        return torch.cat(parts).contiguous()
