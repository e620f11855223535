"""Places the arms of a sweep for a plot, from its JSON values: on lines over a number, or apart from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from jova_bench.formatting.text import setting_text

STEPS = "steps"
"""Factor over which a sweep is a learning curve, whatever else it varies."""


@dataclass(frozen=True)
class Arms:
    """Holds where each arm of a sweep stands."""

    title: str
    """Factor that the horizontal axis shows; empty where arms differ in several that are no numbers."""
    lines: Mapping[str, tuple[str, ...]]
    """Arms that differ in the axis' factor alone, ascending, by what they share of the other factors."""
    values: Mapping[str, float]
    """Value of the axis' factor of each arm of a line."""
    apart: Mapping[str, str]
    """Labels of the other arms, in order."""

    @property
    def geometric(self) -> bool:
        """Whether three or more positive values are nearer to equal ratios than to equal differences."""
        values = sorted(set(self.values.values()))
        if len(values) < 3 or values[0] <= 0:
            return False
        steps = [high - low for low, high in pairwise(values)]
        ratios = [math.log(high / low) for low, high in pairwise(values)]
        return max(ratios) / min(ratios) < max(steps) / min(steps)

    @property
    def places(self) -> Mapping[str, float]:
        """Places of the arms of lines: their values, or logarithms of these where the values are geometric."""
        return {arm: math.log10(value) if self.geometric else value for arm, value in self.values.items()}

    @property
    def axis(self) -> str:
        """Title of the axis, which says that it is logarithmic where it is."""
        return f"{self.title} (logarithmic)" if self.geometric else self.title


def placed(record: Mapping[str, Any]) -> Arms:
    """Orders the arms of a sweep.

    The axis is the number of steps where it varies, else the number that takes most values.

    Args:
        record: of a sweep: `arms` (`arm`, `changed`) and `base` (settings).
    """
    changed: dict[str, Mapping[str, Any]] = {one["arm"]: one["changed"] for one in record["arms"]}
    base: Mapping[str, Any] = record["base"]
    settings = {arm: {**base, **differs} for arm, differs in changed.items()}
    factors = list(dict.fromkeys(name for differs in changed.values() for name in differs))
    numbers = [name for name in factors if type(base[name]) in (int, float)]
    taken = {name: len({own[name] for own in settings.values()}) for name in numbers}
    axis = STEPS if STEPS in numbers else max(numbers, key=taken.__getitem__, default="")
    others = [name for name in factors if name != axis]
    groups: dict[tuple[Any, ...], list[str]] = {}
    for arm, own in settings.items():
        groups.setdefault(tuple(own[name] for name in others), []).append(arm)
    lines = {
        ", ".join(f"{name}={setting_text(value)}" for name, value in zip(others, shared, strict=True)): tuple(
            sorted(arms, key=lambda arm: float(settings[arm][axis]))
        )
        for shared, arms in groups.items()
        if axis and len(arms) > 1
    }
    values = {arm: float(settings[arm][axis]) for arms in lines.values() for arm in arms}
    only = factors[0] if len(factors) == 1 else ""
    apart = {arm: setting_text(settings[arm][only]) if only else arm for arm in settings if arm not in values}
    return Arms(axis if lines else only, lines, values, apart)
