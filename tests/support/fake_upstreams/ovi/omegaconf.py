"""As much of omegaconf as Ovi's engine and worker use."""

import json


class _Config(dict):
    __getattr__ = dict.__getitem__


class OmegaConf:
    @staticmethod
    def create(obj):
        return _Config(obj)

    @staticmethod
    def load(file_):
        with open(file_) as file:  # noqa: PTH123  upstream reads it by a path relative to the checkout
            return _Config(json.load(file))
