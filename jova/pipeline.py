"""A trained model with its codecs: prompts -> noise -> latents -> clips."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from jova.codecs.audio import AudioCodec
from jova.codecs.base import WEIGHTS, PictureCodec, SoundCodec, filter_generated
from jova.codecs.video import VideoCodec
from jova.config import GUIDANCE, SAMPLER, STEPS, JovaConfig, Precision, Sampler
from jova.flow import AudioDriven, Denoiser, Given, Latents
from jova.precision import autocast
from jova.samplers import SAMPLERS, GuidedField, uniform_times
from jova.text import Prompt, WordTokenizer
from jova.transformer import Jova

MODEL_FILE, VIDEO_CODEC_FILE, AUDIO_CODEC_FILE = "jova-tiny", "video-codec", "audio-codec"
FILES = tuple(f"{name}.safetensors" for name in (MODEL_FILE, VIDEO_CODEC_FILE, AUDIO_CODEC_FILE))
"""Files of a folder of weights: the model, the video codec and the audio codec."""

GUIDED_UNTIL = 0.25
"""Flow time at which guidance ends: the words are decided by then. Guidance to the end weakens lip-sync."""

Frames = npt.NDArray[np.uint8]
Audio = npt.NDArray[np.float32]


class Clips(NamedTuple):
    """B generated clips."""

    frames: Frames
    """(B, T, H, W, 3) RGB."""
    audio: Audio
    """(B, N) mono, within [-1, 1]."""
    function_evals: int
    """Forward passes of the network per clip."""


class JovaPipeline:
    """A trained model with its tokenizer and its codecs."""

    def __init__(self, model: Jova, video_codec: PictureCodec, audio_codec: SoundCodec, device: str = "cpu") -> None:
        config = model.config
        if model.speaking is None:
            raise ValueError("expected a model with a vocabulary, got one that reads states of text encoders")
        check_codecs(config, video_codec, audio_codec)
        self.config, self.device = config, device
        self.model, self.speaking = model.to(device), model.speaking.to(device)
        self.video_codec, self.audio_codec = video_codec.to(device), audio_codec.to(device)
        self.tokenizer = WordTokenizer(config.vocabulary, config.words_per_part)

    @classmethod
    def from_pretrained(cls, folder: Path = WEIGHTS, device: str = "cpu") -> JovaPipeline:
        """Reads the three files of a folder of weights; by default the shipped ones.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file has another format, or codec and model do not fit.
        """
        model, video_codec, audio_codec = (folder / name for name in FILES)
        return cls(Jova.load(model), VideoCodec.load(video_codec), AudioCodec.load(audio_codec), device)

    @torch.inference_mode()
    def sample(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        images: Sequence[Frames | None] | None = None,
        audios: Sequence[Audio] | None = None,
        *,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        sampler: Sampler = SAMPLER,
        precision: Precision = "float32",
    ) -> Clips:
        """Generates one clip per prompt.

        A clip depends on its prompt, seed, image and audio, not on the rest of the batch.

        Args:
            prompts: B prompts of words of the vocabulary.
            seeds: B seeds.
            images: B first frames (H, W, 3) uint8, each of which may be None; None for no images at all.
            audios: B waveforms (N,) of the clip's length for an audio-driven model, returned unchanged as the audio of
                the clips; None for a joint model.
            steps: number of steps of the sampler.
            guidance: scale of classifier-free guidance; 1 disables it.
            sampler: `euler`, or `heun` with about twice the function evaluations.
            precision: of the network's activations; the codecs compute in float32.

        Raises:
            ValueError: audio for a joint model, none for an audio-driven one, or words that are not in the vocabulary.
        """
        if (audios is None) == (self.config.task == "audio-driven"):
            given = "none" if audios is None else "some"
            raise ValueError(f"expected audio for an audio-driven model and none for a joint one, got {given}")
        text = self.tokenizer(prompts).to(self.device)
        image = None if images is None or all(x is None for x in images) else self._encode_images(images)
        generators = [generator_of(*pair) for pair in zip(prompts, seeds, strict=True)]
        noises = [noise(self.config, generator) for generator in generators]
        text = text.with_spans(self.speaking.plan(text, self.config.timeline.seconds, generators))
        driving = None if audios is None else torch.from_numpy(np.stack(audios)).to(self.device)  # (B, N)
        model: Denoiser = self.model if driving is None else AudioDriven(self.model, self.audio_codec.encode(driving))
        field = GuidedField(model, text, image, guidance, GUIDED_UNTIL)
        start = Latents(*(torch.stack(parts).to(self.device) for parts in zip(*noises, strict=True)))
        with autocast(precision, self.device):
            video, audio = SAMPLERS[sampler](field, start, uniform_times(steps))
        frames = self.video_codec.decode(filter_generated(self.video_codec, video))
        waveforms = self.audio_codec.decode(audio)[:, : self.config.timeline.samples] if driving is None else driving
        return Clips(frames.cpu().numpy(), waveforms.float().cpu().numpy(), field.evals)

    def _encode_images(self, images: Sequence[Frames | None]) -> Given:
        """Returns the condition on the images; of rows without an image nothing is given."""
        video = torch.zeros(len(images), *self.config.video_shape, device=self.device)
        for row, image in enumerate(images):
            if image is not None:
                latent = self.video_codec.encode(torch.from_numpy(image)[None, None].to(self.device))  # (1, 1, h, w, C)
                video[row, 0] = latent[0, 0]
        given = torch.tensor([image is not None for image in images], device=self.device)
        audio = torch.zeros(len(images), *self.config.audio_shape, device=self.device)
        return Given.nothing(Latents(video, audio)).with_image(given)


def check_codecs(config: JovaConfig, video_codec: PictureCodec, audio_codec: SoundCodec) -> None:
    """Raises ValueError unless the codecs are such as a model was trained with."""
    clock = config.timeline
    for wanted, got, what in (
        (config.video_channels, video_codec.channels, "a video codec of {} channels"),
        (config.audio_channels, audio_codec.channels, "an audio codec of {} channels"),
        (config.pixels_per_cell, video_codec.pixels_per_cell, "a video codec of {} pixels per cell"),
        (clock.frames_per_latent, video_codec.frames_per_latent, "a video codec of {} frames per latent"),
        (clock.sample_rate_hz, audio_codec.sample_rate_hz, "an audio codec of {} samples/s"),
        (clock.audio, audio_codec.stream, "an audio codec of {}"),
    ):
        if wanted != got:
            raise ValueError(f"expected {what.format(wanted)}, got one of {got}")


def generator_of(prompt: Prompt, seed: int) -> torch.Generator:
    """Returns the random generator of one clip: seeded by (prompt, seed) alone, on the CPU for every device."""
    digest = hashlib.sha256(json.dumps([*prompt, seed]).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def noise(config: JovaConfig, generator: torch.Generator) -> Latents:
    """Draws the initial noise of one clip, without a batch axis."""
    return Latents(*(torch.randn(shape, generator=generator) for shape in (config.video_shape, config.audio_shape)))
