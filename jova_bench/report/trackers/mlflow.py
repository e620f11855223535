"""Logs a run to MLFLOW_TRACKING_URI, or to MLflow's default."""

from __future__ import annotations

import os
from typing import Any

from jova_bench.report.trackers.tracked import PROJECT, Tracked


def load() -> Any:
    """Returns the package. Raises ImportError where it is not installed."""
    # MLflow sends usage data to its makers unless this is set.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    return mlflow


def log(run: Tracked) -> str:
    """Logs a run of its own at every call, named after the folder; returns MLflow's id of it."""
    mlflow = load()
    if not os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        mlflow.set_experiment(PROJECT)
    with mlflow.start_run(run_name=run.folder.name) as logged:
        mlflow.log_params(run.params)
        mlflow.log_metrics(run.values)
        for file in run.files:
            mlflow.log_artifact(str(file))
        return str(logged.info.run_id)
