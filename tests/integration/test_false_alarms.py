"""Whole tables of two models that do not differ: the simulation of `benchmarks/false_alarms.py`, in small."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

TABLES = 250


@pytest.fixture(scope="module")
def simulation():
    path = Path(__file__).parents[2] / "benchmarks" / "false_alarms.py"
    spec = importlib.util.spec_from_file_location("false_alarms", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables(simulation):
    """Seven metrics on nine prompts: all 512 relabellings of each."""
    rng = np.random.default_rng(5)
    return [simulation.table(rng, 9) for _ in range(TABLES)]


def test_tables_without_a_difference_rarely_show_one(simulation, tables):
    alarms = sum(any(simulation.moved(row) for row in rows) for rows in tables)
    # At the nominal rate more than this happens once in a thousand times.
    assert alarms <= stats.binom.ppf(0.999, TABLES, 0.05)


def test_each_test_alone_has_the_nominal_rate(simulation, tables):
    """Not only that it is low: a test that never speaks would pass the one above."""
    for k, spec in enumerate(simulation.SPECS):
        p = np.array([rows[k].p for rows in tables])
        alarms = int((p <= 0.05).sum())
        assert alarms <= stats.binom.ppf(0.999, TABLES, 0.05), spec.name
        if spec.name.startswith(("normal", "skewed", "set")):
            assert alarms >= stats.binom.ppf(0.001, TABLES, 0.05), spec.name


def test_a_planted_difference_is_found_and_nothing_else(simulation):
    rng = np.random.default_rng(6)
    found = [simulation.table(rng, 24, shift=2.0) for _ in range(20)]
    # Two standard deviations of a clip's noise, at 24 prompts: a difference's mean is 2 / (sqrt(2) / sqrt(24)) = 6.9
    # standard errors.
    assert all(rows[0].verdict == "better" for rows in found)
    assert sum(any(simulation.moved(row) for row in rows[1:]) for rows in found) <= 4
