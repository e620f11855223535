"""Our workers against the facts of their upstreams' interfaces, and the fakes too, so that neither drifts."""

import ast
from pathlib import Path

import pytest

from jova_baselines.external.manifest import load, package
from support import upstream_api

NAMES = sorted(path.stem for path in upstream_api.FACTS.glob("*.json"))
FAKES = Path(__file__).parents[2] / "support" / "fake_upstreams"
FUNCTIONS = [(name, key) for name in NAMES for key in upstream_api.facts(name).get("functions", {})]
WORKER = {name for name in NAMES if (package(name) / "worker.py").is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_of_the_commit_that_is_run(name):
    source = load(name).source
    stored = upstream_api.facts(name)
    assert (source.repository, source.commit) == (stored["repository"], stored["commit"])


@pytest.mark.parametrize(("name", "key"), [one for one in FUNCTIONS if one[0] in WORKER])
def test_the_worker_calls_upstream_as_it_is(name, key):
    *_, owner, last = ["", *key.partition(":")[2].split(".")]
    # Workers call a pipeline `pipe`.
    called = {"__init__": owner, "__call__": "pipe", "from_pretrained": f"{owner}.{last}"}.get(last, last)
    found = upstream_api.calls((package(name) / "worker.py").read_text(encoding="utf-8"), called)
    assert found, f"nothing calls {called}"
    arguments = upstream_api.facts(name)["functions"][key]
    assert [upstream_api.misfit(call, arguments) for call in found] == [None] * len(found)


@pytest.mark.parametrize(("name", "key"), [one for one in FUNCTIONS if (FAKES / one[0]).is_dir()])
def test_a_fake_has_upstreams_arguments(name, key):
    path, _, inside = key.partition(":")
    fake = upstream_api.signature((FAKES / name / path).read_text(encoding="utf-8"), inside)
    stored = upstream_api.facts(name)["functions"][key]
    assert [one["name"] for one in fake] == [one["name"] for one in stored]
    # A default that names something of upstream's stands for itself in the fake.
    literal = [one for one in stored if not str(one.get("default", "")).startswith(("torch.", "np."))]
    assert [one for one in literal if one not in fake] == []


def test_a_signature_is_read_and_a_call_is_held_to_it():
    source = "class A:\n def f(self, a, b=2, *, c, d='x.y', **more): pass\nA().f(1, c=3)\nf(1, 2, 3)\nx.f(1, c=0, a=2)"
    arguments = upstream_api.signature(source, "A.f")
    assert arguments == [
        {"name": "a"}, {"name": "b", "default": 2}, {"name": "c"}, {"name": "d", "default": "x.y"}, {"name": "**more"},
    ]  # fmt: skip
    good, bad, twice = upstream_api.calls(source, "f")
    assert upstream_api.misfit(good, arguments) is None
    assert "missing ['c']" not in (upstream_api.misfit(good, arguments) or "")
    assert upstream_api.misfit(bad, arguments[:2]) == "3 positional arguments of 2"
    assert upstream_api.misfit(twice, arguments) == "an argument twice: ['a', 'c', 'a']"
    assert upstream_api.misfit((1, ["z"]), arguments[:2]) == "unknown ['z'], missing []"
    assert upstream_api.misfit((0, []), arguments[:3]) == "unknown [], missing ['a', 'c']"


def test_a_command_line_is_read():
    source = "p.add_argument('-n', '--number', type=int, default=3, choices=[1, 3], help='x')\np.add_argument('file')"
    found = upstream_api.command_line(source)
    assert found == {"--number": {"type": "int", "default": 3, "choices": [1, 3]}, "file": {}}
    assert ast.parse(source)
