from pathlib import Path


class UniVerseTransformer3DModel:
    max_speech_token_num = 128

    @classmethod
    def from_pretrained(cls, folder, torch_dtype=None):
        assert (Path(folder) / "config.json").is_file()
        return cls()
