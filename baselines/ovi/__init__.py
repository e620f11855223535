"""Ovi (character-ai/Ovi): twin backbones for picture and sound that attend to each other."""

from baselines.external.generator import WorkerBaseline
from baselines.external.manifest import load
from baselines.ovi import plan


def ovi(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("ovi"), plan.plan, device)
