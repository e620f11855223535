"""The help of the command line: every verb, argument and flag is explained."""

import argparse
import re
import subprocess
import sys
from typing import get_args

import pytest

from jova_bench.assets.table import TERMS
from jova_bench.cli.program import parser
from jova_bench.execution.placement import EXECUTORS
from jova_bench.records import Profile
from jova_bench.report.files import VIEWS
from jova_bench.report.trackers.tracking import TRACKERS
from jova_bench.suites.importers import FORMATS
from jova_bench.sweep.spec import built_in
from support.commands import call
from support.shown import PAGES

HELP = """
import sys
from jova_bench.cli import main
try:
    main(sys.argv[1:])
except SystemExit as leaving:
    assert leaving.code == 0
heavy = {"torch", "av", "scipy", "pandas", "torchmetrics", "jova_baselines"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("words", [(), ("run",), ("train",), ("sample",), ("baselines", "setup")])
def test_help_imports_nothing_heavy(words):
    done = subprocess.run([sys.executable, "-c", HELP, *words, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: jova-bench" in done.stdout


VERBS = [
    "run", "generate", "score", "report", "view", "merge", "compare", "parity", "gate", "gate init", "freeze",
    "calibrate", "votes", "sweep", "suites", "ls", "doctor", "assets", "baselines", "data",
    "completion", "train", "sample",
]  # fmt: skip
INNER = [
    "suites import",
    "suites validate",
    "assets pull",
    "assets verify",
    "assets path",
    "baselines setup",
    "data prepare",
]


@pytest.mark.parametrize("verb", [*VERBS, *INNER])
def test_every_verb_has_examples(capsys, verb):
    code, out, _ = call(capsys, *verb.split(), "--help")
    assert code == 0
    assert f"examples:\n  jova-bench {verb}" in out


@pytest.mark.parametrize(
    ("verb", "known"),
    [
        ("report", VIEWS),
        ("run", EXECUTORS),
        ("run", TRACKERS),
        ("run", get_args(Profile)),
        ("sweep", built_in()),
        ("suites import", FORMATS),
        ("assets pull", TERMS),
    ],
)
def test_help_names_every_choice_that_there_is(capsys, verb, known):
    words = re.split(r"[^\w-]+", call(capsys, *verb.split(), "--help").out)
    assert set(known) <= set(words)


def parsers(top):
    """A parser and those of its verbs."""
    yield top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


def arguments():
    """Every argument of every verb, with the verb; JoVA's verbs have theirs when they are asked for."""
    for verb in (None, "train", "sample"):
        for one in parsers(parser(verb)):
            for action in one._actions:
                if not isinstance(action, argparse._SubParsersAction):
                    yield f"{one.prog}: {'/'.join(action.option_strings) or action.dest}", action


def test_every_argument_says_what_it_is():
    shown = dict(arguments())
    assert {"jova-bench train: --fusion", "jova-bench sample: --guidance", "jova-bench run: --track"} <= set(shown)
    assert [name for name, action in shown.items() if not action.help] == []


def test_every_flag_stands_in_a_page_or_belongs_to_jova():
    """Those of JoVA are its settings, which `--help` explains."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    flags = {
        name: action.option_strings[-1]
        for name, action in arguments()
        if action.option_strings and not name.startswith(("jova-bench train", "jova-bench sample"))
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
    assert sorted(name for name, flag in flags.items() if flag not in named) == []


def test_the_help_names_what_external_models_are_set_up_with(capsys):
    assert "list external models that are wrapped, and set them up" in " ".join(call(capsys, "--help")[1].split())
    assert "List external models that are wrapped, and set them up" in call(capsys, "baselines", "--help")[1]


def test_these_are_all_verbs(capsys):
    out = call(capsys, "--help")[1]
    assert re.findall(r"^    (\w+(?: \w+)?)(?:  |$)", out, flags=re.MULTILINE) == VERBS


PYTHON = re.compile(
    r"\bNone\b|\bTrue\b|\bFalse\b|<(class|function|object)|\bobject at\b|Path\(|\[\]|\{\}|dict_keys|%\("
)
"""What a help says when it is built of values of the program in the place of words."""


def test_no_help_shows_values_of_python():
    assert PYTHON.search("a folder with prompts.jsonl (default None)")
    helps = {name: (action.help or "") % vars(action) for name, action in arguments()}
    assert {name: text for name, text in helps.items() if PYTHON.search(text)} == {}


def test_a_default_that_a_help_names_is_the_default():
    found = {}
    for name, action in arguments():
        said = re.search(r"\(default:? ([\w./-]+)\)", (action.help or "") % vars(action))
        if said and action.default is not None:
            found[name] = (said[1], str(action.default))
    assert found["jova-bench run: --suite"] == ("embedded", "embedded")
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
