"""Fetches one entry of weights, in the baseline's environment: `python pull.py ORDER FOLDER`, ORDER as JSON.

Python 3.9, and huggingface_hub where the weights lie on the Hub; every upstream's environment has it then.
"""

from __future__ import annotations

import hashlib
import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

REVISION = ".revision"
CHUNK = 1 << 20
DIGESTS = ["sha256", "md5"]


def main(order: dict[str, Any], folder: Path) -> None:
    """Fetches the files of an order into a folder."""
    if "hub" in order:
        from_hub(order["hub"], order["revision"], order["files"], folder)
    else:
        digests = {kind: str(order[kind]) for kind in DIGESTS if kind in order}
        from_address(order["url"], folder / order["files"][0], digests)


def from_hub(repository: str, revision: str, patterns: list[str], folder: Path) -> None:
    """Files of one commit, which is written down beside them."""
    from huggingface_hub import HfApi, snapshot_download

    commit = HfApi().model_info(repository, revision=revision).sha
    snapshot_download(repository, revision=commit, allow_patterns=patterns, local_dir=str(folder))
    (folder / REVISION).write_text(f"{repository}@{commit}\n", encoding="utf-8")


def from_address(url: str, target: Path, digests: dict[str, str]) -> None:
    """One file; it appears complete and verified or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    sums = {kind: hashlib.new(kind) for kind in digests}
    with urllib.request.urlopen(url) as source, part.open("wb") as file:
        for chunk in iter(lambda: source.read(CHUNK), b""):
            for one in sums.values():
                one.update(chunk)
            file.write(chunk)
    for kind, expected in digests.items():
        if sums[kind].hexdigest() != expected:
            part.unlink()
            raise SystemExit(f"expected {kind} {expected} of {url}, got {sums[kind].hexdigest()}")
    part.replace(target)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
