"""Folder dataset: one file per clip, prompts as JSON lines, annotations of every frame beside them.

DIR/prompts.jsonl       id, captions, transcript, tags, reference ("clips/<id>.mp4")
DIR/clips/<id>.mp4      H.264 + FLAC
DIR/tracks/<id>.npz     keypoints, mouth_box, mouth_open, phonemes, phoneme_times
DIR/dataset.json        format, corpus, split, count
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from jova.data.opening import opened
from jova.data.vocabulary import CORPUS
from jova.files import atomic_path

FORMAT = "jova-folder@1"
FPS = Fraction(25)
"""Frames per second of drawn clips."""
TEXTS = ("id", "video_caption", "audio_caption", "transcript")
"""Fields of every prompt."""
AGAIN = "copy the dataset again, or remove its dataset.json and repeat the command that made it"
"""What to do about a dataset that is damaged."""

Footage = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""(T, H, W, 3) RGB frames, (N,) mono samples and (T, 4) mouth boxes of a clip, in pixels x0, y0, x1, y1."""


@dataclass(frozen=True)
class Item:
    """One clip of a folder dataset; reads its files when asked."""

    prompt: dict[str, object]
    root: Path

    @property
    def id(self) -> str:
        """Id of the prompt, and stem of the files."""
        return str(self.prompt["id"])

    @property
    def clip(self) -> Path:
        """File of the clip."""
        return self.root / "clips" / f"{self.id}.mp4"

    @property
    def tracks(self) -> Path:
        """File of the annotations."""
        return self.root / "tracks" / f"{self.id}.npz"

    def media(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Reads the clip: (T, H, W, 3) RGB frames and (N,) mono samples."""
        return read_clip(self.clip)

    def track(self, name: str) -> npt.NDArray[np.generic]:
        """Reads one of the arrays of `tracks/<id>.npz`; errors are those of `read_track`."""
        return read_track(self.tracks, name)


def read_folder(root: Path, split: str | None = None) -> list[Item]:
    """Lists the clips of a finished folder dataset, in order; reads none of them.

    Args:
        root: its folder.
        split: of the corpus that it is to be; by default any dataset will do.

    Raises:
        FileNotFoundError: there is no dataset, or it is unfinished (without `dataset.json`).
        ValueError: the dataset has another format, is another split or of another corpus, or its prompts are damaged.
    """
    if not (root / "dataset.json").is_file():
        raise FileNotFoundError(
            f"expected a finished folder dataset in {root} (no dataset.json): run the command that makes it again"
        )
    about = _object(_text(root / "dataset.json"), str(root / "dataset.json"))
    if about.get("format") != FORMAT:
        raise ValueError(f"expected format {FORMAT!r} in {root}/dataset.json, got {about.get('format')!r}")
    if split is not None and (about.get("corpus"), about.get("split")) != (CORPUS, split):
        raise ValueError(
            f"expected the split {split!r} of {CORPUS!r} in {root}, got {about.get('split')!r} of "
            f"{about.get('corpus')!r} by its dataset.json; name a folder whose train/ and validation/ are these splits"
        )
    path = root / "prompts.jsonl"
    items = [Item(_prompt(line, f"{path}:{number}"), root) for number, line in enumerate(_text(path).splitlines(), 1)]
    if about.get("count", len(items)) != len(items):
        raise ValueError(f"expected {about['count']} prompts in {path}, as in dataset.json, got {len(items)}; {AGAIN}")
    return items


def _prompt(line: str, where: str) -> dict[str, Any]:
    """Reads a prompt; its id is the stem of files."""
    prompt = _object(line, where)
    if wrong := [name for name in TEXTS if not isinstance(prompt.get(name), str)]:
        raise ValueError(f"expected a prompt with texts as {', '.join(TEXTS)} in {where}, got no {wrong[0]}; {AGAIN}")
    if Path(prompt["id"]).name != prompt["id"]:
        raise ValueError(f"expected an id without folders in {where}, got {prompt['id']!r}; {AGAIN}")
    return prompt


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected a JSON object in {where}, got {error}; {AGAIN}") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object in {where}, got another value; {AGAIN}")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(f"expected a file of a dataset at {path}, got none; {AGAIN}") from None
    except ValueError as error:
        raise ValueError(f"expected UTF-8 in {path}, got {error}; {AGAIN}") from None


def read_track(path: Path, name: str) -> npt.NDArray[np.generic]:
    """Reads an array of the annotations of a clip.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or has no such array.
    """
    wanted = f"expected tracks with {name} in {path}"
    try:
        with np.load(path, allow_pickle=False) as tracks:
            return tracks[name]
    except FileNotFoundError:
        raise FileNotFoundError(f"{wanted}, got no file; {AGAIN}") from None
    except Exception as error:  # numpy has many: of the archive, of its parts, of the system.
        raise ValueError(f"{wanted}, got a damaged file ({type(error).__name__}); {AGAIN}") from error


def read_clips(items: Sequence[Item]) -> Iterator[Footage]:
    """Reads clips with the boxes of their mouths.

    Raises:
        FileNotFoundError, ValueError: a file is missing or damaged, or differs in its shape from the first clip's.
    """
    first: tuple[tuple[int, ...], ...] | None = None
    for item in items:
        frames, audio = item.media()
        boxes = item.track("mouth_box")
        if boxes.shape != (len(frames), 4) or boxes.dtype.kind not in "fiu":
            wanted = f"boxes of {len(frames)} frames as mouth_box in {item.tracks}"
            raise ValueError(f"expected {wanted}, got {boxes.dtype} of shape {boxes.shape}; {AGAIN}")
        first = first or (frames.shape, audio.shape)
        if (frames.shape, audio.shape) != first:
            raise ValueError(
                f"expected a clip with frames and samples of {first} in {item.clip}, as the others', got "
                f"{(frames.shape, audio.shape)}; {AGAIN}"
            )
        yield frames, audio, boxes.astype(np.float32)


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
        pictures = [frame.to_ndarray() for frame in rgb]
    with opened(path, "sound") as container:
        chunks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    if not (pictures and chunks):
        raise ValueError(f"expected a clip with picture and sound, got an empty one in {path}; give another")
    frames = np.stack(pictures)
    return frames.astype(np.uint8, copy=False), np.concatenate(chunks).astype(np.float32) / np.float32(32768)


def missing(root: Path, prompts: list[dict[str, object]]) -> Iterator[int]:
    """Yields the indices of prompts whose clip or tracks are missing."""
    for index, item in enumerate(Item(prompt, root) for prompt in prompts):
        if not (item.tracks.is_file() and item.clip.is_file()):
            yield index
