"""Measures the cost of JoVA's sampling in single and half precision, and compiled.

    OMP_NUM_THREADS=1 python benchmarks/sampling.py

Processor seconds a clip, one thread, batches of 8 prompts of the suite, the precisions by turns; then the same
compiled, with what compiling took. Takes four minutes. `results/sampling.md` has its numbers beside the scores.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import get_args

import torch

from jova.config import Precision
from jova.pipeline import JovaPipeline
from jova.text import Prompt
from jova_bench.suites.loading import load_suite

CLIPS, ROUNDS = 8, 3


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def shown(spent: list[float]) -> str:
    return f"{statistics.median(spent) / CLIPS:.3f} ({min(spent) / CLIPS:.3f} to {max(spent) / CLIPS:.3f})"


def main() -> None:
    torch.set_num_threads(1)
    prompts = [
        Prompt(one.video_caption, one.audio_caption, one.transcript) for one in load_suite("embedded").prompts[:CLIPS]
    ]
    pipeline = JovaPipeline.from_pretrained()

    def sample(precision: Precision) -> float:
        return seconds(lambda: pipeline.sample(prompts, [0] * CLIPS, precision=precision))

    precisions: tuple[Precision, ...] = get_args(Precision)
    for precision in precisions:
        sample(precision)
    rounds = [{precision: sample(precision) for precision in precisions} for _ in range(ROUNDS)]
    for precision in precisions:
        print(f"{precision}: {shown([one[precision] for one in rounds])} CPU s a clip")
    for precision in precisions:
        pipeline.model = torch.compile(JovaPipeline.from_pretrained().model)  # type: ignore[assignment]
        first = sample(precision)
        again = [sample(precision) for _ in range(ROUNDS)]
        print(f"{precision}, compiled: {shown(again)} CPU s a clip; compiling {first - statistics.median(again):.0f} s")


if __name__ == "__main__":
    main()
