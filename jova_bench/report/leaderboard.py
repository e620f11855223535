"""Formats the leaderboard of a run as Markdown, CSV, JSON and pandas, from its summary alone.

One row per model, controls at the bottom; one column per metric identity, so numbers of two evaluators
never share a column. A cell is a mean with its 95 % interval, or the word `undefined` or `failed` with the
reason in a footnote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from jova_bench.formatting.text import escaped, plain, spreadsheet, table
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS, OTHER, families
from jova_bench.models.registry import CONTROLS
from jova_bench.report import slices
from jova_bench.report.cells import Column, cell, columns, extrapolated, identity_line, recut
from jova_bench.report.clip_counts import ABOUT_CLIPS, ClipCounts, clips_rows
from jova_bench.report.common import COMMON, Common
from jova_bench.report.costs import cost_table, price_columns, price_records, prices_of
from jova_bench.report.native_formats import about_formats, format_rows
from jova_bench.report.notes import Notes
from jova_bench.report.ranks import Ranks
from jova_bench.report.statements import averages, ranks_text, untested_text
from jova_bench.runs.costs import Price
from jova_bench.runs.manifest import Manifest
from jova_bench.summary import ABOUT_ATTEMPTS, AttemptCounts, Cost, Summary, attempts_text

if TYPE_CHECKING:
    import pandas as pd

ORIGIN = ("device_name", "git_commit", "git_dirty")
"""Fields of a manifest's provenance that the table shows."""
COUNTS = {"n": "n_ok", "undefined": "n_undefined", "failed": "n_failed"}
"""Columns of the frame, with the fields of an estimate that they show."""
CHOSEN = "Chosen metrics"
"""Title of the one table of metrics that were asked for."""
TRIES = {"attempts": "attempts", "samples": "asked samples", "redrawn": "second draws", "refused": "refusals"}
"""Fields of the counts of attempts, with the columns of the frame that show them."""


