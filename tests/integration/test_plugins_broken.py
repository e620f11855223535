"""Whatever is wrong with somebody else's package, the listings name it in one line and show everything else."""

import json
import re
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from jova_bench import registry
from jova_bench.cache import NoCache
from jova_bench.cli import main
from jova_bench.errors import BenchError
from jova_bench.metrics import build as building
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.build import build, usual
from jova_bench.metrics.entry import MetricEntry
from jova_bench.models.registry import create_model
from jova_bench.records import MetricSpec

SPEC = MetricSpec(
    name="x", version=1, profile="standard", backend="b", direction="up", needs=("audio",), domain="any",
    description="a test",
)  # fmt: skip


class Whole(ClipMetric):
    """A metric and a model at once, but for what a test breaks."""

    name, batch_size, needs, spec = "x", 1, (), SPEC

    def __init__(self):
        pass

    def measure(self, clip, prompt, reference): ...

    def plan(self, prompt, suite): ...

    def generate(self, prompts, seed, suite): ...


def but(**changes):
    """`Whole` with other attributes."""
    return type("Broken", (Whole,), changes)()


def entry(name, factory):
    """What a package names, with a spec of that name; a text where `factory` is None."""
    if factory is None:
        return "a text"

    def named(*arguments):
        built = factory(*arguments)
        if isinstance(getattr(built, "spec", None), MetricSpec):
            built.spec = built.spec.model_copy(update={"name": name})
        return built

    return MetricEntry(name, name, "Strange", "standard", named)


def leaves(*_):
    raise SystemExit("good\nbye")


def names_itself_twice(self):
    return "one\ntwo"


