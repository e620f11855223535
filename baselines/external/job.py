"""Job of a baseline for one prompt: the arguments of its worker and the format of its output."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.manifest import Manifest, Options
from jova_bench.digests import short_digest

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class Job:
    """Result of a baseline's `plan.py`."""

    arguments: Mapping[str, Json]
    """Keyword arguments of the worker's `generate`, without `seed`, `folder` and the input files, which the generator
    adds."""
    frames: int
    """Number of frames; 0, as the next three are, for audio alone, whose length is unknown before it is generated."""
    fps: Fraction
    height: int
    width: int
    sample_rate_hz: int | None
    """None if the checkpoint determines it, or if there is no audio."""
    function_evals: int | None = None
    """Forward passes of the network; None if the upstream does not fix them."""
    heard_s: float | None = None
    """Seconds of the driving audio that the worker gets, for upstreams that read all of it at once; None for all."""
    note: str = ""
    """Differences between the plan and the request, for reports."""

    @property
    def seconds(self) -> float:
        """Length of the video in seconds; 0 if there is none."""
        return float(self.frames / self.fps) if self.frames else 0.0

    @property
    def digest(self) -> str:
        """12 hex digits of a digest of the arguments."""
        text = json.dumps(dict(self.arguments), sort_keys=True, ensure_ascii=False)
        return short_digest(text.encode())


Planner = Callable[[ModelInput, Manifest, Options], Job]
"""`plan(inputs, manifest, options)` of a baseline: pure, needs no weights. Raises BenchError if the model cannot do the
prompt."""
