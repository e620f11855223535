"""LatentSync (bytedance/LatentSync): the mouth of a film made anew to a driving sound, by latent diffusion."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.latentsync import plan


def latentsync(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("latentsync"), plan.plan, device)
