"""LongCat-Video-Avatar 1.5 (meituan-longcat/LongCat-Video): audio-driven avatars, continued piece by piece."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.longcat_video_avatar_15 import plan


def longcat_video_avatar_15(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("longcat-video-avatar-1.5"), plan.plan, device)
