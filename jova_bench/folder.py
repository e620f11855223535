"""A folder of clips that somebody already has: as a model that answers a suite, and as a suite of its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jova_bench.models import Generated, Plan
from jova_bench.suites import Suite, load_suite
from jova_bench.types import BenchError, Prompt

CLIP_SUFFIXES: tuple[str, ...] = (".mp4", ".mkv", ".mov", ".webm", ".wav", ".flac")
PROMPTS = "prompts.jsonl"


def safe_id(text: str) -> str:
    """A name that fits `types.Id`; unchanged when it already does, else with a digest so that no two collide."""
    clean = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]", "_", text))[:100] or "_"
    return clean if clean == text else f"{clean}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def clips_in(folder: Path) -> tuple[Path, ...]:
    """Media files directly in a folder, by name.

    Raises:
        BenchError: the folder is missing or has none.
    """
    if not folder.is_dir():
        raise BenchError(f"expected a folder of clips, got {str(folder)!r}, which is not a folder")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in CLIP_SUFFIXES and path.is_file())
    if not found:
        raise BenchError(f"expected clips ({' '.join(CLIP_SUFFIXES)}) in {str(folder)!r}, found none")
    return tuple(found)


class ClipsFolder:
    """The model `clips:DIR`, under the name of its folder. A prompt without a file has no clip."""

    batch_size = 1
    needs: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = safe_id(folder.resolve().name)
        self._clips: dict[str, Path] = {}
        for path in clips_in(folder):
            # A suite's ids are stems; `score` on a folder with a.mp4 and a.wav tells them apart by full name.
            self._clips.setdefault(safe_id(path.stem), path)
            self._clips[safe_id(path.name)] = path

    def check(self) -> str | None:
        """Always runs: there is nothing to load."""
        return None

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """The file as it is, told apart by its content."""
        path = self._path(prompt)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Plan(None, None, None, None, None, None, note=f"file {path.name}, sha256 {digest[:16]}")

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Hands over the files."""
        for prompt in prompts:
            yield Generated(media=self._path(prompt), timing="free", timed=False)

    def _path(self, prompt: Prompt) -> Path:
        if prompt.id not in self._clips:
            raise BenchError(f"no clip for this prompt: expected {prompt.id}.mp4 (or another suffix) in {self.folder}")
        return self._clips[prompt.id]


def folder_suite(folder: Path, suite: Suite | None) -> Suite:
    """What `score` measures: every clip of a folder, with the prompt of the same stem where there is one.

    Args:
        folder: has the clips.
        suite: has the prompts; None takes those of DIR/prompts.jsonl, if there are any.

    Returns:
        One prompt per clip, empty for a clip that nobody asked for. The digest covers the clips' content.
    """
    clips = clips_in(folder)
    source = suite or _own_suite(folder)
    known = {prompt.id: prompt for prompt in source.prompts} if source else {}
    digest = hashlib.sha256((source.digest if source else "no prompts").encode())
    prompts = []
    for clip_id, path in _ids(clips).items():
        nothing = Prompt(id=clip_id, video_caption="", audio_caption="", transcript="")
        prompts.append(known.get(path.stem, nothing).model_copy(update={"id": clip_id}))
        with path.open("rb") as file:
            digest.update(clip_id.encode() + hashlib.file_digest(file, "sha256").digest())
    whole = source or Suite("no-prompts", (), folder, "", None, None)
    name = suite.name if suite else safe_id(folder.resolve().name)
    return replace(whole, name=name, prompts=tuple(prompts), digest=digest.hexdigest())


def asked_for(prompt: Prompt) -> Prompt | None:
    """None for the empty prompt of a clip that nobody asked for."""
    return prompt if prompt.video_caption or prompt.audio_caption or prompt.transcript else None


def _ids(clips: Sequence[Path]) -> Mapping[str, Path]:
    """Stems; full names where two clips share a stem, such as a.mp4 and a.wav."""
    stems = Counter(path.stem for path in clips)
    return {safe_id(path.stem if stems[path.stem] == 1 else path.name): path for path in clips}


def _own_suite(folder: Path) -> Suite | None:
    """The prompts beside the clips. Other collections use the same file name for records of their own."""
    path = folder / PROMPTS
    return load_suite(path) if path.is_file() and not foreign_prompts(path) else None


def foreign_prompts(path: Path) -> bool:
    """Whether the first line is a JSON object without any caption or transcript field of ours."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(file.readline())
    except ValueError:
        return False
    return isinstance(first, dict) and not first.keys() & {"video_caption", "audio_caption", "transcript"}
