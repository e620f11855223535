"""Codecs in the folder formats of their upstreams, tiny and with random weights, made once for all tests.

Strides, rates and the numbers of values are those of the published ones where tests depend on them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


def wan(**changes):
    """A Wan VAE of 16 channels: about 100,000 weights."""
    from diffusers import AutoencoderKLWan

    torch.manual_seed(0)
    fields = {"base_dim": 4, "z_dim": 16, "dim_mult": [1, 2, 2, 2], "num_res_blocks": 1}
    return AutoencoderKLWan(**fields | changes).eval()


def wan_2_2():
    """A VAE of the kind of Wan 2.2 5B: 16 x 16 pixels per cell, by patches of 2 x 2."""
    return wan(
        z_dim=6,
        patch_size=2,
        in_channels=12,
        out_channels=12,
        scale_factor_spatial=16,
        is_residual=True,
        latents_mean=[0.1 * k for k in range(6)],
        latents_std=[0.5 + 0.1 * k for k in range(6)],
    )


@pytest.fixture(scope="session")
def wan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a Wan pipeline with its part `vae` alone."""
    folder = tmp_path_factory.mktemp("wan")
    wan().save_pretrained(folder / "vae")
    return folder


@pytest.fixture(scope="session")
def wan_2_2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wan-2-2")
    wan_2_2().save_pretrained(folder / "vae")
    return folder


def ltx_audio(**changes):
    """LTX-2's audio VAE: 64 mel bands, 16 of them in a token, of one channel."""
    from diffusers import AutoencoderKLLTX2Audio

    torch.manual_seed(0)
    fields = {"base_channels": 16, "ch_mult": (1, 1, 1), "num_res_blocks": 1, "latent_channels": 1}
    vae = AutoencoderKLLTX2Audio(**fields | changes).eval()
    vae.latents_mean.copy_(torch.linspace(-1, 1, len(vae.latents_mean)))
    vae.latents_std.copy_(torch.linspace(0.5, 2, len(vae.latents_std)))
    return vae


def ltx_vocoder(**changes):
    """Its vocoder: 240 samples at 24 kHz of a spectrum."""
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    torch.manual_seed(0)
    fields = {"hidden_channels": 32, "resnet_kernel_sizes": [3], "resnet_dilations": [[1, 3]]}
    return LTX2Vocoder(**fields | changes).eval()


@pytest.fixture(scope="session")
def ltx_audio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts `audio_vae` and `vocoder` of an LTX-2 pipeline."""
    folder = tmp_path_factory.mktemp("ltx-audio")
    ltx_audio().save_pretrained(folder / "audio_vae")
    ltx_vocoder().save_pretrained(folder / "vocoder")
    return folder


def mmaudio_vae(bands: int):
    """MMAudio's VAE of the 16k (80 mel bands) or of the 44k network (128)."""
    from diffusers import MMAudioVAE

    torch.manual_seed(0)
    analysis = {"n_fft": 1024, "hop_length": 256, "sample_rate": 16_000} if bands == 80 else {}
    vae = MMAudioVAE(
        mel_bins=bands, latent_channels=20 if bands == 80 else 40, hidden_channels=8, layers_per_block=2, **analysis
    )
    with torch.no_grad():
        for weight in vae.parameters():
            if weight.ndim > 1:
                weight.normal_()
        vae.vae.data_mean.copy_(torch.linspace(-2, -1, bands).view(1, -1, 1))
        vae.vae.data_std.copy_(torch.linspace(1, 2, bands).view(1, -1, 1))
    return vae.eval()


def bigvgan(bands: int):
    """BigVGAN with the names of its own files: 256 samples of a spectrum (80 bands) or 512 (128)."""
    from diffusers import MMAudioVocoder

    torch.manual_seed(0)
    rates = (4 if bands == 80 else 8, 4, 2, 2, 2, 2)
    kernels = tuple(2 * rate for rate in rates)
    vocoder = MMAudioVocoder(bands, 64, rates, kernels)
    with torch.no_grad():
        for name, weight in vocoder.named_parameters():
            if name.endswith(("alpha", "beta")):
                weight.normal_(std=0.3)
    return vocoder.eval()


@pytest.fixture(scope="session")
def mmaudio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MMAudio's 44k network in the parts `audio_vae` and `vocoder` of a pipeline, without statistics of latents."""
    folder = tmp_path_factory.mktemp("mmaudio")
    mmaudio_vae(128).save_pretrained(folder / "audio_vae")
    bigvgan(128).save_pretrained(folder / "vocoder")
    return folder
