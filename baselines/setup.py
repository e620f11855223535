"""Sets up baselines (`jova-bench baselines setup NAME`): a checkout, an environment and weights for each."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from jova_baselines.any_pipeline.recipe import NAME, Address, manifest_of
from jova_baselines.external import home, install
from jova_baselines.external.manifest import Manifest, known, load
from jova_baselines.external.needs import requirements
from jova_bench.assets.table import Terms
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK, BenchError
from jova_bench.files.writing import write_file
from jova_bench.formatting.text import UNKNOWN, size_text
from jova_bench.output import show, tell

Run = Callable[[install.Step], int]


def listing() -> Iterator[str]:
    """Yields one line for every baseline: what it is, what it needs, and whether it is ready."""
    for name in known():
        try:
            manifest = load(name)
            yield f"{described(manifest)}  [{home.missing(manifest) or 'ready'}]"
        except BenchError as error:  # A manifest of another package hides no other.
            yield f"{name:<14} [{error}]"


def set_up(
    names: Sequence[str],
    *,
    weights: bool = False,
    accepted: Sequence[Terms] = (),
    unpinned: bool = False,
    dry_run: bool = False,
    run: Run | None = None,
) -> int:
    """Makes checkouts and environments, and fetches weights; what is there already is left alone.

    Args:
        names: of the baselines.
        weights: fetches their weights, too.
        accepted: terms of weights that the user accepts.
        unpinned: fetches weights, too, of which no public source states a commit, and records the one that they have.
        dry_run: prints bytes and the steps that are left, and does none.
        run: carries out a step and returns its exit code; None for `carry_out`.

    Returns:
        0, or 5 when a step failed: the other baselines are set up all the same.

    Raises:
        BenchError: a name is unknown, a manifest is broken, terms were not accepted or no interpreter is there; nothing
            was begun then.
    """
    manifests, plans = [named(name) for name in dict.fromkeys(names)], []
    if dry_run:  # What is to be accepted has a size, too.
        for line in (line for manifest in manifests for line in sizes(manifest)):
            show(f"# {line}\n")
    for manifest in manifests:
        fetches = install.weights(manifest, accepted, unpinned) if weights else []
        plans.append((manifest, install.code(manifest) + fetches))
    done = [_set_up(manifest, steps, dry_run, run or carry_out) for manifest, steps in plans]
    return EXIT_OK if all(done) else EXIT_INCOMPLETE


def named(name: str) -> Manifest:
    """Reads the manifest of a baseline, or makes the one of a `diffusers:OWNER/NAME@COMMIT`. Raises BenchError."""
    kind, _, address = name.partition(":")
    return manifest_of(Address.parse(address)) if kind == NAME else load(name)


def _set_up(manifest: Manifest, steps: Sequence[install.Step], dry_run: bool, run: Run) -> bool:
    """Carries out the steps of one baseline; returns whether all of them succeeded."""
    for step in steps:
        show(f"{shlex.join(step.command)}\n")
        if not dry_run and (code := run(step)):
            tell(f"jova-bench: {manifest.name}: that command ended with {code}; fix its cause and run this again")
            return False
    if not dry_run:
        show(f"{home.missing(manifest) or f'{manifest.name} is ready'}\n")
        for place in (*home.unpinned(manifest), *home.present(manifest).strange()):
            show(f"{place}\n")
    return True


def sizes(manifest: Manifest) -> Iterator[str]:
    """Yields what is to be fetched of one baseline: bytes of its weights, and what has no known size."""
    needs = requirements(manifest)
    size, unknown = needs.missing
    unsized = [*unknown, *needs.unsized]
    more = f", besides {', '.join(unsized)}, of unknown size" if unsized else ""
    yield f"{manifest.name}: to fetch with --weights: {size_text(size, bool(unknown))}{more}"
    for one in needs.weights:
        if not one.here:
            terms = f", --accept {one.terms}" if one.terms else ""
            amount = UNKNOWN if one.size is None else size_text(one.size)
            yield f"  {one.name}: {amount}, licence {one.licence}{terms}"


def carry_out(step: install.Step) -> int:
    """Runs a command; when it succeeds, keeps its output and writes down that it did."""
    if step.folder is not None:
        step.folder.mkdir(parents=True, exist_ok=True)
    stdout = None if step.output is None else subprocess.PIPE
    done = subprocess.run(step.command, cwd=step.folder, stdout=stdout, check=False)
    if done.returncode == 0:
        for path, content in [(step.output, done.stdout), step.writes or (None, "")]:
            if path is not None:
                write_file(path, content)
    return done.returncode


def described(manifest: Manifest) -> str:
    """Describes one baseline on a line: title, memory, licences, and weights that are unpinned."""
    licences = sorted({one.licence for one in manifest.weights})
    unpinned = home.unpinned(manifest)
    return (
        f"{manifest.name:<14} {manifest.title}: {manifest.memory}; "
        f"code {manifest.source.licence if manifest.source else 'of diffusers'}, weights {', '.join(licences)}"
        f"{'; ' * bool(unpinned)}{', '.join(unpinned)}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m jova_baselines.setup`: `jova-bench baselines`, or with arguments `jova-bench baselines setup`."""
    from jova_bench.cli import main as command

    words = list(sys.argv[1:] if argv is None else argv)
    return command(["baselines", *(["setup"] if words else []), *words])


if __name__ == "__main__":
    sys.exit(main())
