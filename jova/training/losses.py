"""Losses of batches in training and in validation, with random numbers that do not depend on how a batch is split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from jova.config import Edit, JovaConfig
from jova.flow import AudioDriven, Batch, Denoiser, Draws, Given, Latents, Losses, draw, losses_of
from jova.mouth_loss import dilated
from jova.training.arithmetic import arithmetic
from jova.training.config import TrainConfig
from jova.training.distributed import Ranks
from jova.training.edits import EDITS, draw_kept
from jova.training.source import Source
from jova.training.speed import UNDEFINED
from jova.training.state import generator_of, hashed_generator
from jova.transformer import Jova

IMAGE_DROPOUT = 0.8
"""Share of examples without a reference image in `float32` validation."""


def draw_parts(
    config: JovaConfig,
    training: TrainConfig,
    batch: Batch,
    numbers: Sequence[int],
    seed: int,
    share: float,
    edits: Sequence[Edit] = EDITS,
) -> tuple[Draws, Given | None]:
    """Draws noise, times and edits of a batch, on the CPU.

    Args:
        config: of the model.
        training: of which the shares count.
        batch: the examples.
        numbers: of the random generators, each of which draws for an equal part of the batch.
        seed: of the generators; edits have one of their own, so that examples without are those of a training without.
        share: of examples with an edit; 0 draws none.
        edits: kinds of edits.
    """
    if share:
        config = config_of(config, batch.data)
    drawn: list[Draws] = []
    kept: list[Given] = []
    for number, rows in zip(numbers, torch.arange(len(batch.mouth)).chunk(len(numbers)), strict=True):
        part = Batch(Latents(*(x[rows] for x in batch.data)), batch.text.select(rows), batch.mouth[rows])
        of_noise, of_edits = generators(training, seed, number)
        drawn.append(draw(part.data, of_noise, training.text_dropout, training.image_dropout))
        if share:
            kept.append(draw_kept(config, part, share, of_edits, edits))
    time, noise, no_text, with_image = zip(*drawn, strict=True)
    noises = Latents(*(torch.cat(streams) for streams in zip(*noise, strict=True)))
    draws = Draws(torch.cat(time), noises, torch.cat(no_text), torch.cat(with_image))
    masks = (torch.cat(streams) for streams in zip(*(one[1:] for one in kept), strict=True))
    return draws, Given(batch.data, *masks) if share else None


def generators(training: TrainConfig, seed: int, number: int) -> tuple[torch.Generator, torch.Generator]:
    """Returns the random generators of noise and times, and of edits."""
    if training.draw == "batch":
        return generator_of(seed, number), generator_of(seed + 1, number)
    return hashed_generator(seed, "noise", number), hashed_generator(seed, "edits", number)


def config_of(config: JovaConfig, data: Latents) -> JovaConfig:
    """Returns a config with the length and size of a batch's clips as its default ones."""
    _, frames, height, width, _ = data.video.shape
    clock = replace(config.timeline, frames=config.timeline.video.units(frames))
    return replace(config, timeline=clock, latent_height=height, latent_width=width)


def losses_on(
    model: Jova, training: TrainConfig, batch: Batch, draws: Draws, kept: Given | None, device: torch.device
) -> Losses:
    """Computes the losses of a batch on a device; the total has the training's weights of modalities."""
    mouth = dilated(batch.mouth.to(device), training.mouth_dilation)
    batch = Batch(Latents(*(x.to(device) for x in batch.data)), batch.text.to(device), mouth)
    if kept is not None:
        kept = Given(batch.data, *(mask.to(device) for mask in kept[1:]))
    with arithmetic(training.precision, device.type):
        found = losses_of(
            denoiser(model, batch),
            batch,
            draws.to(device),
            mouth_weight=training.mouth_weight,
            kept=kept,
            prediction=model.config.prediction,
        )
    weighted = zip(training.loss_weights, (found.video, found.audio), strict=True)
    return found._replace(total=torch.stack([weight * loss for weight, loss in weighted if weight]).sum())


def denoiser(model: Jova, batch: Batch) -> Denoiser:
    """Returns the model, conditioned on the audio of the batch if the task is audio-driven."""
    return AudioDriven(model, batch.data.audio) if model.config.task == "audio-driven" else model


@torch.no_grad()
def validate(model: Jova, source: Source, training: TrainConfig, ranks: Ranks) -> dict[str, float | str]:
    """Returns the losses of a model on held-out clips, with the same noise, times and edits at every call.

    The losses of a kind of edit are of clips that are all edited so: `valid_edit_speech_total`, ... Every rank computes
    as many batches as the others, because they gather weights together; one too many does not count.
    """
    as_recipes = training.validation == "float32"
    if as_recipes:
        training = replace(training, image_dropout=IMAGE_DROPOUT, precision="float32")
    size = training.batch if as_recipes else training.batch // (ranks.count * training.accumulate)
    batches = source.split(size)
    found: dict[str, float | str] = {}
    for edit in (None, *(EDITS if training.edit_share else ())):
        parts, counts = [], []
        for first in range(0, len(batches), ranks.count):
            index = first + ranks.index
            rows = batches[min(index, len(batches) - 1)]
            numbers = [index] if as_recipes else rows.tolist()
            batch, edits = source.batch(rows), [edit] if edit else EDITS
            draws, kept = draw_parts(model.config, training, batch, numbers, 0, 1.0 if edit else 0.0, edits)
            parts.append(losses_on(model, training, batch, draws, kept, ranks.device))
            counts.append(len(rows) if index < len(batches) else 0)
        found |= means(parts, ranks, f"valid_edit_{edit}_" if edit else "valid_", None if as_recipes else counts)
    return found


def means(
    parts: Sequence[Losses], ranks: Ranks, prefix: str = "", counts: Sequence[int] | None = None
) -> dict[str, float | str]:
    """Returns the mean of each loss over batches and ranks, weighted by `counts` of examples, or all alike.

    That of `mouth` is over what has a mouth, and `undefined` where nothing has one.
    """
    weights = None if counts is None else torch.tensor(counts, dtype=torch.float32, device=ranks.device)
    sums = []
    for name, column in zip(Losses._fields, map(torch.stack, zip(*parts, strict=True)), strict=True):
        known = ~column.isnan() if name == "mouth" else torch.ones_like(column, dtype=torch.bool)
        column = column[known]
        if weights is not None:
            sums.append(torch.stack([column @ weights[known], weights[known].sum()]))
        else:
            sums.append(torch.stack([column.mean() if len(column) else column.sum(), known.any().to(column)]))
    total, weight = ranks.total(torch.stack(sums)).unbind(1)
    found = zip(Losses._fields, (total / weight).tolist(), weight.tolist(), strict=True)
    return {prefix + name: value if known else UNDEFINED for name, value, known in found}
