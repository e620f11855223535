"""The flags that say how much a command tells: -q, -v and --log-level, before the verb or after it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from jova_bench.logs import LEVELS, at_level


@dataclass(frozen=True)
class Loudness:
    """Holds from which level on messages are shown, and whether those of libraries are, too."""

    level: str | None = None
    libraries: bool = False


FLAGS = {
    ("-q", "--quiet"): (Loudness("warning"), "the result, and of messages only what went wrong"),
    ("-v", "--verbose"): (
        Loudness("debug"),
        "also times of each part, every failed sample, every row of a gate, and where an error was raised",
    ),
}
"""Flags, what they choose, and their help."""
LEVEL = "--log-level"


def add_loudness(parser: argparse.ArgumentParser) -> None:
    """Adds the flags; of several that are given the last counts."""
    group = parser.add_argument_group("messages on stderr (default: notes, progress and what went wrong)")
    for flags, (chosen, shown) in FLAGS.items():
        group.add_argument(
            *flags, dest="loudness", action="store_const", const=chosen, default=argparse.SUPPRESS, help=shown
        )
    group.add_argument(
        LEVEL,
        dest="loudness",
        type=_named,
        metavar="LEVEL",
        default=argparse.SUPPRESS,
        help=f"messages from this level on, those of libraries, too: {', '.join(LEVELS)}",
    )


def _named(text: str) -> Loudness:
    if text.lower() not in LEVELS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(LEVELS)}, got {text!r}")
    return Loudness(text.lower(), libraries=True)


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns these flags before the verb, and the words from the verb on."""
    place = 0
    while place < len(words):
        if words[place] == LEVEL:
            place += 2
        elif words[place].startswith(f"{LEVEL}=") or any(words[place] in flags for flags in FLAGS):
            place += 1
        else:
            break
    return list(words[:place]), list(words[place:])


def shown(args: argparse.Namespace) -> AbstractContextManager[None]:
    """Shows the messages of the block as the flags of a command say."""
    chosen: Loudness = getattr(args, "loudness", Loudness())
    return at_level(chosen.level, chosen.libraries)
