"""LTX-2: picture and stereo sound from text, and from an image, through diffusers."""

from __future__ import annotations

from jova_baselines.external.manifest import load
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_baselines.ltx_2.plan import plan


def ltx_2(device: str) -> DiffusersBaseline:
    """Builds the model; weights are read when it makes its first clip."""
    return DiffusersBaseline(load("ltx-2"), plan, device)


def ltx_2_image(device: str) -> DiffusersBaseline:
    """The same model, never without an image: beside models that need one, it begins where they do."""
    return ltx_2(device).beginning_with_an_image("ltx-2-image")
