"""The verbs that list what is available: ls, doctor."""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cli.base import Verbs, add_assets_flag, add_verb, say, warn
from jova_bench.errors import EXIT_OK, BenchError
from jova_bench.formatting.text import size_text
from jova_bench.output import on_terminal, show, show_json, show_page, show_table
from jova_bench.records import Profile

LS_EXAMPLES = """  jova-bench ls models
  jova-bench ls models ovi ltx-2 --long
  jova-bench ls metrics --profile standard --available
  jova-bench ls metrics wer @theval
  jova-bench ls metrics --long
  jova-bench ls metrics --json
  jova-bench ls runs"""
DOCTOR_EXAMPLES = """  jova-bench doctor
  jova-bench doctor ovi wer pesq
  jova-bench doctor --json
  jova-bench doctor --memory talking_head.mp4"""


def add(verbs: Verbs) -> None:
    """Adds the verbs `ls` and `doctor` with their flags."""
    ls = add_verb(verbs, "ls", "list models, suites, metrics or runs", LS_EXAMPLES, _ls)
    lists = ("models", "suites", "metrics", "runs")
    ls.add_argument("what", choices=lists, metavar=f"{{{','.join(lists)}}}", help="which list")
    ls.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="which of them; @BENCH for metrics of a bench (default: all); of runs the folders that have them (default "
        "runs)",
    )
    ls.add_argument("--available", action="store_true", help="only what can be used here")
    ls.add_argument("--profile", choices=get_args(Profile), help="metrics of this profile alone")
    ls.add_argument(
        "--long",
        action="store_true",
        help="metrics: identity, domain, needs and weights, too; models: code, weights with licences, settings",
    )
    ls.add_argument("--json", action="store_true", help="print a JSON list")
    doctor = add_verb(
        verbs, "doctor", "report what is installed, what is missing, and how to install it", DOCTOR_EXAMPLES, _doctor
    )
    doctor.add_argument(
        "names", nargs="*", metavar="NAME", help="of models, metrics, suites, packages or weights (default: all)"
    )
    doctor.add_argument("--json", action="store_true", help="print an object with all of it")
    doctor.add_argument(
        "--memory",
        nargs="?",
        const="",
        metavar="CLIP",
        help="measure instead the memory that each metric of the standard profile takes on a clip (default: a "
        "synthetic one without speech)",
    )
    for one in (ls, doctor):
        add_assets_flag(one)


