"""Writes a split of the procedural corpus as a folder dataset; skips clips that exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from typing import Any

import av
import cv2
import numpy as np
from rich.progress import track

from jova.data.corpus import VERSION, Split, make_clip, make_prompt, seed_of
from jova.data.face import SIZE
from jova.data.folder import FORMAT, missing, write_clip
from jova.files import atomic_path


def make_split(split: Split, count: int, out: Path, workers: int = 1, size: tuple[int, int] = SIZE) -> None:
    """Writes the first `count` clips of a split, with frames of `size` (H, W), in `workers` processes.

    Skips clips that exist.

    Raises:
        ValueError: those are of another size.
    """
    _check_size(out / "clips", size)
    (out / "clips").mkdir(parents=True, exist_ok=True)
    (out / "tracks").mkdir(exist_ok=True)
    (out / "dataset.json").unlink(missing_ok=True)  # It says that all clips of the prompts are there.
    prompts = [make_prompt(split, index) for index in range(count)]
    with atomic_path(out / "prompts.jsonl") as unfinished:
        unfinished.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    todo = list(missing(out, prompts))
    with _pool(workers) as pool:
        with _uninterrupted():  # The first clip starts the workers.
            jobs = pool.map(partial(_write, split, out, size), todo, [prompts[index] for index in todo])
        for _ in track(jobs, f"{split} clips", total=len(todo)):
            pass
    about = {"format": FORMAT, "corpus": VERSION, "split": split, "count": count}
    with atomic_path(out / "dataset.json") as unfinished:
        unfinished.write_text(json.dumps(about) + "\n")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yields a pool that gives up all clips but those that are being made when the block is left, for any reason.

    Raises ChildProcessError if a worker dies.
    """
    # Spawned: in a forked child OpenCV waits forever for the threads that its parent had.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise ChildProcessError("a process that made clips was killed, perhaps for want of memory") from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds Ctrl-C back, from processes that start in the block for good: a terminal sends it to all of them.

    They end with the pool, without a traceback of each.
    """
    ensure_running()  # Else the first worker starts multiprocessing's tracker, which ends the hold.
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _check_size(clips: Path, size: tuple[int, int]) -> None:
    """Raises ValueError if the clips of a folder are of another size, (H, W)."""
    whole = (path for path in sorted(clips.glob("*.mp4")) if ".part" not in path.name)  # A killed process leaves those.
    if (path := next(whole, None)) is not None:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if (stream.height, stream.width) != size:
                raise ValueError(
                    f"expected clips of {size[0]} x {size[1]} pixels as asked for, got {stream.height} x "
                    f"{stream.width} in {path}; use another --out"
                )


def _write(split: Split, out: Path, size: tuple[int, int], index: int, prompt: dict[str, Any]) -> None:
    """Makes one clip and writes it with its tracks."""
    clip = make_clip(prompt["tags"], prompt["transcript"], seed_of(split, index), size)
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
