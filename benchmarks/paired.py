"""Compares models with the first of them, paired over the prompts of a suite, and formats tables: for other scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jova_bench import run
from jova_bench.comparison.cells import record
from jova_bench.comparison.compare import compared
from jova_bench.comparison.results import read_results
from jova_bench.digests import shortened
from jova_bench.formatting.text import decimals, escaped, signed, table
from jova_bench.models.base import Generator
from jova_bench.report.cells import cell, columns
from jova_bench.report.notes import Notes
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite
from jova_bench.summary import Estimate


def measured(
    models: Sequence[Generator],
    controls: Sequence[str | Generator],
    suite: str | Suite,
    metrics: Sequence[str],
    folder: Path,
    limit: int | None,
) -> dict[str, Any]:
    """Makes and scores the clips of all models and controls.

    Returns:
        The estimates of all, and paired differences of the other models from the first.
    """
    run([*models, *controls], suite, metrics=metrics, limit=limit, device="cpu", out=folder)
    first, *others = (model.name for model in models)
    stored, results = read_run(folder), read_results(folder)
    assert stored.summary is not None
    shown = columns(stored.summary)
    paired = [column for column in shown if results.specs[column.identity].level == "clip"]
    specs = [results.specs[column.identity] for column in paired]
    rows = compared(results, results, [(first, name) for name in others], specs, {})
    about = [(name, column.label) for name in others for column in paired]
    return {
        "schema": 1,
        "suite": stored.manifest.suite,
        "suite_digest": stored.manifest.suite_digest,
        "prompts": len(results.cells(first)),
        "sampling_seeds": list(stored.manifest.seeds),
        "values": [
            {"label": column.label} | column.cells[name].model_dump(mode="json")
            for name in (first, *others, *(one if isinstance(one, str) else one.name for one in controls))
            for column in shown
        ],
        "differences": [
            {key: value for key, value in record(row).items() if key != "worst"} | {"model": name, "label": label}
            for (name, label), row in zip(about, rows, strict=True)
        ],
        "made_by": dict(results.made_by),
    }


def tables(found: Mapping[str, Any], about: str, made_by: str) -> str:
    """Formats what `measured` returned as Markdown.

    Args:
        found: see `measured`.
        about: what is said of the trainings and controls, after the prompts and seeds.
        made_by: file name of the script and stem of the committed data.
    """
    notes = Notes()
    values = {(one["model"], one["label"]): one for one in found["values"]}
    models, labels = (list(dict.fromkeys(one[key] for one in found["values"])) for key in ("model", "label"))
    rows = [[escaped(name), *(_cell(values[name, label], notes) for label in labels)] for name in models]
    differences = {(one["model"], one["label"]): one for one in found["differences"]}
    others, tested = (list(dict.fromkeys(one[key] for one in found["differences"])) for key in ("model", "label"))
    parts = [
        f"{found['prompts']} prompts of the suite {found['suite']} (digest {shortened(found['suite_digest'])}), "
        f"sampling seed {', '.join(map(str, found['sampling_seeds']))}, {about}",
        table(["", *map(escaped, labels)], rows),
        notes.markdown(),
        f"Differences from `{models[0]}`, paired over the prompts that have a value in both, 95 % "
        "intervals, Holm over the table:",
        table(
            ["", *map(escaped, tested)],
            [[escaped(name), *(_difference(differences[name, label]) for label in tested)] for name in others],
        ),
        f"Made by `benchmarks/{made_by}.py` on {escaped(found['made_by']['device_name'])}; the numbers in full are in "
        f"`results/{made_by.replace('_', '-')}.json`.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _cell(value: Mapping[str, Any], notes: Notes) -> str:
    return cell(Estimate.model_validate({key: part for key, part in value.items() if key != "label"}), notes)


def _difference(row: Mapping[str, Any]) -> str:
    """Formats a difference with its interval and its verdict."""
    verdict = row["verdict"] if row["reason"] is None else f"{row['verdict']}: {escaped(row['reason'])}"
    if row["delta"] is None or row["ci"] is None:
        return verdict
    places = decimals(row["delta"], row["ci"])
    lo, hi = (signed(limit, places) for limit in row["ci"])
    return f"{signed(row['delta'], places)} [{lo}, {hi}] {verdict}"
