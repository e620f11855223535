"""Trains the two codecs: principal components in closed form, and the video codec's refinement network.

Letters: n groups of four frames, T frames, H x W pixels, h x w cells, C channels.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from jova.codecs.audio import AudioCodec, AudioCodecConfig
from jova.codecs.base import PictureCodec
from jova.codecs.video import (
    FRAMES_PER_LATENT,
    PIXELS_PER_LATENT,
    VideoCodec,
    VideoCodecConfig,
    to_blocks,
    to_groups,
)
from jova.data.folder import Item, read_clips
from jova.training.state import (
    Log,
    batch_indices,
    check_finite,
    detached,
    generator_of,
    load_state,
    lr_factor,
    progress,
    reading,
    save_state,
    set_lr,
)

CHECKPOINT = "video-codec.state"
"""File of the video codec's training, in its folder."""


@dataclass(frozen=True)
class CodecTraining:
    """Hyperparameters of the training of the video codec."""

    steps: int = 2000
    batch: int = 24
    """Groups of four frames per step."""
    lr: float = 1e-3
    """Peak learning rate of AdamW."""
    warmup: int = 100
    decay: float = 0.7
    """Share of the steps, at the end, over which the learning rate falls to zero."""
    noise: float = 0.1
    """Largest standard deviation of the Gaussian noise on latents, drawn uniformly from 0, so that the network is
    robust to the errors of a generative model; latents have deviation 1."""
    mouth_weight: float = 10.0
    """Pixels in the mouth box have weight 1 + this."""
    crop: tuple[int, int] = (40, 48)
    """Height and width, in pixels, of the crop around the mouth on which three steps of four train, which is cheaper;
    every fourth step trains on full frames."""
    first_share: float = 0.08
    """Share of groups that are the first of their clip, which is one frame repeated four times."""
    save_every_s: float = 60.0
    seed: int = 0


@dataclass(frozen=True)
class Footage:
    """Decoded clips of one split."""

    frames: Tensor
    """(n, T, H, W, 3) uint8."""
    boxes: Tensor
    """(n, T, 4) float32 mouth boxes, pixels x0, y0, x1, y1."""


def read_footage(items: Sequence[Item]) -> Footage:
    """Decodes the frames of clips into memory (0.9 MB per clip)."""
    frames: Tensor | None = None
    boxes = []
    with progress("reading clips", 0, len(items)) as show:
        for index, (pictures, _, mouth) in enumerate(read_clips(items)):
            if frames is None:
                frames = torch.empty(len(items), *pictures.shape, dtype=torch.uint8)
            frames[index] = torch.from_numpy(pictures)
            boxes.append(torch.from_numpy(mouth))
            show(index + 1, "")
    if frames is None:
        raise ValueError("expected at least one clip, got none")
    return Footage(frames, torch.stack(boxes))


def box_weights(boxes: Tensor, height: int, width: int, mouth_weight: float) -> Tensor:
    """Returns weights of 1 + mouth_weight inside the boxes, widened by one pixel, and 1 elsewhere.

    Args:
        boxes: (n, 4, 4) pixels x0, y0, x1, y1 of four frames.
        height: H.
        width: W.
        mouth_weight: added inside the boxes.

    Returns:
        (n, 12, H, W): the weights of each frame for its three colours.
    """
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    x0, y0, x1, y1 = (boxes[..., side, None] for side in range(4))  # each (n, 4, 1)
    across = (x > x0 - 1) & (x < x1 + 1)  # (n, 4, width)
    down = (y > y0 - 1) & (y < y1 + 1)  # (n, 4, height)
    inside = (down[..., :, None] & across[..., None, :]).float()
    return (1 + mouth_weight * inside).repeat_interleave(3, dim=1)


