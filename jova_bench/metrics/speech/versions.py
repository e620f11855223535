"""Names in an identity the libraries that decide what the words of a text are, where they are not the usual ones.

An installation has any version that its requirements allow, and another one may write another word for a
number. Identities without a version are of those below. A column holds clips of all languages, so that a version counts
for all of them, and also where no number is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata

USUAL: Mapping[str, str] = {"indic-numtowords": "1.1.0", "num2words": "0.5.14", "whisper-normalizer": "0.1.15"}
"""Versions that an identity does not name."""
USED: Mapping[str, tuple[str, ...]] = {"spoken": tuple(USUAL), "whisper": ("whisper-normalizer",)}
"""Libraries by normaliser. The embedded profile has the English rules and fixed sentences, and names none."""

version = cache(metadata.version)
"""`version(name)` of a library, which is read once: all metrics together ask 150 times."""


def unusual(normaliser: str) -> dict[str, str]:
    """Returns the version of each library of a normaliser that is here in another than the usual one."""
    return {
        name: here
        for name in USED.get(normaliser, ())
        if (here := _installed(name)) is not None and here != USUAL[name]
    }


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except metadata.PackageNotFoundError:  # Then no text is normalised, either.
        return None
