"""The flags of `report` that write a folder to push to the Hugging Face Hub."""

from __future__ import annotations

import argparse

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Parser, say
from jova_bench.errors import EXIT_OK, BenchError
from jova_bench.output import show


def add_hub_flags(report: Parser) -> None:
    """Adds the flags."""
    report.add_argument("--hub", metavar="DIR", help="write a folder to push to the Hugging Face Hub; sends nothing")
    report.add_argument(
        "--licence",
        metavar="SPDX",
        help="with --hub: that of the prompts and clips, where the suite's is not known here (default: the suite's)",
    )


def is_for_hub(args: argparse.Namespace) -> bool:
    """Returns whether `report` was asked for such a folder. Raises BenchError for flags that do not go together."""
    if args.hub is None and args.licence is not None:
        raise BenchError("expected --hub with --licence, which decides what may be published")
    return args.hub is not None


def write_for_hub(args: argparse.Namespace) -> int:
    """Writes the folder and prints its path."""
    from jova_bench.progress import Terminal
    from jova_bench.report.hub.folder import write_hub

    given = (
        "html", "vote", "format", "slices", "metrics", "models", "reported", "sweep", "votes", "questions", "watch",
    )  # fmt: skip
    if others := [name for name in given if getattr(args, name) not in (None, [], False)]:
        raise BenchError(f"expected --hub alone or with --licence, got --{others[0]}, too")
    if len(args.runs) > 1:
        raise BenchError(f"expected one RUN with --hub, got {len(args.runs)}")
    assets = asset_table(args.assets)
    folder = write_hub(args.runs[0], args.hub, licence=args.licence, assets=assets, progress=Terminal())
    say(f"nothing was sent; {folder / 'PUSH.md'} says how to push it")
    show(f"{folder}\n")
    return EXIT_OK
