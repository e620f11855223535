"""Files inside packages of others: another release may have others under the same names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from jova_bench.digests import file_digest
from jova_bench.errors import Unavailable


def package_folder(name: str) -> Path | None:
    """Returns where a package is installed, without importing it; None where it is not."""
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def verified(file: Path, sha256: str, advice: str) -> Path:
    """Returns the path of weights that have the digest. Raises Unavailable, with advice, for others."""
    if (found := file_digest(file)) != sha256:
        raise Unavailable(f"weights differ: expected sha256 {sha256}, got {found} in {file}; {advice}")
    return file
