"""MMAudio (hkchengrex/MMAudio): sound for a film, from the film and the caption of its sound."""

from baselines.external.generator import WorkerBaseline
from baselines.external.manifest import load
from baselines.mmaudio import plan


def mmaudio(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("mmaudio"), plan.plan, device)
