"""Logs a run to Weights & Biases, or, with WANDB_MODE=offline, to a folder that `wandb sync` sends later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jova_bench.report.trackers.tracked import PROJECT, Tracked


def load() -> Any:
    """Returns the package. Raises ImportError where it is not installed."""
    import wandb

    return wandb


def log(run: Tracked) -> str:
    """Logs a run of its own at every call, named after the folder; returns its address, or its folder when offline."""
    wandb = load()
    project = os.environ.get("WANDB_PROJECT") or PROJECT
    with wandb.init(project=project, name=run.folder.name, config=run.params) as logged:
        logged.log(run.values)
        files = wandb.Artifact(f"leaderboard-{logged.id}", type="leaderboard")
        for file in run.files:
            files.add_file(str(file))
        logged.log_artifact(files)
        return str(Path(logged.dir).parent if logged.offline else logged.url)
