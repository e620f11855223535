"""What the verbs share: a parser that complains in one line, talk on stderr, and a verb's place in the help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from jova_bench.types import EXIT_USAGE

Action = Callable[[argparse.Namespace], int]
"""Does what a verb asks for and returns the exit code."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Prints the line and leaves."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where verbs are added."""


def add_verb(verbs: Verbs, name: str, summary: str, examples: str, action: Action | None = None) -> Parser:
    """A verb with its line in the help, its examples, and what it does (None when verbs of its own do it)."""
    one = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if action is not None:
        one.set_defaults(action=action)
    return one


def add_assets_flag(verb: Parser) -> None:
    """For verbs that use weights."""
    verb.add_argument(
        "--assets",
        metavar="FILE",
        help="TOML table of files of your own in place of published weights: [NAME] with file and sha256",
    )


def names(text: str | None) -> list[str] | None:
    """`a,b,c` as a list."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def say(line: str) -> None:
    """Talk for people; results go to stdout."""
    print(f"jova-bench: {line}", file=sys.stderr, flush=True)
