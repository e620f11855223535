"""Collects where a result comes from: the code, the packages and the machine."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from jova_bench.digests import file_digest
from jova_bench.execution.devices import device_name
from jova_bench.runs.manifest import Provenance

CHECKOUT = Path(__file__).resolve().parents[2]
CODE = ("jova_bench", "jova", "baselines", "pyproject.toml")
"""What can change a result; a dirty README does not."""


def collect(device: str, name: str = "") -> Provenance:
    """Collects what a reader needs to reproduce a result.

    Args:
        device: `cpu`, `cuda` or `cuda:i`, as models and metrics get it.
        name: of the device, where this machine does not know it.

    Returns:
        `git_commit` and `git_dirty` (null outside a checkout; the latter also when the code is as committed),
        `packages`, `python`, `platform`, `cpu_count`, `device`, `device_name`.
    """
    return Provenance(
        **git_state(CHECKOUT),
        packages=packages(),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu_count=os.cpu_count(),
        device=device,
        device_name=name or device_name(device),
    )


def git_state(checkout: Path) -> dict[str, str | None]:
    """Returns the commit, and a digest of how the code differs from it (changes and new files); None if unknown."""
    unknown: dict[str, str | None] = {"git_commit": None, "git_dirty": None}
    found = _git(checkout, "rev-parse", "--show-toplevel", "HEAD")
    if found is None:
        return unknown
    top, commit = os.fsdecode(found).rstrip("\n").rsplit("\n", 1)
    # An installed package may lie inside some other project's checkout, whose commit says nothing about it.
    if Path(top).resolve() != checkout.resolve():
        return unknown
    if _git(checkout, "status", "--porcelain", "--untracked-files=all", "--", *CODE) == b"":
        return {"git_commit": commit, "git_dirty": None}
    diff = _git(checkout, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--", *CODE)
    new = _git(checkout, "ls-files", "--others", "--exclude-standard", "-z", "--", *CODE)
    if diff is None or new is None:
        return unknown
    digest = hashlib.sha256(diff)
    for name in sorted(filter(None, new.split(b"\0"))):
        file = checkout / os.fsdecode(name)
        if file.is_file():
            digest.update(name + b"\0" + bytes.fromhex(file_digest(file)))
    return {"git_commit": commit, "git_dirty": digest.hexdigest() if diff or new else None}


@cache
def packages() -> dict[str, str]:
    """Returns every installed distribution's version, sorted by name; cached, because it takes a second."""
    found = [distribution.metadata for distribution in distributions()]
    named = {str(about["Name"]): str(about["Version"]) for about in found if about["Name"]}
    return dict(sorted(named.items(), key=lambda item: item[0].lower()))


def _git(checkout: Path, *arguments: str) -> bytes | None:
    """Returns a git command's output; None if git is absent, fails or hangs (a network file system)."""
    try:
        result = subprocess.run(
            ["git", "-C", str(checkout), *arguments],
            capture_output=True,
            check=True,
            timeout=30,
            # Reading must not contend for the index lock with a commit in progress.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout
