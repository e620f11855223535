"""Measures the memory of each metric that can run here, on one clip, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np

from jova_bench.assets.table import AssetTable
from jova_bench.cache import NoCache
from jova_bench.execution.base import TaskFailed, WorkerContext
from jova_bench.execution.processes import on_cpu
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, Metric, MetricContext, SetMetric, to_outcome
from jova_bench.metrics.build import build_all
from jova_bench.prompts import Prompt
from jova_bench.records import Outcome

SECONDS = 5
"""Length of the synthetic clip in seconds; DeSync needs 4.8."""
PROMPT = Prompt(
    id="memory",
    video_caption="a pattern that moves",
    audio_caption="a tone that swells",
    transcript="a tone that swells",
)


@dataclass(frozen=True)
class Use:
    """Holds the memory use of one metric."""

    select: str
    """Name that selects the metric; empty for a process that measures nothing."""
    outcome: Outcome
    """Outcome; only a metric with a value ran completely."""
    peak_bytes: int | None
    """Largest resident memory of the process, interpreter and torch included; None when it died."""


def uses(clip: Path | None, assets: AssetTable) -> Iterator[Use]:
    """Measures every metric of the standard profile that can run here, after a process that measures nothing.

    Args:
        clip: a file; None for a pattern and a tone, on which metrics of faces and speech are undefined.
        assets: weights of metrics.
    """
    built = build_all(MetricContext(NoCache(), assets=assets))
    there = [(select, metric) for select, metric in built if metric.spec.profile == "standard"]
    able = [(select, metric.spec.identity) for select, metric in there if metric.check() is None]
    for select, identity in [("", ""), *able]:
        # A new process each time: a peak never falls.
        ((_, answer),) = on_cpu(1).map([identity], _MeasureInit(clip, assets), attempts=1)
        if isinstance(answer, TaskFailed):
            yield Use(select, Outcome(status="failed", reason=answer.reason), None)
        else:
            yield Use(select, *answer)


@dataclass(frozen=True)
class _MeasureInit:
    """Picklable initialiser: builds the metrics and the clip, and returns the function that measures."""

    clip: Path | None
    assets: AssetTable

    def __call__(self, context: WorkerContext) -> Callable[[str], tuple[Outcome, int]]:
        import torch  # noqa: F401  Part of what a process that measures nothing takes.

        clip = made_up() if self.clip is None else media.read(self.clip)
        # A copy of itself, so that metrics that need a reference have one.
        copy = replace(clip, timing="aligned")
        built = build_all(MetricContext(NoCache(), assets=self.assets))
        metrics: dict[str, Metric] = {metric.spec.identity: metric for _, metric in built}

        def answer(identity: str) -> tuple[Outcome, int]:
            outcome = Outcome(status="ok", value=0.0)
            if identity:
                metric = metrics[identity]
                if metric.spec.level == "set":
                    outcome = to_outcome(lambda: float(np.sum(cast(SetMetric, metric).features(copy)) * 0))
                else:
                    outcome = cast(ClipMetric, metric).score(copy, PROMPT, clip)
            return outcome, peak_bytes()

        return answer


def made_up() -> Clip:
    """Makes a drifting pattern of 224 x 224 at 25 fps, and a tone at 16 kHz that swells four times a second."""
    count = SECONDS * 25
    row = np.arange(224)
    waves = np.sin((row[None, :, None] + row[None, None, :]) / 12 + np.arange(count)[:, None, None] / 3)
    frames = np.repeat(np.round(127.5 + 100 * waves).astype(np.uint8)[..., None], 3, axis=3)
    time = np.arange(SECONDS * 16_000) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 220 * time) * np.sin(np.pi * 4 * time) ** 2
    return media.clip_from_arrays(frames, Fraction(25), tone[None].astype(np.float32), 16_000)


def peak_bytes() -> int:
    """Returns the peak resident memory of this process so far.

    Linux counts it per program; `ru_maxrss` there also holds what the caller took before it started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
