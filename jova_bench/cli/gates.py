"""The verbs of a gate: gate, gate init, freeze."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jova_bench.assets.table import asset_table
from jova_bench.cli.base import Listed, Verbs, add_assets_flag, add_verb, names, say
from jova_bench.errors import EXIT_OK
from jova_bench.logs import talkative
from jova_bench.output import on_terminal, show_json, show_page

INIT = "gate init"
"""A verb of its own: a folder of this name is `gate ./init ...`."""
GATE_EXAMPLES = """  jova-bench gate runs/good runs/now
  jova-bench gate results/reference.json runs/now --tolerances results/tolerances.toml >> "$GITHUB_STEP_SUMMARY"

`jova-bench gate init runs/good` makes a reference and tolerances for a repository; a run folder called init is given as
./init. `jova-bench freeze runs/good > results/reference.json` makes a reference alone.

A tolerance file has lines such as `wer = 0.05`: how much worse a metric may get, in its own unit. A metric without
one fails as soon as its test shows that it is worse; one whose test cannot detect a difference as small as its
tolerance is underpowered."""
INIT_EXAMPLES = """  jova-bench gate init runs/good
  jova-bench gate init runs/good --suite my_suite --uses OWNER/NAME@REF
  jova-bench gate init runs/good --again runs/other-machine --metrics lse_c,wer

Writes gate/reference.json, gate/tolerances.toml and gate/README.md, which explains them, and with --uses a workflow;
when the run was gated by them. What is there already is kept. Tolerances are those that the run's tests can tell."""
FREEZE_EXAMPLES = """  jova-bench freeze runs/embedded-0a1b2c3d > results/reference.json"""


def add(verbs: Verbs) -> None:
    """Adds the verbs `gate`, `gate init` and `freeze` with their flags."""
    gate = add_verb(verbs, "gate", "fail when a run is worse than its reference", GATE_EXAMPLES, _gate)
    gate.add_argument("reference", metavar="REFERENCE", help="run folder, or a file made by freeze")
    gate.add_argument("run", metavar="RUN", help="run folder to check")
    gate.add_argument("--tolerances", metavar="FILE", help="TOML file of metric = how much worse is allowed")
    init = add_verb(verbs, INIT, "write the files of a gate: reference, tolerances, workflow", INIT_EXAMPLES, _init)
    init.add_argument("run", metavar="RUN", help="run folder of the model as it should stay")
    init.add_argument(
        "--again", metavar="RUN",
        help="another run of the same model, where its clips are not the same again: of another machine or training",
    )  # fmt: skip
    init.add_argument(
        "--metrics", action=Listed, metavar="A,B,C", help="names (default: all that no language model judges)"
    )
    init.add_argument("--suite", metavar="NAME|FILE|DIR", help="as the run's command named it (default: its name)")
    init.add_argument(
        "--uses", metavar="OWNER/NAME@REF", help="jova_bench's repository on GitHub (default: no workflow is written)"
    )
    init.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder of the repository (default .)")
    freeze = add_verb(verbs, "freeze", "print a run as one file that a gate can compare with", FREEZE_EXAMPLES, _freeze)
    freeze.add_argument("run", metavar="RUN", help="run folder")
    for one in (gate, init):
        add_assets_flag(one)


def joined(words: Sequence[str]) -> list[str]:
    """Returns the words of a command with `gate init` as one, which argparse would take for a gate of a folder."""
    return [INIT, *words[2:]] if list(words[:2]) == INIT.split() else list(words)


def _gate(args: argparse.Namespace) -> int:
    from jova_bench.comparison.gate import gate, read_tolerances

    tolerances = read_tolerances(args.tolerances) if args.tolerances else {}
    found = gate(args.reference, args.run, tolerances, assets=asset_table(args.assets))
    show_page(found.short() if on_terminal() and not talkative() else found.markdown())
    return found.exit_code


def _init(args: argparse.Namespace) -> int:
    from jova_bench.comparison.gate_files import first_gate, gate_texts, write_gate
    from jova_bench.comparison.gate_start import start

    assets = asset_table(args.assets)
    begun = start(args.run, args.again, names(args.metrics), assets)
    texts = gate_texts(begun, args.suite, args.uses, assets)
    # Before anything is written: a kept file may be one that no gate can use.
    found = first_gate(begun, args.out, args.again or args.run, assets)
    for line in write_gate(texts, args.out):
        say(line)
    show_page(f"{found.head()}\n")
    return found.exit_code


def _freeze(args: argparse.Namespace) -> int:
    from jova_bench.comparison.results import freeze, read_results

    show_json(freeze(read_results(args.run)))
    return EXIT_OK
