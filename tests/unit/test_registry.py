"""Names load what they stand for, late, and a wrong one gets a useful answer."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from jova_bench import registry
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import suggest
from jova_bench.metrics.entry import MetricEntry
from jova_bench.registry import Registry, guarded, unfit
from jova_bench.suites import importers
from support.specs import clip_spec

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
    assert suggest("x", [f"name{k}" for k in range(13)], "jova-bench ls models") == "`jova-bench ls models` lists them"
    assert suggest("x", ["one", "two"], "jova-bench ls models") == "known are: one, two"
    assert suggest("nome", ["name", "names", "dome", "far"], "ls") == "did you mean 'name' or 'dome'?"


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


def test_a_package_that_comes_or_goes_is_noticed_by_a_process_that_asked_before(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert Registry("metric", {}, "jova_bench.test").names() == ()
    record = tmp_path / "other-1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Name: other\nVersion: 1\n")
    (record / "entry_points.txt").write_text("[jova_bench.test]\nalpha = math:pi\n")
    assert Registry("metric", {}, "jova_bench.test").load("alpha") == pytest.approx(3.14159, abs=1e-5)
    record.rename(tmp_path.parent / record.name)
    assert Registry("metric", {}, "jova_bench.test").names() == ()


def test_a_name_for_two_things_is_refused_and_the_others_are_there(monkeypatch):
    values = [("alpha", "math:pi"), ("beta", "math:e"), ("beta", "math:tau"), ("beta", "math:e"), ("good", "math:inf")]
    twice = [EntryPoint("same", "math:pi", "g"), EntryPoint("same", "math:pi [extra]", "g")]
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint(*one, "g") for one in values] + twice)
    names = Registry("metric", {"alpha": "fractions:Fraction", "zeta": "fractions:Fraction"}, "g")
    assert names.names() == ("zeta", "good", "same")
    assert names.load("same") == pytest.approx(3.14159, abs=1e-5)
    assert names.load("zeta").__name__ == "Fraction"
    with pytest.raises(BenchError, match="redefines the metric 'alpha': fractions:Fraction and math:pi; uninstall or"):
        names.load("alpha")
    with pytest.raises(BenchError, match="redefines the metric 'beta': math:e and math:tau"):
        names.load("beta")
    assert set(names.refused) == {"alpha", "beta"}


def invalid(**changes):
    """What a specification with these fields raises."""
    with pytest.raises(ValidationError) as error:
        clip_spec(**changes)
    return error.value


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (RuntimeError("two\nlines"), "it: RuntimeError: two lines"),
        (SystemExit(3), "it: SystemExit: 3"),
        (BenchError("expected x"), "it: expected x"),
        (invalid(level="frame"), "it: MetricSpec: level: expected 'clip' or 'set', got 'frame'"),
        (invalid(params={"x": None}), "it: MetricSpec: params.x: expected a text or a number, got None"),
        (invalid(params={"x": True}), "it: MetricSpec: params: expected a text or a number for 'x', got True; write"),
        (invalid(params="x" * 900), f"it: MetricSpec: params: expected an object, got '{'x' * 76}..."),
        (invalid(version="1.5"), "it: MetricSpec: version: expected a whole number, got '1.5'"),
        (invalid(units="s"), "it: MetricSpec: units: unknown field"),
    ],
)
def test_strangers_code_is_told_in_one_line_and_writes_no_result(capsys, error, wanted):
    def call():
        print("hello")
        raise error

    with pytest.raises(BenchError) as told:
        guarded("it", call)
    assert str(told.value).startswith(wanted)
    assert "\n" not in str(told.value)
    assert capsys.readouterr() == ("", "hello\n")
    with pytest.raises(KeyboardInterrupt):
        guarded("it", lambda: (_ for _ in ()).throw(KeyboardInterrupt))


def test_a_strangers_object_has_its_methods():
    class Metric:
        other = 3

        def check(self): ...
        def score(self, clip): ...
        def any(self, *rest): ...

    assert unfit(Metric(), {"check": 0, "any": 7}) is None
    assert unfit(Metric(), {"score": 3}) == "expected 'score' to take 3 arguments, got too many positional arguments"
    assert unfit(Metric(), {"other": 0}) == "expected a method 'other', got Metric without it"


def test_a_folder_called_as_one_of_ours_does_no_harm_where_the_user_stands(tmp_path):
    for name in ("baselines", "jova"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('somebody else')")
    path = os.pathsep.join([str(Path(registry.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "jova_bench", "ls", "models", "--json"], capture_output=True, text=True, check=True,
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert not [one for one in json.loads(done.stdout) if "somebody else" in (one["why_not"] or "")]


def test_a_package_in_the_place_of_one_of_ours_is_named(tmp_path, monkeypatch):
    theirs = ModuleType("jova_baselines")
    folder = tmp_path / "jova_baselines"
    theirs.__file__, theirs.__path__ = str(folder / "__init__.py"), [str(folder)]
    monkeypatch.setitem(sys.modules, "jova_baselines", theirs)
    names = Registry("model", {"real": "jova_baselines.no_such:real", "other": "no_such:real"}, "jova_bench.test")
    said = rf"No module named 'jova_baselines\.no_such'; {folder} is found in the place of our package"
    with pytest.raises(BenchError, match=said):
        names.load("real")
    with pytest.raises(BenchError, match=r"No module named 'no_such'$"):
        names.load("other")


def test_a_metrics_factory_and_an_importer_are_loaded_as_names_are(monkeypatch, tmp_path):
    (choice,) = MetricEntry("mine", "Mine", "Mine", "standard", "fractions:Fracton").choices()
    with pytest.raises(BenchError, match=r"the metric 'mine' cannot be loaded from fractions:Fracton.*mean 'Fraction'"):
        choice.build(None)
    form = replace(importers.FORMATS["csv"], target="plain:tabel")
    monkeypatch.setattr(importers, "FORMATS", {"csv": form})
    with pytest.raises(
        BenchError, match=r"the format 'csv' cannot be loaded from .*plain:tabel: .*; did you mean 'table'"
    ):
        importers.read_source("csv", tmp_path)
