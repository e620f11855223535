"""Writes a split of the procedural corpus as a folder dataset; skips clips that exist."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import track

from jova.data.corpus import VERSION, Split, make_clip, make_prompt, seed_of
from jova.data.folder import FORMAT, missing, write_clip
from jova.files import atomic_path


def make_split(split: Split, count: int, out: Path, workers: int = 1) -> None:
    """Writes the first `count` clips of a split, in `workers` processes; skips clips that exist."""
    (out / "clips").mkdir(parents=True, exist_ok=True)
    (out / "tracks").mkdir(exist_ok=True)
    (out / "dataset.json").unlink(missing_ok=True)  # It says that all clips of the prompts are there.
    prompts = [make_prompt(split, index) for index in range(count)]
    with atomic_path(out / "prompts.jsonl") as unfinished:
        unfinished.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    todo = list(missing(out, prompts))
    # Spawned: in a forked child OpenCV waits forever for the threads that its parent had.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        jobs = pool.map(partial(_write, split, out), todo, [prompts[index] for index in todo], chunksize=8)
        for _ in track(jobs, f"{split} clips", total=len(todo)):
            pass
    about = {"format": FORMAT, "corpus": VERSION, "split": split, "count": count}
    with atomic_path(out / "dataset.json") as unfinished:
        unfinished.write_text(json.dumps(about) + "\n")


def _write(split: Split, out: Path, index: int, prompt: dict[str, Any]) -> None:
    """Makes one clip and writes it with its tracks."""
    clip = make_clip(prompt["tags"], prompt["transcript"], seed_of(split, index))
    write_clip(out / "clips" / f"{prompt['id']}.mp4", clip.frames, clip.audio)
    with atomic_path(out / "tracks" / f"{prompt['id']}.npz") as unfinished:
        np.savez_compressed(
            unfinished,
            keypoints=clip.keypoints,
            mouth_box=clip.mouth_box,
            mouth_open=clip.mouth_open,
            phonemes=np.array(clip.phonemes),
            phoneme_times=clip.phoneme_times,
        )
