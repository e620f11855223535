"""Makes a suite from a folder of clips, as `score` measures it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json_lines
from jova_bench.prompts import Prompt
from jova_bench.suites.clips import answer, clips_by_id, difference, some, stem_of, top_of
from jova_bench.suites.loading import Suite, load_suite
from jova_bench.suites.prompt_file import PROMPTS


def folder_suite(folder: Path, suite: Suite | None) -> Suite:
    """Makes a suite: every prompt with the clip whose stem is its id, then every clip without a prompt.

    Args:
        folder: folder of the clips, `FOLDER/**`, or one clip: of the prompts it has its own alone.
        suite: prompts; None takes those of DIR/prompts.jsonl, if there are any.

    Returns:
        The prompts in their order, those without a clip too, and an empty one for each clip without a prompt.
        The digest covers the clips' content; the prompts have a digest of their own, so that two folders of clips of
        the same prompts can be compared.

    Raises:
        BenchError: not a folder of clips, a broken prompt file, or no clip that belongs to a prompt of the suite.
    """
    clips = clips_by_id(folder)
    top = top_of(folder)
    source = suite or _own_suite(top) or Suite("no-prompts", (), top, "", None, None)
    answers = {path: one.id for one in source.prompts if (path := answer(clips, one.id))}
    if source.prompts and suite and not answers:
        what = difference([one.id for one in suite.prompts], [path.stem for path in clips.values()])
        raise BenchError(
            f"expected clips named by the ids of {suite.name} ({some([one.id for one in suite.prompts])}) in "
            f"{str(folder)!r}, got none of {len(suite.prompts)} ({some([path.name for path in clips.values()])})"
            + (f"; {what}" if what else "; rename the clips or give another suite")
        )
    if folder.is_file():  # Other prompts are of other clips.
        source = replace(source, prompts=tuple(one for one in source.prompts if one.id in answers.values()))
    asked = source.prompts_digest or "no prompts"
    digest = hashlib.sha256(asked.encode())
    for clip_id, path in clips.items():
        digest.update(answers.get(path, clip_id).encode() + _content(path))
    unasked = [
        Prompt(id=clip_id, video_caption="", audio_caption="", transcript="")
        for clip_id, path in clips.items()
        if path not in answers
    ]
    name = suite.name if suite else stem_of(folder)
    prompts = (*source.prompts, *unasked)
    return replace(source, name=name, prompts=prompts, digest=digest.hexdigest(), asked_digest=asked)


def asked_for(prompt: Prompt) -> Prompt | None:
    """Returns the prompt, or None for the empty prompt of a clip without one."""
    texts = prompt.video_caption or prompt.audio_caption or prompt.transcript
    return prompt if texts or prompt.voice or prompt.speakers or prompt.edit else None


def _content(path: Path) -> bytes:
    """Returns the digest of a file; a marker for one that cannot be read, whose sample fails with the reason."""
    try:
        return bytes.fromhex(file_digest(path))
    except OSError:
        return b"unreadable"


def _own_suite(folder: Path) -> Suite | None:
    """Loads the prompts beside the clips. Other collections use the same file name for records of their own."""
    path = folder / PROMPTS
    return load_suite(path) if path.is_file() and not foreign_prompts(path) else None


def foreign_prompts(path: Path) -> bool:
    """Returns whether the first line is a JSON object without any caption or transcript field of ours."""
    _, first = next(read_json_lines(path), (1, None))
    return isinstance(first, dict) and not first.keys() & {"video_caption", "audio_caption", "transcript"}
