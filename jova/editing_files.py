"""Reads an edit from the flags of `jova.sample` and the files that they name."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova.config import JovaConfig
from jova.data.fitting import read_picture, read_sound, tracked_mouth
from jova.editing import ClipEdit, dub, lower_face, picture_for, require_editing, respeak, sound_for
from jova.edits import made_speech
from jova.pipeline import Frames
from jova.text import Prompt


def read_edit(
    arguments: argparse.Namespace, config: JovaConfig, prompt: Prompt, image: Frames | None
) -> tuple[ClipEdit, list[str]]:
    """Reads what an edit is given; returns notes of what of the files and flags had to be changed, too.

    Raises:
        ValueError, OSError: the model makes whole clips only, or a file cannot be used.
    """
    require_editing(config)
    clip: Path | None = arguments.clip
    match arguments.edit:
        case "speech":
            assert clip is not None  # `check_edit_flags` refuses it
            (frames, notes), (audio, more) = _picture(clip, config), read_sound(clip, config.timeline)
            notes += [*more, *span_notes(config, arguments.start_s, arguments.end_s)]
            return respeak(frames, audio, prompt, arguments.start_s, arguments.end_s), notes
        case "mouth":
            assert clip is not None
            (frames, notes), (audio, more) = _picture(clip, config), read_sound(arguments.audio, config.timeline)
            mouth, its_notes = _mouth(clip, arguments.mouth, config)
            return dub(frames, audio, prompt, mouth), [*notes, *more, *its_notes]
        case "picture":
            audio, notes = read_sound(arguments.audio, config.timeline)
            return picture_for(audio, prompt, image), notes
        case _:
            assert clip is not None
            frames, notes = _picture(clip, config)
            return sound_for(frames, prompt), notes


def span_notes(config: JovaConfig, start_s: float, end_s: float) -> list[str]:
    """Returns a note of the span that is made where it is longer than the one asked for; none where they are equal."""
    made, clock = made_speech(config, start_s, end_s), config.timeline
    parts = []
    for name, mask, stream in (("picture", made.video, clock.video), ("sound", made.audio, clock.audio)):
        cells = mask.flatten(1).any(dim=1) if mask.ndim > 1 else mask
        if not (tokens := cells.nonzero().flatten().tolist()):
            return []  # No span of the clip, which `jova.editing.check` refuses.
        begin_s, stop_s = float(stream.span_s(tokens[0])[0]), float(stream.span_s(tokens[-1])[1])
        if (begin_s, stop_s) != (start_s, end_s):
            parts.append(f"{begin_s:g} to {stop_s:g} s of the {name}")
    if not parts:
        return []
    asked = f"--from {start_s:g} --to {end_s:g}"
    return [f"{asked} is rounded outward to whole cells of the model: made are {' and '.join(parts)}"]


def _picture(path: Path, config: JovaConfig) -> tuple[Frames, list[str]]:
    return read_picture(path, config.timeline, config.picture_size)


def _mouth(clip: Path, asked: list[float] | None, config: JovaConfig) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Returns the given box, else that of a drawn clip's tracks, else of the lower part of a face, with a note."""
    if asked is not None:
        return np.array(asked, np.float32), []
    tracked = tracked_mouth(clip)
    if tracked is not None and tracked.shape == (config.timeline.frames, 4):
        return tracked, []
    box = lower_face(config)
    numbers, (height, width) = ",".join(f"{side:g}" for side in box), config.picture_size
    note = f"{clip}: no track of its mouth; taken to be within {numbers} px of {width} x {height}, set it with --mouth"
    return box, [note]
