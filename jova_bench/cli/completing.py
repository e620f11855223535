"""The verb that makes a shell complete words of a command: completion. The shell then asks the command itself."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping

from jova_bench.cli import gates, loudness
from jova_bench.cli.base import Parser, Verbs, add_verb
from jova_bench.errors import EXIT_OK
from jova_bench.output import show

EXAMPLES = """  jova-bench completion bash >> ~/.bashrc
  jova-bench completion zsh >> ~/.zshrc
  jova-bench completion fish > ~/.config/fish/completions/jova-bench.fish

A new shell then completes verbs, flags, names of models, metrics and suites (in lists with commas, too), and files. In
~/.zshrc it stands after compinit."""
SHELLS = ("bash", "zsh", "fish")
ASKED = "_ARGCOMPLETE"
"""Variable of the environment that is set where a shell asks for completions."""


def add(verbs: Verbs) -> None:
    """Adds the verb `completion`."""
    one = add_verb(verbs, "completion", "print what makes a shell complete these commands", EXAMPLES, _completion)
    one.add_argument("shell", choices=SHELLS, metavar=f"{{{','.join(SHELLS)}}}", help="which shell")


def _completion(args: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    show(shellcode(["jova-bench"], shell=args.shell).strip() + "\n")
    return EXIT_OK


def answer(make: Callable[[str | None], Parser]) -> None:
    """Answers a shell that asks how a line may go on, and ends the process; nothing where none asks.

    Args:
        make: returns the parser of a verb.
    """
    if ASKED not in os.environ:
        return
    from argcomplete import autocomplete

    line, point = os.environ["COMP_LINE"], int(os.environ["COMP_POINT"])
    _, words = loudness.split(line.split()[1:])
    asked = words[0] if words else None
    before, found, after = line.partition(f" {gates.INIT} ")
    if found and gates.joined(words)[0] == gates.INIT and point >= len(before + found):  # A shell's word has no blank.
        os.environ["COMP_LINE"] = f"{before} {gates.INIT.replace(' ', chr(92) + ' ')} {after}"
        os.environ["COMP_POINT"] = str(point + 1)
        asked = gates.INIT
    top = make(asked)
    for one in _parsers(top):
        for action in one._actions:
            if names := _names_of(one.prog, action):
                action.completer = names  # type: ignore[attr-defined]
    autocomplete(top, exclude=[gates.INIT], always_complete_options="long")
    sys.exit(EXIT_OK)


def _parsers(top: argparse.ArgumentParser) -> Iterable[argparse.ArgumentParser]:
    """Yields a parser and those of its verbs."""
    yield top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _parsers(inner)


Names = Callable[..., list[str]]
"""Returns how a word may go on: argcomplete gives `prefix`, and `parsed_args` so far."""


def _names_of(prog: str, action: argparse.Action) -> Names | None:
    """Returns what completes an argument; None where its choices do, or names of files."""
    by_flag = next((FLAGS[flag] for flag in action.option_strings if flag in FLAGS), None)
    return by_flag or PLACES.get((prog.rpartition(" ")[2], action.dest))


def _models(prefix: str, **_: object) -> list[str]:
    from jova_bench.models.registry import FOLDER_PREFIX, model_registry

    return [*model_registry().names(), FOLDER_PREFIX]


def _metrics(prefix: str, **_: object) -> list[str]:
    """Returns the metrics that may be the last of a list with commas."""
    head = prefix[: prefix.rfind(",") + 1]
    given = head.split(",")
    return [f"{head}{name}" for name in _metric_names() if name not in given]


def _metric_names() -> list[str]:
    from jova_bench.metrics.build import installed_entries
    from jova_bench.metrics.catalogue import CATALOGUE

    entries = (*CATALOGUE, *installed_entries())
    variants = [f"{entry.name}@{variant}" for entry in entries for variant in entry.variants]
    return list(dict.fromkeys([entry.name for entry in entries] + variants))


def _suites(prefix: str, **_: object) -> list[str]:
    from argcomplete.completers import FilesCompleter

    from jova_bench.suites.loading import suite_registry
    from jova_bench.suites.public import public_suites

    return [*suite_registry().names(), *public_suites(), *FilesCompleter(["jsonl"])(prefix)]


def _references(prefix: str, **_: object) -> list[str]:
    """Returns files and folders, and the second word of `gate init`, which argparse does not know as a verb."""
    from argcomplete.completers import FilesCompleter

    return [gates.INIT.split()[1], *FilesCompleter()(prefix)]


LISTS: Mapping[str, Callable[[str], list[str]]] = {
    "models": _models, "suites": _suites, "metrics": lambda prefix: _metric_names(),
}  # fmt: skip


def _listed(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Returns names of the list of `ls`; of `doctor` those of all lists."""
    from argcomplete.completers import DirectoriesCompleter

    what = getattr(parsed_args, "what", None)
    if what == "runs":
        return list(DirectoriesCompleter()(prefix))
    return [name for kind, names in LISTS.items() if what in (None, kind) for name in names(prefix)]


FLAGS: Mapping[str, Names] = {"--model": _models, "--metrics": _metrics, "--suite": _suites}
PLACES: Mapping[tuple[str, str], Names] = {
    ("calibrate", "metrics"): _metrics, ("doctor", "names"): _listed, ("ls", "names"): _listed,
    ("gate", "reference"): _references,
}  # fmt: skip
"""What completes an argument without a flag: by the verb, and the argument's name."""
