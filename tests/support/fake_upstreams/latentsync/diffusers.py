"""As much of diffusers as the worker uses."""

from pathlib import Path
from types import SimpleNamespace

import acts


class AutoencoderKL:
    @classmethod
    def from_pretrained(cls, folder, torch_dtype):
        assert (Path(folder) / "config.json").is_file()
        made = cls()
        made.config = SimpleNamespace(scaling_factor=1.0, shift_factor=None)
        return made


class DDIMScheduler:
    @classmethod
    def from_pretrained(cls, folder):
        assert (Path(folder) / "scheduler_config.json").is_file()
        acts.note("scheduler", folder=folder)
        return cls()
