"""Fetches one file of weights by its address, in the harness's environment: `python address.py ORDER FOLDER`."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

DIGESTS = ("sha256", "md5")


def main(order: dict[str, Any], folder: Path) -> None:
    """Fetches the file of an order into a folder; it appears complete and verified or not at all.

    Raises:
        BenchError: it could not be had, or is not what upstream publishes.
    """
    from jova_bench.assets import FOLDER_VARIABLE, transfer
    from jova_bench.errors import BenchError
    from jova_bench.progress import meter

    target, url = folder / order["files"][0], order["url"]
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    known = {kind: order[kind] for kind in DIGESTS if kind in order}
    elsewhere = f"; {FOLDER_VARIABLE} names another folder"
    transfer.fetch(transfer.Source(target.name, url, None, bool(known), target, elsewhere), part, meter)
    transfer.about_file(part).unlink(missing_ok=True)
    for kind, expected in known.items():
        with part.open("rb") as file:
            got = hashlib.file_digest(file, kind).hexdigest()
        if got != expected:
            part.unlink()
            raise BenchError(f"expected {kind} {expected} of {url}, got {got}")
    if not transfer.size_of(part):
        raise BenchError(f"expected a file at {url}, got an empty one")
    part.replace(target)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])  # The harness, installed or not.
    from jova_bench.errors import BenchError

    try:
        main(json.loads(sys.argv[1]), Path(sys.argv[2]))
    except (BenchError, OSError) as error:
        sys.exit(f"error: {error}")
