"""The flags by which a verb that generates plans a run and does none of it: --dry-run, --price-per-hour."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Parser
from jova_bench.errors import EXIT_OK, BenchError
from jova_bench.output import show, show_json, show_table

if TYPE_CHECKING:
    from jova_bench.runs.request import Options
    from jova_bench.suites.loading import Suite


def add_plan_flags(verb: Parser) -> None:
    """Adds the flags to a verb."""
    verb.add_argument(
        "--dry-run",
        action="store_true",
        help="make nothing; print what each model can do, would make, fetch, take and cost, for the devices of "
        "--device, which need not be here",
    )
    verb.add_argument(
        "--price-per-hour", type=float, metavar="P", help="with --dry-run: price of an hour of one device"
    )


def plans_only(args: argparse.Namespace) -> bool:
    """Returns whether a command makes nothing. Raises BenchError for a price without --dry-run: it would be spent."""
    if args.price_per_hour is not None and not args.dry_run:
        raise BenchError("expected --price-per-hour with --dry-run, got it alone, and nothing was made; add --dry-run")
    return bool(args.dry_run)


def show_plan(args: argparse.Namespace, suite: str | Path | Suite, options: Options) -> int:
    """Prints the plan of a command."""
    from jova_bench.tools.dry_run import dry_run
    from jova_bench.tools.dry_run_view import HEADER, notes, record, rows, title

    plan = dry_run(args.model, suite, options, asset_table(getattr(args, "assets", None)), args.price_per_hour)
    if getattr(args, "json", False):
        show_json(json.dumps(record(plan), ensure_ascii=False, indent=2) + "\n")
        return EXIT_OK
    for line in title(plan):
        show(f"{line}\n")
    show("\n")
    show_table(HEADER, rows(plan))
    show("\n")
    for line in notes(plan, str(args.suite)):
        show(f"- {line}\n")
    return EXIT_OK
