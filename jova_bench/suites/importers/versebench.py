"""Imports Verse-Bench: image, video caption, sounds and speech, 600 of them in three sets.

Layout of the dataset `dorni/Verse-Bench` as its scorer reads it (Dorniwang/Verse-Bench, calculate_metrics.py, commit
5645a09): `setN/ID.json` with `video_prompt`, `audio_prompt`, `speech_prompt: {speaker, text}`, beside it `ID.jpg`, and
`ID.wav` where there is a real recording. MOVA (OpenMOSS/MOVA, evaluation/verse_bench_prompts.json, commit 595a976)
has the text of all in one object `{set: {ID: row}}`.
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
    drafts,
    files,
    json_file,
    json_rows,
    sibling,
)

DIGITS = 8
"""Digits of an id: sources write 23, 00023 and 00000023; here it is always the last."""


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per JSON file below a folder. A recording is the reference, and drives audio-driven models."""
    if source.is_file():
        yield Fault(str(source), "expected a folder; verse-bench-mova reads MOVA's one file")
        return
    for path in files(source, ".json"):
        yield from drafts(json_file(path), partial(_with_files, path=path, root=source))


def one_file(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row of MOVA's file; only the text is there, so a prompt has no image."""
    return drafts(json_rows(source, levels=2), _of_mova)


def _with_files(row: Row, path: Path, root: Path) -> Draft:
    audio = sibling(path, root, SOUNDS)
    return draft(
        row,
        path.stem,
        path.parent.name if path.parent != root else root.name,
        image=_needed(sibling(path, root, IMAGES), path),
        audio=audio,
        reference=sibling(path, root, CLIPS) or audio,
    )


def _needed(image: str | None, path: Path) -> str:
    if image is None:
        raise Bad(f"expected an image {path.stem}.jpg beside it, found none")
    return image


def _of_mova(row: Row) -> Draft:
    group, _, name = row.key.partition("/")
    return draft(row, name, group, image=row.text("first_frame_path") or None)


def draft(
    row: Row, name: str, group: str, image: str | None, audio: str | None = None, reference: str | None = None
) -> Draft:
    """Makes a prompt: joins the sounds, keeps the speaker as a tag."""
    spoken = row.rows("speech_prompt")
    text = " ".join(filter(None, (one.text("text") for one in spoken)))
    return Draft(
        row.where,
        name.zfill(DIGITS) if name.isdecimal() else name,
        video_caption=row.needed("video_prompt"),
        audio_caption=" ".join(row.texts("audio_prompt")),
        transcript=text,
        image=image,
        audio=audio,
        reference=reference,
        tags={
            "set": group,
            "speech": "with" if text else "without",
            "speaker": "; ".join(filter(None, (one.text("speaker") for one in spoken))),
        },
    )
