"""OmniAvatar (Omni-Avatar/OmniAvatar): audio-driven talking people, by adapters of Wan2.1's text-to-video model."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.omniavatar import plan


def omniavatar(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("omniavatar"), plan.plan, device)
