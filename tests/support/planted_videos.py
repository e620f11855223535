"""Videos of drawn heads with one fault each, in the formats that people have."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from jova.data.corpus import TalkingHead, make_clip, make_prompt, seed_of
from jova_bench.media import files as media

RATE_HZ, FPS = 16_000, Fraction(25)
GOOD, OTHER = 1, 3
"""Indices of heads of the test split."""
ENLARGED = 2
LATE = 5
"""Frames by which the sound of `late.mp4` lags."""


def head(index: int) -> TalkingHead:
    """A drawn head with its sound and its true mouth boxes."""
    prompt = make_prompt("test", index)
    return make_clip(prompt["tags"], prompt["transcript"], seed_of("test", index))


def enlarged(frames: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) with sides `ENLARGED` times as long."""
    return np.stack([cv2.resize(one, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC) for one in frames])


def at(frames: np.ndarray, fps: int) -> np.ndarray:
    """Frames of 25 a second at another rate."""
    return frames[[min(len(frames) - 1, round(k * 25 / fps)) for k in range(len(frames) * fps // 25)]]


def write(path: Path, frames: np.ndarray, audio: np.ndarray, fps: Fraction = FPS, rate_hz: int = RATE_HZ) -> None:
    """A video of (T, H, W, 3) and (N,) or (channels, N)."""
    media.write(path, frames, fps, np.atleast_2d(audio).astype(np.float32), rate_hz)


def plant(folder: Path) -> None:
    """Writes a good video, and one of each fault."""
    folder.mkdir(parents=True, exist_ok=True)
    good, other = head(GOOD), head(OTHER)
    big, beside = enlarged(good.frames), enlarged(other.frames)
    write(folder / "good.mp4", big, good.audio)
    both = np.concatenate([good.audio[: 60 * 640], other.audio[: 60 * 640]])
    write(folder / "cut.mp4", np.concatenate([big[:60], beside[:60]]), both)
    write(folder / "two.mp4", np.concatenate([big, beside], axis=2), good.audio)
    write(folder / "silent.mp4", big, np.zeros(len(good.audio)))
    write(folder / "late.mp4", big, np.pad(good.audio, (LATE * 640, 0))[: len(good.audio)])
    plain = np.broadcast_to(np.linspace(40, 200, 128).astype(np.uint8)[:, None, None], (73, 128, 128, 3)).copy()
    for k, frame in enumerate(plain):
        frame[40 + k : 60 + k, 30:100] = 30
    write(folder / "noface.mp4", plain, good.audio)
    for fps in (24, 30):
        write(folder / f"at{fps}.mp4", at(big, fps), good.audio, Fraction(fps))
    (folder / "broken.mp4").write_bytes((folder / "good.mp4").read_bytes()[:9000])
    (folder / "notes.txt").write_text("no video")


def as_others_write(path: Path, frames: np.ndarray, audio: np.ndarray, fps: int, rate_hz: int) -> None:
    """Writes H.264 with B-frames and few key frames, and AAC, as phones and platforms do.

    Args:
        path: an mp4, mkv or mov.
        frames: (T, H, W, 3).
        audio: (channels, N) at `rate_hz`.
        fps: of the frames.
        rate_hz: of the sound.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "12", "bf": "2", "g": "48", "threads": "1"})
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=rate_hz, layout="stereo" if len(audio) == 2 else "mono")
        sound.bit_rate = 192_000
        for array in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(video.encode())
        for start in range(0, audio.shape[1], 1024):
            part = np.ascontiguousarray(audio[:, start : start + 1024], dtype=np.float32)
            block = av.AudioFrame.from_ndarray(part, format="fltp", layout=sound.layout.name)
            block.sample_rate, block.pts, block.time_base = rate_hz, start, Fraction(1, rate_hz)
            container.mux(sound.encode(block))
        container.mux(sound.encode())
