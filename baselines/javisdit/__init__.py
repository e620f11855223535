"""JavisDiT++ (JavisVerse/JavisDiT): one transformer on Wan2.1 for the picture and sound of scenes."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.javisdit import plan


def javisdit(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("javisdit"), plan.plan, device)
