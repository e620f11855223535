"""MuseTalk 1.5 (TMElyralab/MuseTalk): dubbing of a video to driving audio, by inpainting in latent space."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.musetalk import plan


def musetalk(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("musetalk"), plan.plan, device)
