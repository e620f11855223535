"""Folder dataset: one file per clip, prompts as JSON lines, annotations of every frame beside them.

DIR/prompts.jsonl       id, captions, transcript, tags, reference ("clips/<id>.mp4")
DIR/clips/<id>.mp4      H.264 + FLAC
DIR/tracks/<id>.npz     keypoints, mouth_box, mouth_open, phonemes, phoneme_times
DIR/dataset.json        format, corpus, split, count
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from jova.data.opening import opened
from jova.files import atomic_path

FORMAT = "jova-folder@1"
FPS = Fraction(25)
"""Frames per second of drawn clips."""


@dataclass(frozen=True)
class Item:
    """One clip of a folder dataset; reads its files when asked."""

    prompt: dict[str, object]
    root: Path

    @property
    def id(self) -> str:
        """Id of the prompt, and stem of the files."""
        return str(self.prompt["id"])

    def media(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Reads the clip: (T, H, W, 3) RGB frames and (N,) mono samples."""
        return read_clip(self.root / "clips" / f"{self.id}.mp4")

    def track(self, name: str) -> npt.NDArray[np.generic]:
        """Reads one of the arrays of `tracks/<id>.npz`."""
        with np.load(self.root / "tracks" / f"{self.id}.npz", allow_pickle=False) as tracks:
            return tracks[name]


def read_folder(root: Path) -> list[Item]:
    """Lists the clips of a finished folder dataset, in order.

    Raises:
        FileNotFoundError: there is no dataset, or it is unfinished (without `dataset.json`).
        ValueError: the dataset has another format.
    """
    if not (root / "dataset.json").is_file():
        raise FileNotFoundError(
            f"expected a finished folder dataset in {root} (no dataset.json): run the command that makes it again"
        )
    about = json.loads((root / "dataset.json").read_text())
    if about.get("format") != FORMAT:
        raise ValueError(f"expected format {FORMAT!r} in {root}/dataset.json, got {about.get('format')!r}")
    return [Item(json.loads(line), root) for line in (root / "prompts.jsonl").read_text().splitlines()]


def write_clip(
    path: Path,
    frames: npt.NDArray[np.uint8],
    audio: npt.NDArray[np.float32],
    fps: Fraction = FPS,
    rate_hz: int = 16_000,
    comment: str | None = None,
) -> None:
    """Writes (T, H, W, 3) RGB frames and (N,) mono samples as H.264 + FLAC in mp4, atomically; a comment beside them.

    FLAC is lossless: the audio is always the same. Frames may be rounded differently by another kind of CPU.
    """
    with atomic_path(path) as unfinished, av.open(str(unfinished), "w") as container:
        if comment is not None:
            container.metadata["comment"] = comment
        video = container.add_stream("libx264", rate=fps, options={"crf": "12", "preset": "medium", **repeatable()})
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        stream = container.add_stream("flac", rate=rate_hz, layout="mono")
        for index, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        pcm = np.rint(np.clip(audio, -1, 32767 / 32768) * 32768).astype(np.int16)
        samples = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = rate_hz, 0, Fraction(1, rate_hz)
        container.mux(stream.encode(samples))
        container.mux(stream.encode(None))


def repeatable() -> dict[str, str]:
    """Returns options of x264 with which the same frames give the same bytes every time on one processor.

    With AVX-512 a few encodings in a hundred of some clips came out otherwise.
    """
    from numpy._core._multiarray_umath import __cpu_features__ as features  # type: ignore[import-not-found]

    narrow = features.get("AVX512F") and features.get("AVX2")
    return {"threads": "1", **({"x264-params": "asm=AVX2"} if narrow else {})}


def read_clip(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Reads a clip of `write_clip`: (T, H, W, 3) RGB frames and (N,) mono samples.

    Raises ValueError where the file cannot be decoded.
    """
    with opened(path, "a video") as container:
        convert = VideoReformatter()  # One for all frames, single-threaded: several times faster on small frames.
        rgb = (convert.reformat(frame, format="rgb24", threads=1) for frame in container.decode(video=0))
        frames = np.stack([frame.to_ndarray() for frame in rgb])
    with opened(path, "sound") as container:
        chunks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return frames.astype(np.uint8, copy=False), np.concatenate(chunks).astype(np.float32) / np.float32(32768)


def missing(root: Path, prompts: list[dict[str, object]]) -> Iterator[int]:
    """Yields the indices of prompts whose clip or tracks are missing."""
    for index, prompt in enumerate(prompts):
        if not (
            (root / "tracks" / f"{prompt['id']}.npz").is_file() and (root / "clips" / f"{prompt['id']}.mp4").is_file()
        ):
            yield index
