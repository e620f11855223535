"""Reproducible evaluation of joint video-audio generation.

    import jova_bench as jb

    result = jb.run("real", "embedded", metrics=["lse_c", "wer"], limit=10)
    print(result.table())

Importing the package imports no torch: names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jova_bench.exports import on_first_use

if TYPE_CHECKING:
    from jova_bench.api.calibrating import calibrate
    from jova_bench.api.comparing import compare, gate
    from jova_bench.api.listing import doctor, list_metrics, list_models, list_suites
    from jova_bench.api.measuring import metric, torch_metric
    from jova_bench.api.planning import DryRun, dry_run
    from jova_bench.api.reading import load_suite, read_clip
    from jova_bench.api.running import Result, run, score
    from jova_bench.api.voting import agree_with_votes, fit_votes
    from jova_bench.calibration.result import Calibration
    from jova_bench.comparison.compare import Comparisons
    from jova_bench.comparison.gate_page import Gate
    from jova_bench.errors import BenchError, NotComparable, Refused, Unavailable, Undefined
    from jova_bench.media.clip import Clip
    from jova_bench.metrics.base import ClipMetric, MetricContext, SetMetric
    from jova_bench.metrics.entry import MetricEntry, Variant
    from jova_bench.models.base import Generated, Generator, Media, Plan
    from jova_bench.prompts import Edit, Prompt
    from jova_bench.records import MetricSpec, Outcome
    from jova_bench.suites.loading import Suite
    from jova_bench.summary import Estimate, Summary
    from jova_bench.votes.agree import VoteAgreement
    from jova_bench.votes.fit import VoteFit

__version__ = "0.1.0"

__all__ = [
    "BenchError",
    "Calibration",
    "Clip",
    "ClipMetric",
    "Comparisons",
    "DryRun",
    "Edit",
    "Estimate",
    "Gate",
    "Generated",
    "Generator",
    "Media",
    "MetricContext",
    "MetricEntry",
    "MetricSpec",
    "NotComparable",
    "Outcome",
    "Plan",
    "Prompt",
    "Refused",
    "Result",
    "SetMetric",
    "Suite",
    "Summary",
    "Unavailable",
    "Undefined",
    "Variant",
    "VoteAgreement",
    "VoteFit",
    "__version__",
    "agree_with_votes",
    "calibrate",
    "compare",
    "doctor",
    "dry_run",
    "fit_votes",
    "gate",
    "list_metrics",
    "list_models",
    "list_suites",
    "load_suite",
    "metric",
    "read_clip",
    "run",
    "score",
    "torch_metric",
]

__getattr__, __dir__ = on_first_use(__name__, __all__)
