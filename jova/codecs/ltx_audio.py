"""Audio codec of LTX-2: diffusers' `AutoencoderKLLTX2Audio` on log-mel spectra, and the vocoder of the same folder.

16 kHz sound has 100 spectra a second and, by causal convolutions of stride 4, 25 tokens a second: token 0 encodes
spectrum 0 alone, token i spectra 4i-3 .. 4i. A token has 8 channels x 16 mel bands = 128 values.

The analysis is the upstream's (github.com/Lightricks/LTX-2, `AudioProcessor`): resampling to 16 kHz; magnitudes of a
centred STFT with a Hann window of 1024 samples, a hop of 160 and reflected ends; 64 mel filters on Slaney's scale, with
its normalisation, up to 8 kHz; natural logarithm of at least 1e-5. Spectrum j is centred at sample 160 j, so it hears
512 samples ahead. The network takes two channels: sound is mono here, and both are the same.

Letters: B clips, N samples, m spectra, A tokens, C values of a token.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.codecs.checks import check_audio, check_latents, checked_statistics
from jova.codecs.fingerprint import fingerprint_of, weights_of
from jova.codecs.pretrained import in_own_precision, load_network, mel_filters, settings_of
from jova.codecs.resample import resample
from jova.timeline import Stream

CLASS = "AutoencoderKLLTX2Audio"
VOCODERS = ("LTX2Vocoder", "LTX2VocoderWithBWE")
STRIDE = 4
"""Spectra per token, and mel bands per band of a token."""
WINDOW = 1024
"""Length of the STFT's window, in samples; diffusers' config does not name it."""
FLOOR = 1e-5
SETTINGS = ("latent_channels", "ch_mult", "norm_type", "in_channels", "sample_rate", "mel_hop_length", "mel_bins")
"""Fields of the config that decide tokens and that shapes of weights do not show."""


class LTXAudioCodec(nn.Module):
    """Audio codec on LTX-2's audio VAE and vocoder; implements `jova.codecs.base.SoundCodec`.

    Its sample rate is the vocoder's (24 kHz, or 48 kHz with bandwidth extension), so that decoding loses nothing.
    The networks may be moved and cast with `.to`; tokens are float32 and lie where the networks are.
    """

    def __init__(self, vae: Any, vocoder: Any) -> None:
        super().__init__()
        config = vae.config
        self._bands = config.mel_bins // STRIDE
        if config.causality_axis != "height" or len(config.ch_mult) != 3:
            raise ValueError(
                f"expected causality_axis 'height' (time) and 3 levels of ch_mult: {STRIDE} spectra a token, "
                f"got {config.causality_axis!r} and {len(config.ch_mult)}"
            )
        self.vae = vae
        self.vocoder = vocoder
        self.channels: int = config.latent_channels * self._bands
        self.sample_rate_hz: int = vocoder.config.output_sampling_rate
        self.stream = Stream(Fraction(config.sample_rate, config.mel_hop_length), STRIDE)
        self._samples_per_spectrum = samples_per_spectrum(vae, vocoder)
        # Kept out of the state, which `.to` casts: the analysis is of single precision.
        self._filters = mel_filters(config.sample_rate, WINDOW, config.mel_bins)
        self._statistics = checked_statistics(vae.latents_mean, vae.latents_std, self.channels)
        settings = settings_of(config, SETTINGS) | {"sample_rate_hz": self.sample_rate_hz}
        self.fingerprint: str = fingerprint_of("ltx-audio", settings, weights_of(vae, ("encoder.", "latents_")))

    @classmethod
    def load(cls, folder: Path) -> LTXAudioCodec:
        """Reads the parts `audio_vae` and `vocoder` of a folder, such as an LTX-2 pipeline's."""
        return cls(load_network(folder / "audio_vae", (CLASS,)), load_network(folder / "vocoder", VOCODERS))

    def save(self, folder: Path) -> None:
        """Writes the folder that `load` reads."""
        self.vae.save_pretrained(folder / "audio_vae")
        self.vocoder.save_pretrained(folder / "vocoder")

    def log_mel(self, audio: Tensor) -> Tensor:
        """Computes log-mel spectra as the upstream does: (B, N) at the network's rate -> (B, 1 + N // hop, bands)."""
        hop = self.vae.config.mel_hop_length
        window = torch.hann_window(WINDOW, device=audio.device)
        spectrum = torch.stft(audio, WINDOW, hop, window=window, center=True, pad_mode="reflect", return_complex=True)
        mel = self._filters.to(audio.device) @ spectrum.abs()
        return mel.clamp(min=FLOOR).log().transpose(1, 2)

    @in_own_precision
    def encode(self, media: Tensor) -> Tensor:
        """Encodes audio (B, N) float32 to tokens (B, A, C), A the smallest number that covers it; silence follows it.

        Clips are encoded one at a time, so that no clip depends on its batch.
        """
        check_audio(media)
        count = self.stream.tokens(-(-media.shape[1] // self._samples_per_spectrum))
        return torch.cat([self._encode_clip(clip, count) for clip in torch.split(media, 1)])

    def _encode_clip(self, audio: Tensor, tokens: int) -> Tensor:
        spectra, config = self.stream.units(tokens), self.vae.config
        audio = audio.to(self.vae.device, torch.float32)
        whole = F.pad(audio, (0, spectra * self._samples_per_spectrum - audio.shape[1]))
        sound = resample(whole, self.sample_rate_hz, config.sample_rate)
        # Reflection needs more samples than half a window; only sounds of 32 ms are shorter.
        sound = F.pad(sound, (0, max(0, WINDOW // 2 + 1 - sound.shape[1])))
        mel = self.log_mel(sound)[:, :spectra].to(self.vae.dtype)
        channels = mel[:, None].expand(-1, config.in_channels, -1, -1)
        latents = self.vae.encode(channels).latent_dist.mode().float()  # (1, channels, A, bands)
        mean, deviation = (value.to(latents.device) for value in self._statistics)
        return (latents.transpose(1, 2).flatten(2) - mean) / deviation

    @in_own_precision
    def decode(self, latents: Tensor) -> Tensor:
        """Decodes tokens (B, A, C) to audio (B, N) in [-1, 1], N the samples that they cover, a clip at a time."""
        check_latents(latents, ("B", "A", "C"), self.channels)
        return torch.cat([self._decode_clip(clip) for clip in torch.split(latents, 1)])

    def _decode_clip(self, latents: Tensor) -> Tensor:
        latents = latents.to(self.vae.device, torch.float32)
        mean, deviation = (value.to(latents.device) for value in self._statistics)
        values = (latents * deviation + mean).view(1, -1, self.vae.config.latent_channels, self._bands).transpose(1, 2)
        mel = self.vae.decode(values.to(self.vae.dtype)).sample
        audio: Tensor = self.vocoder(mel.to(self.vocoder.dtype))
        return audio.float().mean(1).clamp(-1, 1)


def samples_per_spectrum(vae: Any, vocoder: Any) -> int:
    """Returns the vocoder's samples per spectrum.

    Raises:
        ValueError: it does not upsample by as much as the spectra's hop is long.
    """
    config = vocoder.config
    wanted = Fraction(vae.config.mel_hop_length * config.output_sampling_rate, vae.config.sample_rate)
    # With bandwidth extension, a second network raises the rate after this one.
    raised = Fraction(config.output_sampling_rate, config.get("input_sampling_rate", config.output_sampling_rate))
    if (made := math.prod(config.upsample_factors) * raised) != wanted:
        raise ValueError(f"expected a vocoder that makes {wanted} samples of a spectrum, got {made}")
    return int(made)
