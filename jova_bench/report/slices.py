"""Computes slices of a leaderboard: the same columns for the prompts that share a value of a tag."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.compare import set_metrics
from jova_bench.comparison.results import read_results
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.keys import Slice
from jova_bench.runs.estimates import slice_estimates
from jova_bench.runs.store import Run
from jova_bench.summary import Summary

ABOUT = (
    "The same estimates, of the prompts that have the value. A distance of sets grows with fewer clips: it compares "
    "the models of one slice, not two slices."
)


def tags_of(summary: Summary) -> tuple[str, ...]:
    """Returns the tags whose slices a summary has, in its order."""
    return tuple(dict.fromkeys(Slice.parse(e.slice).tag for e in summary.estimates if e.slice is not None))


def slices_of(summary: Summary, tag: str) -> Mapping[str, str]:
    """Returns the slices of a tag: `tag=value` to the value."""
    names = dict.fromkeys(e.slice for e in summary.estimates if e.slice is not None)
    return {name: one.value for name in names if (one := Slice.parse(name)).tag == tag}


def with_slices(
    run_folder: str | os.PathLike[str], run: Run, summary: Summary, tags: Sequence[str], assets: AssetTable | None
) -> Summary:
    """Returns the summary with the slices of more tags, computed from the run's records.

    Raises:
        BenchError: no prompt of the run has such a tag, or the run has not finished.
    """
    more = [tag for tag in dict.fromkeys(tags) if tag not in tags_of(summary)]
    if not more:
        return summary
    prompts = run.manifest.prompts
    known = dict.fromkeys(tag for prompt in prompts for tag in prompt.tags)
    for tag in more:
        if tag not in known:
            raise BenchError(f"expected a tag of the run's prompts, got {shown(tag)}; {suggest(tag, known)}")
    results = read_results(run_folder)
    sets = set_metrics(list(results.specs.values()), [results], assets=assets)
    metrics = [sets.get(identity, spec) for identity, spec in results.specs.items()]
    found = slice_estimates(results.models, metrics, results.columns, prompts, more)
    return summary.model_copy(update={"estimates": (*summary.estimates, *found)})
