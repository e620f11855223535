"""The network that hears."""

from pathlib import Path

import acts


class WhisperModel:
    @staticmethod
    def from_pretrained(folder):
        assert Path(folder, "pytorch_model.bin").is_file()
        return WhisperModel()

    def to(self, device, dtype):
        acts.note("whisper", device=device, dtype=dtype)
        return self

    def eval(self):
        return self

    def requires_grad_(self, wanted):
        assert not wanted
        return self