@dataclass(frozen=True)
class Leaderboard:
    """Holds everything that the views show."""

    summary: Summary
    manifest: Manifest
    models: tuple[str, ...]
    columns: tuple[Column, ...]
    ranks: Ranks = field(default_factory=dict)
    """Ranks; empty when fewer than two models are ranked, or without the run's records."""
    made: Mapping[str, ClipCounts] = field(default_factory=dict)
    """Summary of the clips by model; empty without the run's records."""
    common: Common | None = None
    """Estimates on common clips; None when every model made the same clips."""
    tested: tuple[str, ...] = ()
    """Models whose pairs share the error rate of each metric's ranks, whichever of them are shown."""
    asked: int | None = None
    """Number of prompts that the run asked, whether or not any has a value; None without the run's records."""
    in_order: bool = False
    """Whether the columns stand in one table, in an order that was asked for, instead of one by family."""
    untested: Mapping[Identity, str] = field(default_factory=dict)
    """Why some or all pairs of ranked models have no test, by metric: no rank is no evidence of no difference."""

    @property
    def attempts(self) -> tuple[AttemptCounts, ...]:
        """Returns how often each model was asked, if any has more than one attempt at a sample, or a refusal."""
        found = self.summary.attempts
        return found if any(one.notable for one in found) else ()

    @property
    def narrowed(self) -> bool:
        """Returns whether models were tested that are not shown."""
        return bool(set(self.tested) - set(self.models))

    @property
    def prices(self) -> dict[str, Price]:
        """Returns the price of a clip by model, where the user says one."""
        return prices_of({name: one for name, one in self.manifest.models.items() if name in self.models})

    @property
    def slices(self) -> tuple[str, ...]:
        """Returns the slices as `tag=value`, each once."""
        return tuple(name for tag in slices.tags_of(self.summary) for name in slices.slices_of(self.summary, tag))

    @property
    def parts(self) -> dict[str, Leaderboard]:
        """Returns the same models and columns for the common clips, where some are missing, and for each slice."""
        common = {} if self.common is None else {COMMON: self.of_common()}
        return common | {name: self.at(name) for name in self.slices}

    def at(self, of_slice: str) -> Leaderboard:
        """Returns the same models and columns for the prompts of a slice, without ranks and costs."""
        summary = self.summary.model_copy(update={"cost": (), "attempts": ()})
        return self._cut(summary, of_slice)

    def groups(self) -> list[tuple[str, tuple[Column, ...]]]:
        """Returns the columns by table, with its title."""
        if self.in_order:
            return [(CHOSEN, self.columns)]
        found = [(title, tuple(one for one in self.columns if one.family == title)) for title in (*families(), OTHER)]
        return [group for group in found if group[1]]

    def frame(self) -> pd.DataFrame:
        """Returns one row per model; per column value, `lo`, `hi`, and counts of ok (`n`), `undefined`, `failed`."""
        import pandas as pd

        rows = [self._row(model) for model in self.models]
        frame = pd.DataFrame(rows, index=pd.Index(self.models, name="model"))
        counts = [f"{column.label} {count}" for column in self.columns for count in COUNTS]
        counts += TRIES.values() if self.attempts else ()
        return frame.astype(dict.fromkeys(counts, "Int64"))

    def csv(self) -> str:
        """Formats `frame` as text; where there are `parts`, with a column `slice` and the rows of each below.

        No text begins as a formula of a spreadsheet does.
        """
        import pandas as pd

        frame = self.frame()
        if parts := self.parts:
            boards = {"": self, **parts}
            frame = pd.concat([board.frame().assign(slice=spreadsheet(name)) for name, board in boards.items()])
            frame.insert(0, "slice", frame.pop("slice"))
        return str(frame.rename(index=spreadsheet, columns=spreadsheet).to_csv(lineterminator="\n"))

    def records(self) -> list[dict[str, Any]]:
        """Returns one object per (model, metric identity, slice): the estimate with the column's label."""
        labels = {column.identity: column.label for column in self.columns}
        return [
            {"label": labels[e.identity], "control": e.model in CONTROLS} | e.model_dump(mode="json")
            for e in self.summary.estimates
        ]

    def json(self) -> str:
        """Formats the records with costs, rank ranges and provenance."""
        cost = [c.model_dump(mode="json") for c in self.summary.cost]
        ranks = [
            {"identity": identity, "model": model, **asdict(rank)}
            for identity, of_metric in self.ranks.items()
            for model, rank in of_metric.items()
        ]
        value: dict[str, Any] = {"about": self.about(), "records": self.records(), "cost": cost, "ranks": ranks}
        if self.untested:
            value["untested"] = [{"identity": one, "reason": reason} for one, reason in self.untested.items()]
        if self.narrowed:
            value["tested"] = self.tested
        value["made"] = [{"model": model, **one.record()} for model, one in self.made.items()]
        if self.prices:
            value["prices"] = price_records(self.prices)
        if self.attempts:
            value["attempts"] = [one.model_dump(mode="json") for one in self.attempts]
        if self.common is not None:
            found = self.of_common()
            about = {"clips": self.common.clips, "prompts": self.common.prompts, "models": self.common.models}
            value["common"] = {**about, "records": found.records()}
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def about(self) -> dict[str, Any]:
        """Returns the request and the metrics, as the manifest states them."""
        prompts = self.asked or max((e.n_prompts for e in self.summary.estimates), default=0)
        asked = {key: getattr(self.manifest, key) for key in ("suite_digest", "seeds", "device")}
        origin = {key: list(value) if key == "seeds" else value for key, value in asked.items() if value}
        for key in ORIGIN:
            # A run that was continued with other code says so.
            stated = (getattr(entry, key) for entry in self.manifest.provenance)
            values = list(dict.fromkeys(value for value in stated if value is not None))
            if values:
                origin[key] = values
        return {"suite": self.summary.suite, "profile": self.summary.profile, "prompts": prompts, **origin}

    def markdown(self) -> str:
        """Formats tables by family, each with the same rows, then reasons and metric identities."""
        notes = Notes()
        parts = ["# Leaderboard", ", ".join(f"{key} {plain(value)}" for key, value in self.about().items()) + "."]
        parts.append(
            f"M{escaped(averages(self.columns, self.manifest))[1:]}, "
            "with 95 % intervals over prompts (sampling seeds averaged first); they speak of "
            "these checkpoints, not of other trainings. In parentheses the number of clips, or how many are ok / "
            "undefined / failed. ↑ more is better, ↓ less is better, → real: should match the real clips."
        )
        if self.attempts:
            parts.append(f"{ABOUT_ATTEMPTS} {escaped(attempts_text(self.attempts))}.")
        parts += [f"## {title}\n\n{text}" for title, text in self._families(notes)]
        if self.common is not None:
            parts += ["## On the clips that every model made", escaped(self.common.about)]
            parts += [f"**{title}**\n\n{text}" for title, text in self.of_common()._families(notes)]
        for tag in slices.tags_of(self.summary):
            parts += [f"## By {escaped(tag)}", slices.ABOUT, *self._slices(tag, notes)]
        if self.ranks or self.untested:
            parts.append("## Ranks")
        if self.ranks:
            others = self.tested if self.narrowed else ()
            parts.append(ranks_text(self.columns, self.models, self.ranks, others))
        if untested := untested_text(self.columns, self.untested):
            parts.append(f"{escaped(untested)}.")
        parts += ["## Cost", cost_table(self.models, self.summary.cost, self.made, self.prices)]
        if self.made:
            parts += ["## Clips", ABOUT_CLIPS, _rows_table(*clips_rows(self.models, self.made, self.attempts))]
        rows = format_rows(self.models, self.manifest)
        parts += ["## What each model makes", about_formats(self.manifest.card), _rows_table(*rows)]
        if footnotes := notes.markdown():
            parts.append(footnotes)
        parts += ["## Metrics", "\n".join(identity_line(column) for column in self.columns)]
        return "\n\n".join(parts) + "\n"

    def of_common(self) -> Leaderboard:
        """Returns the same models and columns on the clips that every model made."""
        assert self.common is not None
        return self._cut(self.common.summary)

    def _cut(self, summary: Summary, of_slice: str | None = None) -> Leaderboard:
        shown = recut(self.columns, summary, of_slice)
        return Leaderboard(summary, self.manifest, self.models, shown, in_order=self.in_order)

    def _families(self, notes: Notes) -> list[tuple[str, str]]:
        """Returns (family, table) pairs."""
        return [(title, self._family(shown, notes)) for title, shown in self.groups()]

    def _family(self, shown: Sequence[Column], notes: Notes) -> str:
        header, body = ["Model"], [[escaped(model)] for model in self.models]
        for column in shown:
            header.append(f"{escaped(column.label)} {ARROWS[column.direction]}")
            for row, model in zip(body, self.models, strict=True):
                row.append(cell(column.cells.get(model), notes))
            if any("n_to_infinity" in e.extra for e in column.cells.values()):
                header.append(f"{escaped(column.label)} at n → ∞")
                for row, model in zip(body, self.models, strict=True):
                    row.append(extrapolated(column.cells.get(model)))
        return table(header, body)

    def _slices(self, tag: str, notes: Notes) -> list[str]:
        """Formats one table per family, with a row per value and model."""
        boards = {value: self.at(name) for name, value in slices.slices_of(self.summary, tag).items()}
        tables = []
        for place, (title, shown) in enumerate(self.groups()):
            labels = [f"{escaped(column.label)} {ARROWS[column.direction]}" for column in shown]
            body = []
            for value, board in boards.items():
                for model in self.models:
                    cells = [cell(column.cells.get(model), notes) for column in board.groups()[place][1]]
                    body.append([escaped(value), escaped(model), *cells])
            tables.append(f"**{title}**\n\n{table([escaped(tag), 'Model', *labels], body)}")
        return tables

    def _row(self, model: str) -> dict[str, float | int | None]:
        row: dict[str, float | int | None] = {}
        for column in self.columns:
            estimate = column.cells.get(model)
            lo, hi = estimate.ci if estimate and estimate.ci else (None, None)
            row[column.label] = estimate.value if estimate else None
            row |= {f"{column.label} lo": lo, f"{column.label} hi": hi}
            for name, count in COUNTS.items():
                row[f"{column.label} {name}"] = getattr(estimate, count) if estimate else None
        cost = next((cost for cost in self.summary.cost if cost.model == model), None)
        fields = [field for field in Cost.model_fields if field != "model"]
        row |= {field: getattr(cost, field) if cost else None for field in fields}
        if cost:
            row |= {label: price for label, (price,) in price_columns([model], self.prices).items()}
        for one in self.attempts:
            if one.model == model:
                row |= {column: getattr(one, field) for field, column in TRIES.items()}
        return row


def leaderboard(
    summary: Summary,
    manifest: Manifest,
    ranks: Ranks | None = None,
    made: Mapping[str, ClipCounts] | None = None,
    common: Common | None = None,
    asked: int | None = None,
) -> Leaderboard:
    """Arranges a run's summary: models in the order given, controls last; metrics by family.

    Args:
        summary: estimates and costs.
        manifest: where they come from, as `manifest.extended` writes it; may be empty.
        ranks: ranks of the models that are no controls.
        made: summary of the clips by model.
        common: estimates on the clips that every model made.
        asked: number of prompts of the samples.
    """
    named = dict.fromkeys([e.model for e in summary.estimates] + [c.model for c in summary.cost])
    models = (*(m for m in named if m not in CONTROLS), *(m for m in CONTROLS if m in named))
    return Leaderboard(summary, manifest, models, columns(summary), ranks or {}, made or {}, common, asked=asked)


def _rows_table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    return table([escaped(text) for text in header], [[escaped(text) for text in row] for row in body])
