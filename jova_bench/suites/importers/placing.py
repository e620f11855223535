"""Writes an imported suite: one prompt file beside its media, or a folder of its own with copies of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from jova_bench.errors import BenchError
from jova_bench.files.writing import check_writable
from jova_bench.ids import safe_id
from jova_bench.prompts import Prompt
from jova_bench.suites.importers.collect import Imported
from jova_bench.suites.prompt_file import INFO, PROMPTS
from jova_bench.suites.writing import write_suite

MEDIA = "media"
"""Folder of copies inside a suite's folder."""
MOST_VALUES = 20
"""Maximum number of values of a tag that counts as a category for tables."""


def check_place(out: Path) -> None:
    """Checks, before anything is read, that a suite can be written. Raises BenchError if it cannot, or exists."""
    folder = out.suffix != ".jsonl"
    for there in (out / PROMPTS, out / INFO) if folder else (out,):
        if there.exists():
            raise BenchError(f"expected a new path for --out, got {there}, which exists; remove it or give another")
    check_writable(out if folder else out.parent)


def place(found: Imported, out: Path, form: str, licence: str, slices: Sequence[str]) -> Path:
    """Writes the prompts and returns the prompt file.

    A `FILE.jsonl` refers to media in place, which must be below its folder. Any other path is a new folder: it gets
    `prompts.jsonl`, copies of the media, and `suite.toml` with the categories as slices.

    Raises:
        BenchError: the target exists, or media lie outside the file's folder.
    """
    check_place(out)
    if out.suffix == ".jsonl":
        write_suite(out, _moved(found, out.parent), None, {})
        return out
    target = out / PROMPTS
    media = {path for prompt in found.prompts for path in prompt.files.values()}
    copies = {out / MEDIA / relative: found.root / relative for relative in sorted(media)}
    prompts = [_renamed(prompt, f"{MEDIA}/") for prompt in found.prompts]
    write_suite(target, prompts, _info(found, out, form, licence, slices), copies)
    return target


def _moved(found: Imported, folder: Path) -> list[Prompt]:
    """Returns the prompts with paths relative to the folder of their file."""
    between = PurePosixPath(os.path.relpath(found.root.resolve(), folder.resolve()))
    media = any(prompt.files for prompt in found.prompts)
    if media and ".." in between.parts:
        raise BenchError(
            f"expected a prompt file in or above {found.root}, where its media are, got one in {folder}; "
            "give --out DIR, which copies them"
        )
    return [_renamed(prompt, "" if str(between) == "." else f"{between}/") for prompt in found.prompts]


def _renamed(prompt: Prompt, before: str) -> Prompt:
    return prompt.with_files({field: f"{before}{path}" for field, path in prompt.files.items()})


def _info(found: Imported, out: Path, form: str, licence: str, slices: Sequence[str]) -> str:
    """Returns the text of `suite.toml`."""
    values = {tag: {value for prompt in found.prompts for value in prompt.values(tag)} for tag in slices}
    shown = [tag for tag, known in values.items() if 2 <= len(known) <= MOST_VALUES]
    fields = {
        "name": safe_id(out.resolve().name),
        "description": f"{len(found.prompts)} prompts, imported as {form}",
        "profile": "standard",
        "licence": licence,
        "slices": shown,
    }
    # Texts and lists of texts are written alike in JSON and TOML.
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())
