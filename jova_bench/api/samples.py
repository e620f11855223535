"""Scores the clips that a model makes while it is trained: callbacks for `jova-bench train --config FILE --callback`.

--callback jova_bench.api.samples:standard      any clip
--callback jova_bench.api.samples:embedded      drawn heads of 64 x 64 pixels at 25 fps
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jova_bench.api.running import score
from jova_bench.records import Profile
from jova_bench.report.trackers.tracked import values


def standard(folder: Path) -> dict[str, float]:
    """Scores a folder of samples by the metrics of the standard profile; returns those that have a value, by name."""
    return scores(folder, "standard")


def embedded(folder: Path) -> dict[str, float]:
    """Scores a folder of samples by the judges of drawn heads; returns the metrics that have a value, by name."""
    return scores(folder, "embedded")


def scores(folder: Path, profile: Profile, metrics: Sequence[str] | None = None) -> dict[str, float]:
    """Scores a folder of samples in this process; the run is in FOLDER/scores.

    Args:
        folder: of clips with their prompts.jsonl.
        profile: standard or embedded.
        metrics: by name; None for those of the profile.

    Returns:
        Value of each metric that has one, by its name in trackers.
    """
    result = score(folder, profile=profile, metrics=metrics, out=folder / "scores", workers=0)
    found = {} if result.summary is None else values(result.summary)
    return {name.rpartition("/")[0]: value for name, value in found.items()}
