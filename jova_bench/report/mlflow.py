"""Logs a scored run to MLflow on request."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError, reason_of
from jova_bench.formatting.messages import shown
from jova_bench.identity import Identity
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import SUMMARY, read_run
from jova_bench.summary import Summary

TRACKERS = ("mlflow",)
EXPERIMENT = "jova-bench"
"""Name of the experiment, unless MLFLOW_EXPERIMENT_NAME is set."""
LONGEST = 500
"""Maximum characters of a parameter that every version of MLflow accepts."""


def check_tracker(name: str | None) -> None:
    """Fails early when the tracker is not installed.

    Raises:
        BenchError: there is no such tracker, or it is not installed.
    """
    if name is None:
        return
    if name not in TRACKERS:
        raise BenchError(f"expected tracker {' or '.join(TRACKERS)}, got {shown(name)}")
    _mlflow()


def to_mlflow(folder: Path, files: Sequence[Path]) -> str:
    """Logs a finished run to MLFLOW_TRACKING_URI, or to MLflow's default.

    Every call logs a run of its own, named after the folder.

    Args:
        folder: of the run.
        files: files of its leaderboard, logged beside its summary.

    Returns:
        MLflow's id of the run.

    Raises:
        BenchError: the run has no summary, MLflow is not installed, or its server refuses it.
    """
    mlflow, run = _mlflow(), read_run(folder)
    if run.summary is None:
        raise BenchError(f"expected a scored run, got {folder}; finish it with `run` or `score`")
    try:
        if not os.environ.get("MLFLOW_EXPERIMENT_NAME"):
            mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run(run_name=folder.name) as tracked:
            mlflow.log_params(params(run.manifest))
            mlflow.log_metrics(values(run.summary))
            for file in (folder / SUMMARY, *files):
                mlflow.log_artifact(str(file))
            return str(tracked.info.run_id)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise BenchError(f"MLflow does not take {folder}: {reason_of(error)}") from error


def params(manifest: Manifest) -> dict[str, str]:
    """Returns the request of a run as texts."""
    latest = manifest.provenance[-1] if manifest.provenance else None
    request = {
        **{name: getattr(manifest, name) for name in ("suite", "suite_digest", "profile", "seeds", "device")},
        "prompts": len(manifest.prompts),
        "models": sorted(manifest.models),
        **{name: getattr(latest, name, None) for name in ("git_commit", "git_dirty", "device_name", "python")},
    }
    texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in request.items()}
    return {name: text[:LONGEST] for name, text in texts.items()}


def values(summary: Summary) -> dict[str, float]:
    """Returns the value of every estimate that has one, over all prompts, as `metric/model`.

    `metric.bench/model` is the variant of a published bench. Metrics that would share a name have the evaluator's name
    appended, such as `lse_c.syncnet-a/model`, or their whole identity where that does not distinguish them,
    such as WER by two Whispers.
    """
    whole = [one for one in summary.estimates if one.slice is None]
    names: dict[Identity, str] = {}
    for name in (_name, _judged, str):
        found: dict[str, set[Identity]] = {}
        for identity in {one.identity for one in whole} - names.keys():
            found.setdefault(name(identity), set()).add(identity)
        names |= {identity: text for text, (identity, *others) in found.items() if not others}
    found_values = {f"{names[one.identity]}/{one.model}": one.value for one in whole if one.value is not None}
    return {re.sub(r"[^\w\-./ :]", "_", key, flags=re.ASCII): value for key, value in found_values.items()}


def _name(one: Identity) -> str:
    return one.name if one.bench is None else f"{one.name}.{one.bench}"


def _judged(one: Identity) -> str:
    return f"{_name(one)}.{one.backend}"


def _mlflow() -> Any:
    # MLflow sends usage data to its makers unless this is set.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
    except ImportError as error:
        raise BenchError("not installed: mlflow; pip install 'jova-bench[mlflow]'") from error
    return mlflow
