"""The leaderboard of a run: Markdown, CSV, JSON and pandas views of its summary, computing nothing anew.

One row per model, controls at the bottom; one column per metric identity, so numbers of two evaluators
never share a column. A cell is a mean with its 95 % interval, or the word `undefined` or `failed` with the
reason in a footnote.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jova_bench.models import CONTROLS
from jova_bench.store import read_run
from jova_bench.types import BenchError, Cost, Direction, Estimate, Summary

if TYPE_CHECKING:
    import pandas as pd

FAMILIES: Mapping[str, Mapping[str, str]] = {
    "Lip-sync": {
        "lse_c": "LSE-C",
        "lse_d": "LSE-D",
        "lse_d_at_0": "LSE-D@0",
    },
    "Lip-sync in time": {
        "av_offset_frames": "AV offset (frames)",
        "sync_within_1": "Sync within 1",
        "mouth_audio_corr": "Mouth-audio corr",
    },
    "Distance from real clips": {"fvd": "FVD", "kvd": "KVD", "fad": "FAD", "kad": "KAD"},
    "Speech and sound": {
        "wer": "WER",
        "cer": "CER",
        "pesq": "PESQ",
        "stoi": "STOI",
        "dnsmos": "DNSMOS",
        "loudness": "Loudness (LUFS)",
    },
    "Prompt following": {
        "prompt_hair": "Prompt hair",
        "prompt_background": "Prompt background",
        "prompt_voice": "Prompt voice",
    },
}
"""Table titles, and the metrics of each table in order with the names that readers know."""
OTHER = "Other"
ARROWS: Mapping[Direction, str] = {"up": "↑", "down": "↓", "target": "→ real"}
ORIGIN = ("device_name", "git_commit", "git_dirty")
"""What every entry of a manifest's provenance says that a reader of the table should see."""
SUFFIXES = ("md", "csv", "json")


@dataclass(frozen=True)
class Column:
    """One metric identity across all models."""

    label: str
    """Unique in the leaderboard; says `(embedded)` for the evaluators of the embedded profile."""
    family: str
    identity: str
    direction: Direction
    cells: Mapping[str, Estimate]
    """By model; a model that was never asked is missing."""


