"""What a package needs to add metrics, models and sweeps; docs/versions.md says what these names promise.

    from jova_bench.plugins import ClipMetric, MetricEntry, MetricSpec, Undefined

Importing this imports no torch: names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jova_bench.cache import CacheKey
    from jova_bench.errors import BenchError, Unavailable, Undefined
    from jova_bench.media.clip import Clip
    from jova_bench.metrics.base import ClipMetric, MetricContext, SetMetric, require_embedded_domain
    from jova_bench.metrics.distances.base import FrechetMetric, KernelMetric, SetDistance
    from jova_bench.metrics.distances.references import set_distance
    from jova_bench.metrics.entry import Family, MetricEntry, Variant
    from jova_bench.metrics.real_clips import Embedder
    from jova_bench.models.base import Generated, Generator, Media, Plan
    from jova_bench.prompts import Edit, Prompt
    from jova_bench.records import MetricSpec, Outcome
    from jova_bench.suites.loading import Suite
    from jova_bench.sweep.model import Setting, SweptModel, Training

_HOMES = {
    "cache": ("CacheKey",),
    "errors": ("BenchError", "Unavailable", "Undefined"),
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
    "sweep.model": ("Setting", "SweptModel", "Training"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BenchError",
    "CacheKey",
    "Clip",
    "ClipMetric",
    "Edit",
    "Embedder",
    "Family",
    "FrechetMetric",
    "Generated",
    "Generator",
    "KernelMetric",
    "Media",
    "MetricContext",
    "MetricEntry",
    "MetricSpec",
    "Outcome",
    "Plan",
    "Prompt",
    "SetDistance",
    "SetMetric",
    "Setting",
    "Suite",
    "SweptModel",
    "Training",
    "Unavailable",
    "Undefined",
    "Variant",
    "require_embedded_domain",
    "set_distance",
]


def __getattr__(name: str) -> Any:
    """Imports the module of a public name when it is first used."""
    if name in _HOME_OF:
        return getattr(import_module(f"jova_bench.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Lists what is public."""
    return list(__all__)
