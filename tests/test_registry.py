"""Names load what they stand for, late, and a wrong one gets a useful answer."""

import sys
from importlib.metadata import EntryPoint

import pytest

from jova_bench import registry
from jova_bench.registry import Registry, suggest
from jova_bench.types import BenchError

ENTRIES = {"fraction": "fractions:Fraction", "ghost": "no_such_module:x", "hollow": "fractions:Nothing"}


def models():
    return Registry("model", ENTRIES, "jova_bench.test")


def test_a_name_loads_its_attribute_and_nothing_before():
    sys.modules.pop("wave", None)
    names = Registry("model", {"wave": "wave:open"}, "jova_bench.test")
    assert names.names() == ("wave",)
    assert "wave" not in sys.modules
    assert names.load("wave").__name__ == "open"
    assert "wave" in sys.modules


def test_a_wrong_name_gets_the_nearest_one():
    with pytest.raises(BenchError, match=r"expected the name of a model, got 'fracton'; did you mean 'fraction'\?"):
        models().load("fracton")
    with pytest.raises(BenchError, match="known are: fraction, ghost, hollow"):
        models().load("zzz")
    assert suggest("x", ()) == "known are: none"
    assert suggest("x", [f"name{k}" for k in range(50)]).endswith(", name38, name39 and 10 more")


def test_a_broken_entry_says_which():
    with pytest.raises(BenchError, match=r"'ghost' cannot be loaded from no_such_module:x: No module"):
        models().load("ghost")
    with pytest.raises(BenchError, match=r"'hollow' cannot be loaded from fractions:Nothing: .*no attribute"):
        models().load("hollow")


def test_installed_packages_add_names_but_take_none(monkeypatch):
    points = [EntryPoint("zeta", "math:e", "g"), EntryPoint("alpha", "math:pi", "g")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "g" else [])
    assert Registry("metric", ENTRIES, "g").names() == ("fraction", "ghost", "hollow", "alpha", "zeta")
    assert Registry("metric", ENTRIES, "g").load("alpha") == pytest.approx(3.14159, abs=1e-5)
    with pytest.raises(BenchError, match="redefines the metric 'alpha' as math:pi"):
        Registry("metric", {"alpha": "x:y"}, "g")
