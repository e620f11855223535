"""Audio codec of MMAudio, which the paper names: a VAE on log-mel spectra, and BigVGAN. It is not causal.

Both networks are diffusers' `MMAudioVAE` and a vocoder, in the folder format of a pipeline; `mmaudio_convert` writes
that format from the upstream's own files. Published are two sizes:

    16k    62.5 spectra and 31.25 tokens a second, 20 channels
    44k    86.13 spectra and 43.07 tokens a second, 40 channels

Every token hears the whole clip, because the network attends to all of it. The published weights are under
CC-BY-NC-4.0: `load` asks for the acceptance of terms named "non-commercial".

Letters: B clips, N samples, A tokens, C channels.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from jova.codecs.checks import check_audio, check_latents, checked_statistics
from jova.codecs.fingerprint import fingerprint_of, weights_of
from jova.codecs.pretrained import in_own_precision, load_network, settings_of
from jova.extras import in_one_line
from jova.files import atomic_path
from jova.timeline import Stream

CLASS = "MMAudioVAE"
VOCODERS = ("MMAudioVocoder", "LTX2Vocoder")
"""BigVGAN v2, which 44k has; and a network that BigVGAN v1 is a case of, which 16k has."""
STRIDE = 2
"""Spectra per token."""
TERMS = "non-commercial"
"""What a user has to accept, by the name that `jova-bench assets pull --accept` has for it."""
SETTINGS = ("mel_bins", "latent_channels", "channel_multipliers", "sample_rate", "n_fft", "hop_length")
"""Fields of the config that decide tokens and that shapes of weights do not show."""
STATISTICS = "latents.safetensors"
"""File of the mean and deviation of latents, beside the folders of the networks."""


class MMAudioCodec(nn.Module):
    """Audio codec on MMAudio's VAE and vocoder; implements `jova.codecs.base.SoundCodec`.

    The networks may be moved and cast with `.to`; tokens are float32 and lie where the networks are.
    """

    def __init__(self, vae: Any, vocoder: Any, statistics: tuple[Tensor, Tensor] | None = None) -> None:
        """Builds the codec.

        Args:
            vae: a `MMAudioVAE`.
            vocoder: its vocoder.
            statistics: mean and deviation (C,) of latents. MMAudio's own are stored with its generator; without them
                the deviation is 1 / `scaling_factor` of the VAE's config, and the mean 0.
        """
        super().__init__()
        config = vae.config
        made = math.prod(vocoder.config.get("upsample_rates") or vocoder.config.upsample_factors)
        if made != config.hop_length:
            raise ValueError(f"expected a vocoder that makes {config.hop_length} samples of a spectrum, got {made}")
        self.vae = vae
        self.vocoder = vocoder
        self.channels: int = config.latent_channels
        self.sample_rate_hz: int = config.sample_rate
        self.stream = Stream(Fraction(config.sample_rate, config.hop_length), STRIDE, causal=False)
        # Kept out of the state, which `.to` casts: the analysis is of single precision.
        self._analysis = (copy.deepcopy(vae.mel_converter).float(),)
        if statistics is None:
            statistics = torch.zeros(self.channels), torch.full((self.channels,), 1 / config.scaling_factor)
        self._statistics = checked_statistics(*statistics, self.channels)
        encoder = weights_of(vae, ("vae.encoder.", "vae.data_"))
        encoder |= dict(zip(("mean", "deviation"), self._statistics, strict=True))
        self.fingerprint: str = fingerprint_of("mmaudio", settings_of(config, SETTINGS), encoder)

    @classmethod
    def load(cls, folder: Path, accept: Collection[str] = ()) -> MMAudioCodec:
        """Reads the parts `audio_vae` and `vocoder` of a folder, and `latents.safetensors` if it is there.

        Args:
            folder: as `mmaudio_convert` or a pipeline of diffusers wrote it.
            accept: terms that the user accepts; "non-commercial" has to be among them.

        Raises:
            PermissionError: the terms are not accepted.
        """
        check_terms(accept)
        statistics = read_statistics(folder / STATISTICS)
        vae, vocoder = load_network(folder / "audio_vae", (CLASS,)), load_network(folder / "vocoder", VOCODERS)
        return cls(vae, vocoder, statistics)

    def save(self, folder: Path) -> None:
        """Writes the folder that `load` reads."""
        self.vae.save_pretrained(folder / "audio_vae")
        self.vocoder.save_pretrained(folder / "vocoder")
        with atomic_path(folder / STATISTICS) as unfinished:
            save_file(dict(zip(("mean", "deviation"), self._statistics, strict=True)), unfinished)

    @in_own_precision
    def encode(self, media: Tensor) -> Tensor:
        """Encodes audio (B, N) float32 to tokens (B, A, C), A the smallest number that covers it; silence follows it.

        Clips are encoded one at a time, so that no clip depends on its batch.
        """
        check_audio(media)
        hop = self.vae.config.hop_length
        tokens = self.stream.tokens(-(-media.shape[1] // hop))
        mean, deviation = (value.to(self.vae.device) for value in self._statistics)
        analysis = self._analysis[0].to(self.vae.device)
        parts = []
        for clip in torch.split(media, 1):
            sound = F.pad(clip.to(self.vae.device, torch.float32), (0, tokens * STRIDE * hop - clip.shape[1]))
            moments = self.vae.vae.encode(analysis(sound).to(self.vae.dtype))  # (1, 2 C, A): mean, log variance
            mode = moments[:, : self.channels].float().transpose(1, 2)
            parts.append((mode - mean) / deviation)
        return torch.cat(parts)

    @in_own_precision
    def decode(self, latents: Tensor) -> Tensor:
        """Decodes tokens (B, A, C) to audio (B, N) in [-1, 1], N the samples that they cover, a clip at a time."""
        check_latents(latents, ("B", "A", "C"), self.channels)
        mean, deviation = (value.to(self.vae.device) for value in self._statistics)
        parts = []
        for clip in torch.split(latents, 1):
            values = (clip.to(self.vae.device, torch.float32) * deviation + mean).transpose(1, 2)
            mel = self.vae.decode(values.to(self.vae.dtype)).sample.to(self.vocoder.dtype)
            parts.append(vocode(self.vocoder, mel).float().clamp(-1, 1))
        return torch.cat(parts)


def read_statistics(path: Path) -> tuple[Tensor, Tensor] | None:
    """Reads mean and deviation of latents; None if there is no such file.

    Raises:
        ValueError: the file is damaged, or has others.
    """
    if not path.is_file():
        return None
    try:
        stored = load_file(path)
        return stored["mean"], stored["deviation"]
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"expected mean and deviation of latents in {path}, got {in_one_line(error)}") from None


def vocode(vocoder: Any, mel: Tensor) -> Tensor:
    """Makes audio (B, N) of log-mel spectra (B, bands, m) with a vocoder of either class."""
    if type(vocoder).__name__ == "LTX2Vocoder":
        audio: Tensor = vocoder(mel[:, None], time_last=True)
    else:
        audio = vocoder(mel, return_dict=False)[0]
    return audio[:, 0]


def check_terms(accept: Collection[str]) -> None:
    """Raises PermissionError unless the terms of MMAudio's weights are among those that a user accepts."""
    if TERMS not in ([accept] if isinstance(accept, str) else accept):
        raise PermissionError(
            f"MMAudio's weights are under CC-BY-NC-4.0, for {TERMS} use alone; to accept it: --accept {TERMS}, "
            f"or accept=({TERMS!r},) in Python"
        )
