"""Makes prompts from drafts: safe ids, existing files inside the source, and all faults."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import cast

from pydantic import ValidationError

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import faults_of, shown
from jova_bench.ids import safe_id
from jova_bench.prompts import Prompt, Speaker
from jova_bench.suites.importers.reading import Draft, Fault
from jova_bench.suites.prompt_file import faults_of_tags, inside

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
FILES = ("image", "audio", "voice", "reference")
"""Fields of a draft that name a file; those of its speakers may, too."""
UNKNOWN = "und"
"""BCP 47: undetermined."""
RENAMED = (
    "the id has other characters than letters, digits, '.', '_' and '-', and was changed; a clip may keep the name"
)


@dataclass(frozen=True)
class Imported:
    """Holds the prompts and faults of a source."""

    prompts: tuple[Prompt, ...]
    root: Path
    """Folder that paths in the prompts are relative to."""
    faults: tuple[Fault, ...]
    """Rows that cannot become a prompt."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """Notes for the user, each with its number of rows."""


def collect(found: Iterable[Draft | Fault], root: Path, language: str | None = None) -> Imported:
    """Makes prompts from drafts. Distinct ids of a source stay distinct; repeated ids are a fault.

    Args:
        found: in the order of the suite.
        root: folder that the source's files lie below.
        language: BCP 47 tag of transcripts whose source names none; None for English where all letters are Latin,
            and for `und` elsewhere.
    """
    prompts: list[Prompt] = []
    faults: list[Fault] = []
    notes: Counter[str] = Counter()
    first: dict[str, str] = {}
    for one in found:
        if isinstance(one, Fault):
            faults.append(one)
            continue
        name = safe_id(one.id)
        wrong = [f"id: {one.id!r} is already at {first[name]}; rename one"] if name in first else []
        first.setdefault(name, one.where)
        made, why = _prompt(one, name, root, language)
        if made is None or wrong or why:
            faults += [Fault(one.where, what) for what in (*wrong, *why)]
            continue
        prompts.append(made)
        notes.update([*one.notes, *([] if name == unicodedata.normalize("NFC", one.id) else [RENAMED])])
    return Imported(tuple(prompts), root, tuple(faults), dict(notes))


def _prompt(draft: Draft, name: str, root: Path, language: str | None) -> tuple[Prompt | None, list[str]]:
    """Returns the prompt, or its faults."""
    wrong = [f"{field}: {why}" for field in FILES if (why := _fault_of_file(root, getattr(draft, field)))]
    wrong += faults_of_tags(draft.tags)
    if draft.language is not None and not LANGUAGE.fullmatch(draft.language):
        wrong.append(f"language: expected a BCP 47 tag such as en or zh-CN, got {shown(draft.language)}")
    try:
        prompt = Prompt(
            id=name,
            video_caption=draft.video_caption,
            audio_caption=draft.audio_caption,
            transcript=draft.transcript,
            language=draft.language or language or guessed(draft.transcript),
            image=draft.image,
            audio=draft.audio,
            voice=draft.voice,
            reference=draft.reference,
            speakers=cast(tuple[Speaker, ...], draft.speakers),  # Made of their fields by the prompt.
            tags={tag: value for tag, value in draft.tags.items() if value},
        )
    except ValidationError as error:
        return None, [*faults_of(error), *wrong]
    others = {field: path for field, path in prompt.files.items() if field not in FILES}
    wrong += [f"{field}: {why}" for field, path in others.items() if (why := _fault_of_file(root, path))]
    return prompt, wrong


def guessed(transcript: str) -> str:
    """Returns `en`, the default of a prompt file, or `und` where a letter rules it out."""
    letters = (letter for letter in transcript if letter.isalpha())
    return "en" if all(unicodedata.name(letter, "").startswith("LATIN") for letter in letters) else UNKNOWN


def _fault_of_file(root: Path, relative: str | None) -> str | None:
    """Returns the fault of a file's path, or None. Stricter than a prompt file: a source's `..` is never followed."""
    if relative is None:
        return None
    if ".." in PurePosixPath(relative).parts:
        return f"expected a path inside {root}, got {shown(relative)}; copy the file there"
    try:
        return (
            None
            if inside(root, relative).is_file()
            else f"expected a file, got {shown(relative)}, which is not in {root}"
        )
    except (BenchError, OSError) as error:
        return str(error)
