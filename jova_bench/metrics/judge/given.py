"""Encodes what a judge is given of a clip: frames as JPEG, the sound as wav, or both as one mp4 file."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jova_bench.arrays import Frames
from jova_bench.errors import Undefined
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.faces.opencv import cv2

Given = Literal["frames", "sound", "video"]
Part = dict[str, Any]
"""One piece of a message's content, as OpenAI's protocol has it; `video_url` is vLLM's addition."""


def text_part(text: str) -> Part:
    """Returns a text as a piece of a message."""
    return {"type": "text", "text": text}


def image_part(frame: Frames) -> Part:
    """Returns an (H, W, 3) frame as a piece of a message: JPEG by OpenCV, at its quality of 95."""
    _, image = cv2().imencode(".jpg", frame[..., ::-1])
    return {"type": "image_url", "image_url": {"url": _address("image/jpeg", bytes(image))}}


def parts_of(clip: Clip, give: Iterable[Given], frames: int) -> list[Part]:
    """Returns what a judge sees and hears, in the order of `give`.

    Args:
        clip: the clip.
        give: `frames`: JPEG images, with a line on their number and the clip's length before them. `sound`: a wav file
            of 16 bits with the clip's own rate and channels. `video`: an mp4 file of H.264, with the sound where there
            is one; a last row or column of an odd size is left out.
        frames: how many, at the middles of as many equal parts of the clip; all of them where there are fewer.

    Raises:
        Undefined: the clip has no such stream.
    """
    return [part for kind in give for part in _KINDS[kind](clip, frames)]


def _frames(clip: Clip, count: int) -> list[Part]:
    shown = _pictures(clip)
    if count < len(shown):
        shown = shown[((np.arange(count) + 0.5) * len(shown) / count).astype(int)]
    seconds = float(len(_pictures(clip)) / clip.fps)
    words = f"{len(shown)} frames in their order, evenly spaced over a clip of {seconds:.1f} seconds:"
    return [text_part(words), *map(image_part, shown)]


def _sound(clip: Clip, _: int) -> list[Part]:
    if clip.audio is None:
        raise Undefined("no audio stream")
    content = _file("sound.wav", None, Fraction(0), clip)
    return [{"type": "input_audio", "input_audio": {"data": base64.b64encode(content).decode(), "format": "wav"}}]


def _video(clip: Clip, _: int) -> list[Part]:
    height, width = (size // 2 * 2 for size in _pictures(clip).shape[1:3])  # H.264's usual form has no odd sizes.
    content = _file("clip.mp4", _pictures(clip)[:, :height, :width], clip.fps, clip)
    return [{"type": "video_url", "video_url": {"url": _address("video/mp4", content)}}]


_KINDS = {"frames": _frames, "sound": _sound, "video": _video}


def _pictures(clip: Clip) -> Frames:
    if clip.frames is None:
        raise Undefined("no video stream")
    return clip.frames


def _file(name: str, frames: Frames | None, fps: Fraction, clip: Clip) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        media.write(path, frames, fps, clip.audio, clip.sample_rate_hz, clip.layout)
        return path.read_bytes()


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
