"""MMAudio (hkchengrex/MMAudio): video-to-audio, from a video and an audio caption."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.mmaudio import plan


def mmaudio(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("mmaudio"), plan.plan, device)
