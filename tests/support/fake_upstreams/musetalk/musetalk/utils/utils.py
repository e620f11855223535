"""The networks, from where upstream stands, and its batches."""

import os
from pathlib import Path
from types import SimpleNamespace

import acts
import numpy as np
import torch
from musetalk.models.vae import VAE


class Network:
    dtype = "float32"

    def half(self):
        self.dtype = "float16"
        return self

    def to(self, device):
        return self


class Unet(Network):
    def __call__(self, latents, timesteps, encoder_hidden_states):
        assert timesteps.tolist() == [0]
        acts.note("unet", together=len(latents))
        return SimpleNamespace(sample=np.concatenate([latents, encoder_hidden_states], axis=1))


class Positions(Network):
    def __call__(self, heard):
        return heard


def load_all_model(
    unet_model_path=os.path.join("models", "musetalkV15", "unet.pth"),  # noqa: B008, PTH118
    vae_type="sd-vae",
    unet_config=os.path.join("models", "musetalkV15", "musetalk.json"),  # noqa: B008, PTH118
    device=None,
):
    for path in (unet_model_path, unet_config, f"models/{vae_type}/config.json"):
        if not Path(path).is_file():
            raise FileNotFoundError(path)
    acts.note("load", device=device, here=str(Path.cwd()))
    return VAE(Network()), SimpleNamespace(model=Unet()), Positions()


def datagen(whisper_chunks, vae_encode_latents, batch_size=8, delay_frame=0, device="cuda:0"):
    for start in range(0, len(whisper_chunks), batch_size):
        heard = whisper_chunks[start : start + batch_size]
        seen = [vae_encode_latents[(start + k) % len(vae_encode_latents)] for k in range(len(heard))]
        yield np.stack(heard), np.concatenate(seen).view(torch.Tensor)
