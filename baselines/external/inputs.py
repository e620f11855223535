"""Inputs of a model from a prompt: texts, reference image, driving audio, source video, and the origin of each.

An image or audio that a model requires and the prompt lacks is taken from the prompt's real clip; the plan notes it.
Workers get plain files of decoded media (RGB PNG, WAV), so that results do not depend on how an upstream reads
greyscale, EXIF orientation, alpha or rare containers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from jova_baselines.external.manifest import Consumes
from jova_bench.arrays import Audio, Frames
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite

Origin = Literal["prompt", "reference", "stage"]
"""Origin of an input: a file of the prompt, the prompt's real clip, or the first stage of a cascade."""

DURATION_S = 5.0
"""Length requested from models of free length: at which the JoVA paper's baselines are usually run."""


@dataclass(frozen=True)
class ReferenceImage:
    """First frame or reference image."""

    path: Path
    """Image file, or clip whose first frame is used."""
    height: int
    width: int
    origin: Origin

    def cut(self, height: int, width: int) -> str:
        """Returns a note if an upstream that scales the image to cover these pixels crops it, else nothing."""
        if self.height * width == self.width * height:
            return ""
        return f"upstream crops the image of {self.width}x{self.height} to the shape of {width}x{height}"


@dataclass(frozen=True)
class DrivingAudio:
    """Driving audio."""

    path: Path
    """Audio file, or clip whose audio is used."""
    seconds: float
    sample_rate_hz: int
    origin: Origin
    layout: tuple[str, ...] = ()
    """Speaker positions of the channels."""

    def frames(self, fps: Fraction) -> int:
        """Returns the number of frames that the audio covers, at a frame rate."""
        return math.ceil(self.seconds * float(fps) - 1e-6)

    def cut(self, seconds: Fraction) -> str:
        """Returns a note for the plan if video of this length cuts the audio, else an empty string."""
        lost = self.seconds - float(seconds)
        return f"the last {lost:.2f} s of the sound are cut" if lost > 0.005 else ""


@dataclass(frozen=True)
class SourceVideo:
    """Source video."""

    path: Path
    frames: int
    fps: Fraction
    height: int
    width: int
    origin: Origin = "reference"

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.frames / self.fps)


@dataclass(frozen=True)
class ModelInput:
    """Input of a model for one prompt."""

    prompt: Prompt
    image: ReferenceImage | None = None
    audio: DrivingAudio | None = None
    video: SourceVideo | None = None

    @property
    def seconds(self) -> float:
        """Requested length in seconds: of the driving audio or source video, else `DURATION_S`."""
        if self.audio is not None:
            return self.audio.seconds
        return self.video.seconds if self.video is not None else DURATION_S


def model_input(prompt: Prompt, suite: Suite, consumes: Consumes) -> ModelInput:
    """Converts a suite prompt to the inputs that a model takes.

    Raises:
        BenchError: the prompt lacks a part that the model requires, or has one that it cannot use.
    """
    for part in ("video_caption", "audio_caption", "transcript"):
        _allowed(part, getattr(consumes, part), bool(getattr(prompt, part).strip()), prompt.id)
    reference = suite.path(prompt.reference) if prompt.reference is not None else None
    found: dict[str, tuple[Path, Origin] | None] = {}
    for part, own in (("image", prompt.image), ("audio", prompt.audio), ("video", None)):
        need = getattr(consumes, part)
        wanted = need in ("required", "optional")
        if own is not None and wanted:
            found[part] = (suite.path(own), "prompt")
        elif need == "required" and reference is not None:
            found[part] = (reference, "reference")
        else:
            found[part] = None
        _allowed(part, need, own is not None or found[part] is not None, prompt.id)
    image, audio, video = found["image"], found["audio"], found["video"]
    return ModelInput(
        prompt,
        None if image is None else ReferenceImage(image[0], *_size(image[0]), image[1]),
        None if audio is None else _driving_audio(*audio),
        None if video is None else _source_video(video[0]),
    )


