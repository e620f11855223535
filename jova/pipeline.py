"""A trained model with its codecs and the reader of its prompts: prompts -> noise -> latents -> clips."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol, Unpack

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jova.checks import check_codecs, check_driving, check_fingerprints, check_text, nearest, resized
from jova.codecs.base import WEIGHTS, PictureCodec, SoundCodec, TilesDecoding, filter_generated, load_made_by
from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.config import JovaConfig
from jova.devices import check_device
from jova.flow import AudioDriven, Denoiser, Given, Latents, shifts_of
from jova.parts import FILES as FILES
from jova.parts import MODEL_FILE as MODEL_FILE
from jova.parts import find_parts
from jova.precision import autocast
from jova.samplers import SAMPLERS, GuidedField, flow_times, shown
from jova.sampling import DEFAULTS, GUIDED_UNTIL, Sampling, checked, options_of
from jova.text import Prompt, PromptEncoder, TextBatch, TextEncoder, TextTokens, WordTokenizer
from jova.transformer import Jova

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


class Movable(Protocol):
    """A part of a pipeline: the network, a codec or the text encoders."""

    def to(self, device: str) -> object:
        """Moves the part to a device."""
        ...


class JovaPipeline:
    """A trained model with what reads its prompts and its codecs."""

    def __init__(
        self,
        model: Jova,
        video_codec: PictureCodec,
        audio_codec: SoundCodec,
        encoder: PromptEncoder | None = None,
        *,
        device: str = "cpu",
        offload: bool = False,
        sampling: Sampling = DEFAULTS,
    ) -> None:
        """Sets the parts.

        Args:
            model: the network.
            video_codec: that with which it was trained.
            audio_codec: that with which it was trained.
            encoder: text encoders with which it was trained; None for a model with a vocabulary.
            device: that computes.
            offload: keeps each part on the CPU but in its phase, which takes less memory and more time.
            sampling: defaults of `sample`.

        Raises:
            ValueError: the parts do not fit each other.
        """
        check_codecs(model.config, video_codec, audio_codec)
        check_text(model.config, encoder)
        self.config, self.device, self.offload, self.sampling = model.config, device, offload, sampling
        self.model, self.video_codec, self.audio_codec, self.encoder = model, video_codec, audio_codec, encoder
        self.tokenizer = None if encoder else WordTokenizer(model.config.vocabulary, model.config.words_per_part)
        if not offload:
            for part in (model, video_codec, audio_codec, encoder):
                if part is not None:
                    part.to(device)

    @classmethod
    def from_pretrained(
        cls,
        folder: Path = WEIGHTS,
        device: str = "cpu",
        *,
        offload: bool = False,
        text_cache: Path | None = None,
        accept: Collection[str] = (),
    ) -> JovaPipeline:
        """Reads the folder of a trained model, see `jova.parts`; by default the shipped one.

        Args:
            folder: with the model, its codecs and its text encoders.
            device: that computes.
            offload: keeps each part on the CPU but in its phase.
            text_cache: folder for states of texts, so that a text encoder need not be read for texts that it has read.
            accept: licence terms that the user accepts: those of MMAudio's codec are "non-commercial".

        Raises:
            FileNotFoundError: a part is missing.
            ModuleNotFoundError: a package that a codec or a text encoder needs is not installed.
            PermissionError: terms are not accepted.
            ValueError: a part is damaged, of another kind, or not that with which the model was trained.
        """
        check_device(device)
        parts = find_parts(folder)
        codecs = load_video_codec(parts.video_codec), load_audio_codec(parts.audio_codec, accept)
        encoders = [TextEncoder(path) for path in parts.text_encoders]
        text = {"text": PromptEncoder(encoders, text_cache)} if encoders else {}
        check_fingerprints(load_made_by(parts.model), {"video_codec": codecs[0], "audio_codec": codecs[1], **text})
        model, how = Jova.load(parts.model), options_of(folder)
        return cls(model, *codecs, text.get("text"), device=device, offload=offload, sampling=how)

    def compile(self) -> None:
        """Compiles the network's blocks: half a minute for the first clip of a shape, and then no faster on a CPU."""
        for block in self.model.blocks:
            block.compile()

    def tile(self) -> None:
        """Decodes large pictures in tiles, for less memory.

        Raises:
            ValueError: the video codec cannot.
        """
        if not isinstance(self.video_codec, TilesDecoding):
            raise ValueError(f"expected a video codec that decodes in tiles, got {type(self.video_codec).__name__}")
        self.video_codec.enable_tiling()

    def frames_of(self, seconds: float) -> int:
        """Returns the valid number of frames nearest to a length in seconds."""
        clock = self.config.timeline
        return nearest(Fraction(seconds) * clock.fps, clock.frames_per_latent, 1)

    def config_of(self, frames: int | None = None, height: int | None = None, width: int | None = None) -> JovaConfig:
        """Returns the config of clips of T frames of H x W pixels, each by default the model's; see `resized`."""
        return resized(self.config, self.video_codec, frames, height, width)

    def check(self, prompt: Prompt) -> None:
        """Raises ValueError if the model cannot read a prompt: unknown words, or too many."""
        if self.tokenizer is not None:
            self.tokenizer([prompt])
        elif self.encoder is not None:
            self.encoder.check(prompt)

    def read(self, prompts: Sequence[Prompt]) -> TextBatch:
        """Reads B prompts; errors are those of `check`."""
        if self.tokenizer is not None:
            return self.tokenizer(prompts).to(self.device)
        assert self.encoder is not None  # `check_text` sees to it
        with self.on_device(self.encoder):
            return self.encoder(prompts).to(self.device)

    @torch.inference_mode()
    def sample(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        images: Sequence[Frames | None] | None = None,
        audios: Sequence[Audio] | None = None,
        *,
        frames: int | None = None,
        height: int | None = None,
        width: int | None = None,
        progress: bool = False,
        **how: Unpack[Sampling],
    ) -> Clips:
        """Generates one clip per prompt.

        A clip depends on its prompt, seed, image and audio, not on the rest of the batch.

        Args:
            prompts: B prompts: of words of the vocabulary, if the model has one.
            seeds: B seeds.
            images: B first frames (H, W, 3) uint8, each of which may be None; None for no images at all.
            audios: B waveforms (N,) of the clip's length for an audio-driven model, returned unchanged as the audio of
                the clips; None for a joint model.
            frames: T, by default that of the model's config, as height and width are.
            height: H in pixels.
            width: W in pixels.
            progress: shows progress on stderr.
            how: options of sampling; by default those of the model's folder.

        Raises:
            ValueError: audio for a joint model, none for an audio-driven one, a prompt that the model cannot read, an
                option of no use, or a length or a size that codecs or patches do not divide.
        """
        options, config = self.sampling | checked(how), self.config_of(frames, height, width)
        check_driving(config, audios)
        text = self.read(prompts)
        image = None if images is None or all(x is None for x in images) else self._encode_images(images, config)
        driving = None if audios is None else torch.from_numpy(np.stack(audios)).to(self.device)  # (B, N)
        sound = None if driving is None else self.encode_audio(driving)
        generators = [generator_of(*pair) for pair in zip(prompts, seeds, strict=True)]
        noises = [noise(config, generator) for generator in generators]
        start = Latents(*(torch.stack(parts).to(self.device) for parts in zip(*noises, strict=True)))
        with self.on_device(self.model):
            if self.model.speaking is not None and isinstance(text, TextTokens):
                text = text.with_spans(self.model.speaking.plan(text, config.timeline.seconds, generators))
            network: Denoiser = self.model if sound is None else AudioDriven(self.model, sound)
            (video, audio), evals = self.denoise(network, text, image, start, options, progress)
        pictures = self.decode_video(self.filtered(video))
        waveforms = self.decode_audio(audio)[:, : config.timeline.samples] if driving is None else driving
        return Clips(pictures.cpu().numpy(), waveforms.float().cpu().numpy(), evals)

    def denoise(
        self,
        network: Denoiser,
        text: TextBatch,
        given: Given | None,
        start: Latents,
        how: Sampling,
        progress: bool = False,
    ) -> tuple[Latents, int]:
        """Integrates the flow from noise to data; returns the latents, and the forward passes per clip."""
        guidance = how["guidance"]
        until = how.get("guided_until", GUIDED_UNTIL)
        field = GuidedField(network, text, given, guidance, until, how.get("audio_guidance", guidance))
        if how["sampler"] == "unipc" and shifts_of(network) != (1, 1):
            raise ValueError("expected euler or heun for a model trained with a shift of its own, got unipc")
        times = flow_times(how["steps"], how.get("shift", 1.0))
        with autocast(how.get("precision", "float32"), self.device), shown(field, times, progress) as watched:
            end = SAMPLERS[how["sampler"]](watched, start, times)
        return end, field.evals

    @contextmanager
    def on_device(self, part: Movable) -> Iterator[None]:
        """Keeps a part on the device for a phase; where parts are offloaded, it is on the CPU before and after."""
        if self.offload:
            part.to(self.device)
        try:
            yield
        finally:
            if self.offload:
                part.to("cpu")

    def encode_video(self, frames: Tensor) -> Tensor:
        """Encodes frames (B, T, H, W, 3) to latents (B, F, h, w, C)."""
        with self.on_device(self.video_codec):
            return self.video_codec.encode(frames.to(self.device))

    def encode_audio(self, audio: Tensor) -> Tensor:
        """Encodes samples (B, N) to tokens (B, A, C)."""
        with self.on_device(self.audio_codec):
            return self.audio_codec.encode(audio.to(self.device))

    def filtered(self, video: Tensor) -> Tensor:
        """Returns generated latents (B, F, h, w, C) as they are to be decoded."""
        with self.on_device(self.video_codec):
            return filter_generated(self.video_codec, video)

    def decode_video(self, latents: Tensor) -> Tensor:
        """Decodes latents (B, F, h, w, C) to frames (B, T, H, W, 3) uint8."""
        with self.on_device(self.video_codec):
            return self.video_codec.decode(latents)

    def decode_audio(self, latents: Tensor) -> Tensor:
        """Decodes tokens (B, A, C) to samples (B, N) or a few more."""
        with self.on_device(self.audio_codec):
            return self.audio_codec.decode(latents)

    def _encode_images(self, images: Sequence[Frames | None], config: JovaConfig) -> Given:
        """Returns the condition on the images; of rows without an image nothing is given."""
        video = torch.zeros(len(images), *config.video_shape, device=self.device)
        for row, image in enumerate(images):
            if image is None:
                continue
            if image.shape[:2] != config.picture_size:
                height, width = config.picture_size
                raise ValueError(f"expected frames of {height} x {width}, got {image.shape[:2]}")
            video[row, 0] = self.encode_video(torch.from_numpy(image)[None, None])[0, 0]  # (h, w, C)
        given = torch.tensor([image is not None for image in images], device=self.device)
        audio = torch.zeros(len(images), *config.audio_shape, device=self.device)
        return Given.nothing(Latents(video, audio)).with_image(given)


def generator_of(prompt: Prompt, seed: int) -> torch.Generator:
    """Returns the random generator of one clip: seeded by (prompt, seed) alone, on the CPU for every device."""
    if type(seed) is not int:
        raise ValueError(f"expected a whole number as seed, got {seed!r}")
    digest = hashlib.sha256(json.dumps([*prompt, seed]).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def noise(config: JovaConfig, generator: torch.Generator) -> Latents:
    """Draws the initial noise of one clip, without a batch axis."""
    return Latents(*(torch.randn(shape, generator=generator) for shape in (config.video_shape, config.audio_shape)))
