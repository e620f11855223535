"""Checks the numbers that a set metric says of a set, before they stand in a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.records import LARGEST_VALUE


def mean_details(details: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Averages what stands beside a distance over seeds. Raises BenchError for what is no number by name."""
    for one in details:
        if not isinstance(one, Mapping) or not all(isinstance(key, str) for key in one):
            raise BenchError(f"expected details as numbers by name, got {shown(one)}")
    return {key: finite(key, mean(finite(key, one[key]) for one in details)) for key in details[0]}


def finite(name: str, value: float) -> float:
    """Returns a number that a summary can hold. Raises BenchError for any other."""
    if not isinstance(value, (int, float, np.number)) or not abs(value) <= LARGEST_VALUE:
        raise BenchError(f"expected a finite {name}, got {shown(value)}")
    return value
