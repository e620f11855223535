"""The verb for weights: assets pull, verify, path."""

from __future__ import annotations

import argparse

from jova_bench.assets import pull
from jova_bench.assets.download import OFFLINE_VARIABLE, offline
from jova_bench.assets.table import TERMS, asset_table
from jova_bench.cli.base import Parser, Verbs, add_assets_flag, add_verb, warn
from jova_bench.errors import EXIT_OK, EXIT_USAGE, BenchError
from jova_bench.output import show

EXAMPLES = """  jova-bench assets pull lse_c
  jova-bench assets pull all --accept non-commercial
  jova-bench assets verify
  jova-bench assets path"""
PULL_EXAMPLES = """  jova-bench assets pull whisper-large-v3
  jova-bench assets pull fvd lse_c@mova
  jova-bench assets pull all --accept non-commercial --accept agpl

An interrupted download resumes. Files under licence terms are skipped unless --accept names those."""
VERIFY_EXAMPLES = """  jova-bench assets verify
  jova-bench assets verify whisper-large-v3"""
PATH_EXAMPLES = """  jova-bench assets path
  jova-bench assets path whisper-large-v3"""


def add(verbs: Verbs) -> None:
    """Adds the verb `assets`, its own verbs, and their flags."""
    top = add_verb(verbs, "assets", "download and verify weights of the standard profile", EXAMPLES)
    own = top.add_subparsers(dest="asset_verb", required=True, metavar="VERB", parser_class=Parser)
    get = add_verb(own, "pull", "download missing weights", PULL_EXAMPLES, _pull)
    get.add_argument("names", nargs="+", metavar="NAME|METRIC|all", help="see `ls metrics --long`")
    get.add_argument(
        "--accept",
        action="append",
        default=[],
        choices=TERMS,
        help="also download files under these licence terms; repeat for several",
    )
    get.add_argument(
        "--offline", action="store_true", help=f"do not use the network; {OFFLINE_VARIABLE}=1 has the same effect"
    )
    verify = add_verb(own, "verify", "compare weights with their digests", VERIFY_EXAMPLES, _verify)
    verify.add_argument("names", nargs="*", metavar="NAME|METRIC", help="default: all that are downloaded")
    path = add_verb(own, "path", "print the paths of weights", PATH_EXAMPLES, _path)
    path.add_argument("name", nargs="?", metavar="NAME", help="one asset; default: the folder")
    for one in (get, verify, path):
        add_assets_flag(one)


def _pull(args: argparse.Namespace) -> int:
    """Pulls assets and prints a line for each. Returns 2 if one that was named failed; `all` may skip some."""
    from jova_bench.progress import meter

    code, assets = EXIT_OK, asset_table(args.assets)
    for asset in pull.select(assets, args.names):
        try:
            why = pull.refusal(asset, args.accept)
            if why is None:
                show(f"{asset.name:<32} {pull.pull(assets, asset, meter, args.offline or offline())}\n")
                continue
            warn(why)
            code = code if pull.EVERYTHING in args.names else EXIT_USAGE
        except BenchError as error:
            warn(str(error))
            code = EXIT_USAGE
    return code


def _verify(args: argparse.Namespace) -> int:
    assets, unreadable = asset_table(args.assets).readable()
    chosen = pull.select(assets, args.names or [pull.EVERYTHING])
    states = {asset.name: pull.state(assets, asset) for asset in chosen}
    for asset in chosen:
        show(f"{asset.name:<32} {states[asset.name]:<10} {assets.path(asset.name)}\n")
    damaged = [asset for asset in chosen if states[asset.name] == "damaged"]
    absent = [asset for asset in chosen if states[asset.name] == "missing" and args.names]
    for asset in (*damaged, *absent):
        warn(f"{asset.name} is {states[asset.name]}; {asset.command}")
    if unreadable:
        warn(unreadable)
    return EXIT_USAGE if damaged or absent or unreadable else EXIT_OK


def _path(args: argparse.Namespace) -> int:
    assets = asset_table(args.assets)
    show(f"{assets.folder if args.name is None else assets.path(args.name)}\n")
    return EXIT_OK
