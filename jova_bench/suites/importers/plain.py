"""Imports plain tables and JSON lines with the fields of a prompt by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jova_bench.formatting.messages import shown, suggest
from jova_bench.suites.importers.reading import Bad, Draft, Fault, Row, drafts, json_lines, table_rows

FIELDS = ("id", "video_caption", "audio_caption", "transcript", "language", "image", "audio", "voice", "reference")
TAG = "tag:"


def table(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row of a CSV file, or of a .tsv file with tabs. An unknown column is a fault, not a tag."""
    return drafts(table_rows(source, "\t" if source.suffix.lower() == ".tsv" else ","), _of_table)


def lines(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per line."""
    return drafts(json_lines(source), _of_line)


def _of_table(row: Row) -> Draft:
    tags = {name.removeprefix(TAG): row.text(name) for name in row.fields if name.startswith(TAG)}
    unknown = [name for name in row.fields if name not in FIELDS and not name.startswith(TAG)]
    if unknown:
        raise Bad(f"{unknown[0]}: unknown column; {suggest(unknown[0], FIELDS)} A tag's column is called {TAG}NAME")
    return _draft(row, tags)


def _of_line(row: Row) -> Draft:
    tags = row.value("tags") or {}
    known = (*FIELDS, "speakers", "tags")
    unknown = [name for name in row.fields if name not in known]
    if unknown:
        raise Bad(f"{unknown[0]}: unknown field; {suggest(unknown[0], known)}")
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise Bad(f"tags: expected an object of texts, got {shown(tags)}")
    return _draft(row, tags)


def _draft(row: Row, tags: dict[str, str]) -> Draft:
    if not any(row.text(name) for name in ("video_caption", "audio_caption", "transcript")):
        raise Bad("expected a video_caption, an audio_caption or a transcript, got none")
    return Draft(
        row.where,
        row.needed("id"),
        row.text("video_caption"),
        row.text("audio_caption"),
        row.text("transcript"),
        row.text("language") or None,
        row.text("image") or None,
        row.text("audio") or None,
        row.text("reference") or None,
        tags,
        voice=row.text("voice") or None,
        speakers=tuple(one.fields for one in row.rows("speakers")),
    )
