"""Decides by the suite's licence whether prompts' texts and clips may be published."""

from __future__ import annotations

from dataclasses import dataclass

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.runs.manifest import Manifest
from jova_bench.suites import hub
from jova_bench.suites.loading import is_named, load_suite
from jova_bench.suites.public import public_suites

ALLOWING = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "unlicense", "wtfpl", "cc0-1.0", "cc-by-2.0",
    "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0",
    "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0",
    "cdla-permissive-2.0",
)  # fmt: skip
"""Licences that let anyone pass on the work and what is made of it, as the Hub spells them: SPDX in small letters.
Those without derivatives are none, as a clip is made of its prompt."""
OPEN = ("", "licenseref-yours")
"""What a suite states whose licence its user alone knows."""
NOT_KNOWN = "the licence of the suite is not known here"
UNKNOWN = "unknown"
"""The Hub's licence of a data set without one."""


@dataclass(frozen=True)
class Terms:
    """States what of a suite may be published."""

    licence: str
    """The Hub's identifier; `unknown` where prompts and clips are left out."""
    why_not: str | None
    """Why prompts' texts and clips are left out; None where they are published."""


def terms(manifest: Manifest, stated: str | None) -> Terms:
    """Returns what of a run's suite may be published.

    Args:
        manifest: of the run.
        stated: licence that the user states, for a suite whose own is not known here; None where none is stated.

    Raises:
        BenchError: the licence stated is not the suite's, or allows nothing.
    """
    own = suite_licence(manifest)
    if stated is not None:
        if stated.lower() not in ALLOWING:
            raise BenchError(
                f"expected a licence that lets prompts and clips be published, one of {', '.join(ALLOWING)}, "
                f"got {shown(stated)}; without it they are left out"
            )
        if own is not None and own.lower() not in (*OPEN, stated.lower()):
            raise BenchError(f"expected {own}, the licence of the suite {manifest.suite}, got {shown(stated)}")
        return Terms(stated.lower(), None)
    if own is None or own.lower() in OPEN:
        return Terms(UNKNOWN, NOT_KNOWN)
    if own.lower() in ALLOWING:
        return Terms(own.lower(), None)
    return Terms(UNKNOWN, f"the licence of the suite, {own}, is none of those that let them be published")


def suite_licence(manifest: Manifest) -> str | None:
    """Returns the licence of the suite that a run was of, as its publisher states it; None where it is not known here.

    Nothing is downloaded.
    """
    origin = manifest.suite_origin
    for public in public_suites().values():
        if origin == public.origin:
            return public.licence
    if origin is not None:
        return load_suite(origin).licence if hub.is_here(origin) else None
    if not is_named(manifest.suite) or manifest.suite in public_suites() or manifest.suite.startswith(hub.PREFIX):
        return None
    suite = load_suite(manifest.suite)
    # A file of the user's may have the name of a suite that ships.
    return suite.licence if suite.digest == manifest.suite_digest else None
