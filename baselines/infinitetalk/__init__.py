"""InfiniteTalk (MeiGen-AI/InfiniteTalk): audio-driven talking video of any length, on Wan2.1-I2V-14B."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.infinitetalk import plan


def infinitetalk(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("infinitetalk"), plan.plan, device)
