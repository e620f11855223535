"""Wan2.2-TI2V-5B: silent video from text, or from text and a first frame, by diffusers."""

from __future__ import annotations

from jova_baselines.external.manifest import load
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_baselines.wan22_ti2v import plan


def wan22_ti2v(device: str) -> DiffusersBaseline:
    """Builds the model; the first clip loads the weights."""
    return DiffusersBaseline(load("wan2.2-ti2v"), plan.plan, device)


def wan22_ti2v_image(device: str) -> DiffusersBaseline:
    """Builds the model with a required image, for comparison with models that need one."""
    return wan22_ti2v(device).beginning_with_an_image("wan2.2-ti2v-image")
