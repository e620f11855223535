"""Looks for the networks where upstream does: two of them by name, in the cache of the hub's library."""

import json
import os
from pathlib import Path

import acts

FILES = {"xl": "hunyuanvideo_foley_xl.pth", "xxl": "hunyuanvideo_foley.pth"}
NAMED = {"google/siglip2-base-patch16-512": "model.safetensors", "laion/larger_clap_general": "pytorch_model.bin"}


def load_model(model_path, config_path, device, enable_offload=False, model_size=None):
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    for name, file in NAMED.items():
        cached = Path(os.environ["HF_HUB_CACHE"], f"models--{name.replace('/', '--')}")
        revision = (cached / "refs" / "main").read_text()
        if not (cached / "snapshots" / revision / file).is_file():
            raise OSError(f"would be fetched from the network: {name}")
    for file in (FILES[model_size], "vae_128d_48k.pth", "synchformer_state_dict.pth"):
        if not Path(model_path, file).is_file():
            raise FileNotFoundError(file)
    acts.note("load", device=device.type, config=config_path, offload=enable_offload, size=model_size)
    return "networks", json.loads(Path(config_path).read_text())
