"""Wan2.2-TI2V-5B: a silent film from text, or from text and its first frame, through diffusers."""

from __future__ import annotations

from jova_baselines.external.manifest import load
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_baselines.wan22_ti2v import plan


def wan22_ti2v(device: str) -> DiffusersBaseline:
    """Builds the model; weights are read when it makes its first film."""
    return DiffusersBaseline(load("wan2.2-ti2v"), plan.plan, device)


def wan22_ti2v_image(device: str) -> DiffusersBaseline:
    """The same model, never without an image: beside models that need one, it begins where they do."""
    return wan22_ti2v(device).beginning_with_an_image("wan2.2-ti2v-image")
