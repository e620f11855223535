"""MMAudio (hkchengrex/MMAudio): sound for a film, from the film and the caption of its sound."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.mmaudio import plan


def mmaudio(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("mmaudio"), plan.plan, device)
