"""Kandinsky 6: video and audio from text, or from text and a first frame, by diffusers."""

from __future__ import annotations

from jova_baselines.external.manifest import load
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_baselines.kandinsky_6 import plan


def kandinsky_6(device: str) -> DiffusersBaseline:
    """Builds the model; the first clip loads the weights."""
    return DiffusersBaseline(load("kandinsky-6"), plan.plan, device)


def kandinsky_6_image(device: str) -> DiffusersBaseline:
    """Builds the model with a required image, for comparison with models that need one."""
    return kandinsky_6(device).beginning_with_an_image("kandinsky-6-image")
