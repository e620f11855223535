"""Measures how fast a training is: tokens and examples a second, model FLOPs utilisation (MFU), memory.

MFU is the share of a device's peak that the arithmetic of the model takes (arXiv 2204.02311, appendix B): the products
of matrices of a forward pass, counted from its shapes, three times, because a backward pass has twice as many; of a
training with frozen weights, those that it has. What activation checkpointing computes again does not count.
"""

from __future__ import annotations

import resource
import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from jova.config import JovaConfig, Precision
from jova.flow import Batch, Latents
from jova.training.config import Trains
from jova.training.distributed import Ranks
from jova.training.modality import freeze
from jova.transformer import Jova

PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "A10": 125e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
}
"""Dense bfloat16 operations a second, by a part of the device's name, from the makers' data sheets; the first that is
in the name counts."""

UNDEFINED = "undefined"
"""MFU of a device whose peak is not known."""


def peak_flops(device: torch.device, precision: Precision, told: float | None) -> float | None:
    """Returns the peak operations a second of a device: the user's number, else the table's; None where both lack."""
    if told is not None or device.type != "cuda" or precision != "bfloat16":
        return told
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAKS.items() if part in name), None)


def forward_flops(config: JovaConfig, batch: Batch) -> int:
    """Counts the operations (two a multiplication and addition) of a forward pass, on tensors without values."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        _forward(config, batch, "joint")
    return counter.get_total_flops()


def step_flops(config: JovaConfig, batch: Batch, trains: Trains) -> int:
    """Counts the operations of a forward and a backward pass, with the weights frozen that a training does not move."""
    if trains == "joint":
        return 3 * forward_flops(config, batch)
    with FlopCounterMode(display=False) as counter:
        getattr(_forward(config, batch, trains), trains).sum().backward()
    return counter.get_total_flops()


def _forward(config: JovaConfig, batch: Batch, trains: Trains) -> Latents:
    with torch.device("meta"):
        model = Jova(config)
    freeze(model, trains)
    data, text = Latents(*(x.to("meta") for x in batch.data)), batch.text.to("meta")
    guess: Latents = model(data, torch.zeros(len(data.video), device="meta"), text)
    return guess


def peak_memory_bytes(device: torch.device) -> int:
    """Returns the largest memory that this process has held: of the GPU, or of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Speed:
    """Counts what is trained between two records of the log."""

    def __init__(self, config: JovaConfig, ranks: Ranks, trains: Trains, peak: float | None) -> None:
        """Sets the model's config, the ranks, what is trained, and the peak of each rank's device, None if unknown."""
        self.config, self.ranks, self.trains, self.peak = config, ranks, trains, peak
        self.counted: dict[tuple[torch.Size, ...], int] = {}
        self.restart()

    def restart(self) -> None:
        """Begins to count."""
        self.examples = self.tokens = self.flops = 0
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def add(self, batch: Batch) -> None:
        """Counts a part of a batch of this rank."""
        shapes = batch.data.video.shape, batch.data.audio.shape, batch.text.mask.shape
        self.examples += shapes[0][0]
        self.tokens += shapes[0][0] * tokens_of(self.config, batch)
        if self.peak is not None:
            if shapes not in self.counted:
                self.counted[shapes] = step_flops(self.config, batch, self.trains)
            self.flops += self.counted[shapes]

    def record(self) -> dict[str, float | str]:
        """Returns rates since the last restart, of all ranks together, and restarts."""
        counted = torch.tensor([self.examples, self.tokens, self.flops], dtype=torch.float64)
        examples, tokens, flops = self.ranks.total(counted.to(self.ranks.device)).tolist()
        cpu, wall = (max(1e-9, now - then) for now, then in zip(_clocks(), (self.cpu, self.wall), strict=True))
        peak = None if self.peak is None else self.peak * self.ranks.count
        self.restart()
        return {
            "samples_per_cpu_s": examples / self.ranks.count / cpu,
            "examples_per_s": examples / wall,
            "tokens_per_s": tokens / wall,
            "mfu": UNDEFINED if peak is None else flops / wall / peak,
            "memory_bytes": peak_memory_bytes(self.ranks.device),
        }


def tokens_of(config: JovaConfig, batch: Batch) -> int:
    """Returns the tokens of one example of a batch, padding included: N = A + 2L + V, or A + V if text is no stream."""
    _, frames, height, width, _ = batch.data.video.shape
    video = frames * (height // config.patch) * (width // config.patch)
    text = 2 * batch.text.mask.shape[1] if config.text_attention == "joint" else 0
    return batch.data.audio.shape[1] + text + video


def _clocks() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()
