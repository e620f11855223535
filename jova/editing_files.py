"""Reads an edit from the flags of `jova.sample` and the files that they name."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova.config import JovaConfig
from jova.data.fitting import read_picture, read_sound, tracked_mouth
from jova.editing import ClipEdit, dub, lower_face, picture_for, require_editing, respeak, sound_for
from jova.edits import made_speech
from jova.pipeline import Audio, Frames
from jova.text import Prompt


def read_edit(arguments: argparse.Namespace, config: JovaConfig, prompt: Prompt, image: Frames | None) -> ClipEdit:
    """Reads what an edit is given; says on stderr what of the files had to be changed.

    Raises:
        ValueError, OSError: the model makes whole clips only, or a file cannot be used.
    """
    require_editing(config)
    clip: Path | None = arguments.clip
    match arguments.edit:
        case "speech":
            assert clip is not None  # `check_edit_flags` refuses it
            _print_notes(span_notes(config, arguments.start_s, arguments.end_s))
            return respeak(_picture(clip, config), _sound(clip, config), prompt, arguments.start_s, arguments.end_s)
        case "mouth":
            assert clip is not None
            frames, audio = _picture(clip, config), _sound(arguments.audio, config)
            return dub(frames, audio, prompt, _mouth(clip, arguments.mouth, config))
        case "picture":
            return picture_for(_sound(arguments.audio, config), prompt, image)
        case _:
            assert clip is not None
            return sound_for(_picture(clip, config), prompt)


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


def _picture(path: Path, config: JovaConfig) -> Frames:
    frames, notes = read_picture(path, config.timeline, config.picture_size)
    _print_notes(notes)
    return frames


def _sound(path: Path, config: JovaConfig) -> Audio:
    audio, notes = read_sound(path, config.timeline)
    _print_notes(notes)
    return audio


def _mouth(clip: Path, asked: list[float] | None, config: JovaConfig) -> npt.NDArray[np.float32]:
    """Returns the given box, else that of a drawn clip's tracks, else of the lower part of a face."""
    if asked is not None:
        return np.array(asked, np.float32)
    tracked = tracked_mouth(clip)
    if tracked is not None and tracked.shape == (config.timeline.frames, 4):
        return tracked
    box = lower_face(config)
    numbers, (height, width) = ",".join(f"{side:g}" for side in box), config.picture_size
    _print_notes(
        [f"{clip}: no track of its mouth; taken to be within {numbers} px of {width} x {height}, set it with --mouth"]
    )
    return box


def _print_notes(notes: list[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
