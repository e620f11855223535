"""Reads what one page over many runs shows: a line per run, and tables of those that were asked the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from jova_bench.errors import BenchError
from jova_bench.identity import CLEAN, Identity
from jova_bench.metrics.labels import labelled
from jova_bench.models.registry import CONTROLS
from jova_bench.report.cells import Column, columns
from jova_bench.report.leaderboard import leaderboard
from jova_bench.runs.found import is_written, written_at
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import Run, read_run
from jova_bench.summary import Estimate, Summary

HEADLINES = ("lse_c", "lse_d", "fvd", "fad", "wer", "pesq", "stoi")
"""Metrics that a table of many runs shows, as no published bench computes them."""
MOST = 7
"""Number of columns where a run has none of them."""

State = Literal["finished", "going on", "not finished", "broken"]


@dataclass(frozen=True)
class Listed:
    """Holds one run as the page shows it."""

    name: str
    """Path of the run, from the folder that all are in."""
    state: State
    when: str
    """Time of the latest record, in UTC."""
    why: str = ""
    """What is wrong with a broken run, or missing."""
    manifest: Manifest | None = None
    models: tuple[str, ...] = ()
    """Models, controls last."""
    counts: tuple[int, int, int] = (0, 0, 0)
    """Numbers of clips made, of samples that failed, and of those that were refused."""
    prompts: int = 0
    """Number of prompts with a sample."""
    summary: Summary | None = None
    page: str = ""
    """Address of the run's own pages; empty where there are none."""
    no_page: str = ""
    """Why there are none."""

    @cached_property
    def cells(self) -> dict[tuple[str, Identity], Estimate]:
        """Returns the estimates over all prompts, by model and metric identity."""
        found = () if self.summary is None else self.summary.estimates
        return {(one.model, one.identity): one for one in found if one.slice is None}


class Asked(NamedTuple):
    """What makes numbers of two runs comparable at all: the same prompts, and evaluators of one profile."""

    suite: str
    profile: str
    prompts_digest: str


@dataclass(frozen=True)
class Group:
    """Holds the table of the runs that were asked the same."""

    asked: Asked
    runs: tuple[Listed, ...]
    columns: tuple[Column, ...]
    """A column per metric identity of any of the runs; without cells, see `estimate`."""

    def estimate(self, run: Listed, model: str, identity: Identity) -> Estimate | None:
        """Returns a cell of the table; None where the run did not measure it."""
        return run.cells.get((model, identity))


def listed(folder: Path, name: str) -> Listed:
    """Reads one run; whatever is wrong with it is part of what is returned.

    Args:
        folder: of the run.
        name: that the page calls it.
    """
    when = ""
    try:
        when = datetime.fromtimestamp(written_at(folder), UTC).strftime("%Y-%m-%d %H:%M")
        going_on, run = is_written(folder), read_run(folder)
    except BenchError as error:
        return Listed(name, "broken", when, str(error).replace(str(folder), name))
    except OSError as error:
        return Listed(name, "broken", when, error.strerror or str(error))
    return _of_run(run, name, when, going_on)


def _of_run(run: Run, name: str, when: str, going_on: bool) -> Listed:
    state: State = "going on" if going_on else "not finished" if run.summary is None else "finished"
    statuses = [sample.status for sample in run.samples]
    asked = tuple(dict.fromkeys((*run.manifest.models, *(sample.model for sample in run.samples))))
    ordered = tuple(model for control in (False, True) for model in asked if (model in CONTROLS) == control)
    why = "" if run.summary else "no summary yet" if going_on else "no summary: it was stopped, or generated alone"
    return Listed(
        name=name,
        state=state,
        when=when,
        why=why,
        manifest=run.manifest,
        models=ordered if run.summary is None else leaderboard(run.summary, run.manifest).models,
        counts=(statuses.count("ok"), statuses.count("failed"), statuses.count("refused")),
        prompts=len({sample.prompt_id for sample in run.samples}),
        summary=run.summary,
    )


def grouped(runs: Sequence[Listed]) -> list[Group]:
    """Groups the runs with a summary by what they were asked, in the order of the first of each."""
    found: dict[Asked, list[Listed]] = {}
    for run in runs:
        if run.summary is not None and run.manifest is not None:
            asked = run.manifest.prompts_digest or run.manifest.suite_digest
            found.setdefault(Asked(run.manifest.suite, run.summary.profile, asked), []).append(run)
    return [Group(asked, tuple(members), _headlines(members)) for asked, members in found.items()]


def _headlines(runs: Sequence[Listed]) -> tuple[Column, ...]:
    """Returns the columns that these runs have in their table: one per identity, whichever run has it."""
    each = [column for run in runs if run.summary is not None for column in columns(run.summary)]
    first = {column.identity: column for column in reversed(each)}
    titled = [
        Column(one.text, one.family, one.identity, first[one.identity].direction, {})
        for one in labelled(column.identity for column in each)
    ]
    main = [one for one in titled if one.identity.name in HEADLINES and one.identity.protocol == CLEAN]
    return tuple(main or titled[:MOST])
