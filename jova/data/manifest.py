"""Reads the manifest of prepared videos: which clips are kept, and what is known of each.

DIR/manifest.jsonl      a line per clip, kept or rejected; of lines with one id the last counts
DIR/clips/<id>.mp4      kept clips, of a constant rate
DIR/tracks/<id>.npz     their mouth boxes: `mouth_box` (T, 4) pixels, NaN in frames without a face

`jova-bench data prepare` writes it; anything else may. What judged the clips does not matter here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from jova.data.fitting import read_sound
from jova.text.words import Prompt
from jova.timeline import Timeline

ID = re.compile(r"(?!.*\.\.)[\w.-]{1,120}")
"""Form of an id, which is the stem of files: nothing that leads out of their folder."""
LATE = 0.5
"""Frames by which one may be shown earlier or later than a constant rate has it: times are rounded to ticks."""
MARGIN_S = 0.1
"""Seconds of speech after a clip's end that do not matter: a detector's blocks."""


@dataclass(frozen=True)
class KeptClip:
    """A line of a manifest; reads the clip's files when asked."""

    where: str
    """File and number of the line."""
    root: Path
    """Folder of the manifest."""
    id: str
    frames: int
    """T."""
    fps: Fraction
    height: int
    """H, pixels."""
    width: int
    boxes: bool
    """Whether there are mouth boxes."""
    speech: tuple[tuple[float, float], ...]
    """Start and end of each stretch of speech, in seconds of the clip."""
    prompt: Prompt

    @property
    def path(self) -> Path:
        """File of picture and sound."""
        return self.root / "clips" / f"{self.id}.mp4"

    @property
    def boxes_path(self) -> Path:
        """File of the mouth boxes, if any."""
        return self.root / "tracks" / f"{self.id}.npz"

    def picture(self, frames: int) -> Tensor:
        """Reads the first frames, (`frames`, H, W, 3) uint8 RGB.

        Raises:
            ValueError: the file is damaged, or of another size, length or rate than its line says.
        """
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise ValueError(f"{self.where}: expected a picture in {self.path}, got none")
                picture, times = [], []
                for frame in islice(container.decode(video=0), frames):
                    picture.append(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
                    times.append(math.nan if frame.time is None else frame.time)
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(self.path, error) from error
        sizes = {frame.shape for frame in picture}
        if len(picture) < frames or sizes != {(self.height, self.width, 3)}:
            found = " and ".join(f"{height} x {width}" for height, width, _ in sorted(sizes)) or "no size"
            raise ValueError(
                f"{self.where}: expected {frames} frames of {self.height} x {self.width} pixels in {self.path}, got "
                f"{len(picture)} of {found}; prepare the clip again"
            )
        at = [(shown - times[0]) * float(self.fps) for shown in times]
        wrong = next((number for number, place in enumerate(at) if not abs(place - number) <= LATE), None)
        if wrong is not None:
            raise ValueError(
                f"{self.where}: expected a constant {self.fps} frames a second in {self.path}, as fps says, got frame "
                f"{wrong} where frame {at[wrong]:.1f} would be; write the rate that the file has"
            )
        return torch.from_numpy(np.stack(picture))

    def sound(self, clock: Timeline) -> Tensor:
        """Reads the sound at the clock's sampling rate, (N,) float32 mono, cut or followed by silence to its length.

        Raises:
            ValueError: the file is damaged, or has no sound.
        """
        try:
            return torch.from_numpy(read_sound(self.path, clock)[0])
        except ValueError as error:
            raise self._unreadable(self.path, error) from error

    def mouth_boxes(self, frames: int) -> Tensor:
        """Reads the mouth's box in each of the first frames, (`frames`, 4) float32 pixels; NaN without a face.

        Raises:
            ValueError: the file is damaged, has fewer frames, or has boxes that are none.
        """
        if not self.boxes:
            return torch.full((frames, 4), torch.nan)
        path = self.boxes_path
        try:
            with np.load(path, allow_pickle=False) as arrays:
                boxes = arrays["mouth_box"].astype(np.float32)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise self._unreadable(path, error) from error
        if boxes.ndim != 2 or len(boxes) < frames or boxes.shape[1] != 4:
            raise ValueError(
                f"{self.where}: expected mouth_box of ({frames}, 4) in {path}, got {boxes.shape}; prepare it again"
            )
        boxes = boxes[:frames]
        x0, y0, x1, y1 = boxes[~np.isnan(boxes).any(axis=1)].T
        if not ((x0 <= x1) & (y0 <= y1)).all():
            got = "a box that ends before it begins"
        elif len(x0) and not ((x0 <= self.width) & (x1 >= 0) & (y0 <= self.height) & (y1 >= 0)).any():
            got = "none in the picture"
        else:
            return torch.from_numpy(boxes)
        raise ValueError(
            f"{self.where}: expected mouth_box as x0, y0, x1, y1 in pixels of the clip in {path}, got {got}; prepare "
            "it again"
        )

    def _unreadable(self, path: Path, error: Exception) -> ValueError:
        reason = "no file" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())
        return ValueError(f"{self.where}: expected the files of clip {self.id}, got {path}: {reason}; prepare it again")