def files(inputs: ModelInput, folder: Path, *, plain: bool = False, heard_s: float | None = None) -> dict[str, str]:
    """Writes the input files of a prompt for a worker.

    Args:
        inputs: of the prompt.
        folder: for `image.png`, `audio.wav` and `film.mp4`.
        plain: whether the video of a real clip is re-encoded with the frames and times that the harness decodes: a
            model that generates audio for these frames must not read them at other times.
        heard_s: seconds of the driving audio to write; None for all.

    Returns:
        Absolute paths by the names `image`, `audio` and `video`, of those that the prompt has.
    """
    paths = {}
    if inputs.image is not None:
        paths["image"] = _png(first_frame(inputs.image.path), folder / "image.png")
    if inputs.audio is not None:
        target, rate = folder / "audio.wav", inputs.audio.sample_rate_hz
        heard = driving(inputs)[:, : None if heard_s is None else math.ceil(heard_s * rate)]
        media.write(target, None, Fraction(0), heard, rate, inputs.audio.layout)
        paths["audio"] = str(target)
    if inputs.video is not None:
        target = inputs.video.path
        if plain and inputs.video.origin == "reference":
            target = folder / "film.mp4"
            media.write(target, source(inputs), inputs.video.fps, None, 0)
        paths["video"] = str(target.resolve())
    return paths


def shaped(image: ReferenceImage | None, height: int, width: int, cell: int) -> tuple[int, int]:
    """Returns (height, width) of a video in multiples of `cell`: as given, or of that area in the image's shape.

    A portrait cropped to the aspect ratio of the options would lose its chin.
    """
    if height < cell or width < cell or height % cell or width % cell:
        raise BenchError(f"expected height and width as multiples of {cell}, got {height} x {width}")
    if image is None:
        return height, width
    scale = math.sqrt(height * width / (image.height * image.width))
    tall, wide = (max(1, round(side * scale / cell)) * cell for side in (image.height, image.width))
    return tall, wide


def driving(inputs: ModelInput) -> Audio:
    """Returns the driving audio, (channels, N), unchanged."""
    assert inputs.audio is not None
    audio = _clip(inputs.audio.path).audio
    assert audio is not None  # `model_input` refuses such files
    return audio


def source(inputs: ModelInput) -> Frames:
    """Returns the frames of the source video, (T, H, W, 3), as the harness decodes them."""
    assert inputs.video is not None
    frames = _clip(inputs.video.path).frames
    assert frames is not None  # `model_input` refuses such files
    return frames


def first_frame(path: Path) -> Frames:
    """Decodes the first frame of an image or video file, (H, W, 3) RGB, upright."""
    from av.video.reformatter import VideoReformatter

    frame = _first(path)
    image = VideoReformatter().reformat(frame, format="rgb24", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90), dtype=np.uint8)


def _allowed(part: str, need: str, there: bool, prompt_id: str) -> None:
    """Raises BenchError if a prompt lacks a required part or has a refused one."""
    what = part.replace("_", " ")
    if need == "required" and not there:
        extra = {"image": " or a reference clip", "audio": " or a reference clip", "video": ", its reference clip"}
        raise BenchError(f"expected a prompt with {what}{extra.get(part, '')}, got {prompt_id!r} without")
    if need == "refused" and there:
        raise BenchError(f"expected a prompt without {what}, got {prompt_id!r} with it; this model cannot do it")


def _first(path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202  av.VideoFrame; av is imported when used
    import av

    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0))
    except (av.error.FFmpegError, OSError, IndexError, StopIteration) as error:
        why = getattr(error, "strerror", None) or "no frame"
        raise BenchError(f"expected an image or a video in {path}, got a file that cannot be decoded: {why}") from error


@lru_cache(maxsize=1024)
def _size(path: Path) -> tuple[int, int]:
    """Returns (height, width) of the first frame, upright."""
    height, width = first_frame(path).shape[:2]
    return height, width


@lru_cache(maxsize=4)
def _clip(path: Path) -> Clip:
    return media.read(path)


def _driving_audio(path: Path, origin: Origin) -> DrivingAudio:
    clip = _clip(path)
    if clip.audio is None:
        raise BenchError(f"expected audio in {path}, got none; this model is driven by it")
    return DrivingAudio(path, clip.audio.shape[1] / clip.sample_rate_hz, clip.sample_rate_hz, origin, clip.layout)


def _source_video(path: Path) -> SourceVideo:
    clip = _clip(path)
    if clip.frames is None:
        raise BenchError(f"expected video in {path}, got none; this model needs it as input")
    count, height, width = clip.frames.shape[:3]
    return SourceVideo(path, count, clip.fps, height, width)


def _png(image: Frames, target: Path) -> str:
    """Writes (H, W, 3) RGB as PNG; returns the path."""
    import av

    context = av.CodecContext.create("png", "w")
    height, width = image.shape[:2]
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    target.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    return str(target)
