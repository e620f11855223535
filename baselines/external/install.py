"""Lists the commands that install a baseline's code, environment and weights; those that are done are left out."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jova_baselines.external import checkout, home
from jova_baselines.external.manifest import Manifest
from jova_baselines.external.present import Present
from jova_baselines.external.weights import Weights
from jova_bench.assets.download import offline
from jova_bench.assets.table import Terms
from jova_bench.errors import BenchError

PULL = Path(__file__).with_name("pull.py")


@dataclass(frozen=True)
class Step:
    """One command, run without a shell."""

    command: tuple[str, ...]
    folder: Path | None = None
    """Where it runs; made before it does."""
    output: Path | None = None
    """Gets what it prints."""
    writes: tuple[Path, str] | None = None
    """A file that marks it as done."""


def code(manifest: Manifest) -> list[Step]:
    """Returns the steps that check out the code and make the environment; those already done are left out.

    Raises:
        BenchError: git cannot read the checkout; neither the interpreter nor `uv`, which fetches one, is there.
    """
    where, steps = home.of(manifest), []
    if manifest.source is not None and checkout.head(where.checkout) != manifest.source.commit:
        git = ("git", "-C", str(where.checkout))
        steps += [
            Step((*git, "init", "--quiet"), where.checkout),
            # One commit, without the history or files of Git LFS.
            Step((*git, "fetch", "--quiet", "--depth", "1", manifest.source.repository, manifest.source.commit)),
            Step((*git, "checkout", "--quiet", "--detach", "FETCH_HEAD")),
        ]
    if manifest.environment is not None and not _installed(manifest, where):
        python = manifest.environment.python
        steps.append(Step(_venv(python, where.environment), where.folder))
        pip = (str(where.python), "-m", "pip", "install", "--disable-pip-version-check")
        # Builds without isolation need these, and environments of uv lack them.
        steps.append(Step((*pip, "--upgrade", "pip", "setuptools", "wheel"), where.checkout))
        day = manifest.environment.before
        until = ("--uploaded-prior-to", day) if day is not None else ()
        steps += [Step((*pip, *until, *arguments), where.checkout) for arguments in manifest.environment.pip]
        freeze = (*pip[:-2], "freeze", "--all")
        steps.append(Step(freeze, output=where.packages, writes=(where.installed, home.recipe(manifest))))
    return steps


def weights(manifest: Manifest, accepted: Sequence[Terms], unpinned: bool = False) -> list[Step]:
    """Returns the steps that download the missing files, and verify those that are here and were not verified.

    Files of which no commit or digest is known stay as they are, unless unpinned ones are asked for; so do those behind
    a link, which are the user's own, and those whose terms were not accepted.

    Raises:
        BenchError: terms of a file were not accepted, or weights are unpinned and were not asked for as such.
    """
    where, here, steps = home.of(manifest), home.present(manifest), []
    for one in manifest.weights:
        commit, known = here.fetched(one), one.hub or one.sha256 or one.md5
        agreed = one.terms is None or one.terms in accepted
        may = known and (one.pinned or unpinned) and agreed and not offline() and _own(where, here, one)
        if not here.missing(one) and (not may or here.as_fetched(one)):
            continue
        if not agreed:
            raise BenchError(f"{one.hub or one.url} is {one.licence}: read its terms and add --accept {one.terms}")
        if not (one.pinned or commit or unpinned):
            raise BenchError(
                f"{one.origin} is unpinned: no public source states a commit or digest; add --unpinned to fetch what "
                "is there now, whose commit is then recorded and named in every table"
            )
        folder = where.weights / one.folder
        steps.append(Step((sys.executable, str(PULL), order(one, commit), str(folder)), folder))
    return steps


def _own(where: home.Home, here: Present, one: Weights) -> bool:
    """Returns whether weights lie in the baseline's folder itself, and not behind a link to where a user has them."""
    files = (where.weights / one.folder, *here.files(one).values())
    return all(path.resolve().is_relative_to(where.folder.resolve()) for path in files)


def order(one: Weights, fetched: str | None) -> str:
    """Returns the order of `pull.py`, as JSON: unpinned weights stay at the commit at which they were fetched."""
    if fetched is not None and not one.pinned:
        one = one.model_copy(update={"revision": fetched})
    return json.dumps(one.model_dump(include={"hub", "revision", "url", "files", "sha256", "md5"}, exclude_none=True))


def _installed(manifest: Manifest, where: home.Home) -> bool:
    return where.installed.is_file() and where.installed.read_text(encoding="utf-8").strip() == home.recipe(manifest)


def _venv(python: str, target: Path) -> tuple[str, ...]:
    interpreter = shutil.which(f"python{python}")
    if interpreter is not None:
        return (interpreter, "-m", "venv", "--clear", str(target))
    uv = shutil.which("uv")
    if uv is None:
        raise BenchError(f"expected python{python} on the path, got none; install it, or uv, which fetches it")
    return (uv, "venv", "--seed", "--allow-existing", "--python", python, str(target))
