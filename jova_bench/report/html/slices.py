"""Computes the leaderboard's numbers for slices of the prompts: those of the summary, or of every tag."""

from __future__ import annotations

from collections.abc import Sequence

from jova_bench.keys import ColumnKey, PromptSeed, Slice
from jova_bench.prompts import Prompt
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.runs.estimates import ClipResult, slice_estimates
from jova_bench.runs.store import Run
from jova_bench.summary import Estimate

MIN_PROMPTS = 5
"""Minimum number of prompts of a slice of a tag that was not asked for; intervals of fewer are too wide."""
MAX_SLICES = 100
"""Maximum number of slices of all tags together, where none was asked for; more help no reader."""


def by_slice(board: Leaderboard, run: Run, prompts: Sequence[Prompt]) -> dict[str, list[Estimate]]:
    """Returns estimates by `tag=value`: the slices of the summary, or else all of at least MIN_PROMPTS prompts.

    The latter have no distances of sets: their bias depends on the number of clips.

    Args:
        board: of the run.
        run: its records.
        prompts: that were asked.
    """
    found: dict[str, list[Estimate]] = {}
    for estimate in board.summary.estimates:
        if estimate.slice is not None:
            found.setdefault(estimate.slice, []).append(estimate)
    if found:
        return found
    for estimate in _from_scores(board, run, prompts):
        found.setdefault(str(estimate.slice), []).append(estimate)
    large = {name: rows for name, rows in found.items() if len(members(name, prompts)) >= MIN_PROMPTS}
    return dict(list(large.items())[:MAX_SLICES])


def members(name: str, prompts: Sequence[Prompt]) -> list[int]:
    """Returns the indices of the prompts of a slice."""
    return [place for place, prompt in enumerate(prompts) if name in _slices(prompt)]


def _slices(prompt: Prompt) -> set[str]:
    return {str(Slice(tag, value)) for tag in prompt.tags for value in prompt.values(tag)}


def _from_scores(board: Leaderboard, run: Run, prompts: Sequence[Prompt]) -> tuple[Estimate, ...]:
    metrics = [spec for spec in run.manifest.specs if spec.level == "clip"]
    parts: dict[ColumnKey, dict[PromptSeed, ClipResult]] = {}
    for row in run.scores:
        parts.setdefault(row.key.column, {})[row.key.sample.prompt_seed] = row.outcome()
    return slice_estimates(board.models, metrics, parts, prompts, _tags(prompts))


def _tags(prompts: Sequence[Prompt]) -> list[str]:
    """Returns the tags that divide the prompts, in the order of the suite, without tags that differ in each prompt."""
    found: dict[str, dict[str, int]] = {}
    for prompt in prompts:
        for tag in prompt.tags:
            for value in prompt.values(tag):
                counts = found.setdefault(tag, {})
                counts[value] = counts.get(value, 0) + 1
    return [tag for tag, counts in found.items() if max(counts.values(), default=0) >= MIN_PROMPTS]
