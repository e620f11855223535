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


def main(order: dict[str, Any], folder: Path) -> None:
    """Fetches the files of an order into a folder."""
    if "hub" in order:
        from_hub(order["hub"], order["revision"], order["files"], folder)
    else:
        from_address(order["url"], folder / order["files"][0], order.get("sha256"))


def from_hub(repository: str, revision: str, patterns: list[str], folder: Path) -> None:
    """Files of one commit, which is written down beside them."""
    from huggingface_hub import HfApi, snapshot_download

    commit = HfApi().model_info(repository, revision=revision).sha
    snapshot_download(repository, revision=commit, allow_patterns=patterns, local_dir=str(folder))
    (folder / REVISION).write_text(f"{repository}@{commit}\n", encoding="utf-8")


def from_address(url: str, target: Path, sha256: str | None) -> None:
    """One file; it appears complete and verified or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part, digest = target.with_name(target.name + ".part"), hashlib.sha256()
    with urllib.request.urlopen(url) as source, part.open("wb") as file:
        for chunk in iter(lambda: source.read(CHUNK), b""):
            digest.update(chunk)
            file.write(chunk)
    if sha256 is not None and digest.hexdigest() != sha256:
        part.unlink()
        raise SystemExit(f"expected sha256 {sha256} of {url}, got {digest.hexdigest()}")
    part.replace(target)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
