"""Looks for the networks where upstream does: two of them by name, in the cache of the hub's library."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import acts
from audiotools.ml import BaseModel

FILES = {"xl": "hunyuanvideo_foley_xl.pth", "xxl": "hunyuanvideo_foley.pth"}
NAMED = {"google/siglip2-base-patch16-512": "model.safetensors", "laion/larger_clap_general": "pytorch_model.bin"}


class Network:
    """Has a parameter and a buffer; a file of other weights has neither."""

    def named_parameters(self):
        return [("final_layer.weight", None)]

    def register_load_state_dict_post_hook(self, hook):
        self.hook = hook

    def load_state_dict(self, file):
        lacking = {b"weights": ["rope"], b"other weights": ["rope", "final_layer.weight"]}[file.read_bytes()]
        self.hook(self, SimpleNamespace(missing_keys=lacking, unexpected_keys=[]))


def load_state_dict(model, model_path):
    model.load_state_dict(Path(model_path))
    return model


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
    load_state_dict(Network(), Path(model_path, FILES[model_size]))
    BaseModel.load(Path(model_path, "vae_128d_48k.pth"))
    assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"  # Upstream asks for pickles.
    acts.note("load", device=device.type, config=config_path, offload=enable_offload, size=model_size)
    return "networks", json.loads(Path(config_path).read_text())
