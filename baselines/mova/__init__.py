"""MOVA (OpenMOSS/MOVA): joint video-audio generation by two towers with a bridge."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.mova import plan


def mova(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("mova"), plan.plan, device)
