"""Public names and the modules that they live in, for modules that import a name when it is first used (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

_NAMES = {
    "api.calibrating": ("calibrate",),
    "api.comparing": ("compare", "gate"),
    "api.listing": ("doctor", "list_metrics", "list_models", "list_suites"),
    "api.measuring": ("metric", "torch_metric"),
    "api.planning": ("DryRun", "dry_run"),
    "api.reading": ("load_suite", "read_clip"),
    "api.running": ("Result", "run", "score"),
    "api.voting": ("agree_with_votes", "fit_votes"),
    "cache": ("CacheKey",),
    "calibration.result": ("Calibration",),
    "comparison.compare": ("Comparisons",),
    "comparison.gate_page": ("Gate",),
    "errors": ("BenchError", "NotComparable", "Refused", "Unavailable", "Undefined"),
    "media.clip": ("Clip",),
    "metrics.base": ("ClipMetric", "MetricContext", "SetMetric", "require_embedded_domain"),
    "metrics.distances.base": ("FrechetMetric", "KernelMetric", "SetDistance"),
    "metrics.distances.references": ("set_distance",),
    "metrics.entry": ("Family", "MetricEntry", "Variant"),
    "metrics.real_clips": ("Embedder",),
    "models.base": ("Generated", "Generator", "Media", "Plan"),
    "prompts": ("Edit", "Prompt"),
    "records": ("MetricSpec", "Outcome"),
    "suites.loading": ("Suite",),
    "summary": ("Estimate", "Summary"),
    "sweep.model": ("Setting", "SweptModel", "Training"),
    "votes.agree": ("VoteAgreement",),
    "votes.fit": ("VoteFit",),
}
HOME = {name: f"jova_bench.{module}" for module, names in _NAMES.items() for name in names}
"""The module of each name that any public module exports."""


def on_first_use(module: str, names: Sequence[str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns `__getattr__` and `__dir__` of a module that exports names of `HOME`, and what it defines itself."""

    def of_module(name: str) -> Any:
        if name not in names or name not in HOME:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        import_module("jova_bench.files.locks")  # Says in one line where the system is none that works.
        return getattr(import_module(HOME[name]), name)

    return of_module, lambda: list(names)
