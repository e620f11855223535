"""Imports folders in the style of UniAvatar-Bench: a face, and a prompt in JoVA's three parts.

The bench itself is not published. JoVA (arXiv 2512.13677) asks with a video caption, an audio caption, a transcript and
a reference image; this layout is the plainest that holds them: `ID.json` with those fields, `ID.png` or `ID.jpg`
beside it, and `ID.wav` (driving audio) and `ID.mp4` (real clip) if there are any, in any folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jova_bench.suites.importers.reading import (
    CLIPS,
    IMAGES,
    SOUNDS,
    Bad,
    Draft,
    Fault,
    Row,
    below,
    drafts,
    files,
    json_file,
    sibling,
)


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per JSON file."""
    for path in files(source, ".json"):
        yield from drafts(json_file(path), partial(draft, path=path, root=source))


def draft(row: Row, path: Path, root: Path) -> Draft:
    """Makes a prompt with its files."""
    image = sibling(path, root, IMAGES)
    if image is None:
        raise Bad(f"expected an image {path.stem}.png or .jpg beside it, found none")
    return Draft(
        row.where,
        below(path.with_suffix(""), root).replace("/", "."),
        video_caption=row.needed("video_caption"),
        audio_caption=row.text("audio_caption"),
        transcript=row.text("transcript"),
        language=row.text("language") or None,
        image=image,
        audio=sibling(path, root, SOUNDS),
        reference=sibling(path, root, CLIPS),
        tags={"category": row.text("category")},
    )
