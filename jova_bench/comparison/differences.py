"""Measures how two clips of one prompt and seed differ: pixel by pixel, and sample by sample.

What both have at the same place is compared, never moved, scaled or resampled to fit: another size or rate is stated
instead of a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jova_bench.execution.base import WorkerContext
from jova_bench.formatting.text import counted
from jova_bench.keys import PromptSeed
from jova_bench.media.clip import Clip
from jova_bench.records import Record, Sample
from jova_bench.runs.recorded import ChangedClip, recorded_clip

FULL_PIXEL = 255
"""Largest value of a pixel, which PSNR compares with."""


class Differing(Record):
    """How one stream of two clips differs over what both have."""

    rms: float
    """Root of the mean squared difference: of pixels in [0, 255], or of samples in [-1, 1]."""
    largest: float
    """Largest difference of any pixel or sample, in the same unit."""
    db: float | None
    """Peak signal to noise ratio of the picture; of the sound, its power in a over that of the difference. None where
    nothing differs, or a is silent."""


class ClipDifference(Record):
    """How two clips of one prompt and seed differ."""

    prompt_id: str
    """Id of the prompt."""
    seed: int
    """Sampling seed."""
    picture: Differing | None
    """None where the pictures cannot be compared."""
    sound: Differing | None
    """None where the sounds cannot be compared."""
    notes: tuple[str, ...]
    """What differs of their formats, and why a stream cannot be compared."""


@dataclass(frozen=True)
class ClipPair:
    """Two recorded clips of one prompt and seed, and their files."""

    a: Sample
    a_path: Path
    b: Sample
    b_path: Path

    @property
    def cell(self) -> PromptSeed:
        """Returns the prompt and seed."""
        return self.a.key.prompt_seed


def measurer(context: WorkerContext) -> Callable[[ClipPair], ClipDifference]:
    """Builds the function by which a worker measures a pair."""

    def measure(pair: ClipPair) -> ClipDifference:
        found = []
        for sample, path in ((pair.a, pair.a_path), (pair.b, pair.b_path)):
            clip = recorded_clip(context.file(path), sample.file_digest or "", sample.clip_digest or "", pictures=True)
            if isinstance(clip, ChangedClip):
                notes = (f"{sample.model}: {clip.reason}",)
                return ClipDifference(prompt_id=pair.cell[0], seed=pair.cell[1], picture=None, sound=None, notes=notes)
            found.append(clip)
        return difference(pair.cell, *found)

    return measure


def difference(cell: PromptSeed, a: Clip, b: Clip) -> ClipDifference:
    """Measures how two clips differ.

    Args:
        cell: prompt and seed of both.
        a: one clip.
        b: the other.
    """
    notes: list[str] = []
    return ClipDifference(
        prompt_id=cell.prompt_id,
        seed=cell.seed,
        picture=_pictures(a, b, notes),
        sound=_sounds(a, b, notes),
        notes=tuple(notes),
    )


def _pictures(a: Clip, b: Clip, notes: list[str]) -> Differing | None:
    """Compares the frames that both have, one after the other."""
    if a.frames is None or b.frames is None:
        _absent("picture", a.frames is None, b.frames is None, notes)
        return None
    sizes = ["{2}x{1}".format(*clip.frames.shape) for clip in (a, b) if clip.frames is not None]
    rates = [f"{float(one.fps):g} fps" for one in (a, b)]
    if not _same(sizes, notes) or not _same(rates, notes):
        return None
    count = min(len(a.frames), len(b.frames))
    _cut("frames", len(a.frames), len(b.frames), notes)
    squares, largest = 0, 0
    for one, other in zip(a.frames[:count], b.frames[:count], strict=True):
        change = np.abs(one.astype(np.int32) - other)  # (H, W, 3)
        squares, largest = squares + int((change * change).sum()), max(largest, int(change.max()))
    mean = squares / (count * a.frames[0].size)
    db = 10 * math.log10(FULL_PIXEL**2 / mean) if mean else None
    return Differing(rms=math.sqrt(mean), largest=float(largest), db=db)


def _sounds(a: Clip, b: Clip, notes: list[str]) -> Differing | None:
    """Compares the samples that both have."""
    if a.audio is None or b.audio is None:
        _absent("sound", a.audio is None, b.audio is None, notes)
        return None
    rates = [f"{one.sample_rate_hz} Hz" for one in (a, b)]
    channels = [counted(len(one), "channel") for one in (a.audio, b.audio)]
    if not _same(rates, notes) or not _same(channels, notes):
        return None
    count = min(a.audio.shape[1], b.audio.shape[1])
    _cut("samples", a.audio.shape[1], b.audio.shape[1], notes)
    one, other = (clip[:, :count].astype(np.float64) for clip in (a.audio, b.audio))  # (channels, N)
    change = one - other
    power, lost = float(np.mean(one**2)), float(np.mean(change**2))
    db = 10 * math.log10(power / lost) if power and lost else None
    return Differing(rms=math.sqrt(lost), largest=float(np.abs(change).max()), db=db)


def _absent(what: str, in_a: bool, in_b: bool, notes: list[str]) -> None:
    """Notes that a stream is missing on one side; clips without it on both differ in nothing."""
    if in_a != in_b:
        notes.append(f"no {what} in {'A' if in_a else 'B'}")


def _same(values: list[str], notes: list[str]) -> bool:
    """Returns whether both sides have one value, and notes them where they do not."""
    if values[0] == values[1]:
        return True
    notes.append(f"{values[0]} in A, {values[1]} in B: not compared")
    return False


def _cut(what: str, a: int, b: int, notes: list[str]) -> None:
    if a != b:
        notes.append(f"{a} {what} in A, {b} in B: the first {min(a, b)} are compared")
