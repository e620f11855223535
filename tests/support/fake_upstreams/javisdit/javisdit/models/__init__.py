from pathlib import Path

import acts

# pytorchvideo does, which upstream imports here; the installed torchvision has no such module.
import torchvision.transforms.functional_tensor  # noqa: F401


class TextEncoder:
    def __init__(self, from_pretrained, text_len, device, dtype):
        assert Path(from_pretrained, "models_t5_umt5-xxl-enc-bf16.pth").is_file()
        acts.note("text", device=device, dtype=str(dtype))


class Transformer:
    def __init__(self, weight_init_from, num_layers):
        assert Path(weight_init_from, "model").is_dir()
        acts.note("net", layers=num_layers)

    def to(self, device, dtype):
        return self

    def eval(self):
        return self