def draw_groups(footage: Footage, step: int, training: CodecTraining) -> tuple[Tensor, Tensor]:
    """Draws the groups (n, 12, H, W) in [-1, 1] of one step and their mouth boxes (n, 4, 4)."""
    count, frames = footage.frames.shape[:2]
    random = generator_of(training.seed, step)
    clips = batch_indices(step, training.batch, count, training.seed)
    later = torch.randint(1, max(2, (frames - 1) // FRAMES_PER_LATENT + 1), (training.batch,), generator=random)
    first = torch.rand(training.batch, generator=random) < training.first_share
    group = torch.where(first, 0, later)
    which = (FRAMES_PER_LATENT * group[:, None] + torch.arange(1 - FRAMES_PER_LATENT, 1)).clamp(min=0)  # (n, 4)
    pixels = footage.frames[clips[:, None], which]  # (n, 4, H, W, 3)
    groups = pixels.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 127.5 - 1
    return groups, footage.boxes[clips[:, None], which]


def crop_to_mouth(images: Sequence[Tensor], boxes: Tensor, size: tuple[int, int]) -> list[Tensor]:
    """Crops several (n, 12, H, W) to the same area around the mouth, aligned with the blocks."""
    height, width = images[0].shape[2:]
    centre = boxes.mean(1).view(-1, 2, 2).mean(1).flip(1)  # (n, 2): y, x
    extent = torch.tensor(size)
    cell = ((centre - extent / 2) / PIXELS_PER_LATENT).round().long()
    corner = (cell * PIXELS_PER_LATENT).clamp(min=0).minimum(torch.tensor([height, width]) - extent).tolist()
    return [
        torch.stack([whole[:, y : y + size[0], x : x + size[1]] for whole, (y, x) in zip(group, corner, strict=True)])
        for group in images
    ]


@torch.no_grad()
def fit_cells(codec: VideoCodec, footage: Footage) -> None:
    """Fits the codec's linear part to all groups of the footage."""
    cells, block = codec.mean.shape
    total, product, count = torch.zeros(cells, block), torch.zeros(cells, block, block), 0
    with progress("principal components", 0, len(footage.frames)) as show:
        for start in range(0, len(footage.frames), 10):
            blocks = to_blocks(to_groups(footage.frames[start : start + 10]).flatten(0, 1)).contiguous()
            total += blocks.sum(1)
            product.baddbmm_(blocks.transpose(1, 2), blocks)
            count += blocks.shape[1]
            show(start + 10, "")
    mean = total / count
    codec.fit(mean, product / count - mean[:, :, None] * mean[:, None, :])


@torch.no_grad()
def fit_common(codec: VideoCodec, footage: Footage) -> None:
    """Fits the prior of the codec's Wiener filter to all groups of the footage."""
    values = codec.config.values
    total, product, count = torch.zeros(values), torch.zeros(values, values), 0
    with progress("components of whole latents", 0, len(footage.frames)) as show:
        for start in range(0, len(footage.frames), 10):
            latents = codec.encode(footage.frames[start : start + 10]).flatten(0, 1).flatten(1)  # (n, h w C)
            total += latents.sum(0)
            product.addmm_(latents.T, latents)
            count += len(latents)
            show(start + 10, "")
    mean = total / count
    codec.fit_common(mean, product / count - torch.outer(mean, mean))


@torch.no_grad()
def noisy_linear_decode(codec: VideoCodec, groups: Tensor, noise: float, random: torch.Generator) -> Tensor:
    """Encodes and decodes groups linearly, with noise on the latents of a deviation drawn per group."""
    latents = codec.linear_encode(groups)
    amount = noise * torch.rand(len(latents), 1, 1, 1, generator=random)
    return codec.linear_decode(latents + amount * torch.randn(latents.shape, generator=random))


def refinement_loss(codec: VideoCodec, footage: Footage, step: int, training: CodecTraining) -> Tensor:
    """Returns the loss of one step: the weighted mean of |e| + 10 e^2, with e the error after a noisy round trip."""
    groups, boxes = draw_groups(footage, step, training)
    linear = noisy_linear_decode(codec, groups, training.noise, generator_of(training.seed + 1, step))
    weights = box_weights(boxes, groups.shape[2], groups.shape[3], training.mouth_weight)
    if step % 4:
        linear, groups, weights = crop_to_mouth([linear, groups, weights], boxes, training.crop)
    error = codec.refine(linear.contiguous(memory_format=torch.channels_last)) - groups
    return (weights * (error.abs() + 10 * error.square())).mean()


def train_video_codec(
    config: VideoCodecConfig, training: CodecTraining, footage: Footage, held_out: Footage, out: Path
) -> VideoCodec:
    """Trains the video codec, or resumes its training; writes OUT/video-codec.safetensors.

    Args:
        config: of the codec.
        training: of the training.
        footage: training clips.
        held_out: validation clips, measured every 500 steps.
        out: folder of the codec, its checkpoint and its log.
    """
    torch.manual_seed(training.seed)
    codec = VideoCodec(config)
    state, begin = load_state(path := out / CHECKPOINT), 0
    if state is None:
        fit_cells(codec, footage)
        fit_common(codec, footage)
        codec.half().float()  # from now on the linear part has the values of the file
        codec.save(out / "video-codec.safetensors")
    else:
        with reading(path):
            codec.load_state_dict(state["codec"])
            begin = int(state["step"])
    codec.channels_last()
    optimiser = torch.optim.AdamW(codec.parameters(), lr=training.lr, betas=(0.9, 0.99), weight_decay=1e-3)
    if state is not None:
        with reading(path):
            optimiser.load_state_dict(state["optimiser"])
    log = Log(out / "video-codec.jsonl", begin)
    saved, cpu = time.monotonic(), time.process_time()
    with progress("video codec", begin, training.steps) as show:
        for step in range(begin, training.steps):
            set_lr(optimiser, training.lr * lr_factor(step, training.steps, training.warmup, training.decay))
            loss = refinement_loss(codec, footage, step, training)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            check_finite(step, loss, torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0))
            optimiser.step()
            last = step + 1 == training.steps
            if step % 50 == 0 or last:
                record = {"step": step, "loss": loss.item(), "cpu_s": time.process_time() - cpu}
                log.add(record | (measure(codec, held_out) if step % 500 == 0 or last else {}))
                show(step + 1, f"loss {loss.item():.4f}")
            if last or time.monotonic() - saved > training.save_every_s:
                saved = time.monotonic()
                save_state(
                    path,
                    {"step": step + 1, "codec": detached(codec), "optimiser": optimiser.state_dict()},
                )
                codec.save(out / "video-codec.safetensors")
    codec.save(out / "video-codec.safetensors")
    return VideoCodec.load(out / "video-codec.safetensors")


@torch.no_grad()
def measure(codec: PictureCodec, footage: Footage) -> dict[str, float]:
    """Measures how well the codec reconstructs clips.

    Returns:
        psnr and mouth_psnr in dB (mean over clips of the PSNR of all pixels, and of those in the mouth boxes);
        opening_gain and opening_corr: slope and correlation, over frames within clips, of the decoded darkness of
        the mouth box against the true one; a codec that shrinks the opening of the mouth has a gain below 1.
    """
    whole, mouth = [], []
    true_dark: list[Tensor] = []
    decoded_dark: list[Tensor] = []
    for frames, boxes in zip(footage.frames, footage.boxes, strict=True):
        decoded = codec.decode(codec.encode(frames[None]))[0].float()
        true = frames.float()
        height, width = frames.shape[1:3]
        inside = box_weights(boxes[None], height, width, 1.0)[0, ::3] - 1  # (T, H, W)
        error = (decoded - true).square().mean(-1)
        whole.append(10 * (255**2 / error.mean()).log10())
        mouth.append(10 * (255**2 / ((error * inside).sum() / inside.sum())).log10())
        area = inside.sum((1, 2))
        for images, levels in ((true, true_dark), (decoded, decoded_dark)):
            dark = 255 - images.amax(-1)  # neither skin nor lips nor teeth are dark in every colour
            level = (dark * inside).sum((1, 2)) / area
            levels.append(level - level.mean())
    x, y = torch.cat(true_dark), torch.cat(decoded_dark)
    return {
        "psnr": torch.stack(whole).mean().item(),
        "mouth_psnr": torch.stack(mouth).mean().item(),
        "opening_gain": ((x * y).sum() / x.square().sum()).item(),
        "opening_corr": ((x * y).sum() / (x.square().sum() * y.square().sum()).sqrt()).item(),
    }


@torch.no_grad()
def fit_audio_codec(config: AudioCodecConfig, items: Sequence[Item], out: Path) -> AudioCodec:
    """Fits the audio codec to clips; writes OUT/audio-codec.safetensors."""
    codec = AudioCodec(config)
    stacks = []
    with progress("audio codec", 0, len(items)) as show:
        for index, item in enumerate(items):
            stacks.append(codec.stacks(torch.from_numpy(item.media()[1])[None])[0])
            show(index + 1, "")
    codec.fit(torch.cat(stacks))
    codec.save(out / "audio-codec.safetensors")
    return AudioCodec.load(out / "audio-codec.safetensors")
