"""What makes a training example of a clip: codecs and text encoders, and the bucket and tensors that they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from jova.codecs.base import PictureCodec, SoundCodec
from jova.data.manifest import KeptClip
from jova.data.shard_index import WORDS, Bucket, MadeBy
from jova.mouth_loss import latent_mask
from jova.text.words import Prompt
from jova.timeline import Timeline


class TextStatesOf(Protocol):
    """Encodes prompts to hidden states; `jova.text.prompts.PromptEncoder` is one."""

    @property
    def channels(self) -> tuple[int, ...]:
        """C of each encoder."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides the states of a prompt."""
        ...

    def check(self, prompt: Prompt) -> None:
        """Raises ValueError if a prompt cannot be read."""
        ...

    def states(self, prompt: Prompt) -> Sequence[Tensor]:
        """Returns the states of a prompt, (n, C) by encoder."""
        ...

    def null(self) -> Sequence[Tensor]:
        """Returns the states of the empty prompt."""
        ...


@dataclass(frozen=True)
class Encoders:
    """What makes latents and states of a clip."""

    video: PictureCodec
    audio: SoundCodec
    text: TextStatesOf | None
    """None to store prompts as words."""
    device: str

    @property
    def made_by(self) -> MadeBy:
        """Fingerprints."""
        text = WORDS if self.text is None else self.text.fingerprint
        return MadeBy(self.video.fingerprint, self.audio.fingerprint, text)

    def bucket(self, clip: KeptClip) -> Bucket:
        """Returns the bucket of a clip: of its frames, as many as the video codec takes.

        Raises:
            ValueError: its sides are no whole cells.
        """
        cell, stride = self.video.pixels_per_cell, self.video.frames_per_latent
        try:
            check_sides(self.video, clip.height, clip.width)
        except ValueError as error:
            raise ValueError(f"{clip.where}: {error}") from error
        frames = Timeline.nearest_length(clip.frames, stride)
        clock = Timeline(frames, clip.fps, self.audio.sample_rate_hz, stride, self.audio.stream)
        video = (clock.latent_frames, clip.height // cell, clip.width // cell, self.video.channels)
        return Bucket(clock, clip.height, clip.width, video, (clock.audio_tokens, self.audio.channels))

    def check_prompt(self, clip: KeptClip) -> None:
        """Raises ValueError if a text encoder refuses the prompt of a clip."""
        try:
            if self.text is not None:
                self.text.check(clip.prompt)
        except ValueError as error:
            raise ValueError(f"{clip.where}: clip {clip.id}: {error}") from error

    @torch.no_grad()
    def encode(self, clip: KeptClip, bucket: Bucket) -> dict[str, Tensor]:
        """Returns the tensors of a clip.

        Raises:
            ValueError: its files are damaged, a codec or text encoder refuses it, or a latent is no number in float16.
        """
        clock = bucket.clock
        picture, sound, boxes = clip.picture(clock.frames), clip.sound(clock), clip.mouth_boxes(clock.frames)
        try:
            video = self.video.encode(picture[None].to(self.device))[0].half().cpu()
            audio = self.audio.encode(sound[None].to(self.device))[0].half().cpu()
            states = [] if self.text is None else self.text.states(clip.prompt)
        except ValueError as error:
            raise ValueError(f"{clip.where}: clip {clip.id}: {error}") from error
        for name, latents, shape in (("video", video, bucket.video), ("audio", audio, bucket.audio)):
            if latents.shape != shape or not bool(latents.isfinite().all()):
                got = f"{tuple(latents.shape)}, {int((~latents.isfinite()).sum())} of them no number"
                raise ValueError(f"{clip.where}: expected {name} latents of {shape} in float16, got {got}")
        mouth = latent_mask(boxes, clock.video, bucket.video[1:3], self.video.pixels_per_cell).half()
        tensors = {"video": video, "audio": audio, "mouth": mouth, "boxes": boxes}
        tensors |= {f"text.{index}": part.cpu() for index, part in enumerate(states)}
        return {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}


def check_sides(codec: PictureCodec, height: int, width: int) -> None:
    """Raises ValueError unless pictures of (H, W) pixels are whole cells of a video codec."""
    cell = codec.pixels_per_cell
    if height % cell or width % cell:
        raise ValueError(
            f"expected sides that are multiples of {cell} pixels, as the video codec takes them, got {height} x "
            f"{width}; prepare the clips with another --size"
        )
