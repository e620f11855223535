"""Reads by git which code is checked out.

Whose folder that is does not matter: the interpreter beside it runs for all that share it, too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from jova_bench.errors import BenchError, reason_of

GIT_S = 60.0
"""Time limit of a command of git, in seconds: file systems may hang."""


def head(checkout: Path) -> str | None:
    """Returns the commit that is checked out; None if there is no checkout. Raises BenchError where git cannot tell."""
    if not (checkout / ".git").exists():
        return None
    return _git(checkout, "rev-parse", "--verify", "--quiet", "HEAD") or None


def modified(checkout: Path) -> bool:
    """Returns whether a file of the commit was changed: such code is not what a manifest names. Raises as `head`."""
    return bool(_git(checkout, "status", "--porcelain", "--untracked-files=no"))


def _git(checkout: Path, *arguments: str) -> str:
    """Returns a command's output. Raises BenchError with the words of git, or of what kept it from an answer."""
    # A folder that git is given, and does not find by itself, may belong to another user; its configuration may name a
    # program that tells git what changed, which reading must not start.
    where = ("--git-dir", str(checkout / ".git"), "--work-tree", str(checkout))
    command = ["git", "-c", "core.fsmonitor=false", *where, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_S, check=False)
    except subprocess.TimeoutExpired:
        why = f"no answer within {GIT_S:g} s"
    except OSError as error:
        why = reason_of(error)
    else:
        why = " ".join(done.stderr.decode(errors="replace").split())
        # Quiet and 1: nothing was checked out yet.
        if done.returncode == 0 or (done.returncode == 1 and not why):
            return done.stdout.decode(errors="replace").strip()
        why = why or f"it ended with {done.returncode}"
    raise BenchError(f"git cannot read {checkout}: {why}")
