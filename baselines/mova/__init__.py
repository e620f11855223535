"""MOVA (OpenMOSS/MOVA): two towers for picture and sound with a bridge between them."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.mova import plan


def mova(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("mova"), plan.plan, device)
