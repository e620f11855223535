"""Draws edits by jova-edit for people to look at: of each, frames before, what was made, and frames after.

    jova-bench generate --model jova-edit --suite embedded-edits --out runs/edits
    python benchmarks/edit_sheet.py runs/edits --out results/edit-sheet.png

What was made is red, in whole cells of the model: they reach beyond the box or the span that was asked for. Below each
row of frames is the sound's level, red where it was made. Nothing is before where no picture, or no sound, was given;
of a picture that was made, its first frame was.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sheets import write_sheet

from jova.codecs.base import WEIGHTS
from jova.config import JovaConfig
from jova.editing import ClipEdit, made_by
from jova.parts import find_parts
from jova.pasting import paste_picture, paste_sound
from jova.reading_flags import at_least
from jova.sample import read_image
from jova.text import Prompt as Parts
from jova.transformer import read_config
from jova_baselines.jova_edit import JovaEditor
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.prompts import Edit, Prompt
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite, load_suite

Picture = npt.NDArray[np.uint8]
COLUMNS = 16
"""Frames of a row."""
SCALE = 1.5
BAND, LEVEL = 16, 28
"""Heights of the line of text and of the sound's level, px."""
RED = np.array((220, 40, 40), np.float32)
GREY = np.array((90, 90, 90), np.uint8)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of a suite of edits")
    parser.add_argument("--suite", default="embedded-edits")
    parser.add_argument("--rows", type=at_least(1), default=2, help="edits of each kind")
    parser.add_argument("--out", type=Path, required=True, help="PNG file")
    asked = parser.parse_args(arguments)
    write_sheet(asked.out, lambda: rows_of(asked.run, asked.suite, asked.rows), parser)


def rows_of(run: Path, suite_name: str, count: int) -> list[Picture]:
    """Draws so many edits of each kind of a run.

    Raises:
        BenchError: the run has none, or a file is missing or damaged.
    """
    suite, config = load_suite(suite_name), read_config(find_parts(WEIGHTS).model)
    clips = {s.prompt_id: s.clip for s in read_run(run).samples if s.model == JovaEditor.name and s.clip}
    rows = []
    for kind in ("speech", "mouth", "picture", "sound"):
        there = [one for one in suite.prompts if one.edit and one.edit.kind == kind and one.id in clips]
        for prompt in there[:: max(1, len(there) // count)][:count]:
            rows.append(drawn(prompt, suite, run / clips[prompt.id], config))
    if not rows:
        wanted = f"clips by {JovaEditor.name} for edits of {suite_name}"
        raise BenchError(f"expected {wanted}, got none in {run}; name the suite of the run as --suite")
    return rows


def drawn(prompt: Prompt, suite: Suite, clip: Path, config: JovaConfig) -> Picture:
    """Draws one edit: a line of text, then before, made and after."""
    assert prompt.edit is not None
    after = media.read(clip)
    assert after.frames is not None
    assert after.audio is not None
    before = media.read(suite.path(prompt.edit.clip)) if prompt.edit.clip else None
    blank = np.full_like(after.frames, 255)
    frames = blank if before is None or before.frames is None else before.frames
    if prompt.edit.kind == "picture" and prompt.image is not None:
        frames = np.concatenate([read_image(suite.path(prompt.image), after.frames.shape[1:3])[None], blank[1:]])
    sound = before.audio if before and prompt.edit.kind == "speech" else None
    if prompt.audio is not None:
        sound = media.read(suite.path(prompt.audio)).audio
    shown = np.linspace(0, len(after.frames) - 1, COLUMNS).round().astype(int)
    video, heard = made(prompt.edit, config)
    mask = np.where(video[..., None], RED, 235).astype(np.uint8)
    width = round(COLUMNS * after.frames.shape[2] * SCALE)
    text = np.full((BAND, width, 3), 255, np.uint8)
    words = prompt.transcript.split()
    if prompt.edit.words:
        first, count = prompt.edit.words
        words = [*words[:first], f"[{' '.join(words[first : first + count])}]", *words[first + count :]]
    line = f'{prompt.edit.kind}: "{" ".join(words)}"  {prompt.video_caption}; {prompt.audio_caption}'
    cv2.putText(text, line, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
    parts = [text]
    for pictures, audio in ((frames, sound), (mask, None), (after.frames, after.audio)):
        strip = np.concatenate([pictures[min(index, len(pictures) - 1)] for index in shown], axis=1)
        parts.append(cv2.resize(strip, (width, round(strip.shape[0] * SCALE)), interpolation=cv2.INTER_AREA))
        if pictures is not mask:
            parts.append(level(None if audio is None else audio[0], heard, width))
    return np.concatenate(parts)


def made(edit: Edit, config: JovaConfig) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Returns the pixels (T, H, W) and the samples (N,) of the cells that an edit makes."""
    box = None if edit.box is None else np.array(edit.box, np.float32)
    asked = ClipEdit(edit.kind, Parts("", "", ""), span_s=edit.span_s or (0.0, 0.0), mouth=box)
    video, audio = (mask.numpy() for mask in made_by(config, asked))
    clock, (height, width) = config.timeline, config.picture_size
    black = np.zeros((clock.frames, height, width, 3), np.uint8)
    pixels = paste_picture(black, black + 1, ~video, clock)[..., 0] > 0
    silence = np.zeros(clock.samples, np.float32)
    return pixels, paste_sound(silence, silence + 1, ~audio, clock) > 0


def level(audio: npt.NDArray[np.float32] | None, made: npt.NDArray[np.bool_], width: int) -> Picture:
    """Draws the largest magnitude of each column of a sound (N,)."""
    drawn = np.full((LEVEL, width, 3), 255, np.uint8)
    if audio is not None:
        ends = np.linspace(0, len(audio), width + 1).astype(int)
        for column, (start, end) in enumerate(pairwise(ends)):
            height = round(min(1.0, 2 * float(np.abs(audio[start:end]).max(initial=0))) * (LEVEL - 2))
            drawn[LEVEL - 1 - height :, column] = RED.astype(np.uint8) if made[start:end].any() else GREY
    return drawn


if __name__ == "__main__":
    main()
