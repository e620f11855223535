"""A small causal video autoencoder: 4 frames of 64x64 pixels become one 8x8 latent of C channels.

Groups of four frames are coded independently of each other, which makes the code causal by construction.
Each direction is a linear map (an 8x8x4 block transform, initialised by PCA) plus a convolutional correction.
The decoder ends at half resolution, so that its 3x3 convolutions overlap the seams of the 8x8 blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.codecs.base import WEIGHTS, load_weights, save_weights

KIND = "jova-video-codec@1"
FRAMES_PER_LATENT = 4
PIXELS_PER_LATENT = 8


@dataclass(frozen=True)
class VideoCodecConfig:
    """Sizes of the autoencoder."""

    channels: int = 24
    """C, channels of a latent."""
    encoder_width: int = 96
    """Channels of the encoder, at 8x8."""
    encoder_blocks: int = 2
    """Residual blocks of the encoder."""
    decoder_widths: tuple[int, int, int] = (128, 48, 32)
    """Channels of the decoder at 8x8, 16x16 and 32x32 (for 64x64 frames)."""
    decoder_blocks: tuple[int, int, int] = (2, 2, 1)
    """Residual blocks of each decoder stage."""

    def __post_init__(self) -> None:
        for name in ("decoder_widths", "decoder_blocks"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON knows lists only
            if len(getattr(self, name)) != 3:
                raise ValueError(f"expected {name} to have three entries, got {getattr(self, name)}")


def to_groups(frames: Tensor) -> Tensor:
    """Cut a clip into groups of four frames, frame 0 repeated four times being the first.

    Args:
        frames: (B, 1 + 4k, H, W, 3) uint8.

    Returns:
        (B, 1 + k, 12, H, W) float32 in [-1, 1]; channels are frame-major, colour-minor.

    Raises:
        ValueError: The number of frames is not 1 + 4k or the size no multiple of 8.
    """
    batch, count, height, width, _ = frames.shape
    if count % FRAMES_PER_LATENT != 1 or height % PIXELS_PER_LATENT or width % PIXELS_PER_LATENT:
        raise ValueError(
            f"expected 1 + 4k frames with sides that are multiples of 8, got {count} frames of {height}x{width}"
        )
    padded = torch.cat([frames[:, :1].expand(-1, FRAMES_PER_LATENT - 1, -1, -1, -1), frames], dim=1)
    groups = padded.reshape(batch, -1, FRAMES_PER_LATENT, height, width, 3).permute(0, 1, 2, 5, 3, 4)
    return groups.reshape(batch, groups.shape[1], FRAMES_PER_LATENT * 3, height, width).float() / 127.5 - 1


def from_groups(groups: Tensor) -> Tensor:
    """Undo `to_groups`: (B, 1 + k, 12, H, W) float -> (B, 1 + 4k, H, W, 3) uint8.

    Frame 0 is the last of the first group; its three repeats are dropped.
    """
    batch, count, _, height, width = groups.shape
    frames = groups.reshape(batch, count * FRAMES_PER_LATENT, 3, height, width)[:, FRAMES_PER_LATENT - 1 :]
    return ((frames.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 1, 3, 4, 2).contiguous()


class Residual(nn.Module):
    """x + conv(relu(conv(relu(x)))), the identity at initialisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, W, h, w) -> the same."""
        return x + self.second(F.relu(self.first(F.relu(x))))


def stage(width: int, blocks: int) -> nn.Sequential:
    """Residual blocks of one resolution."""
    return nn.Sequential(*(Residual(width) for _ in range(blocks)))


class VideoCodec(nn.Module):
    """Causal video autoencoder; fits `jova.codecs.base.Codec`."""

    def __init__(self, config: VideoCodecConfig) -> None:
        super().__init__()
        self.config = config
        block = FRAMES_PER_LATENT * 3 * PIXELS_PER_LATENT**2  # 768 values
        channels, wide, (low, middle, high) = config.channels, config.encoder_width, config.decoder_widths
        self.analysis = nn.Conv2d(block, channels, 1, bias=False)
        self.enter = nn.Conv2d(block, wide, 1)
        self.encoder = stage(wide, config.encoder_blocks)
        self.leave = nn.Conv2d(wide, channels, 3, padding=1)

        self.synthesis = nn.Conv2d(channels, block, 1)
        self.start = nn.Conv2d(channels, low, 3, padding=1)
        self.decoder_8 = stage(low, config.decoder_blocks[0])
        self.to_16 = nn.Conv2d(low, 4 * middle, 1)
        self.decoder_16 = stage(middle, config.decoder_blocks[1])
        self.to_32 = nn.Conv2d(middle, 4 * high, 1)
        self.decoder_32 = stage(high, config.decoder_blocks[2])
        self.finish = nn.Conv2d(high, FRAMES_PER_LATENT * 3 * 4, 3, padding=1)
        for last in (self.leave, self.finish):
            nn.init.zeros_(last.weight)
            assert last.bias is not None
            nn.init.zeros_(last.bias)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    @property
    def channels(self) -> int:
        """C, channels of a latent."""
        return self.config.channels

    def channels_last(self) -> VideoCodec:
        """Lay the weights out as the processor's convolutions like them best."""
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def analyse(self, groups: Tensor) -> Tensor:
        """Groups (n, 12, H, W) in [-1, 1] -> latents before normalisation (n, C, H/8, W/8)."""
        blocks = F.pixel_unshuffle(groups, PIXELS_PER_LATENT)
        return self.analysis(blocks) + self.leave(F.relu(self.encoder(self.enter(blocks))))

    def synthesise(self, latents: Tensor) -> Tensor:
        """Normalised latents (n, C, h, w) -> groups (n, 12, 8h, 8w), nominally in [-1, 1]."""
        x = self.decoder_8(self.start(latents))
        x = self.decoder_16(F.pixel_shuffle(self.to_16(F.relu(x)), 2))
        x = self.decoder_32(F.pixel_shuffle(self.to_32(F.relu(x)), 2))
        detail = F.pixel_shuffle(self.finish(F.relu(x)), 2)
        return F.pixel_shuffle(self.synthesis(latents), PIXELS_PER_LATENT) + detail

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Frames (B, 1 + 4k, H, W, 3) uint8 -> latents (B, 1 + k, H/8, W/8, C) float32."""
        groups = to_groups(media)
        latents = self.analyse(groups.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        latents = (latents.permute(0, 2, 3, 1) - self.mean) / self.std
        return latents.reshape(*groups.shape[:2], *latents.shape[1:])

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, 1 + k, h, w, C) -> frames (B, 1 + 4k, 8h, 8w, 3) uint8."""
        flat = latents.flatten(0, 1).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        groups = self.synthesise(flat)
        return from_groups(groups.reshape(*latents.shape[:2], *groups.shape[1:]))

    def save(self, path: Path) -> None:
        """Store in half precision with the config inside."""
        save_weights(path, {key: value.half() for key, value in self.state_dict().items()}, self.config, KIND)

    @classmethod
    def load(cls, path: Path = WEIGHTS / "video-codec.safetensors") -> VideoCodec:
        """Read a file of `save`, the shipped one if none is named; ready for inference."""
        config, tensors = load_weights(path, KIND, VideoCodecConfig)
        codec = cls(config)
        codec.load_state_dict(tensors)
        return codec.channels_last().eval().requires_grad_(False)
