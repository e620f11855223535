"""Writes a suite: a prompt file and the files that its prompts name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jova_bench.files.writing import replacing, write_file
from jova_bench.prompts import Prompt


def write_suite(prompts: Path, lines: Sequence[Prompt], info: str | None, copies: Mapping[Path, Path]) -> None:
    """Writes a suite, the prompt file last: where it exists, the suite is complete.

    Args:
        prompts: the prompt file.
        lines: its prompts.
        info: text of the `suite.toml` beside it; None for none.
        copies: files that the prompts name, new to old.
    """
    for new, old in copies.items():
        with old.open("rb") as source, replacing(new) as target:
            shutil.copyfileobj(source, target)
    if info is not None:
        write_file(prompts.with_name("suite.toml"), info)
    with replacing(prompts) as file:
        for prompt in lines:
            file.write(json.dumps(_fields(prompt), ensure_ascii=False).encode() + b"\n")


def _fields(prompt: Prompt) -> dict[str, Any]:
    """Returns a prompt's fields without empty ones."""
    return {name: value for name, value in prompt.model_dump(mode="json").items() if value not in (None, {})}
