from pathlib import Path


class LongCatVideoAvatarTransformer3DModel:
    def __init__(self, folder):
        assert next(Path(folder).glob("*"), None), folder
        self.name, self.loras, self.enabled = Path(folder).name, {}, []

    @classmethod
    def from_pretrained(cls, folder, subfolder, cp_split_hw, torch_dtype):
        return cls(Path(folder) / subfolder)

    def load_lora(self, lora_path, lora_key, multiplier=1.0, lora_network_dim=128, lora_network_alpha=64):
        assert Path(lora_path).is_file()
        self.loras[lora_key] = [multiplier, lora_network_dim, lora_network_alpha]

    def enable_loras(self, lora_key_list=[]):  # noqa: B006  upstream's
        self.enabled = [self.loras[key] for key in lora_key_list]
