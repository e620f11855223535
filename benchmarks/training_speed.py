"""Measures how fast JoVA trains: tokens a second, MFU and memory, by kernel of attention, compiled and not.

    OMP_NUM_THREADS=1 python benchmarks/training_speed.py > results/training-speed.md
    python benchmarks/training_speed.py --device cuda --blocks 13 --batch 8 --steps 20

Steps of the size `small-128` with fewer blocks, on random latents and states of texts of several lengths, each kernel
in a process of its own. Time on a CPU is processor time. MFU is a share of what a large product of matrices reaches on
the same device and thread, not of a maker's number. Takes a few minutes of a core.

    masked    scaled_dot_product_attention with the mask of padded text, as JoVA trains
    unmasked  the same without it: what clips of equally long texts, or a pad-free layout, would take
    flex      flex_attention with the same mask as a block mask
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jova import joint_attention
from jova.flow import Batch, Latents
from jova.sizes import SIZES
from jova.text import TextStates
from jova.training.config import TrainConfig
from jova.training.distributed import joined
from jova.training.machinery import Machinery
from jova.training.model import Trainer
from jova.training.speed import forward_flops, peak_memory_bytes, tokens_of

TEXT, CHANNELS = 64, 512
"""Longest text, in tokens, and channels of its states."""
VARIANTS = [(kernel, compiled) for kernel in ("masked", "unmasked", "flex") for compiled in (False, True)]


class RandomClips:
    """Clips of random latents, with texts of a half to the whole of the longest."""

    text = None

    def __init__(self, config: Any, count: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.clips = count
        self.data = Latents(
            torch.randn(count, *config.video_shape, generator=generator),
            torch.randn(count, *config.audio_shape, generator=generator),
        )
        self.states = [
            [torch.randn(TEXT - TEXT // 2 * k // count, CHANNELS, generator=generator)] for k in range(count)
        ]

    def rows(self, step: int, batch: int, seed: int) -> Tensor:
        """Returns the first clips."""
        return torch.arange(batch)

    def split(self, size: int) -> list[Tensor]:
        """Returns all clips in order."""
        return list(torch.split(torch.arange(self.clips), size))

    def batch(self, rows: Tensor) -> Batch:
        """Returns the clips at `rows`."""
        text = TextStates.of([self.states[row] for row in rows.tolist()], [torch.zeros(1, CHANNELS)])
        data = Latents(*(x[rows] for x in self.data))
        return Batch(data, text, torch.zeros(data.video.shape[:-1]))

    def digest(self) -> str:
        """Returns a name."""
        return "random"


def use(kernel: str) -> None:
    """Has the joint attention computed by a kernel."""
    if kernel == "masked":
        return
    if kernel == "unmasked":

        def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
            return F.scaled_dot_product_attention(q, k, v)

    else:
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
            assert mask is not None
            real = mask[:, 0, 0]  # (B, N)
            blocks = create_block_mask(
                lambda b, h, i, j: real[b, j], len(q), None, q.shape[2], k.shape[2], device=str(q.device)
            )
            found = flex_attention(q, k, v, block_mask=blocks)
            assert isinstance(found, Tensor)
            return found

    vars(joint_attention)["F"] = SimpleNamespace(scaled_dot_product_attention=attend)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Time that a device takes: processor time of a CPU, else that of the wall."""
    if device.type == "cpu":
        start = time.process_time()
        work()
        return time.process_time() - start
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    torch.cuda.synchronize(device)
    return time.perf_counter() - start


def product_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a product of matrices of 2048 (a GPU: 8192) rows and columns, the best of six."""
    side = 8192 if device.type == "cuda" else 2048
    a = torch.randn(side, side, device=device, dtype=dtype)
    return 2 * side**3 / min(seconds(lambda: a @ a, device) for _ in range(6))


def measured(options: argparse.Namespace, kernel: str, compiled: bool) -> dict[str, Any]:
    """Trains a few steps; returns what the log would say, after two steps that do not count."""
    use(kernel)
    separate = max(1, options.blocks // 4)
    config = replace(
        SIZES["small-128"],
        text_channels=(CHANNELS,),
        separate_blocks=separate,
        shared_blocks=options.blocks - separate,
    )
    training = TrainConfig(steps=1000, batch=options.batch, precision=options.precision, draw="example")
    with joined(options.device) as ranks, tempfile.TemporaryDirectory() as folder:
        peak = product_flops(ranks.device, getattr(torch, options.precision))
        machinery = Machinery(ranks, compiled=compiled, shards=True)
        trainer, clips = Trainer(config, training, Path(folder), None, machinery), RandomClips(config, options.batch)
        warm_s = seconds(lambda: [trainer.advance(clips) for _ in range(2)], ranks.device)
        took_s = seconds(lambda: [trainer.advance(clips) for _ in range(options.steps)], ranks.device)
        batch = clips.batch(torch.arange(options.batch))
        examples_per_s = options.steps * options.batch / took_s
        return {
            "tokens_per_s": examples_per_s * tokens_of(config, batch),
            "examples_per_s": examples_per_s,
            "mfu": examples_per_s * 3 * forward_flops(config, batch) / options.batch / peak,
            "memory_bytes": peak_memory_bytes(ranks.device),
            "peak_flops": peak,
            "warm_s": warm_s,
        }


def row(options: argparse.Namespace, kernel: str, compiled: bool) -> tuple[str, dict[str, Any] | None]:
    """Measures in a process of its own; a failure is a row with the last line of its error."""
    flags = [f"--{name}={getattr(options, name)}" for name in ("device", "blocks", "batch", "steps", "precision")]
    command = [sys.executable, __file__, *flags, "--one", kernel, "1" if compiled else "0"]
    done = subprocess.run(command, capture_output=True, text=True)
    name = f"| {kernel} | {'yes' if compiled else 'no'} |"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith((" ", "Set "))]
        why = lines[-1].partition(": ")[2].partition(". ")[0] if lines else f"exit code {done.returncode}"
        return f"{name} failed: {why} | | | | |", None
    found = json.loads(done.stdout.splitlines()[-1])
    return (
        f"{name} {found['tokens_per_s']:,.0f} | {found['examples_per_s']:.3g} | {found['mfu']:.2f} "
        f"| {found['memory_bytes'] / 1e9:.2f} | {found['warm_s']:.0f} |"
    ), found


def cpu_name() -> str:
    """The processor's name where Linux says it, else its architecture."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--one", nargs=2, metavar=("KERNEL", "COMPILED"), help="what each process does")
    options = parser.parse_args()
    if options.one:
        torch.set_num_threads(1)
        print(json.dumps(measured(options, options.one[0], options.one[1] == "1")))
        return
    gpu = torch.cuda.get_device_name(options.device) if options.device.startswith("cuda") else None
    device = gpu or f"one thread of {cpu_name()}"
    print("# Speed of training\n")
    print(
        f"`small-128` with {options.blocks} blocks, batches of {options.batch}, {options.precision}, {options.steps} "
        f"steps after two, on {device}; torch {torch.__version__}. Made by `benchmarks/training_speed.py`.\n"
    )
    print("| attention | compiled | tokens a second | examples a second | MFU | memory, GB | first two steps, s |")
    print("|---|---|---|---|---|---|---|")
    peaks = []
    for kernel, compiled in VARIANTS:
        line, found = row(options, kernel, compiled)
        print(line, flush=True)
        peaks += [found["peak_flops"]] if found else []
    if peaks:
        print(f"\nMFU is a share of at most {max(peaks) / 1e9:,.0f} GFLOP/s, a product of large matrices there.")


if __name__ == "__main__":
    main()
