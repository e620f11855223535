"""The last stage: the video decoder learns what the model's own latents look like.

A generator errs cell by cell, which shows as the edges of 8x8 blocks; the codec's own latents never do. Here the
model guesses the latents of training clips from noisy ones, and the mending network of the decoder is trained to
draw the true frames from the guesses. Half of the groups keep their true latents, so that the codec stays as good
as it was. The encoder does not change, so neither do the latents that the model was trained on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from jova.codecs.video import VideoCodec, to_groups
from jova.data.folder import Item
from jova.flow import Latents, interpolate
from jova.training.codecs import box_weights, read_footage
from jova.training.latents import Examples
from jova.training.state import (
    Log,
    batch_indices,
    decay_factor,
    detached,
    generator_of,
    load_state,
    progress,
    save_state,
    set_rate,
)
from jova.transformer import Jova

STATE = "polish.state"


@dataclass(frozen=True)
class Polishing:
    """How the decoder is polished."""

    steps: int = 300
    clips: int = 4
    """Clips a step."""
    groups: int = 24
    """Groups of four frames, out of all of those clips, a step."""
    rate: float = 5e-4
    """Learning rate of AdamW at its start; it falls to zero."""
    least_time: float = 0.6
    """The model guesses from latents at times from here to 1: noisier ones do not tell where the mouth was."""
    mouth_weight: float = 10.0
    save_every_s: float = 60.0
    seed: int = 0


@torch.no_grad()
def guessed_latents(
    model: Jova, examples: Examples, rows: Tensor, least_time: float, random: torch.Generator
) -> Tensor:
    """The model's guess (b, F, h, w, C) of the video latents of clips, each from its own time."""
    batch = examples.batch(rows)
    time_ = least_time + (1 - least_time) * torch.rand(len(rows), generator=random)
    noisy = Latents(*(interpolate(torch.randn(x.shape, generator=random), x, time_) for x in batch.data))
    return model(noisy, time_, batch.text).video


def polish(
    codec: VideoCodec, model: Jova, items: Sequence[Item], examples: Examples, polishing: Polishing, out: Path
) -> VideoCodec:
    """Trains the mending network of a codec; writes OUT/video-codec.safetensors.

    Args:
        codec: as `train_video_codec` left it.
        model: the trained model.
        items: training clips.
        examples: the encoded clips, of which `items` are the first.
        polishing: schedule.
        out: folder for the codec, the state and the log of this stage.
    """
    state, begin = load_state(out / STATE), 0
    if state is not None:
        codec.load_state_dict(state["codec"])
        begin = state["step"]
    codec.train().requires_grad_(True).channels_last()
    optimiser = torch.optim.AdamW(codec.parameters(), lr=polishing.rate, betas=(0.9, 0.99), weight_decay=1e-3)
    if state is not None:
        optimiser.load_state_dict(state["optimiser"])
    if begin < polishing.steps:
        footage = read_footage(items)
    log, saved, cpu = Log(out / "polish.jsonl", begin), time.monotonic(), time.process_time()
    with progress("polishing the decoder", begin, polishing.steps) as show:
        for step in range(begin, polishing.steps):
            random = generator_of(polishing.seed + 2, step)
            rows = batch_indices(step, polishing.clips, len(items), polishing.seed)
            guess = guessed_latents(model, examples, rows, polishing.least_time, random).flatten(0, 1)
            truth = examples.video[rows].float().flatten(0, 1)  # (b F, h, w, C)
            chosen = torch.randperm(len(truth), generator=random)[: polishing.groups]
            half = polishing.groups // 2
            latents = torch.cat([guess[chosen[:half]], truth[chosen[half:]]])

            wanted = to_groups(footage.frames[rows]).flatten(0, 1)[chosen]  # (groups, 12, H, W)
            boxes = _group_boxes(footage.boxes[rows]).flatten(0, 1)[chosen]  # (groups, 4, 4)
            weights = box_weights(boxes, wanted.shape[2], wanted.shape[3], polishing.mouth_weight)
            rough = codec.expand(latents).detach().contiguous(memory_format=torch.channels_last)
            error = codec.mend(rough) - wanted
            loss = (weights * (error.abs() + 10 * error.square())).mean()

            set_rate(optimiser, polishing.rate * decay_factor(step, polishing.steps, 10, 1.0))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
            optimiser.step()
            last = step + 1 == polishing.steps
            if step % 25 == 0 or last:
                log.add({"step": step, "loss": loss.item(), "cpu_s": time.process_time() - cpu})
                show(step + 1, f"loss {loss.item():.4f}")
            if last or time.monotonic() - saved > polishing.save_every_s:
                saved = time.monotonic()
                own = {"step": step + 1, "codec": detached(codec), "optimiser": optimiser.state_dict()}
                save_state(out / STATE, own)
    codec.save(out / "video-codec.safetensors")
    return VideoCodec.load(out / "video-codec.safetensors")


def _group_boxes(boxes: Tensor) -> Tensor:
    """(b, T, 4) boxes of frames -> (b, F, 4, 4) of the frames of each group; the first group is frame 0 four times."""
    repeated = torch.cat([boxes[:, :1].expand(-1, 3, -1), boxes], dim=1)
    return repeated.view(len(boxes), -1, 4, 4)
