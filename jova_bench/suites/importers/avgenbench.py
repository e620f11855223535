"""Imports AVGen-Bench: one text for video and audio, by category.

Layout of microsoft/AVGen-Bench (commit 1049eab): `prompts/CATEGORY.json`, an array of `{content, prompt}` and, in one
file, `style`. Its generated files are named by category and content, which together are the id.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jova_bench.suites.importers.reading import Draft, Fault, Row, drafts, json_rows


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row of each file of the folder, or of its folder `prompts`."""
    folder = source / "prompts" if (source / "prompts").is_dir() else source
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else [source]:
        yield from drafts(json_rows(path), partial(draft, category=path.stem))


def draft(row: Row, category: str) -> Draft:
    """Makes a prompt. The text describes video and audio together, so there is no separate audio caption."""
    return Draft(
        row.where,
        f"{category}.{row.needed('content')}",
        video_caption=row.needed("prompt"),
        tags={"category": category, "style": row.text("style")},
    )