@dataclass(frozen=True)
class Leaderboard:
    """Everything that the views show."""

    summary: Summary
    manifest: Mapping[str, Any]
    models: tuple[str, ...]
    columns: tuple[Column, ...]

    def frame(self) -> pd.DataFrame:
        """One row per model; per column the value, `lo`, `hi` and `n` (ok clips); then the cost."""
        import pandas as pd

        rows = [self._row(model) for model in self.models]
        frame = pd.DataFrame(rows, index=pd.Index(self.models, name="model"))
        return frame.astype({f"{column.label} n": "Int64" for column in self.columns})

    def csv(self) -> str:
        """`frame` as text."""
        return str(self.frame().to_csv(lineterminator="\n"))

    def records(self) -> list[dict[str, Any]]:
        """One object per (model, metric identity, slice): the estimate with the column's label."""
        labels = {column.identity: column.label for column in self.columns}
        return [
            {"label": labels[e.identity], "control": e.model in CONTROLS} | e.model_dump(mode="json")
            for e in self.summary.estimates
        ]

    def json(self) -> str:
        """The records with the cost and where they come from."""
        cost = [c.model_dump(mode="json") for c in self.summary.cost]
        value = {"about": self.about(), "records": self.records(), "cost": cost}
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def about(self) -> dict[str, Any]:
        """What was asked and what measured it, as the manifest says."""
        prompts = max((e.n_prompts for e in self.summary.estimates), default=0)
        made_by = self.manifest.get("provenance", [])
        origin = {key: self.manifest[key] for key in ("suite_digest", "seeds", "device") if key in self.manifest}
        for key in ORIGIN:
            # A run that was continued with other code says so.
            values = list(dict.fromkeys(entry[key] for entry in made_by if entry.get(key) is not None))
            if values:
                origin[key] = values
        return {"suite": self.summary.suite, "profile": self.summary.profile, "prompts": prompts, **origin}

    def markdown(self) -> str:
        """Tables by family, each with the same rows, then reasons and metric identities."""
        notes: dict[str, int] = {}
        parts = ["# Leaderboard", ", ".join(f"{key} {_plain(value)}" for key, value in self.about().items()) + "."]
        parts.append(
            "Means over prompts with 95 % intervals over prompts (sampling seeds averaged first); they speak of "
            "these checkpoints, not of other trainings. ↑ more is better, ↓ less is better, → real: should match "
            "the real clips."
        )
        for family in (*FAMILIES, OTHER):
            columns = [column for column in self.columns if column.family == family]
            if columns:
                parts += [f"## {family}", self._family(columns, notes)]
        parts += ["## Cost", self._costs()]
        if "fairness" in self.manifest:
            parts += ["## What each model makes", self._formats(self.manifest["fairness"])]
        if notes:
            parts.append("\n".join(f"[^{number}]: {_escaped(text)}" for text, number in notes.items()))
        parts += ["## Metrics", "\n".join(_identity_line(column) for column in self.columns)]
        return "\n\n".join(parts) + "\n"

    def _family(self, columns: Sequence[Column], notes: dict[str, int]) -> str:
        header, body = ["Model"], [[_escaped(model)] for model in self.models]
        for column in columns:
            header.append(f"{column.label} {ARROWS[column.direction]}")
            for row, model in zip(body, self.models, strict=True):
                row.append(cell(column.cells.get(model), notes))
            if any("n_to_infinity" in e.extra for e in column.cells.values()):
                header.append(f"{column.label} at n → ∞")
                for row, model in zip(body, self.models, strict=True):
                    row.append(_extrapolated(column.cells.get(model)))
        return _table(header, body)

    def _costs(self) -> str:
        header = ["Model", "Seconds per clip", "RTF", "Peak memory (MB)", "Function evals"]
        costs = {cost.model: cost for cost in self.summary.cost}
        return _table(header, [[_escaped(model), *_cost_cells(costs.get(model))] for model in self.models])

    def _formats(self, fairness: Mapping[str, Any]) -> str:
        """Models make what they natively make: formats and devices are stated, not levelled."""
        body = []
        for model in self.models:
            formats = fairness["native_formats"].get(model, ())
            body.append([_escaped(model), _escaped("; ".join(formats)), str(fairness["devices"].get(model, ""))])
        return _table(["Model", "Native format", "Device"], body)

    def _row(self, model: str) -> dict[str, float | int | None]:
        row: dict[str, float | int | None] = {}
        for column in self.columns:
            estimate = column.cells.get(model)
            lo, hi = estimate.ci if estimate and estimate.ci else (None, None)
            row[column.label] = estimate.value if estimate else None
            row |= {f"{column.label} lo": lo, f"{column.label} hi": hi}
            row[f"{column.label} n"] = estimate.n_ok if estimate else None
        cost = next((cost for cost in self.summary.cost if cost.model == model), None)
        fields = [field for field in Cost.model_fields if field != "model"]
        return row | {field: getattr(cost, field) if cost else None for field in fields}


def leaderboard(summary: Summary, manifest: Mapping[str, Any]) -> Leaderboard:
    """Arranges a run's summary: models in the order given, controls last; metrics by family.

    Args:
        summary: the estimates and costs.
        manifest: where they come from, as `manifest.extended` writes it; may be empty.
    """
    asked = dict.fromkeys([e.model for e in summary.estimates] + [c.model for c in summary.cost])
    models = [m for m in asked if m not in CONTROLS] + [m for m in CONTROLS if m in asked]
    return Leaderboard(summary, manifest, tuple(models), _columns(summary))


def write_report(run_folder: str | os.PathLike[str], formats: Sequence[str] = SUFFIXES) -> list[Path]:
    """Writes `leaderboard.md`, `.csv` and `.json` into a run folder and returns their paths.

    Raises:
        BenchError: the folder holds no finished run, or cannot be written.
    """
    unknown = [name for name in formats if name not in SUFFIXES]
    if unknown:
        raise BenchError(f"expected formats among {', '.join(SUFFIXES)}, got {', '.join(unknown)}")
    run = read_run(run_folder)
    if run.summary is None:
        raise BenchError(f"expected a finished run, got {run_folder}, which has no summary; repeat its command")
    board = leaderboard(run.summary, run.manifest)
    texts = {"md": board.markdown, "csv": board.csv, "json": board.json}
    return [_write(Path(run_folder) / f"leaderboard.{suffix}", texts[suffix]()) for suffix in formats]


