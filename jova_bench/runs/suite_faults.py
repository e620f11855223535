"""Finds what a `suite.toml` names and what does not exist: metrics, and the reference set."""

from __future__ import annotations

from jova_bench.errors import BenchError
from jova_bench.metrics.build import faults_of_names
from jova_bench.records import Profile
from jova_bench.suites.loading import Suite
from jova_bench.suites.prompt_file import INFO


def suite_faults(suite: Suite) -> tuple[str, ...]:
    """Returns a line for each metric and reference set of a suite that a run of its own profile would refuse."""
    found = metric_faults(suite, suite.profile or "standard")
    try:
        suite.reference_folder()
    except BenchError as error:
        return (*found, str(error))
    return found


def metric_faults(suite: Suite, profile: Profile) -> tuple[str, ...]:
    """Returns a line for each metric that a suite names and a profile does not have: `FILE: metrics: ...`."""
    return tuple(f"{suite.root / INFO}: metrics: {fault}" for fault in faults_of_names(suite.metrics, profile))
