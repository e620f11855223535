"""JavisDiT++ (JavisVerse/JavisDiT): joint video-audio generation of scenes by one transformer, on Wan2.1."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.javisdit import plan


def javisdit(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("javisdit"), plan.plan, device)