def read_manifest(path: Path) -> list[KeptClip]:
    """Reads the kept clips of a manifest, in its order; arguments and errors are those of `read_lines`.

    Raises:
        ValueError: no clip is kept, too.
    """
    return kept_of(read_lines(path), path)


def kept_of(lines: Mapping[str, KeptClip | None], path: Path) -> list[KeptClip]:
    """Returns the kept clips of a manifest's lines. Raises ValueError if there are none."""
    if kept := [clip for clip in lines.values() if clip is not None]:
        return kept
    raise ValueError(f"expected kept clips in {path}, got {len(lines)} that are rejected; their reasons say why")


def read_lines(path: Path) -> dict[str, KeptClip | None]:
    """Reads a manifest: its clips by their ids, in its order; None for those that are rejected.

    Args:
        path: `manifest.jsonl`, or its folder.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is damaged.
    """
    path = path / "manifest.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a manifest at {path}, got no file; run jova-bench data prepare VIDEOS --out DIR"
        )
    text = path.read_bytes()
    if text and not text.endswith(b"\n"):
        raise ValueError(f"expected whole lines in {path}, got half a line at its end; run data prepare to its end")
    clips: dict[str, KeptClip | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path} line {number}"
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError(f"expected a JSON object, got {type(record).__name__}")
            name = _id(record)
            clips[name] = _clip(where, path.parent, name, record) if _kept(record) else None
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: {error}") from None
    return clips


def _clip(where: str, root: Path, name: str, record: Mapping[str, Any]) -> KeptClip:
    """Builds a clip from the line of one that is kept."""
    fps = _fps(record)
    boxes, speech = record.get("boxes"), record.get("speech", [])
    if boxes not in (None, f"tracks/{name}.npz"):
        raise ValueError(f"expected boxes to be null or 'tracks/{name}.npz', got {boxes!r}")
    if not (isinstance(speech, list) and all(map(_is_span, speech))):
        raise ValueError(f"expected speech to be a list of [start_s, end_s] in seconds of the clip, got {speech!r}")
    spans = tuple((float(start), float(end)) for start, end in speech)
    texts = []
    for field in Prompt._fields:
        if not isinstance(text := record.get(field, ""), str):
            raise ValueError(f"expected {field} to be a text, got {text!r}")
        texts.append(text)
    frames = _whole(record, "frames") if record.get("frames") else _length(record, fps)
    height, width = (_whole(record, side) for side in ("height", "width"))
    if spans and (end := max(end for _, end in spans)) > frames / fps + MARGIN_S:
        raise ValueError(f"expected speech in the clip's {float(frames / fps):.2f} s, got some until {end:g} s")
    return KeptClip(where, root, name, frames, fps, height, width, boxes is not None, spans, Prompt(*texts))


def _id(record: Mapping[str, Any]) -> str:
    name = record.get("id")
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise ValueError(f"expected id of 1 to 120 letters, digits, '.', '_' and '-', without '..', got {name!r}")
    return name


def _kept(record: Mapping[str, Any]) -> bool:
    status = record.get("status")
    if status not in ("kept", "rejected"):
        raise ValueError(f"expected status to be kept or rejected, got {status!r}")
    return bool(status == "kept")


def _fps(record: Mapping[str, Any]) -> Fraction:
    value = record.get("fps")
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}(/[0-9]{1,9})?", value):
        raise ValueError(f"expected fps to be 'num/den', got {value!r}")
    num, _, den = value.partition("/")
    if not int(num) or not int(den or 1):
        raise ValueError(f"expected fps above 0, got {value!r}")
    return Fraction(int(num), int(den or 1))


def _length(record: Mapping[str, Any], fps: Fraction) -> int:
    """Returns the number of frames from start to end of a line that does not name it."""
    times: list[Any] = [record.get("start_s"), record.get("end_s")]
    if not _is_span(times) or (frames := round((times[1] - times[0]) * fps)) < 1:
        raise ValueError(f"expected start_s and end_s of at least a frame, got {times[0]!r} and {times[1]!r}")
    return frames


def _is_span(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(x) in (int, float) for x in value)
    return numbers and all(map(math.isfinite, value)) and 0 <= value[0] <= value[1]


def _whole(record: Mapping[str, Any], field: str) -> int:
    value = record.get(field)
    if type(value) is not int or value < 1:
        raise ValueError(f"expected {field} to be a whole number above 0, got {value!r}")
    return value
