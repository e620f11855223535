from pathlib import Path


class AutoencoderKLWan:
    @classmethod
    def from_pretrained(cls, folder, subfolder, torch_dtype):
        assert (Path(folder) / subfolder).is_dir()
        return cls()