def _write(path: Path, text: str) -> Path:
    """The file appears whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BenchError(f"expected a folder that can be written, got {path.parent}: {error.strerror}") from error
    return path


def _columns(summary: Summary) -> tuple[Column, ...]:
    """One per identity, in the order of FAMILIES, then in the order of the summary."""
    by_identity: dict[str, dict[str, Estimate]] = {}
    for estimate in summary.estimates:
        cells = by_identity.setdefault(estimate.identity, {})
        if estimate.slice is None:
            cells[estimate.model] = estimate
    by_metric: dict[str, list[str]] = {}
    first = {e.identity: e for e in reversed(summary.estimates)}
    for identity in by_identity:
        by_metric.setdefault(first[identity].metric, []).append(identity)

    known = {metric: (family, name) for family, names in FAMILIES.items() for metric, name in names.items()}
    order = [metric for metric in known if metric in by_metric] + [
        metric for metric in by_metric if metric not in known
    ]
    columns = []
    for metric in order:
        family, name = known.get(metric, (OTHER, metric))
        identities = by_metric[metric]
        for identity, mark in zip(identities, _marks(identities), strict=True):
            embedded = " (embedded)" if "/embedded:" in identity else ""
            label = f"{name}{mark}{embedded}"
            columns.append(Column(label, family, identity, first[identity].direction, by_identity[identity]))
    return tuple(columns)


def _marks(identities: Sequence[str]) -> list[str]:
    """What tells the identities of one metric apart: nothing, the end of the backend's name, or a number."""
    if len(identities) == 1:
        return [""]
    backends = [re.split(r"[\[{]", identity.partition(":")[2])[0] for identity in identities]
    # Judges are called syncnet-a, syncnet-b: their letter is enough.
    one_kind = len({backend.rpartition("-")[0] for backend in backends}) == 1
    ends = [backend.rpartition("-")[2] for backend in backends] if one_kind else backends
    if len(set(ends)) < len(ends):
        ends = [f"#{number}" for number in range(1, len(ends) + 1)]
    return [f" {end}" for end in ends]


def cell(estimate: Estimate | None, notes: dict[str, int]) -> str:
    """`mean [lo, hi]`, with `n ok/all` when some clips have no value, or the word for why there is none.

    Args:
        estimate: of one model; None when it was not measured.
        notes: footnotes so far, text to number; reasons are added to it.
    """
    if estimate is None:
        return "not measured"
    total = estimate.n_ok + estimate.n_undefined + estimate.n_failed
    mark = _note(estimate, notes)
    if estimate.value is None:
        words = [word for word, n in (("undefined", estimate.n_undefined), ("failed", estimate.n_failed)) if n]
        return f"{' and '.join(words) or 'undefined'}{mark}"
    decimals = _decimals(estimate.value, estimate.ci)
    text = _number(estimate.value, decimals)
    if estimate.ci is not None:
        text += f" [{_number(estimate.ci[0], decimals)}, {_number(estimate.ci[1], decimals)}]"
    return text if estimate.n_ok == total else f"{text} n {estimate.n_ok}/{total}{mark}"


def _note(estimate: Estimate, notes: dict[str, int]) -> str:
    if not estimate.reasons:
        return ""
    text = "; ".join(
        f"{reason} ({count} clip{'s' * (count > 1)})" for reason, count in sorted(estimate.reasons.items())
    )
    return f"[^{notes.setdefault(text, len(notes) + 1)}]"


def _decimals(value: float, ci: tuple[float, float] | None) -> int:
    """Two digits of the interval's width; three of the value where there is no width. At most 4 decimals."""
    width = ci[1] - ci[0] if ci else 0.0
    scale, digits = (width, 2) if width > 0 else (abs(value), 3)
    return 2 if scale == 0 else min(4, max(0, digits - 1 - math.floor(math.log10(scale))))


def _number(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _extrapolated(estimate: Estimate | None) -> str:
    """The distance that infinitely many clips would have, and how well the line through 1/n fits."""
    if estimate is None or estimate.value is None or "n_to_infinity" not in estimate.extra:
        return ""
    text = _number(estimate.extra["n_to_infinity"], _decimals(estimate.value, estimate.ci))
    fit = estimate.extra.get("n_to_infinity_r2")
    return text if fit is None else f"{text} (R² {fit:.2f})"


def _cost_cells(cost: Cost | None) -> list[str]:
    if cost is None:
        return [""] * 4
    memory = None if cost.peak_memory_bytes is None else cost.peak_memory_bytes / 1e6
    values = ((cost.seconds_per_clip, 2), (cost.real_time_factor, 2), (memory, 0), (cost.function_evals, 0))
    return ["" if value is None else _number(value, decimals) for value, decimals in values]


def _identity_line(column: Column) -> str:
    sets = next((e.extra for e in column.cells.values() if "d" in e.extra), {})
    size = "".join(f", {key} = {sets[key]:g}" for key in ("n", "d") if key in sets)
    return f"- {_escaped(column.label)}: `{column.identity}`{size}"


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose source lines up too, for terminals."""
    widths = [max(3, *(len(row[i]) for row in (header, *body))) for i in range(len(header))]
    rows = [header, ["-" * width for width in widths], *body]
    lines = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([|<*`])", r"\\\1", " ".join(text.split()))


def _plain(value: Any) -> str:
    return _escaped(" ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value))
