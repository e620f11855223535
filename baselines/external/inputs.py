"""What a prompt gives a baseline: its words, an image, driving sound, a source film, and where each comes from.

An image or sound that a model requires and the prompt lacks is taken from the prompt's real clip, which is said.
Workers get plain files made from decoded media (RGB png, wav), so that no upstream reader's quirk (greyscale, EXIF,
alpha, an exotic container) makes a difference.
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
from jova_bench.records import Prompt
from jova_bench.suites.loading import Suite

Origin = Literal["prompt", "reference", "stage"]
"""Whether the prompt names the file, it is a part of the prompt's real clip, or an earlier model made it."""

DURATION_S = 5.0
"""What a model of free length is asked for: the length at which the JoVA paper's baselines are usually run."""


@dataclass(frozen=True)
class ReferenceImage:
    """A first or reference frame."""

    path: Path
    """An image, or the clip whose first frame it is."""
    height: int
    width: int
    origin: Origin


@dataclass(frozen=True)
class DrivingAudio:
    """Driving sound."""

    path: Path
    """A sound file, or the clip whose sound it is."""
    seconds: float
    sample_rate_hz: int
    origin: Origin
    layout: tuple[str, ...] = ()
    """The places of the channels."""

    def frames(self, fps: Fraction) -> int:
        """Pictures from the first to the last that has sound."""
        return math.ceil(self.seconds * float(fps) - 1e-6)

    def cut(self, seconds: Fraction) -> str:
        """What a reader should know when the picture ends after so long; empty when no sound is lost."""
        lost = self.seconds - float(seconds)
        return f"the last {lost:.2f} s of the sound are cut" if lost > 0.005 else ""


@dataclass(frozen=True)
class SourceVideo:
    """A source picture."""

    path: Path
    frames: int
    fps: Fraction
    height: int
    width: int
    origin: Origin = "reference"

    @property
    def seconds(self) -> float:
        """Length of the picture."""
        return float(self.frames / self.fps)


@dataclass(frozen=True)
class ModelInput:
    """One prompt as one model sees it."""

    prompt: Prompt
    image: ReferenceImage | None = None
    audio: DrivingAudio | None = None
    video: SourceVideo | None = None

    @property
    def seconds(self) -> float:
        """Length to aim at: of what drives the model, else `DURATION_S`."""
        if self.audio is not None:
            return self.audio.seconds
        return self.video.seconds if self.video is not None else DURATION_S


def model_input(prompt: Prompt, suite: Suite, consumes: Consumes) -> ModelInput:
    """Looks at a prompt with the eyes of a model.

    Raises:
        BenchError: the prompt lacks what the model requires, or has what it cannot do.
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
        None if audio is None else _sound(*audio),
        None if video is None else _film(video[0]),
    )


def files(inputs: ModelInput, folder: Path, *, plain: bool = False) -> dict[str, str]:
    """Writes the inputs of a prompt for a worker.

    Args:
        inputs: of the prompt.
        folder: where `image.png`, `audio.wav` and `film.mp4` go.
        plain: whether a real clip's film is written anew, with the frames and times that the harness reads in it: a
            model that makes sound for those frames must not find them earlier or later in the file.

    Returns:
        Absolute paths under the names `image`, `audio` and `video`, of those that the prompt has.
    """
    paths = {}
    if inputs.image is not None:
        paths["image"] = _png(first_frame(inputs.image.path), folder / "image.png")
    if inputs.audio is not None:
        target = folder / "audio.wav"
        media.write(target, None, Fraction(0), driving(inputs), inputs.audio.sample_rate_hz, inputs.audio.layout)
        paths["audio"] = str(target)
    if inputs.video is not None:
        target = inputs.video.path
        if plain and inputs.video.origin == "reference":
            target = folder / "film.mp4"
            media.write(target, source(inputs), inputs.video.fps, None, 0)
        paths["video"] = str(target.resolve())
    return paths


def shaped(image: ReferenceImage | None, height: int, width: int, cell: int) -> tuple[int, int]:
    """(height, width) of a film in multiples of `cell`: as configured, or as many pixels in the shape of an image.

    A portrait cropped to the shape of a film would lose its chin.
    """
    if height < cell or width < cell or height % cell or width % cell:
        raise BenchError(f"expected height and width as multiples of {cell}, got {height} x {width}")
    if image is None:
        return height, width
    scale = math.sqrt(height * width / (image.height * image.width))
    tall, wide = (max(1, round(side * scale / cell)) * cell for side in (image.height, image.width))
    return tall, wide


def driving(inputs: ModelInput) -> Audio:
    """(channels, N) driving sound, as it was given."""
    assert inputs.audio is not None
    audio = _clip(inputs.audio.path).audio
    assert audio is not None  # `model_input` refuses such files
    return audio


def source(inputs: ModelInput) -> Frames:
    """(T, H, W, 3) frames of the source film, as the harness reads them."""
    assert inputs.video is not None
    frames = _clip(inputs.video.path).frames
    assert frames is not None  # `model_input` refuses such files
    return frames


def first_frame(path: Path) -> Frames:
    """(H, W, 3) RGB: the first picture of an image or video file, upright."""
    from av.video.reformatter import VideoReformatter

    frame = _first(path)
    image = VideoReformatter().reformat(frame, format="rgb24", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90), dtype=np.uint8)


def _allowed(part: str, need: str, there: bool, prompt_id: str) -> None:
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
        raise BenchError(f"expected an image or a film in {path}, got {type(error).__name__}: {error}") from error


@lru_cache(maxsize=1024)
def _size(path: Path) -> tuple[int, int]:
    """(height, width), upright."""
    height, width = first_frame(path).shape[:2]
    return height, width


@lru_cache(maxsize=4)
def _clip(path: Path) -> Clip:
    return media.read(path)


def _sound(path: Path, origin: Origin) -> DrivingAudio:
    clip = _clip(path)
    if clip.audio is None:
        raise BenchError(f"expected sound in {path}, got none; this model is driven by it")
    return DrivingAudio(path, clip.audio.shape[1] / clip.sample_rate_hz, clip.sample_rate_hz, origin, clip.layout)


def _film(path: Path) -> SourceVideo:
    clip = _clip(path)
    if clip.frames is None:
        raise BenchError(f"expected a picture in {path}, got none; this model works on it")
    count, height, width = clip.frames.shape[:3]
    return SourceVideo(path, count, clip.fps, height, width)


def _png(image: Frames, target: Path) -> str:
    """Writes (H, W, 3) RGB without loss."""
    import av

    context = av.CodecContext.create("png", "w")
    height, width = image.shape[:2]
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    target.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    return str(target)
