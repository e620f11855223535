"""Reports the log of a training to a tracker of experiments, on request."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jova.training.machinery import Record
from jova.training.runfile import Tracker

EXPERIMENT = "jova"
"""Name of the experiment, unless MLFLOW_EXPERIMENT_NAME is set."""


def tracker(name: Tracker | None, stage: Path, settings: dict[str, Any]) -> Callable[[Record], None] | None:
    """Returns a function that reports a record of the log; None if there is no tracker.

    A stage is a run named after its folder, at MLFLOW_TRACKING_URI or MLflow's default; resumed, it is another run.

    Args:
        name: of the tracker.
        stage: folder of the stage.
        settings: of the training.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if name is None:
        return None
    # MLflow sends usage data to its makers unless this is set.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("not installed: mlflow; pip install 'jova-bench[mlflow]'") from error
    if not os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        mlflow.set_experiment(EXPERIMENT)
    mlflow.end_run()  # that of the stage before
    mlflow.start_run(run_name=f"{stage.parent.name}/{stage.name}")
    mlflow.log_params(settings)

    def report(record: Record) -> None:
        numbers = {key: value for key, value in record.items() if key != "step" and not isinstance(value, str)}
        mlflow.log_metrics(numbers, step=int(record["step"]))

    return report
