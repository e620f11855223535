"""Causal video codec: 4 frames of 64x64 pixels become one 8x8 latent of C channels.

Groups of four frames are encoded independently, which makes the codec causal by construction. The encoder is linear:
each of the 64 cells, a block of 8x8 pixels x 4 frames x 3 colours, has its own principal components, because a head is
at about the same position in every clip. The decoder inverts it and refines the result with a convolutional network,
which works up to half resolution, across the boundaries of blocks.

Letters: B clips, n groups, h x w cells of a latent, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.codecs.base import WEIGHTS, digest_of_tensors, fill, load_weights, save_weights
from jova.codecs.checks import check_frames

KIND = "jova-video-codec@2"
FRAMES_PER_LATENT = 4
PIXELS_PER_LATENT = 8
DETAIL = 0.05
"""Scale of the network's output: the linear part is accurate to a few hundredths of the range [-1, 1]."""
GENERATED_ERROR = 0.08
"""Standard deviation of a generative model's error in each latent value. Measured on JoVA in cells without motion:
mostly 0.07 to 0.12, both in components of large and of small variance."""


@dataclass(frozen=True)
class VideoCodecConfig:
    """Hyperparameters of the codec; the field names are stored with the weights."""

    channels: int = 32
    """C, number of principal components kept of each cell."""
    size: int = 64
    """Height and width of a frame in pixels."""
    widths: tuple[int, int, int] = (128, 48, 32)
    """Channels of the refinement network at 1/8, 1/4 and 1/2 of the resolution."""
    blocks: tuple[int, int, int] = (2, 2, 1)
    """Residual blocks at each resolution."""
    common: int = 512
    """Number of principal components of whole latents (all cells together) that the Wiener filter keeps."""

    def __post_init__(self) -> None:
        for name in ("widths", "blocks"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON has lists only
            if len(getattr(self, name)) != 3:
                raise ValueError(f"expected {name} to have three entries, got {getattr(self, name)}")

    @property
    def cells(self) -> int:
        """H = w, cells along each side of a latent."""
        return self.size // PIXELS_PER_LATENT

    @property
    def values(self) -> int:
        """H w C, numbers of a latent."""
        return self.cells**2 * self.channels


def to_groups(frames: Tensor) -> Tensor:
    """Splits a clip into groups of four frames; the first group is frame 0 repeated four times.

    Args:
        frames: (B, 1 + 4k, H, W, 3) uint8.

    Returns:
        (B, 1 + k, 12, H, W) float32 in [-1, 1]; channels are frame-major, colour-minor.

    Raises:
        ValueError: the number of frames is not 1 + 4k, or a side is not a multiple of 8 pixels.
    """
    check_frames(frames, FRAMES_PER_LATENT, PIXELS_PER_LATENT)
    batch, _, height, width, _ = frames.shape
    padded = torch.cat([frames[:, :1].expand(-1, FRAMES_PER_LATENT - 1, -1, -1, -1), frames], dim=1)
    groups = padded.reshape(batch, -1, FRAMES_PER_LATENT, height, width, 3).permute(0, 1, 2, 5, 3, 4)
    return groups.reshape(batch, groups.shape[1], FRAMES_PER_LATENT * 3, height, width).float() / 127.5 - 1


def from_groups(groups: Tensor) -> Tensor:
    """Inverts `to_groups`: (B, 1 + k, 12, H, W) float -> (B, 1 + 4k, H, W, 3) uint8.

    Frame 0 is the last of the first group; its three repeats are dropped.
    """
    batch, count, _, height, width = groups.shape
    frames = groups.reshape(batch, count * FRAMES_PER_LATENT, 3, height, width)[:, FRAMES_PER_LATENT - 1 :]
    return ((frames.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 1, 3, 4, 2).contiguous()


def to_blocks(groups: Tensor) -> Tensor:
    """Gathers the values of every cell: (n, 12, H, W) -> (h w, n, 768)."""
    return F.pixel_unshuffle(groups, PIXELS_PER_LATENT).flatten(2).permute(2, 0, 1)


def from_blocks(blocks: Tensor, cells: int) -> Tensor:
    """Inverts `to_blocks`: (h w, n, 768) -> (n, 12, H, W)."""
    return F.pixel_shuffle(blocks.permute(1, 2, 0).reshape(*blocks.shape[1:], cells, cells), PIXELS_PER_LATENT)


class Residual(nn.Module):
    """Residual block x + conv(relu(conv(relu(x)))), the identity at initialisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, width, h, w) to the same shape."""
        return x + self.second(F.relu(self.first(F.relu(x))))


def stage(width: int, blocks: int) -> nn.Sequential:
    """Returns the residual blocks of one resolution."""
    return nn.Sequential(*(Residual(width) for _ in range(blocks)))


class VideoCodec(nn.Module):
    """Causal video codec; implements `jova.codecs.base.PictureCodec`."""

    mean: Tensor
    basis: Tensor
    scale: Tensor
    common_mean: Tensor
    common_basis: Tensor
    common_variance: Tensor

    def __init__(self, config: VideoCodecConfig) -> None:
        super().__init__()
        self.config = config
        block, cells = FRAMES_PER_LATENT * 3 * PIXELS_PER_LATENT**2, config.cells**2  # 768 values, 64 cells
        self.register_buffer("mean", torch.zeros(cells, block))
        self.register_buffer("basis", torch.eye(block)[:, : config.channels].repeat(cells, 1, 1))
        self.register_buffer("scale", torch.ones(cells, config.channels))
        common = min(config.common, config.values)
        self.register_buffer("common_mean", torch.zeros(config.values))
        self.register_buffer("common_basis", torch.eye(config.values)[:, :common].clone())
        self.register_buffer("common_variance", torch.full((common,), torch.inf))

        low, middle, high = config.widths
        half = FRAMES_PER_LATENT * 3 * 4  # values of a 2x2 block of pixels in 4 frames
        self.enter_8 = nn.Conv2d(block, low, 1)
        self.stage_8 = stage(low, config.blocks[0])
        self.to_4 = nn.Conv2d(low, 4 * middle, 1)
        self.stage_4 = stage(middle, config.blocks[1])
        self.to_2 = nn.Conv2d(middle, 4 * high, 1)
        self.enter_2 = nn.Conv2d(half, high, 3, padding=1)
        self.stage_2 = stage(high, config.blocks[2])
        self.finish = nn.Conv2d(high, half, 3, padding=1)
        nn.init.zeros_(self.finish.weight)
        assert self.finish.bias is not None
        nn.init.zeros_(self.finish.bias)

    @property
    def channels(self) -> int:
        """C, channels of a latent."""
        return self.config.channels

    @property
    def frames_per_latent(self) -> int:
        """Temporal stride."""
        return FRAMES_PER_LATENT

    @property
    def pixels_per_cell(self) -> int:
        """Spatial stride."""
        return PIXELS_PER_LATENT

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of every frame, because each cell has its own components."""
        return self.config.size, self.config.size

    @property
    def fingerprint(self) -> str:
        """Digest of the encoder, which does not change when the refinement network is trained."""
        return digest_of_tensors([self.mean, self.basis, self.scale])

    @torch.no_grad()
    def fit(self, mean: Tensor, covariance: Tensor) -> None:
        """Fits the linear part: the principal components of each cell.

        As in the audio codec, a component of deviation s becomes a latent of deviation g sqrt(s), so that fine detail
        is not lost beside large flat colours; g makes the mean variance of all latents 1.

        Args:
            mean: (h w, 768) of the blocks of every cell.
            covariance: (h w, 768, 768).
        """
        variance, vectors = torch.linalg.eigh(covariance.double())  # ascending
        deviation = variance.flip(1)[:, : self.channels].clamp(min=1e-8).sqrt()
        gain = 1 / deviation.mean().sqrt()
        self.mean.copy_(mean)
        self.basis.copy_(vectors.flip(2)[:, :, : self.channels])
        self.scale.copy_(deviation.sqrt() / gain)

    @torch.no_grad()
    def fit_common(self, mean: Tensor, covariance: Tensor) -> None:
        """Fits the prior of `wiener_filter`: mean (h w C,) and covariance (h w C, h w C) of encoded latents."""
        variance, vectors = torch.linalg.eigh(covariance.double())  # ascending
        count = len(self.common_variance)
        self.common_mean.copy_(mean)
        self.common_basis.copy_(vectors.flip(1)[:, :count])
        self.common_variance.copy_(variance.flip(0)[:count].clamp(min=0))

    def wiener_filter(self, latents: Tensor) -> Tensor:
        """Applies a Wiener filter to generated latents, with the covariance of encoded ones as prior.

        The error of a generative model is independent between cells, and shows as block edges where cells of real video
        agree, as in the colour of a background. Such differences are rarer in real latents than in errors, and the
        filter attenuates them.

        Args:
            latents: (..., h, w, C).

        Returns:
            The same shape.
        """
        keep = 1 / (1 + GENERATED_ERROR**2 / self.common_variance)  # (k,)
        parts = (latents.flatten(-3) - self.common_mean) @ self.common_basis * keep  # (..., k)
        return (parts @ self.common_basis.T + self.common_mean).view_as(latents)

    def linear_encode(self, groups: Tensor) -> Tensor:
        """Encodes groups (n, 12, H, W) in [-1, 1] to latents (n, h, w, C)."""
        blocks = to_blocks(groups)  # (h w, n, 768)
        latents = torch.baddbmm(-(self.mean[:, None] @ self.basis), blocks, self.basis) / self.scale[:, None]
        return latents.transpose(0, 1).reshape(len(groups), self.config.cells, self.config.cells, self.channels)

    def linear_decode(self, latents: Tensor) -> Tensor:
        """Decodes latents (n, h, w, C) to groups (n, 12, H, W) by the linear part alone."""
        flat = latents.flatten(1, 2).transpose(0, 1) * self.scale[:, None]  # (h w, n, C)
        blocks = torch.baddbmm(self.mean[:, None], flat, self.basis.transpose(1, 2))
        return from_blocks(blocks, self.config.cells)

    def refine(self, groups: Tensor) -> Tensor:
        """Refines linearly decoded groups, or crops of them, (n, 12, H, W) with sides that are multiples of 8."""
        x = self.stage_8(self.enter_8(F.pixel_unshuffle(groups, PIXELS_PER_LATENT)))
        x = self.stage_4(F.pixel_shuffle(self.to_4(F.relu(x)), 2))
        x = F.pixel_shuffle(self.to_2(F.relu(x)), 2) + self.enter_2(F.pixel_unshuffle(groups, 2))
        return groups + DETAIL * F.pixel_shuffle(self.finish(F.relu(self.stage_2(x))), 2)

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Encodes frames (B, 1 + 4k, H, W, 3) uint8 to latents (B, 1 + k, H/8, W/8, C) float32."""
        if media.shape[2:4] != (self.config.size, self.config.size):
            raise ValueError(
                f"expected frames of {self.config.size} x {self.config.size}, got {tuple(media.shape[2:4])}"
            )
        groups = to_groups(media)
        latents = self.linear_encode(groups.flatten(0, 1))
        return latents.reshape(*groups.shape[:2], *latents.shape[1:])

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Decodes latents (B, 1 + k, h, w, C) to frames (B, 1 + 4k, 8h, 8w, 3) uint8."""
        # A clip at a time, which fits the CPU's cache.
        linear = (self.linear_decode(clip).contiguous(memory_format=torch.channels_last) for clip in latents)
        return from_groups(torch.stack([self.refine(groups) for groups in linear]))

    def channels_last(self) -> VideoCodec:
        """Converts the weights to channels-last memory format, which is faster for convolutions on CPUs."""
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def save(self, path: Path) -> None:
        """Writes the codec in half precision with its config in the metadata."""
        save_weights(path, {key: value.half() for key, value in self.state_dict().items()}, self.config, KIND)

    @classmethod
    def load(cls, path: Path = WEIGHTS / "video-codec.safetensors") -> VideoCodec:
        """Reads a file written by `save`, by default the shipped one; returns the codec ready for inference."""
        config, tensors = load_weights(path, KIND, VideoCodecConfig, infinite=["common_variance"])
        codec = cls(config)
        fill(codec, tensors, path)
        return codec.channels_last().eval().requires_grad_(False)