BROKEN = {
    "raises": (lambda *_: 1 / 0, "ZeroDivisionError: division by zero"),
    "leaves": (leaves, "SystemExit: good bye"),
    "takes_nothing": (lambda: Whole(), "positional arguments? but"),
    "is_nothing": (lambda *_: None, "None"),
    "no_factory": ("a text", "'str' object is not callable"),
    "no_check": (lambda *_: but(check=None), "expected a method 'check', got Broken without it"),
    "check_raises": (lambda *_: but(check=lambda self: 1 / 0), "ZeroDivisionError: division by zero"),
    "check_leaves": (lambda *_: but(check=leaves), "SystemExit: good bye"),
    "two_lines": (lambda *_: but(check=names_itself_twice), "one two"),
}
METRICS = BROKEN | {
    "no_spec": (lambda *_: but(spec={"name": "x"}), "expected a MetricSpec as `spec`, got dict"),
    "wrong_spec": (
        lambda *_: MetricSpec(**SPEC.model_dump() | {"level": "frame"}),
        r"MetricSpec: level: expected 'clip' or 'set', got 'frame'; correct",
    ),
    "no_factory": (None, "expected a MetricEntry, got str"),
    "short_score": (lambda *_: but(measure=lambda self, clip: None), "expected 'measure' to take 3 arguments"),
}
MODELS = BROKEN | {
    "short_plan": (lambda *_: but(plan=lambda self, prompt: None), "expected 'plan' to take 2 arguments"),
    "strange_settings": (lambda *_: but(settings={"a": object()}), "not JSON serializable"),
    "text_needs": (lambda *_: but(needs="image"), "`needs`, a tuple of texts"),
}
NO_IMPORT = {"gone": "ModuleNotFound|No module named", "ends": "SystemExit: 7", "typo": "SyntaxError"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with all of these, and a good one of each kind."""
    module = ModuleType("strangers")
    for kind, cases in (("metric", METRICS), ("model", MODELS)):
        for name, (factory, _) in cases.items():
            thing = factory if kind == "model" else entry(name, factory)
            setattr(module, f"{kind}_{name}", thing)
    module.model_good = lambda *_: Whole()
    module.metric_good = entry("good", lambda *_: Whole())
    module.suite_good = str(tmp_path)
    monkeypatch.setitem(sys.modules, "strangers", module)
    (tmp_path / "ends.py").write_text("print('on import')\nimport sys\nsys.exit(7)\n")
    (tmp_path / "typo.py").write_text("def (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    points = []
    for kind, cases in (("metric", METRICS), ("model", MODELS), ("suite", {})):
        group = f"jova_bench.{kind}s"
        points += [EntryPoint(name, f"strangers:{kind}_{name}", group) for name in cases]
        points += [EntryPoint(name, f"{name}:anything", group) for name in NO_IMPORT]
        points += [EntryPoint("twice", "a:b", group), EntryPoint("twice", "c:d", group)]
        points += [EntryPoint("good", f"strangers:{kind}_good", group)]
    points += [EntryPoint("real", "a:b", "jova_bench.models"), EntryPoint("embedded", "a:b", "jova_bench.suites")]
    monkeypatch.setattr(registry, "entry_points", lambda group: [one for one in points if one.group == group])
    return module


def listed(capsys, what):
    assert main(["ls", what, "--json"]) == 0
    out = capsys.readouterr().out
    assert main(["ls", what, "--long"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {item.get("select", item["name"]): item for item in json.loads(out)}, lines


@pytest.mark.parametrize(("what", "cases"), [("metrics", METRICS), ("models", MODELS)])
def test_each_is_one_line_with_its_reason(installed, capsys, what, cases):
    found, lines = listed(capsys, what)
    reasons = {name: why for name, (_, why) in cases.items()} | NO_IMPORT | {"twice": "a:b and c:d; uninstall or"}
    for name, why in reasons.items():
        assert not found[name]["available"]
        assert re.search(why, found[name]["why_not"]), (name, found[name]["why_not"])
        (line,) = [line for line in lines if line.split(" ")[0] == name]
        assert found[name]["why_not"] in line
    assert found["good"]["available"]


def test_everything_else_is_listed(installed, capsys, monkeypatch):
    with monkeypatch.context() as plain:
        plain.setattr(registry, "entry_points", lambda group: [])
        ours = {what: set(listed(capsys, what)[0]) for what in ("metrics", "models", "suites")}
    for what, names in ours.items():
        found = listed(capsys, what)[0]
        assert names <= set(found)
    assert found["embedded"]["why_not"].startswith("an installed package redefines the suite 'embedded'")
    not_pulled = {name for name in found if "suites pull" in (found[name]["why_not"] or "")}
    assert {name for name in found if found[name]["why_not"]} - not_pulled == {"embedded", "good", "twice", *NO_IMPORT}


def test_doctor_names_them_and_goes_on(installed, capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out.splitlines()
    for name in (*METRICS, *NO_IMPORT, "twice"):
        assert [line for line in out if line.startswith(f"metric {name}: ")], name
    for name in (*MODELS, *NO_IMPORT, "twice", "real"):
        assert [line for line in out if line.startswith(f"model {name}: ")], name
    assert not [line for line in out if line.startswith(("metric good", "model good"))]


def test_what_is_named_is_refused_and_what_is_not_does_no_harm(installed):
    assert build(["loudness"], "standard", MetricContext(NoCache()))[0].spec.name == "loudness"
    for name in (*METRICS, *NO_IMPORT, "twice"):
        if METRICS.get(name, (0, ""))[1] and name.startswith(("check_", "two_")):
            continue  # Asked when it is used.
        with pytest.raises(BenchError, match=rf"metric '{name}'"):
            build([name], "standard", MetricContext(NoCache()))
    assert create_model("silence", "cpu").name == "silence"
    for name in ("raises", "leaves", "short_plan", "text_needs", "twice", "real", *NO_IMPORT):
        with pytest.raises(BenchError, match=rf"model '{name}'"):
            create_model(name, "cpu")


def test_a_run_that_names_no_metrics_leaves_them_out_and_says_so(installed):
    names, left_out = usual("standard", MetricContext(NoCache()))
    for name in (*METRICS, *NO_IMPORT, "twice"):
        if not name.startswith(("check_", "two_")):
            assert name not in names
            assert len([line for line in left_out if f"metric '{name}'" in line or f"the metric {name!r}" in line]) == 1
    assert all(len(line.splitlines()) == 1 for line in left_out)
    built = [metric.spec.name for metric in build(None, "standard", MetricContext(NoCache()))]
    assert built.count("good") == 1


def test_a_run_goes_on_beside_broken_packages(installed, tmp_path, capsys, monkeypatch):
    """What is left out is told before anything is made; the run folder asks for it no more than the user did."""
    monkeypatch.setattr(building, "CATALOGUE", [one for one in building.CATALOGUE if one.name == "loudness"])
    found = registry.entry_points
    monkeypatch.setattr(registry, "entry_points", lambda group: [] if group.endswith("suites") else found(group))
    assert main(["run", "--model", "silence", "--limit", "1", "--workers", "0", "--out", str(tmp_path / "run")]) == 0
    out, err = capsys.readouterr()
    assert "silence" in out
    told, _, _ = err.partition("generate silence")
    # What cannot even be loaded; entries that say that they are of the other profile are not built.
    for name in ("no_factory", "twice", *NO_IMPORT):
        assert f"left out: the metric {name!r}" in told or f"metric {name!r}" in told, name
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["metrics"] == ["loudness"]
