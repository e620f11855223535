"""The verbs that compare runs: compare, parity."""

from __future__ import annotations

import argparse
import json

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Listed, Verbs, add_assets_flag, add_verb, names
from jova_bench.output import show_json, show_page

COMPARE_EXAMPLES = """  jova-bench compare runs/before runs/after
  jova-bench compare runs/before runs/after --metrics lse_c,wer --json
  jova-bench compare runs/before runs/after --slice voice=deep

The verdicts are about B. A run with one model on each side compares them whatever their names; otherwise models pair
by name. Exit code 3 when B is worse in anything, 4 when something does not compare, 5 when a test is underpowered."""
PARITY_EXAMPLES = """  jova-bench parity runs/own runs/served
  jova-bench parity runs/both:ltx-2 runs/both:LTX-2-via-vllm-0.30.0 --json

Prints how far the clips of the same prompts and seeds differ, pixel by pixel and sample by sample, the paired
differences of the metrics that measured both, and what each route costs. Exit code 4 when the prompts differ, 5 when a
clip has none on the other side or cannot be compared."""


def add(verbs: Verbs) -> None:
    """Adds the verbs `compare` and `parity` with their flags."""
    compare = add_verb(
        verbs, "compare", "test in which metrics run B is better or worse than run A", COMPARE_EXAMPLES, _compare
    )
    compare.add_argument("a", metavar="A", help="run folder, or a file made by freeze")
    compare.add_argument("b", metavar="B", help="run folder, or a file made by freeze")
    compare.add_argument("--metrics", action=Listed, metavar="A,B,C", help="names or identities (default: all of A)")
    compare.add_argument("--slice", metavar="TAG=VALUE", help="only the prompts that have this value of a tag")
    compare.add_argument("--json", action="store_true", help="print a JSON object instead of the table")
    parity = add_verb(
        verbs, "parity", "compare two routes to a model, clip by clip, and what each costs", PARITY_EXAMPLES, _parity
    )
    parity.add_argument("a", metavar="A", help="run folder with one model, or FOLDER:MODEL")
    parity.add_argument("b", metavar="B", help="the other route; may be of the same folder")
    parity.add_argument("--workers", type=int, metavar="N", help="processes that read clips (default: one per core)")
    parity.add_argument("--json", action="store_true", help="print a JSON object instead of the tables")
    for one in (compare, parity):
        add_assets_flag(one)


def _compare(args: argparse.Namespace) -> int:
    from jova_bench.comparison.compare import compare

    found = compare(args.a, args.b, names(args.metrics), args.slice, asset_table(args.assets))
    if args.json:
        show_json(json.dumps(found.record(), ensure_ascii=False, indent=2) + "\n")
    else:
        show_page(found.markdown())
    return found.exit_code


def _parity(args: argparse.Namespace) -> int:
    from jova_bench.comparison.parity import parity
    from jova_bench.comparison.parity_table import parity_markdown, parity_record

    found = parity(args.a, args.b, args.workers, asset_table(args.assets))
    if args.json:
        show_json(json.dumps(parity_record(found), ensure_ascii=False, indent=2) + "\n")
    else:
        show_page(parity_markdown(found))
    return found.exit_code
