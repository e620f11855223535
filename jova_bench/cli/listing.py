"""The verbs that list what is available: ls, doctor."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any, cast

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cli.base import Verbs, add_assets_flag, add_verb, say
from jova_bench.errors import EXIT_OK
from jova_bench.output import show, show_json

LS_EXAMPLES = """  jova-bench ls models
  jova-bench ls models --long
  jova-bench ls metrics --long
  jova-bench ls metrics --json"""
DOCTOR_EXAMPLES = """  jova-bench doctor
  jova-bench doctor --memory talking_head.mp4"""


def add(verbs: Verbs) -> None:
    """Adds the verbs `ls` and `doctor` with their flags."""
    ls = add_verb(verbs, "ls", "list models, suites or metrics", LS_EXAMPLES, _ls)
    lists = ("models", "suites", "metrics")
    ls.add_argument("what", choices=lists, metavar=f"{{{','.join(lists)}}}", help="which list")
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

    assets, damaged = asset_table(args.assets).readable()
    if args.what == "metrics":
        found = catalogue.metrics(assets)
        if damaged:
            say(damaged)
    else:
        found = catalogue.models() if args.what == "models" else catalogue.suites()
    if args.json:
        show_json(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        return EXIT_OK
    called = _called(found) if args.what == "metrics" else [item["name"] for item in found]
    for item, name in zip(found, called, strict=True):
        show(f"{_line(args.what, item, name)}\n")
        if args.long and args.what in DETAILS:
            for key, value in DETAILS[args.what](item):
                if value not in (None, "", [], {}):
                    show(f"    {key:<15} {value}\n")
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
    if what == "models":
        return f"{name:<22} needs {', '.join(item['needs']) or 'nothing'}{state}"
    return f"{name:<36} {item['direction'] or '':<6} {item['description']}{state}"


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
    from jova_bench.tools import inventory as catalogue

    assets, damaged = asset_table(args.assets).readable()
    if args.memory is not None:
        _memory(Path(args.memory) if args.memory else None, assets)
        return EXIT_OK
    for key, value in catalogue.machine(assets).items():
        show(f"{key:<24} {', '.join(cast(list[str], value)) if isinstance(value, list) else value}\n")
    for item in catalogue.packages():
        state = item["version"] or f"missing, for {item['for']}: {item['install']}"
        show(f"{item['name']:<24} {state}\n")
    found_by = {"model": catalogue.models(), "metric": catalogue.metrics(assets), "suite": catalogue.suites()}
    for kind, found in found_by.items():
        lines = (f"{kind} {item.get('select', item['name'])}: {item['why_not']}" for item in found if item["why_not"])
        for line in dict.fromkeys(lines):  # Two judges of a metric lack the same.
            show(f"{line}\n")
    if damaged:
        show(f"weights: {damaged}\n")
    for name in catalogue.unverified(assets):
        show(f"weights {name}: unverified: no digest is published; the file first downloaded is the reference\n")
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
