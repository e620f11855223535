"""Fetches weights from the Hugging Face Hub, in the baseline's environment: `python pull.py ORDER FOLDER`.

Python 3.9 and huggingface_hub, which every upstream with weights there has; that library bounds its own waits, goes on
where it stopped and knows how long each file is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REVISION = ".revision"


def main(order: dict[str, Any], folder: Path) -> None:
    """Fetches the files of one commit into a folder, and writes the commit down beside them."""
    from huggingface_hub import HfApi, snapshot_download

    repository = order["hub"]
    commit = HfApi().model_info(repository, revision=order["revision"]).sha
    snapshot_download(repository, revision=commit, allow_patterns=order["files"], local_dir=str(folder))
    (folder / REVISION).write_text(f"{repository}@{commit}\n", encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
