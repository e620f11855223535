"""The verb that makes one run folder of several: merge."""

from __future__ import annotations

import argparse
from pathlib import Path

from jova_bench.cli.base import Verbs, add_verb, say
from jova_bench.errors import EXIT_OK
from jova_bench.formatting.text import counted

EXAMPLES = """  jova-bench merge runs/all runs/seed-0 runs/seed-1 runs/seed-2
  jova-bench run --model ovi --seed 0 --seed 1 --seed 2 --suite my_prompts.jsonl --out runs/all

OUT is a new folder, or a run that is added to. The runs are of the same suite and profile, and stay as they are. What
differs where it must not (a version of a model, an identity of a metric, another sample of the same prompt and seed) is
refused before anything is written. The second command finds all clips and scores there, measures what is missing, and
writes the tables."""


def add(verbs: Verbs) -> None:
    """Adds the verb `merge`."""
    one = add_verb(verbs, "merge", "make one run folder of several that were made apart", EXAMPLES, _run)
    one.add_argument("out", metavar="OUT", type=Path, help="the merged run folder")
    one.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="run folders")


def _run(args: argparse.Namespace) -> int:
    from jova_bench.runs.merge import merge

    count = merge(args.out, args.runs)
    say(f"{counted(count, 'sample')} added to {args.out}; repeat the run's command there for its tables")
    return EXIT_OK
