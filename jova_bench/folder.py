"""A folder of clips as a suite of its own: what `score` measures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jova_bench.files import read_json_lines
from jova_bench.models import clips_in, safe_id
from jova_bench.suites import Suite, load_suite
from jova_bench.types import Prompt

PROMPTS = "prompts.jsonl"


def folder_suite(folder: Path, suite: Suite | None) -> Suite:
    """What `score` measures: every clip of a folder, with the prompt of the same stem where there is one.

    Args:
        folder: has the clips.
        suite: has the prompts; None takes those of DIR/prompts.jsonl, if there are any.

    Returns:
        One prompt per clip, empty for a clip that nobody asked for. The digest covers the clips' content; what
        was asked has one of its own, so that two folders that answer the same prompts can be compared.
    """
    clips = clips_in(folder)
    source = suite or _own_suite(folder)
    known = {prompt.id: prompt for prompt in source.prompts} if source else {}
    asked = source.question if source else "no prompts"
    digest = hashlib.sha256(asked.encode())
    prompts = []
    for clip_id, path in _ids(clips).items():
        nothing = Prompt(id=clip_id, video_caption="", audio_caption="", transcript="")
        prompts.append(known.get(path.stem, nothing).model_copy(update={"id": clip_id}))
        with path.open("rb") as file:
            digest.update(clip_id.encode() + hashlib.file_digest(file, "sha256").digest())
    whole = source or Suite("no-prompts", (), folder, "", None, None)
    name = suite.name if suite else safe_id(folder.resolve().name)
    return replace(whole, name=name, prompts=tuple(prompts), digest=digest.hexdigest(), asked_digest=asked)


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
    _, first = next(read_json_lines(path), (1, None))
    return isinstance(first, dict) and not first.keys() & {"video_caption", "audio_caption", "transcript"}
