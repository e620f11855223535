"""Imports MoChaBench: talking characters by text and driving speech, with first frames.

Layout of congwei1230/MoChaBench (commit 043908d), folder `benchmark`: `benchmark.csv` with `idx_in_category, category,
context_id, prompt` (in quotation marks of its own), `speeches/CATEGORY/CONTEXT_speech.wav`, which are what models get,
and `first-frames-from-mocha-generation/CATEGORY/CONTEXT.png` for those that need an image. Clips are
`CATEGORY/CONTEXT.mp4`, so the id is both with a dot. What is said is in no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jova_bench.suites.importers.reading import Bad, Draft, Fault, Row, below, drafts, table_rows

FRAMES = "first-frames-from-mocha-generation"


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row of the table in the folder, or in its folder `benchmark`."""
    folder = source / "benchmark" if (source / "benchmark").is_dir() else source
    yield from drafts(table_rows(folder / "benchmark.csv"), partial(draft, folder=folder, root=source))


def draft(row: Row, folder: Path, root: Path) -> Draft:
    """Makes a prompt, with the separated speech as driving audio."""
    category, context = row.needed("category"), row.needed("context_id")
    row.value("idx_in_category")  # Part of the context's name.
    speech = folder / "speeches" / category / f"{context}_speech.wav"
    if not speech.is_file():
        raise Bad(f"context_id: expected the speech {speech.relative_to(folder)}, found none")
    frame = folder / FRAMES / category / f"{context}.png"
    return Draft(
        row.where,
        f"{category}.{context}",
        video_caption=row.needed("prompt").strip('"'),
        audio=below(speech, root),
        image=below(frame, root) if frame.is_file() else None,
        tags={"category": category, "people": category.partition("p_")[0]},
    )
