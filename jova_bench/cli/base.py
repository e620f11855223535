"""What the verbs share: a parser whose errors are one line, messages on stderr, and a verb's place in the help."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from jova_bench.cli.loudness import add_loudness
from jova_bench.errors import EXIT_USAGE
from jova_bench.formatting.messages import shown, suggest
from jova_bench.logs import LOG
from jova_bench.output import show, show_json, show_page, tell

Action = Callable[[argparse.Namespace], int]
"""Runs a verb and returns the exit code."""


class Parser(argparse.ArgumentParser):
    """A parser that prints an error in one line, with what was probably meant, and exits with 2."""

    words: Sequence[str] = ()
    """What was parsed last."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses as argparse does, and keeps the words: a flag that is missing may be one that is misspelt."""
        self.words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Prints the error in one line and exits with 2."""
        unknown = [word for word in self.words if word.startswith("--") and word.partition("=")[0] not in self._flags()]
        if message.startswith("the following arguments are required") and (near := self._near(unknown)):
            message = near
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
            verb.error(verb._near(rest) or f"got {shown(rest[0])}, which is not an argument of this command")
        return found

    def _flags(self) -> list[str]:
        return [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]

    def _near(self, unknown: Sequence[str]) -> str | None:
        """Returns the message for the first word if it is like a flag of this verb; None where it is like none."""
        near = difflib.get_close_matches(unknown[0].partition("=")[0], self._flags(), n=1) if unknown else []
        if not near:
            return None
        return f"got {shown(unknown[0])}, which is not an argument of this command; did you mean {near[0]!r}?"

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if arg_string == "" and action.nargs != argparse.OPTIONAL and _takes_a_path(action):
            raise argparse.ArgumentError(action, "expected a path, got ''")  # `pathlib` reads the current folder.
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"got {shown(value)}; {suggest(str(value), map(str, action.choices))}")


class Unasked(Parser):
    """A verb that the command line does not name: it is listed, without flags and verbs of its own.

    There are so many that making all of them takes longer than reading a command line.
    """

    def add_argument(self, *args: Any, **how: Any) -> Any:
        """Adds nothing."""

    def _itself(self, *args: Any, **how: Any) -> Any:
        """Returns this parser, to which nothing can be added."""
        return self

    add_argument_group = add_subparsers = add_parser = _itself


def _takes_a_path(action: argparse.Action) -> bool:
    """Returns whether an argument is a path alone, by its type or by what the help calls it."""
    return action.type is Path or action.metavar in ("DIR", "FILE", "FILE.jsonl|DIR", "RUN", "REFERENCE", "A", "B")


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
    add_loudness(one)
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


class Listed(argparse.Action):
    """Takes `a,b,c`; a flag that is given again goes on with the list, where the last alone would drop the others."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Appends to what the flag was given before."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, values if before is None else f"{before},{values}")


def names(text: str | None) -> list[str] | None:
    """Returns the names in `a,b,c` as a list; None for None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def add_format_flag(verb: Parser, help_text: str) -> None:
    """Adds `--format` to a verb whose result has several views; what it says is `show_view`'s."""
    verb.add_argument(
        "--format", metavar="F", help=f"{help_text} (default md, which a terminal gets as tables; --format md as it is)"
    )


def show_view(text: str, form: str | None) -> None:
    """Prints a view in the format that `--format` names: Markdown where it is None, drawn on a terminal."""
    (show_page if form is None else show_json if form == "json" else show)(text)


def say(line: str) -> None:
    """Prints a note for people on stderr; results go to stdout."""
    LOG.info("jova-bench: %s", line)


def warn(line: str) -> None:
    """Prints on stderr what went wrong, which -q shows, too."""
    LOG.warning("jova-bench: %s", line)
