"""What the verbs share: a parser whose errors are one line, messages on stderr, and a verb's place in the help."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

from jova_bench.errors import EXIT_USAGE
from jova_bench.formatting.messages import shown, suggest
from jova_bench.output import show, tell

Action = Callable[[argparse.Namespace], int]
"""Runs a verb and returns the exit code."""


class Parser(argparse.ArgumentParser):
    """A parser that prints an error in one line, with what was probably meant, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        """Prints the error in one line and exits with 2."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            show(message)
        else:
            tell(message.rstrip("\n"))

    def read(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parses arguments; an unknown flag is an error of the verb that was named, with its usage."""
        found, rest = self.parse_known_args(argv)
        if rest:
            verb: Parser = getattr(found, "parser", self)
            flags = [flag for action in verb._actions for flag in action.option_strings if flag.startswith("--")]
            near = difflib.get_close_matches(rest[0], flags, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            verb.error(f"got {shown(rest[0])}, which is not an argument of this command{hint}")
        return found

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"got {shown(value)}; {suggest(str(value), map(str, action.choices))}")


Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where verbs are added."""


def add_verb(verbs: Verbs, name: str, summary: str, examples: str, action: Action | None = None) -> Parser:
    """Adds a verb with its line in the help, its examples, and its action (None if it has verbs of its own)."""
    one = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    one.set_defaults(parser=one)
    if action is not None:
        one.set_defaults(action=action)
    return one


def add_assets_flag(verb: Parser) -> None:
    """Adds `--assets` to a verb that uses weights."""
    verb.add_argument(
        "--assets",
        metavar="FILE",
        help="TOML table of your own files to use instead of published weights: [NAME] with file and sha256",
    )


def names(text: str | None) -> list[str] | None:
    """Returns the names in `a,b,c` as a list; None for None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def say(line: str) -> None:
    """Prints a message for people on stderr; results go to stdout."""
    tell(f"jova-bench: {line}")
