"""Wan2.2-S2V (Wan-Video/Wan2.2): an image that speaks the sound it is given."""

from baselines.external.generator import WorkerBaseline
from baselines.external.manifest import load
from baselines.wan22_s2v import plan


def wan22_s2v(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("wan2.2-s2v"), plan.plan, device)
