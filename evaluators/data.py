"""Loads a split of a folder dataset into memory, for training evaluators.

Letters: n clips, T frames, F = 4 T mel frames, M mel bands, N = 640 T samples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.metrics.lip_sync.curves import SAMPLES_PER_FRAME
from jova_bench.metrics.networks import embedded as nets
from jova_bench.metrics.signal.audio import log_mel, mono_16k
from jova_bench.prompts import Prompt

Track = Callable[[Iterable[Path]], Iterable[Path]]


@dataclass(frozen=True)
class Split:
    """All clips of a split, decoded."""

    prompts: tuple[Prompt, ...]
    frames: npt.NDArray[np.uint8]
    """(n, T, 64, 64, 3)."""
    audio: npt.NDArray[np.float32]
    """(n, N) at 16 kHz."""
    mel: npt.NDArray[np.float32]
    """(n, F, M)."""
    mouth_open: npt.NDArray[np.float32]
    """(n, T) in [0, 1]."""

    def __len__(self) -> int:
        return len(self.prompts)


def read_split(folder: Path, track: Track) -> Split:
    """Decodes every clip that `prompts.jsonl` lists.

    Args:
        folder: a folder dataset with `prompts.jsonl`, `clips/` and `tracks/`.
        track: shows progress over the files.
    """
    if not (folder / "prompts.jsonl").is_file():
        raise BenchError(f"expected a folder with prompts.jsonl, got {folder}; make one with python -m jova.data")
    lines = (folder / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = tuple(Prompt.model_validate(json.loads(line)) for line in lines)
    clips = [media.read(file) for file in track([folder / "clips" / f"{prompt.id}.mp4" for prompt in prompts])]
    count = min(len(clip.frames) for clip in clips if clip.frames is not None)
    frames = np.stack([clip.frames[:count] for clip in clips if clip.frames is not None])
    audio = np.stack([_fitted(mono_16k(clip, "embedded"), SAMPLES_PER_FRAME * count) for clip in clips])
    tracks = [np.load(folder / "tracks" / f"{prompt.id}.npz") for prompt in prompts]
    mouth_open = np.stack([track["mouth_open"][:count] for track in tracks]).astype(np.float32)
    return Split(prompts, frames, audio, mel_of(audio), mouth_open)


def _fitted(audio: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    return np.pad(audio, (0, max(0, count - len(audio))))[:count]


def mel_of(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Computes log-mel spectra with 4 mel frames per video frame: (n, N) -> (n, F, M)."""
    count = nets.MELS_PER_FRAME * (audio.shape[1] // SAMPLES_PER_FRAME)
    return np.stack([log_mel(one, nets.MELS)[:count] for one in audio])


def classes_of(split: Split, tags: Iterable[str]) -> dict[str, list[str]]:
    """Returns the sorted values of each tag."""
    return {tag: sorted({prompt.tags[tag] for prompt in split.prompts}) for tag in tags}


def labels_of(split: Split, classes: dict[str, list[str]]) -> npt.NDArray[np.int64]:
    """Returns the index of each clip's value of each tag, (n, attributes)."""
    return np.array([[names.index(prompt.tags[tag]) for tag, names in classes.items()] for prompt in split.prompts])
