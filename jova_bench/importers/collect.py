"""From drafts to prompts: safe ids, files that are there and inside the source, and everything that is wrong."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from jova_bench.importers.reading import Draft, Fault
from jova_bench.suites import FILES, faults_of, inside
from jova_bench.types import BenchError, Prompt

LONGEST = 110
"""Of an id before the suffix that tells it from another."""
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
UNKNOWN = "und"
"""BCP 47: undetermined."""


@dataclass(frozen=True)
class Imported:
    """What a source gives."""

    prompts: tuple[Prompt, ...]
    root: Path
    """Folder that paths in the prompts are below."""
    faults: tuple[Fault, ...]
    """Rows that cannot become a prompt."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """What a user should know, and of how many rows."""


def collect(found: Iterable[Draft | Fault], root: Path, language: str | None = None) -> Imported:
    """Makes prompts of drafts. Ids of a source that differ stay apart; ids that are the same twice are a fault.

    An id keeps A-Z a-z 0-9 . _ -; anything else becomes `_`. Ids that would then be the same get the suffix `-` and
    8 hex digits of their own sha256, each of them, so that none depends on the order.

    Args:
        found: in the order of the suite.
        root: folder that the source's files lie below.
        language: BCP 47 tag of transcripts whose source names none; None for English where all letters are Latin,
            and for `und` elsewhere.
    """
    items = list(found)
    given = [one for one in items if isinstance(one, Draft)]
    first: dict[str, str] = {}
    for draft in given:
        first.setdefault(draft.id, draft.where)
    safe = Counter(clean(id_) for id_ in first)
    prompts: list[Prompt] = []
    faults: list[Fault] = []
    notes: Counter[str] = Counter()
    seen: set[str] = set()
    for one in items:
        if isinstance(one, Fault):
            faults.append(one)
            continue
        wrong = [f"id: {one.id!r} is already at {first[one.id]}; rename one"] if one.id in seen else []
        seen.add(one.id)
        name = clean(one.id)
        made, why = _prompt(one, _apart(one.id) if safe[name] > 1 else name, root, language)
        if made is None or wrong or why:
            faults += [Fault(one.where, what) for what in (*wrong, *why)]
            continue
        prompts.append(made)
        changed = ["another id would be the same, so this one has a suffix"] if safe[name] > 1 else []
        notes.update([*one.notes, *changed])
    return Imported(tuple(prompts), root, tuple(faults), dict(notes))


def clean(text: str) -> str:
    """An id that fits `types.Id`, of one that may not; different texts can give the same."""
    kept = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "_", text.strip()))
    return kept[:LONGEST]


def _apart(text: str) -> str:
    return f"{clean(text)}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _prompt(draft: Draft, name: str, root: Path, language: str | None) -> tuple[Prompt | None, list[str]]:
    """The prompt, or what is wrong with it."""
    wrong = [f"{field}: {why}" for field in FILES if (why := _fault_of_file(root, getattr(draft, field)))]
    if draft.language is not None and not LANGUAGE.fullmatch(draft.language):
        wrong.append(f"language: expected a BCP 47 tag such as en or zh-CN, got {draft.language!r}")
    try:
        prompt = Prompt(
            id=name,
            video_caption=draft.video_caption,
            audio_caption=draft.audio_caption,
            transcript=draft.transcript,
            language=draft.language or language or guessed(draft.transcript),
            image=draft.image,
            audio=draft.audio,
            reference=draft.reference,
            tags={tag: value for tag, value in draft.tags.items() if value},
        )
    except ValidationError as error:
        return None, [*faults_of(error), *wrong]
    return prompt, wrong


def guessed(transcript: str) -> str:
    """`en` as in a prompt file that says nothing, unless a letter tells that it cannot be: then `und`."""
    letters = (letter for letter in transcript if letter.isalpha())
    return "en" if all(unicodedata.name(letter, "").startswith("LATIN") for letter in letters) else UNKNOWN


def _fault_of_file(root: Path, relative: str | None) -> str | None:
    """What is wrong with the path of a file. Stricter than a prompt file's: a source's `..` is never followed."""
    if relative is None:
        return None
    if ".." in PurePosixPath(relative).parts:
        return f"expected a path inside {root}, got {relative!r}; copy the file there"
    try:
        return (
            None if inside(root, relative).is_file() else f"expected a file, got {relative!r}, which is not in {root}"
        )
    except (BenchError, OSError) as error:
        return str(error)
