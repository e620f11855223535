"""As much of omegaconf as the worker uses."""

import json
from pathlib import Path


class _Config(dict):
    __getattr__ = dict.__getitem__


class OmegaConf:
    @staticmethod
    def load(file_):
        return json.loads(Path(file_).read_text(), object_hook=_Config)

    @staticmethod
    def to_container(cfg):
        return dict(cfg)
