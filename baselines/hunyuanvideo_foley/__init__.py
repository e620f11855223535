"""HunyuanVideo-Foley (Tencent-Hunyuan/HunyuanVideo-Foley): video-to-audio, from a video and an audio caption."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.hunyuanvideo_foley import plan


def hunyuanvideo_foley(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("hunyuanvideo-foley"), plan.plan, device)
