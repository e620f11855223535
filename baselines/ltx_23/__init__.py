"""LTX-2.3: LTX-2's pipeline with newer weights and 48 kHz."""

from __future__ import annotations

from jova_baselines.external.manifest import load
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_baselines.ltx_2.plan import plan


def ltx_23(device: str) -> DiffusersBaseline:
    """Builds the model; the first clip loads the weights."""
    return DiffusersBaseline(load("ltx-2.3"), plan, device)


def ltx_23_image(device: str) -> DiffusersBaseline:
    """Builds the model with a required image, for comparison with models that need one."""
    return ltx_23(device).beginning_with_an_image("ltx-2.3-image")
