"""What messages advise can be done by a user of the wheel, who has no checkout: commands, modules, extras, files."""

import argparse
import ast
import functools
import importlib.util
import re
import tomllib

import pytest

from jova_bench.cli.gates import joined
from jova_bench.cli.program import parser
from support.shown import ROOT

TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
OURS = re.compile(
    r"(?<![\w./-])(?:(?:docs|tests|benchmarks|examples|evaluators|results)/[\w./-]*\w|CONTRIBUTING.md|CHANGELOG.md|Makefile)\b"
)
"""Files of the repository that no wheel has."""
GENERATED = {"jova_bench/tools/metrics_page.py"}
"""Text of a page of the repository, not messages."""
parsed = functools.cache(parser)


def texts(source):
    """The texts of a module that are no docstrings; X stands for what is put into them."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            said |= {id(part) for part in node.values}
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def faults(text):
    """What of a text a user of the wheel cannot do."""
    found = [f"make {target}" for target in TARGETS if re.search(rf"\bmake {target}\b", text)]
    if "repository" not in text:
        found += [name for name in OURS.findall(text) if (ROOT / name).is_file()]
    for module in re.findall(r"python (?:-P )?-m (\w[\w.]*\w)", text):
        if module.split(".")[0] not in ("jova", "jova_bench", "jova_baselines") or not importlib.util.find_spec(module):
            found.append(f"python -m {module}")
    for named in re.findall(r"jova-bench\[([\w,-]+)\]", text):
        found += [f"[{extra}]" for extra in named.split(",") if extra != "X" and extra not in EXTRAS]
    for line in re.findall(r"(?:^|(?<=[`:(] )|(?<=[`(])|(?<=run )|  )jova-bench ([a-z][^`\n;()]*)", text, re.MULTILINE):
        found += [f"jova-bench {line}: {word}" for word in unknown(line.split(" && ")[0].split())]
    return found


def unknown(words):
    """The verb of a command, or those flags of it, that its parser does not know."""
    words = joined(words)
    at = top = parsed(words[0] if words[0] in ("train", "sample") else None)
    while verbs := next((one for one in at._actions if isinstance(one, argparse._SubParsersAction)), None):
        if not words or (words[0] not in verbs.choices and not (at is not top and words[0] == "X")):
            return words[:1]
        if words[0] == "X":
            return []
        at, words = verbs.choices[words[0]], words[1:]
    known = [flag for action in at._actions for flag in action.option_strings]
    return [word for word in words if (flag := re.match(r"--[a-z-]+", word)) and flag[0] not in known]


@pytest.mark.parametrize("package", ["jova", "jova_bench", "baselines"])
def test_hints_are_ones_that_a_user_of_the_wheel_can_follow(package):
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for text in texts(path.read_text(encoding="utf-8")) if name not in GENERATED else ():
            if wrong := faults(text):
                found.setdefault(name, []).extend(wrong)
    assert not found


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("weights missing: make run", ["make run"]),
        ("see docs/model.md", ["docs/model.md"]),
        ("see docs/model.md of our repository", []),
        ("run python -m evaluators", ["python -m evaluators"]),
        ("not installed: pip install 'jova-bench[standrad]'", ["[standrad]"]),
        ("weights missing: jova-bench assets pul i3d", ["jova-bench assets pul i3d: pul"]),
        ("`jova-bench score X --metric lse_c`", ["jova-bench score X --metric lse_c: --metric"]),
        ("`jova-bench scor X`", ["jova-bench scor X: scor"]),
        ("`jova-bench suites import csv X --out Y`; make one", []),
    ],
)
def test_a_hint_that_cannot_be_followed_is_noticed(text, wrong):
    assert faults(text) == wrong


def test_texts_are_those_of_no_docstring():
    assert [*texts('"""A."""\nx = f"b {y} c"\n"""D."""\nraise E("e" "f")')] == ["b X c", "ef"]
