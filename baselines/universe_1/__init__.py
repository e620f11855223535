"""UniVerse-1 (Dorniwang/UniVerse-1-code): Wan2.1 and ACE-Step stitched layer by layer."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.universe_1 import plan


def universe_1(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("universe-1"), plan.plan, device)
