"""Every command that a page shows is one that its program reads, also where it cannot be run here."""

import argparse
import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from jova_bench.cli.program import parser
from support.shown import OTHERS, PAGES, ROOT, commands, commands_of, fenced

TEXTS = (*PAGES, ROOT / "examples" / "README.md", ROOT / "CONTRIBUTING.md")
VERBS = {"jova_bench": [], "jova_baselines.setup": ["baselines", "setup"]}
"""Modules that are the command, or a verb of it."""


class Read(BaseException):
    """A program has read its arguments; nothing in it catches this."""


def lenient(top):
    """A parser that asks for nothing: of a command in a sentence, what is left out is no fault."""
    for action in top._actions:
        action.required = False
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                lenient(inner)
    return top


def check(words, partly):
    """Lets the program of a command read it, and no more. Raises what says why it cannot."""
    program, *rest = words
    if program == "jova-bench":
        if "COMMAND" not in rest:
            top = parser(rest[0] if rest else None)
            (lenient(top) if partly else top).read(rest)
        return
    at = rest.index("-m") + 1 if "-m" in rest else 0
    module, rest = rest[at], rest[at + 1 :]
    if module in VERBS:
        check(["jova-bench", *VERBS[module], *rest], partly)
    else:
        check_program(module, rest, partly)


def check_program(module, rest, partly):
    """Runs a module or a file up to where it has read its arguments, if it reads any by argparse."""
    with pytest.MonkeyPatch.context() as patch:
        if module.endswith(".py"):
            patch.syspath_prepend(str((ROOT / module).parent))
            module = Path(module).stem
        spec = importlib.util.find_spec(module)
        if spec.submodule_search_locations:
            spec = importlib.util.find_spec(f"{module}.__main__")
        if "parse_args(" not in Path(spec.origin).read_text(encoding="utf-8"):
            return
        main = importlib.import_module(spec.name).main
        patch.setattr("sys.argv", [module, *rest])
        read = argparse.ArgumentParser.parse_args

        def parse_args(self, args=None, namespace=None):
            read(lenient(self) if partly else self, args, namespace)
            raise Read

        patch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
        with pytest.raises(Read):
            main()


def test_every_command_of_the_pages_is_read_by_its_program(capsys):
    seen, wrong = [], []
    for page in (*TEXTS, *(ROOT / "results").rglob("*.md")):
        for one in commands(page):
            if one.words in seen or one.words[0] in OTHERS or {"--help", "--version", "pytest"} & {*one.words}:
                continue
            seen.append(one.words)
            try:
                check(one.words, partly=one.kind == "inline")
            except (SystemExit, StopIteration, AttributeError) as error:
                wrong.append(f"{page.name}: {' '.join(one.words)}: {error!r} {capsys.readouterr().err}")
    assert not wrong, "\n".join(wrong)
    assert len(seen) > 300


def test_the_workflow_of_the_page_asks_for_a_command_that_there_is():
    (block,) = fenced((ROOT / "docs" / "ci-gate.md").read_text(encoding="utf-8"), "yaml")
    (*_, step) = yaml.safe_load(block)["jobs"]["gate"]["steps"]
    check(["jova-bench", *step["with"]["run"].split()], partly=False)
    check(["jova-bench", "assets", "pull", *step["with"]["assets"].split()], partly=False)
    assert step["with"].keys() <= yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"].keys()


@pytest.mark.parametrize("partly", [False, True])
@pytest.mark.parametrize(
    "line",
    [
        "jova-bench scor my_clips", "jova-bench score my_clips --recursiv", "python -m jova.train --confg a.toml",
        "torchrun --standalone -m jova.train --confg a.toml", "python -m jova.data --splitt test",
        "python benchmarks/halved.py runs/a --modell real", "python -m jova_baselines.setup ovi --weight",
    ],
)  # fmt: skip
def test_a_command_that_is_misspelt_is_noticed(line, partly, capsys):
    with pytest.raises(SystemExit):
        check(line.split(), partly)


def test_what_does_not_run_here_says_why():
    """A fence of commands is `sh`, whose lines run in tests/integration, or has a reason above it."""
    seen = 0
    for page in TEXTS:
        text = page.read_text(encoding="utf-8")
        for block in fenced(text, "sh"):
            assert all(re.match(r"(?:jova-bench|make|pip|python) ", line) for line in block.splitlines()), block
        rest, reasons = re.subn(r"^<!-- not run: .+ -->\n\n```text\n(?:.*\n)*?```$", "", text, flags=re.MULTILINE)
        assert not [one for one in commands_of(rest, page.name) if one.kind == "text"]
        seen += reasons
    assert seen > 20
