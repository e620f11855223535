"""What a package needs to add metrics, models and sweeps; docs/versions.md says what these names promise.

    from jova_bench.plugins import ClipMetric, MetricEntry, MetricSpec, Undefined

Importing this imports no torch: names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jova_bench.exports import on_first_use

if TYPE_CHECKING:
    from jova_bench.cache import CacheKey
    from jova_bench.errors import BenchError, Refused, Unavailable, Undefined
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
    "Refused",
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

__getattr__, __dir__ = on_first_use(__name__, __all__)
