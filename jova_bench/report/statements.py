"""Says in words what every view of a leaderboard says of its columns: how they are averaged, what is not tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from jova_bench.formatting.text import escaped, table
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS
from jova_bench.report.cells import Column
from jova_bench.report.notes import reasons_text
from jova_bench.report.ranks import Ranks
from jova_bench.runs.manifest import Manifest

RANKS = (
    "Paired tests of every two models, Holm over the pairs of each metric. Models that no test tells apart "
    "share a range; controls are not ranked, and there is no total."
)


def averages(columns: Sequence[Column], manifest: Manifest) -> str:
    """Formats how values are averaged: `means over prompts (WER: weighted by the words of each transcript)`.

    Args:
        columns: that are shown.
        manifest: has the metrics' specifications, which declare what a clip weighs; without them no weight is stated.
    """
    weights = {spec.identity: spec.micro for spec in manifest.specs}
    kinds: dict[str, list[str]] = {}
    for column in columns:
        micro = weights.get(column.identity)
        if micro:
            counted = micro.split("_", 1)[1] if micro.startswith(("transcript_", "spoken_", "speakers_")) else micro
            kind = f"weighted by the {counted.replace('_', ' ')} of each transcript"
        elif any(one.level == "set" for one in column.cells.values()):
            kind = "one value of all clips"
        else:
            continue
        kinds.setdefault(kind, []).append(column.label)
    told = "; ".join(f"{', '.join(labels)}: {kind}" for kind, labels in kinds.items())
    return f"means over prompts ({told})" if told else "means over prompts"


def untested_text(columns: Sequence[Column], untested: Mapping[Identity, str]) -> str:
    """Formats which columns lack tests, and why; empty where all of them could be made."""
    by_reason: dict[str, list[str]] = {}
    for column in columns:
        if column.identity in untested:
            by_reason.setdefault(untested[column.identity], []).append(column.label)
    if not by_reason:
        return ""
    told = "; ".join(f"{', '.join(labels)} ({reason})" for reason, labels in by_reason.items())
    return f"Not every pair could be tested, so that nothing here says whether these models differ: {told}"


def valueless_text(columns: Sequence[Column]) -> str:
    """Formats which columns have no value of any model, and why; empty where each has one."""
    by_reason: dict[str, list[str]] = {}
    for column in columns:
        if column.cells and all(one.value is None for one in column.cells.values()):
            reasons = sum((Counter(one.reasons) for one in column.cells.values()), Counter[str]())
            by_reason.setdefault(reasons_text(reasons), []).append(column.label)
    told = "; ".join(f"{', '.join(labels)} ({reason})" for reason, labels in by_reason.items())
    return told and f"No clip has a value: {told}"


def ranks_text(columns: Sequence[Column], models: Sequence[str], ranks: Ranks, others: Sequence[str]) -> str:
    """Formats ranks for Markdown, with metrics as rows, since there are more of them than models.

    Args:
        columns: that are shown.
        models: that are shown.
        ranks: by metric.
        others: all models of the tests, where some of them are not shown; else none.
    """
    about = RANKS
    if others:
        about += f" Ranks are among the models shown; the pairs are those of {escaped(', '.join(others))}."
    ranked = [model for model in models if any(model in of_metric for of_metric in ranks.values())]
    body = [
        [f"{escaped(column.label)} {ARROWS[column.direction]}"]
        + [found[model].text if model in found else "" for model in ranked]
        for column in columns
        if (found := ranks.get(column.identity))
    ]
    return f"{about}\n\n{table(['Metric', *map(escaped, ranked)], body)}"
