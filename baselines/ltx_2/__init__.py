"""LTX-2: video and stereo audio from text, or from text and an image, by diffusers."""

from __future__ import annotations

from jova_baselines.external.manifest import load
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_baselines.ltx_2.plan import plan


def ltx_2(device: str) -> DiffusersBaseline:
    """Builds the model; the first clip loads the weights."""
    return DiffusersBaseline(load("ltx-2"), plan, device)


def ltx_2_image(device: str) -> DiffusersBaseline:
    """Builds the model with a required image, for comparison with models that need one."""
    return ltx_2(device).beginning_with_an_image("ltx-2-image")
