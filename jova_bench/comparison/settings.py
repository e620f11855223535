"""Lists the stated settings by which two models of runs differ: of all their clips, and of the prompts compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jova_bench.records import Record
from jova_bench.runs.manifest import ModelRecord, PlanRecord

NO_DIFFERENCE = ("title", "options", "price_as_the_user_says", "currency")
"""Settings of a model that are names, stand in its plans or in the table of costs, and so are not listed."""


class SettingDifference(Record):
    """A setting that two models do not state alike."""

    setting: str
    """Its name."""
    a: str | None
    """Value of the first prompt in which they differ; None where it is not stated."""
    b: str | None
    """The same of the other model."""
    prompts: int
    """Number of the compared prompts in which they differ."""


def setting_differences(a: ModelRecord, b: ModelRecord, prompts: Sequence[str]) -> Iterator[SettingDifference]:
    """Yields the settings that differ, by name.

    Args:
        a: as in its run's manifest.
        b: the other.
        prompts: ids of the prompts compared.
    """
    pairs = [(_settings(a, one), _settings(b, one)) for one in prompts]
    for name in sorted({name for pair in pairs for side in pair for name in side}):
        differ = [(x.get(name), y.get(name)) for x, y in pairs if x.get(name) != y.get(name)]
        if differ:
            yield SettingDifference(setting=name, a=_text(differ[0][0]), b=_text(differ[0][1]), prompts=len(differ))


def _settings(model: ModelRecord, prompt_id: str) -> Mapping[str, Any]:
    """Returns what is stated of a clip: settings of the model, those of the plan, and whose its sound is."""
    found = {name: value for name, value in model.settings.items() if name not in NO_DIFFERENCE}
    plan = model.plans.get(prompt_id)
    if isinstance(plan, PlanRecord):
        found |= {"sound": plan.audio, "weights": plan.weights, **(plan.settings or {})}
    return found


def _text(value: Any) -> str | None:
    """Returns a value as text: texts as they are, all else as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
