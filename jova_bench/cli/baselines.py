"""The verb for wrapped models of others: baselines, baselines setup."""

from __future__ import annotations

import argparse

from jova_bench.assets.table import TERMS
from jova_bench.cli.base import Parser, Verbs, add_verb
from jova_bench.errors import EXIT_OK
from jova_bench.output import show
from jova_bench.registry import load

EXAMPLES = """  jova-bench baselines
  jova-bench baselines setup ovi --dry-run
  jova-bench baselines setup ovi --weights --accept non-commercial --unpinned"""
SETUP_EXAMPLES = """  jova-bench baselines setup ovi --dry-run
  jova-bench baselines setup ovi
  jova-bench baselines setup mova --weights
  jova-bench baselines setup ovi --weights --accept non-commercial --unpinned

Everything goes to $JOVA_BENCH_ASSETS/baselines/NAME (else in the user's cache folder). `checkout`, `env` or `weights`
there may be a link to where you already have it. The same command continues a set-up that was stopped."""


def add(verbs: Verbs) -> None:
    """Adds the verb, its own verb, and their flags."""
    top = add_verb(verbs, "baselines", "list external models that are wrapped, and set them up", EXAMPLES, _list)
    own = top.add_subparsers(dest="baseline_verb", metavar="VERB", parser_class=Parser)
    setup = add_verb(own, "setup", "install the code, environment and weights of baselines", SETUP_EXAMPLES, _setup)
    setup.add_argument("names", nargs="+", metavar="NAME", help="see `jova-bench baselines`")
    setup.add_argument("--weights", action="store_true", help="download the weights, too")
    setup.add_argument(
        "--accept", action="append", default=[], choices=TERMS, help="licence terms that you accept; repeat"
    )
    setup.add_argument(
        "--unpinned",
        action="store_true",
        help="download weights, too, of which no public source states a commit, and record the one that they have now",
    )
    setup.add_argument(
        "--dry-run",
        action="store_true",
        help="print what is to be fetched, in bytes, and the commands that are left; run none",
    )


def _list(args: argparse.Namespace) -> int:
    for line in load("jova_baselines.setup:listing", "the command 'baselines'")():
        show(f"{line}\n")
    return EXIT_OK


def _setup(args: argparse.Namespace) -> int:
    set_up = load("jova_baselines.setup:set_up", "the command 'baselines setup'")
    code: int = set_up(
        args.names, weights=args.weights, accepted=args.accept, unpinned=args.unpinned, dry_run=args.dry_run
    )
    return code
