"""Reads picture or sound of any media file in the format of a model: its size, rates and length.

What had to be changed is said in notes. A picture that is too short is an error, because no frame can stand for those
that are missing; sound that is too short is followed by silence.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jova.data.folder import read_track
from jova.data.opening import opened
from jova.timeline import Timeline

SQUARE = Fraction(1, 100)
"""Pixel aspects within this of 1 come from a rounded side and count as square."""


def fit(frame: VideoFrame, size: tuple[int, int], aspect: Fraction = Fraction(1)) -> npt.NDArray[np.uint8]:
    """Returns the largest central part of a frame that has the aspect of `size` (H, W), resized to (H, W, 3) RGB.

    Phones store pictures as the sensor lay and say how to turn them; the frame is turned so. That one is to be mirrored
    cannot be asked of PyAV.

    Args:
        frame: as it is stored.
        size: of the result.
        aspect: width of a stored pixel over its height, see `aspect_of`.
    """
    if turns := round(frame.rotation / 90) % 4:
        frame = _of_pixels(np.rot90(frame.to_ndarray(format="rgb24"), turns))
        aspect = aspect if turns == 2 else 1 / aspect
    height, width = size
    rows = min(frame.height, int(frame.width * aspect * height / width))
    columns = min(frame.width, int(frame.height * width / aspect / height))
    if (rows, columns) != (frame.height, frame.width):
        top, left = (frame.height - rows) // 2, (frame.width - columns) // 2
        frame = _of_pixels(frame.to_ndarray(format="rgb24")[top : top + rows, left : left + columns])
    return frame.reformat(width=width, height=height, format="rgb24").to_ndarray().astype(np.uint8, copy=False)


def aspect_of(stream: VideoStream) -> Fraction:
    """Returns the width of a stream's pixels over their height; 1 where it does not say."""
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and aspect > 0 and abs(aspect - 1) >= SQUARE else Fraction(1)


def _of_pixels(pixels: npt.NDArray[np.generic]) -> VideoFrame:
    """Returns a frame of pixels (H, W, 3) RGB."""
    return VideoFrame.from_ndarray(np.ascontiguousarray(pixels, dtype=np.uint8), format="rgb24")


def read_picture(path: Path, clock: Timeline, size: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Reads the first frames of a video, the one that is shown in the middle of each frame of the model.

    Returns:
        (T, H, W, 3) RGB of `size` (H, W), and notes of what was changed.

    Raises:
        ValueError: there is no video, or it is too short.
    """
    frames: list[npt.NDArray[np.uint8]] = []
    with opened(path, "a video") as container:
        stream = container.streams.video[0]
        rate, fps, aspect = float(stream.average_rate or clock.fps), float(clock.fps), aspect_of(stream)
        begin: float | None = None
        last: VideoFrame | None = None
        longer, shape, now = False, (0, 0), 0.0
        for number, frame in enumerate(container.decode(stream)):
            shown_s = number / rate if frame.time is None else frame.time
            begin = shown_s if begin is None else begin
            now, shape = shown_s - begin, (frame.width, frame.height)
            while last is not None and len(frames) < clock.frames and (len(frames) + 0.5) / fps < now:
                frames.append(fit(last, size, aspect))
            last = frame
            if longer := len(frames) == clock.frames and now > clock.seconds:
                break
        while last is not None and len(frames) < clock.frames and (len(frames) + 0.5) / fps < now + 1 / rate:
            frames.append(fit(last, size, aspect))
    if len(frames) < clock.frames:
        raise ValueError(f"expected a clip of at least {clock.seconds:.2f} s, got {now + 1 / rate:.2f} s in {path}")
    notes = []
    height, width = size
    if shape != (width, height):
        part = "square" if height == width else f"part of aspect {width}:{height}"
        notes.append(f"{path}: the central {part} of {shape[0]} x {shape[1]} pixels, at {width} x {height}")
    if abs(rate - fps) > 1e-3:
        notes.append(f"{path}: {fps:.5g} frames a second, of {rate:.5g}")
    if longer:
        notes.append(f"{path}: the first {clock.seconds:.2f} s of its picture")
    return np.stack(frames), notes


def read_sound(path: Path, clock: Timeline) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Reads the beginning of the sound of a file, mixed to mono and resampled.

    Returns:
        (N,) samples in [-1, 1], and notes of what was changed.

    Raises:
        ValueError: there is no sound, or none of a sample or more.
    """
    with opened(path, "sound") as container:
        stream = container.streams.audio[0]
        rate, channels = stream.rate, stream.channels
        resampler = av.AudioResampler(format="flt", layout="mono", rate=clock.sample_rate_hz)
        parts: list[npt.NDArray[np.float32]] = []
        for frame in (*container.decode(stream), None):
            parts += [part.to_ndarray().reshape(-1).astype(np.float32) for part in resampler.resample(frame)]
    sound = np.concatenate([*parts, np.zeros(0, np.float32)])
    if not len(sound):
        raise ValueError(f"expected a file with sound, got none of 0 samples in {path}; give another")
    notes = []
    if (rate, channels) != (clock.sample_rate_hz, 1):
        notes.append(f"{path}: {clock.sample_rate_hz} Hz mono, of {rate} Hz and {channels} channels")
    if len(sound) > clock.samples:
        notes.append(f"{path}: the first {clock.seconds:.2f} s of its sound")
    elif len(sound) < clock.samples:
        notes.append(f"{path}: {len(sound) / clock.sample_rate_hz:.2f} s of sound, then silence")
    return np.pad(sound[: clock.samples], (0, max(0, clock.samples - len(sound)))), notes


def tracked_mouth(path: Path) -> npt.NDArray[np.float32] | None:
    """Returns the mouth's box in every frame, (T, 4) pixels, of a clip of a folder dataset; None for other files."""
    tracks = path.parent.parent / "tracks" / f"{path.stem}.npz"
    if path.parent.name != "clips" or not tracks.is_file():
        return None
    return read_track(tracks, "mouth_box").astype(np.float32)
