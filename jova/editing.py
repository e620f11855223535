"""Edits clips: parts of picture and sound are kept, the rest is made by a model that was trained with edits.

    respeak        other words in a span of time: picture and sound of the span are made
    dub            the mouth for given sound
    picture_for    the picture for given sound
    sound_for      the sound for a given picture

The latents of what is kept stay as they are, bit for bit, through sampling and the Wiener filter, and so do the clip's
own pixels and samples: every cell that is kept shows them, and not what the codec makes of them. Sound is faded from
one to the other in the first and last 10 ms of what is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Unpack, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jova.config import Edit, JovaConfig
from jova.edits import Made, made_mouth, made_picture, made_sound, made_speech
from jova.flow import Given, Latents
from jova.mouth_loss import latent_mask
from jova.pasting import paste_picture, paste_sound
from jova.pipeline import Audio, Clips, Frames, JovaPipeline, generator_of, noise
from jova.samplers import Keeping
from jova.sampling import Sampling, checked
from jova.text import Prompt, TextTokens
from jova.word_times import speech_span, word_times

LOUDEST = 10.0
"""Largest sample of sound: full scale is 1, which lossy codecs exceed by little."""
LOWER_FACE = (0.25, 0.5, 0.75, 0.875)
"""Default box of the mouth, x0, y0, x1, y1 as shares of the picture: it holds the mouths of 400 drawn clips."""


@dataclass(frozen=True, eq=False)
class ClipEdit:
    """What is given of a clip and what is made; `respeak`, `dub`, `picture_for` and `sound_for` make it."""

    edit: Edit
    prompt: Prompt
    """Describes the clip as it is to be; in the transcript of `speech`, the words of the span are in brackets."""
    frames: Frames | None = None
    """(T, H, W, 3) RGB."""
    audio: Audio | None = None
    """(N,) mono."""
    span_s: tuple[float, float] = (0.0, 0.0)
    """Start and end of what is made by `speech`, in seconds."""
    mouth: npt.NDArray[np.float32] | None = None
    """(4,) or (T, 4) pixels x0, y0, x1, y1, for `mouth`; None for the lower part of a face in the middle."""
    image: Frames | None = None
    """(H, W, 3) reference image for `picture`."""


def respeak(frames: Frames, audio: Audio, prompt: Prompt, start_s: float, end_s: float) -> ClipEdit:
    """Builds the edit that makes other words from `start_s` to `end_s`.

    The transcript holds all words of the clip, those of the span in brackets: "place [blue] now". Without words in the
    brackets, the span is to be silent.
    """
    return ClipEdit("speech", prompt, frames, audio, (start_s, end_s))


def dub(frames: Frames, audio: Audio, prompt: Prompt, mouth: npt.NDArray[np.float32] | None = None) -> ClipEdit:
    """Builds the edit that makes the mouth of a clip fit other sound; `mouth` is its box in pixels."""
    return ClipEdit("mouth", prompt, frames, audio, mouth=mouth)


def picture_for(audio: Audio, prompt: Prompt, image: Frames | None = None) -> ClipEdit:
    """Builds the edit that makes the picture for sound, from a reference image if there is one."""
    return ClipEdit("picture", prompt, audio=audio, image=image)


def sound_for(frames: Frames, prompt: Prompt) -> ClipEdit:
    """Builds the edit that makes the sound for a picture."""
    return ClipEdit("sound", prompt, frames)


class Edited(NamedTuple):
    """Latents of B edited clips."""

    latents: Latents
    kept: Given
    function_evals: int
    """Forward passes of the network per clip."""


def edit(
    pipeline: JovaPipeline,
    edits: Sequence[ClipEdit],
    seeds: Sequence[int],
    *,
    progress: bool = False,
    **how: Unpack[Sampling],
) -> Clips:
    """Makes the parts that B edits leave open, and returns whole clips.

    A clip depends on its edit and its seed, not on the rest of the batch.

    Args:
        pipeline: a model trained with edits, with its codecs.
        edits: kinds may be mixed.
        seeds: B seeds.
        progress: shows progress on stderr.
        how: options of sampling; by default those of the model's folder.

    Raises:
        ValueError: the model was not trained with edits, or an edit does not fit the model.
    """
    made = edit_latents(pipeline, edits, seeds, progress=progress, **how)
    video, audio = made.kept.put_into(made.latents._replace(video=pipeline.filtered(made.latents.video)))
    decoded, clock = pipeline.decode_video(video).cpu().numpy(), pipeline.config.timeline
    frames, sounds = [], []
    for row, each in enumerate(edits):
        video_kept, audio_kept = (mask[row].cpu().numpy() for mask in (made.kept.video, made.kept.audio))
        picture, sound = decoded[row], each.audio
        frames.append(picture if each.frames is None else paste_picture(each.frames, picture, video_kept, clock))
        if sound is None or not audio_kept.all():
            voice = pipeline.decode_audio(audio[row : row + 1])[0].float().cpu().numpy()
            sound = voice if sound is None else paste_sound(sound, voice, audio_kept, clock)
        sounds.append(sound)
    return Clips(np.stack(frames), np.stack(sounds), made.function_evals)


@torch.inference_mode()
def edit_latents(
    pipeline: JovaPipeline,
    edits: Sequence[ClipEdit],
    seeds: Sequence[int],
    *,
    progress: bool = False,
    **how: Unpack[Sampling],
) -> Edited:
    """Makes the latents of B edits; arguments and errors are those of `edit`."""
    config, device, options = pipeline.config, pipeline.device, pipeline.sampling | checked(how)
    require_editing(config)
    if not edits or len(edits) != len(seeds):
        raise ValueError(
            f"expected one edit or more and a seed for each, got {len(edits)} edits and {len(seeds)} seeds"
        )
    for each in edits:
        check(config, each)
    masks = [made_by(config, each) for each in edits]
    rows = zip(*(encode(pipeline, each) for each in edits), strict=True)
    data = Latents(*(torch.stack(parts) for parts in rows))
    kept = Given(data, *(~torch.stack(parts).to(device) for parts in zip(*masks, strict=True)))
    images = torch.tensor([each.image is not None for each in edits], device=device)
    text = pipeline.read([each.prompt for each in edits])
    if isinstance(text, TextTokens):
        text = text.with_times(times_of(config, edits, text.to("cpu")).to(device))
    noises = [noise(config, generator_of(each.prompt, seed)) for each, seed in zip(edits, seeds, strict=True)]
    start = Latents(*(torch.stack(parts).to(device) for parts in zip(*noises, strict=True)))
    with pipeline.on_device(pipeline.model):
        network = Keeping(pipeline.model, kept)
        end, evals = pipeline.denoise(network, text, kept.with_image(images), start, options, progress)
    return Edited(kept.put_into(end), kept, evals)


def require_editing(config: JovaConfig) -> None:
    """Raises ValueError unless a model was trained with edits."""
    if not config.editing:
        raise ValueError(
            "expected weights trained for editing, got weights that make whole clips only; "
            "train with jova-bench train --edit-share 0.35"
        )


def check(config: JovaConfig, each: ClipEdit) -> None:
    """Raises ValueError unless an edit fits the model."""
    if each.edit not in get_args(Edit):
        raise ValueError(f"expected an edit of {', '.join(get_args(Edit))}, got {each.edit!r}")
    if each.edit == "speech" and not config.vocabulary:
        raise ValueError(
            "expected an edit of the mouth, the picture or the sound for a model with text encoders, because words of "
            "its text have no times, got one of the speech"
        )
    clock, (height, width) = config.timeline, config.picture_size
    picture, sound = (clock.frames, height, width, 3), (clock.samples,)
    wanted = {
        "frames": None if each.edit == "picture" else ("uint8", picture),
        "audio": None if each.edit == "sound" else ("float32", sound),
    }
    for name, form in wanted.items():
        value = getattr(each, name)
        got = None if value is None else (value.dtype.name, value.shape)
        if got != form:
            expected, found = ("none" if x is None else f"{x[0]} of shape {x[1]}" for x in (form, got))
            raise ValueError(f"expected {name} for an edit of the {each.edit} to be {expected}, got {found}")
    if each.audio is not None and not np.isfinite(each.audio).all():
        raise ValueError("expected finite audio samples, got NaN or infinity; check the code that made them")
    if each.audio is not None and (peak := float(np.abs(each.audio).max())) > LOUDEST:
        raise ValueError(f"expected audio samples in [-1, 1], got one of {peak:g}; divide whole numbers by their range")
    if each.image is not None and (each.edit != "picture" or each.image.shape != picture[1:]):
        raise ValueError(
            f"expected an image of shape {picture[1:]} for an edit of the picture alone, "
            f"got {each.image.shape} for one of the {each.edit}"
        )
    start_s, end_s = each.span_s
    if each.edit == "speech" and not 0 <= start_s < end_s <= clock.seconds:
        raise ValueError(
            f"expected a span that ends after it starts, within 0 and {clock.seconds:.2f} s, "
            f"got {start_s:g} to {end_s:g} s"
        )
    if each.mouth is not None:
        _check_mouth(np.asarray(each.mouth), clock.frames, height, width)


def _check_mouth(mouth: npt.NDArray[np.generic], frames: int, height: int, width: int) -> None:
    """Raises ValueError unless a box, or one in each frame, is given; tracked ones may leave the picture."""
    if mouth.shape not in ((4,), (frames, 4)) or mouth.dtype.kind not in "fiu":
        raise ValueError(
            f"expected a mouth of numbers x0, y0, x1, y1, of shape (4,) or ({frames}, 4), got {mouth.dtype} of shape "
            f"{mouth.shape}"
        )
    if mouth.ndim == 1:
        x0, y0, x1, y1 = mouth.tolist()
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            box = ", ".join(f"{side:g}" for side in (x0, y0, x1, y1))
            raise ValueError(f"expected a mouth x0, y0, x1, y1 within {width} x {height} pixels, got {box}")


def check_edit(pipeline: JovaPipeline, each: ClipEdit) -> None:
    """Raises ValueError unless a pipeline can make an edit: what is given, where it is made, and words with times."""
    check(pipeline.config, each)
    pipeline.check(each.prompt)
    made_by(pipeline.config, each)
    if pipeline.tokenizer is not None:
        times_of(pipeline.config, [each], pipeline.tokenizer([each.prompt]))


def lower_face(config: JovaConfig) -> npt.NDArray[np.float32]:
    """Returns the default box of the mouth, (4,) pixels x0, y0, x1, y1."""
    height, width = config.picture_size
    return np.array(LOWER_FACE, np.float32) * np.array([width, height, width, height], np.float32)


def made_by(config: JovaConfig, each: ClipEdit) -> Made:
    """Returns the cells that an edit makes."""
    if each.edit == "picture":
        return made_picture(config)
    if each.edit == "sound":
        return made_sound(config)
    if each.edit == "speech":
        return made_speech(config, *each.span_s)
    box = lower_face(config) if each.mouth is None else np.asarray(each.mouth, np.float32)
    boxes = torch.from_numpy(np.broadcast_to(box, (config.timeline.frames, 4)).copy())
    return made_mouth(
        config, latent_mask(boxes, config.timeline.video, config.video_shape[1:3], config.pixels_per_cell)
    )


def encode(pipeline: JovaPipeline, each: ClipEdit) -> Latents:
    """Encodes what is given of a clip, without a batch axis; zeros where nothing is."""
    config, device = pipeline.config, pipeline.device
    video, audio = (torch.zeros(shape, device=device) for shape in (config.video_shape, config.audio_shape))
    if each.frames is not None:
        video = pipeline.encode_video(torch.from_numpy(each.frames)[None])[0]
    if each.image is not None:
        video[0] = pipeline.encode_video(torch.from_numpy(each.image)[None, None])[0, 0]
    if each.audio is not None:
        audio = pipeline.encode_audio(torch.from_numpy(each.audio)[None])[0]
    return Latents(video, audio)


def times_of(config: JovaConfig, edits: Sequence[ClipEdit], text: TextTokens) -> Tensor:
    """Returns when each word is spoken, (B, L) seconds; zeros where a whole modality that is given says it."""
    times_s, token_s = torch.zeros(text.ids.shape), float(1 / config.timeline.audio.tokens_per_s)
    for row, each in enumerate(edits):
        if each.edit == "speech":
            assert each.audio is not None  # `check` refuses it
            spoken = speech_span(each.audio, config.timeline.sample_rate_hz)
            words_s = word_times(each.prompt.transcript, each.span_s, spoken, token_s)
            times_s[row, text.shares[row] > 0] = torch.tensor(words_s, dtype=torch.float32)
    return times_s
