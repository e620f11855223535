"""Any pipeline of diffusers that returns video and sound: `diffusers:OWNER/NAME@COMMIT`.

What another model's manifest says by hand is read from its weights and from the signature of the pipeline's call: its
options are the arguments that have a plain default, and its rate and grid of frames those that it states.
"""

from __future__ import annotations

from jova_baselines.any_pipeline import plan
from jova_baselines.any_pipeline.recipe import NAME, Address, manifest_of
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_baselines.unaddressed import Unaddressed
from jova_bench.models.base import Generator

EXAMPLE = f"{NAME}:Lightricks/LTX-2@47da56e2ad66ce4125a9922b4a8826bf407f9d0a"


def any_pipeline(device: str, address: str | None = None) -> Generator:
    """Builds the model of a repository; the first clip loads the weights.

    Args:
        device: `cpu` or `cuda:i`.
        address: `OWNER/NAME@COMMIT` on the Hugging Face Hub.

    Raises:
        BenchError: the address is none, or its weights are no such pipeline.
    """
    if address is None:
        return Unaddressed(NAME, lambda: f"names no repository; run it as {NAME}:OWNER/NAME@COMMIT, such as {EXAMPLE}")
    where = Address.parse(address)
    model = DiffusersBaseline(manifest_of(where), plan.plan, device)
    model.name = where.row
    return model
