"""Parses and runs all verbs, and turns their errors into one line and an exit code.

Nothing heavy is imported before a verb is known, so that `--help` is fast.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

import jova_bench
from jova_bench.cli import (
    baselines,
    calibration,
    completing,
    data,
    experiments,
    gates,
    listing,
    loudness,
    merging,
    reports,
    runs,
    suites,
    sweeps,
    training,
    viewing,
    votes,
    weights,
)
from jova_bench.cli.base import Parser, Unasked, warn
from jova_bench.cli.loudness import add_loudness
from jova_bench.errors import EXIT_USAGE, BenchError
from jova_bench.files.paths import shown_path
from jova_bench.formatting.doors import command
from jova_bench.logs import LOG, listen
from jova_bench.output import prepare
from jova_bench.registry import shadow_of

EXIT_CODES = """exit codes:
  0 ok   2 bad input   3 regression   4 not comparable   5 a run has not finished, a sample
  failed, a test is underpowered, a gate measured nothing, or --strict and a metric failed"""


def parser(asked: str | None = None) -> Parser:
    """Makes the parser of all verbs.

    Args:
        asked: the verb of the command line, which alone gets its flags; those that a model's package knows are read for
            it. All verbs get those that this package knows where there is none or none is called so.

    Raises:
        BenchError: that package cannot be imported.
    """
    top = Parser(
        prog="jova-bench",
        description="Reproducible evaluation of joint video-audio generation.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"jova-bench {jova_bench.__version__}")
    add_loudness(top)

    def of_verb(prog: str, **how: Any) -> Parser:
        return (Parser if asked is None or prog == f"{top.prog} {asked}" else Unasked)(prog=prog, **how)

    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=cast(type[Parser], of_verb))
    for part in (
        runs,
        reports,
        viewing,
        merging,
        experiments,
        gates,
        calibration,
        votes,
        sweeps,
        suites,
        listing,
        weights,
        baselines,
        data,
        completing,
    ):
        part.add(verbs)
    training.add(verbs, asked)
    return top if asked is None or asked in verbs.choices else parser()


def run(argv: Sequence[str] | None) -> int:
    """Runs one command and returns its exit code."""
    prepare()
    completing.answer(parser)
    listen()
    flags, words = loudness.split(sys.argv[1:] if argv is None else argv)
    words = gates.joined(words)
    try:
        with command():
            args = parser(words[0] if words else None).read([*flags, *words])
            with loudness.shown(args):
                return _act(args)
    except BenchError as error:
        warn(" ".join(str(error).split()))
        return error.exit_code
    except ImportError as error:
        if not (hint := shadow_of(error)):
            raise
        warn(f"{error}{hint}")
        return EXIT_USAGE
    except OSError as error:
        warn(f"{_fault(error)}; remove the cause and repeat the command: nothing that was recorded is lost")
        return EXIT_USAGE


def _act(args: argparse.Namespace) -> int:
    """Runs a verb and returns its exit code."""
    started = time.monotonic()
    try:
        code: int = args.action(args)
    except (BenchError, OSError):
        LOG.debug("jova-bench: where it was raised:", exc_info=True)
        raise
    LOG.debug("jova-bench: %s took %.1f s, exit code %d", args.verb, time.monotonic() - started, code)
    return code


def _fault(error: OSError) -> str:
    """Formats what the system said of a file; of two, a hidden one takes the place of the other when it is whole."""
    named = error.filename if error.filename2 is None else error.filename2
    what = error.strerror or str(error)
    return what if named is None else f"{shown_path(os.fsdecode(named))}: {what}"
