"""`python -m jova_baselines.setup NAME`: makes a checkout and an environment, and with --weights gets the weights.

Running it again does what is not done yet. Everything goes to `$JOVA_BENCH_ASSETS/baselines/NAME` (else in the user's
cache folder); `checkout`, `env` or `weights` there may be a link to where you already have it.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence

from jova_baselines.external import home, install
from jova_baselines.external.manifest import Manifest, known, load
from jova_bench.assets import TERMS
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK, BenchError

Run = Callable[[install.Step], int]
EXAMPLES = """examples:
  python -m jova_baselines.setup
  python -m jova_baselines.setup ovi --dry-run
  python -m jova_baselines.setup ovi --weights --accept non-commercial"""


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """The command line.

    Args:
        arguments: None for those of the process.
        run: carries out a step and gives back its exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m jova_baselines.setup",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="of a baseline; without it, all are listed")
    parser.add_argument("--weights", action="store_true", help="get the weights, too")
    parser.add_argument(
        "--accept", action="append", default=[], choices=TERMS, help="terms of weights that you have read"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands that are left to do, and do none")
    args = parser.parse_args(arguments)
    try:
        if args.name is None:
            for name in known():
                print(told(name))
            return EXIT_OK
        manifest = load(args.name)
        steps = install.code(manifest) + (install.weights(manifest, args.accept) if args.weights else [])
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for one in manifest.weights if args.weights else ():
        if not one.verified:
            print(f"unverified: {one.place}: upstream states neither digest nor commit", file=sys.stderr)
    for step in steps:
        print(shlex.join(step.command), flush=True)
        if not args.dry_run and (code := (run or carry_out)(step)):
            print(f"error: that ended with {code}; mend it and run the same command again", file=sys.stderr)
            return EXIT_INCOMPLETE
    if not args.dry_run:
        print(home.missing(manifest) or f"{manifest.name} is ready")
    return EXIT_OK


def carry_out(step: install.Step) -> int:
    """Runs a command; when it succeeds, writes down that it did."""
    if step.folder is not None:
        step.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(step.output.open("wb")) if step.output is not None else None
        done = subprocess.run(step.command, cwd=step.folder, stdout=output, check=False)
    if done.returncode == 0 and step.writes is not None:
        path, text = step.writes
        path.write_text(text, encoding="utf-8")
    return done.returncode


def told(name: str) -> str:
    """One baseline, or why its manifest cannot be read: one of another package hides no other."""
    try:
        return described(load(name))
    except BenchError as error:
        return f"{name:<14} [{error}]"


def described(manifest: Manifest) -> str:
    """One baseline: what it is, takes and needs."""
    licences = sorted({one.licence for one in manifest.weights})
    return (
        f"{manifest.name:<14} {manifest.title}: {manifest.memory}; "
        f"code {manifest.source.licence if manifest.source else 'of diffusers'}, weights {', '.join(licences)}"
    )


if __name__ == "__main__":
    sys.exit(main())
