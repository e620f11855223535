"""What a baseline will be asked for one prompt, and what it will really make."""

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
    """The answer of a baseline's `plan.py`."""

    arguments: Mapping[str, Json]
    """Keyword arguments of the worker's `generate`, without `seed`, `folder` and the paths of inputs, which the
    generator adds."""
    frames: int
    """0, as the next three are, for sound alone: nobody knows its length before it is made."""
    fps: Fraction
    height: int
    width: int
    sample_rate_hz: int | None
    """None when the checkpoint decides, or when there is no sound."""
    function_evals: int | None = None
    """Forward passes of the network; None when upstream does not fix them."""
    note: str = ""
    """What a reader should know of how the plan differs from what was asked."""

    @property
    def seconds(self) -> float:
        """Length of the picture; 0 when there is none."""
        return float(self.frames / self.fps) if self.frames else 0.0

    @property
    def digest(self) -> str:
        """12 hex digits that change with anything the model is told."""
        text = json.dumps(dict(self.arguments), sort_keys=True, ensure_ascii=False)
        return short_digest(text.encode())


Planner = Callable[[ModelInput, Manifest, Options], Job]
"""`plan(inputs, manifest, options)` of a baseline: pure, without weights. Raises BenchError when it cannot be done."""
