"""My model: speech and a picture for a transcript, by my upstream's code."""

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from my_bench.my_model import plan


def my_model(device: str) -> WorkerBaseline:
    """Builds the model; the first clip starts the worker."""
    return WorkerBaseline(load("my-model"), plan.plan, device)
