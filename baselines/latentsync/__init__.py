"""LatentSync (bytedance/LatentSync): dubbing of a video to driving audio, by latent diffusion."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.latentsync import plan


def latentsync(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("latentsync"), plan.plan, device)
