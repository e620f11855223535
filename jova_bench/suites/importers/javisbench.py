"""Imports JavisBench: captions of real clips, with five aspects of categories.

Layout as its scorer reads it (JavisVerse/JavisDiT, eval/javisbench/main.py and configs/category.json, commit b505b37):
a CSV with `text`, maybe `audio_text` (else `text` describes the audio, too), `path` of a real clip that is not
published, and `catN_ind`, numbers of categories with commas between them. Generated files are `sample_%04d` by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.suites.importers.reading import Bad, Draft, Fault, Row, drafts, table_rows
from jova_bench.suites.prompt_file import inside

ASPECTS = (
    ("event_scenario", ("natural", "urban", "living", "industrial", "virtual")),
    ("visual_style", ("camera", "2d-animate", "3d-animate")),
    ("sound_type", ("ambient", "biological", "mechanical", "musical", "speech")),
    ("temporal_composition", ("single", "sequential", "simultaneous")),
    ("spatial_composition", ("single", "multiple", "off-screen")),
)
"""Aspects, in the order of `cat0_ind` to `cat4_ind`."""
ABSENT = "the real clip is missing, so the prompt has no reference"


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row."""
    return drafts(table_rows(source), partial(draft, root=source.parent))


def draft(row: Row, root: Path) -> Draft:
    """Makes a prompt; several categories of an aspect are joined with `|`."""
    text, clip = row.needed("text"), row.text("path")
    here = is_there(root, clip)
    return Draft(
        row.where,
        f"sample_{int(row.key):04d}",
        video_caption=text,
        audio_caption=row.text("audio_text") or text,
        reference=clip if here else None,
        tags={name: _categories(row, f"cat{i}_ind", known) for i, (name, known) in enumerate(ASPECTS)},
        notes=(ABSENT,) if clip and not here else (),
    )


def is_there(root: Path, relative: str) -> bool:
    """Returns whether a clip that a bench names, and mostly does not publish, is in the folder."""
    try:
        return bool(relative) and inside(root, relative).is_file()
    except (BenchError, OSError):
        return False


def _categories(row: Row, column: str, known: tuple[str, ...]) -> str:
    numbers = [part.strip() for part in row.text(column).split(",") if part.strip()]
    for number in numbers:
        if not re.fullmatch(r"\d{1,3}(\.0)?", number) or int(float(number)) >= len(known):
            raise Bad(f"{column}: expected numbers from 0 to {len(known) - 1} between commas, got {shown(number)}")
    return " | ".join(known[int(float(number))] for number in numbers)
