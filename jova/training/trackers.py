"""Reports the log of a training to a tracker of experiments, on request."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from jova.training.machinery import Record
from jova.training.tables import Tracker

Report = Callable[[Record], None]

EXPERIMENT = "jova"
"""Name of the experiment, unless MLFLOW_EXPERIMENT_NAME is set."""
FOLDER = "tensorboard"
"""Folder of a stage with what TensorBoard reads."""


def tracker(name: Tracker | None, stage: Path, settings: Mapping[str, str]) -> Report | None:
    """Returns a function that reports a record of the log; None if there is no tracker.

    Args:
        name: of the tracker.
        stage: folder of the stage.
        settings: of the training.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if name is None:
        return None
    try:
        return TRACKERS[name](stage, settings)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"not installed: {name}; pip install 'jova-bench[{name}]'") from error


def mlflow_run(stage: Path, settings: Mapping[str, str]) -> Report:
    """Begins a run of MLflow named after the stage's folder, at MLFLOW_TRACKING_URI or MLflow's default.

    A training that is resumed is another run.
    """
    # MLflow sends usage data to its makers unless this is set.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    if not os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        mlflow.set_experiment(EXPERIMENT)
    mlflow.end_run()  # that of the stage before
    mlflow.start_run(run_name=f"{stage.parent.name}/{stage.name}")
    mlflow.log_params(dict(settings))
    return lambda record: mlflow.log_metrics(_numbers(record), step=int(record["step"]))


def tensorboard_events(stage: Path, settings: Mapping[str, str]) -> Report:
    """Writes events of TensorBoard to the stage's folder `tensorboard`; a resumed training goes on there."""
    from torch.utils.tensorboard import SummaryWriter

    writer: SummaryWriter | None = None

    def report(record: Record) -> None:
        nonlocal writer
        step = int(record["step"])
        if writer is None:
            # What a killed training reported from here on is done again, and no longer shown.
            writer = SummaryWriter(str(stage / FOLDER), purge_step=step)
            rows = [f"| {name} | {value} |" for name, value in settings.items()]
            writer.add_text("settings", "\n".join(["| setting | value |", "|---|---|", *rows]))
        for name, value in _numbers(record).items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return report


def _numbers(record: Record) -> dict[str, float]:
    return {key: value for key, value in record.items() if key != "step" and not isinstance(value, str)}


TRACKERS: Mapping[Tracker, Callable[[Path, Mapping[str, str]], Report]] = {
    "mlflow": mlflow_run,
    "tensorboard": tensorboard_events,
}