def _ls(args: argparse.Namespace) -> int:
    from jova_bench.tools import inventory as catalogue

    if args.profile is not None and args.what != "metrics":
        raise BenchError(f"expected metrics with --profile, got {args.what}; leave out --profile")
    if args.what == "runs":
        return _runs(args)
    assets, damaged = asset_table(args.assets).readable()
    if args.what == "metrics":
        found = catalogue.metrics(assets, args.names, args.profile)
        if damaged:
            warn(damaged)
    else:
        found = catalogue.models(args.names) if args.what == "models" else catalogue.suites(args.names)
    found = [item for item in found if item["available"] or not args.available]
    if args.json:
        show_json(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        return EXIT_OK
    called = _called(found) if args.what == "metrics" else [item["name"] for item in found]
    if on_terminal() and not args.long:
        show_table(HEADERS[args.what], [_cells(args.what, *pair) for pair in zip(found, called, strict=True)])
        show("\n")
        show_page("`jova-bench doctor NAME` says what one lacks, and the commands that get it.\n")
        return EXIT_OK
    for item, name in zip(found, called, strict=True):
        show(f"{_line(args.what, item, name)}\n")
        if args.long and args.what in DETAILS:
            for key, value in DETAILS[args.what](item):
                if value not in (None, "", [], {}):
                    show(f"    {key:<15} {value}\n")
    return EXIT_OK


def _runs(args: argparse.Namespace) -> int:
    from jova_bench.tools.run_folders import HEADER, RUNS, links_line, rows, run_folders

    for flag in ("available", "long"):
        if getattr(args, flag):
            raise BenchError(f"expected models, suites or metrics with --{flag}, got runs; leave out --{flag}")
    tops = [Path(name) for name in args.names or (RUNS,)]
    for line in filter(None, map(links_line, filter(Path.is_dir, tops))):
        say(line)
    found = [item for top in tops for item in run_folders(top)]
    if args.json:
        show_json(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    else:
        show_table(HEADER, rows(found))
    return EXIT_OK


def _called(metrics: list[dict[str, Any]]) -> list[str]:
    """Returns what a line calls each metric: its name, its profile, and its judge where there are two."""
    often = Counter((item["select"], item["profile"]) for item in metrics)
    found = []
    for item in metrics:
        judge = item["identity"].backend if often[item["select"], item["profile"]] > 1 else None
        kind = ", ".join(filter(None, (item["profile"], judge)))
        found.append(f"{item['select']} ({kind})" if kind else item["select"])
    return found


def _line(what: str, item: dict[str, Any], name: str) -> str:
    """Returns one item of a listing as a line."""
    state = "" if item["available"] else f"  [{item['why_not']}]"
    if what == "suites":
        return f"{name:<20} {item['prompts']} prompts, domain {item['domain'] or 'any'}{state}"
    size, licences = _weights(item["weights"])
    weights = f"; weights {size} ({licences})" if size else ""
    if what == "models":
        return f"{name:<22} needs {', '.join(item['needs']) or 'nothing'}{weights}{state}"
    return f"{name:<36} {item['direction'] or '':<6} {item['description']}{weights}{state}"


def _cells(what: str, item: dict[str, Any], name: str) -> list[str]:
    """Returns one item of a listing as a row of a table."""
    state = _short(item["why_not"]) if item["why_not"] else "yes"
    if what == "suites":
        return [name, str(item["prompts"]), item["domain"] or "any", item["licence"] or "", state]
    about = ", ".join(item["needs"]) if what == "models" else f"{item['direction'] or ''} {item['description']}"
    return [name, about, *_weights(item["weights"]), state]


def _short(why_not: str) -> str:
    """Returns what is missing, without names of files and commands, which `doctor NAME` has."""
    return "; ".join(re.split(r"[:(]", part)[0].strip() for part in why_not.split("; "))


def _weights(weights: list[dict[str, Any]]) -> tuple[str, str]:
    """Returns size and licences of the weights of a model or metric, and whether some are not pinned."""
    if not weights:
        return "", ""
    size = size_text(sum(one["size"] or 0 for one in weights), any(one["size"] is None for one in weights))
    free = ", unpinned" * (not all(one.get("pinned", True) for one in weights))
    return f"{size}{free}", ", ".join(sorted({one["licence"] for one in weights}))


HEADERS = {
    "models": ("Model", "Needs", "Weights", "Licences", "Can run here"),
    "metrics": ("Metric", "What", "Weights", "Licences", "Can be used here"),
    "suites": ("Suite", "Prompts", "Domain", "Licence", "Can be read"),
}
"""Columns of the table of a listing."""


def _details(metric: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns the (label, value) lines that `--long` adds for a metric; empty values are not shown."""
    weights = [
        f"{one['name']} ({one['licence']}; {'here' if one['here'] else one['command']}"
        f"{'' if one['verified'] else '; unverified: no digest is published'})"
        for one in metric["weights"]
    ]
    return [
        ("identity", metric["identity"]),
        ("protocol", metric["protocol"]),
        ("needs", ", ".join(metric["needs"])),
        ("domain", metric["domain"]),
        ("unit", metric["unit"]),
        ("source", metric["source"]),
        *[("weights", one) for one in weights],
    ]


def _settings_lines(model: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns the (label, value) lines that `--long` adds for a model: settings and weights, not those of stages."""
    found = []
    for key, value in model["settings"].items():
        if key == "stages":
            continue
        for one in value if key == "weights" and isinstance(value, list | tuple) else (value,):
            words = ", ".join(f"{name} {what}" for name, what in one.items()) if isinstance(one, dict) else one
            words = ", ".join(map(str, words)) if isinstance(words, list | tuple) else words
            found.append((key.replace("_", " "), words))
    return found


DETAILS = {"metrics": _details, "models": _settings_lines}


def _doctor(args: argparse.Namespace) -> int:
    from jova_bench.tools import doctor

    assets, damaged = asset_table(args.assets).readable()
    if args.memory is not None:
        _memory(Path(args.memory) if args.memory else None, assets)
        return EXIT_OK
    found = doctor.report(assets, args.names)
    if args.json:
        show_json(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    elif args.names:
        for line in doctor.of_names(found):
            show(f"{line}\n")
    elif on_terminal():
        for line in doctor.summary(found):
            show(f"{line}\n")
        show("\n")
        show_table(doctor.PACKAGES, doctor.package_rows(found))
        show("\n")
        show_table(("What cannot be used", "Why"), doctor.lacking(found))
    else:
        for line in (*doctor.summary(found), "", *doctor.details(found)):
            show(f"{line}\n")
    if damaged:
        warn(f"weights: {damaged}")
    return EXIT_OK


def _memory(clip: Path | None, assets: AssetTable) -> None:
    """Prints each metric's peak memory as it is measured; none for a metric without a value: it did not use all."""
    from jova_bench.media.files import read
    from jova_bench.tools.memory import uses

    if clip is not None:
        read(clip)  # A clip that cannot be read is reported once, not by every metric.
    for use in uses(clip, assets):
        name = use.select or "interpreter and torch"
        peak = f"{use.peak_bytes / 1e6:8,.0f} MB" if use.peak_bytes and use.outcome.status == "ok" else " " * 11
        why = "" if use.outcome.status == "ok" else f"  not measured: {use.outcome.status}: {use.outcome.reason}"
        show(f"{name:<36} {peak}{why}\n")
