"""Pocket TTS (kyutai-labs/pocket-tts): speech from text, by a language model of continuous latents."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.pocket_tts import plan


def pocket_tts(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("pocket-tts"), plan.plan, device)
