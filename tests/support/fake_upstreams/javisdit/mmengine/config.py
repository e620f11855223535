"""As much of mmengine as the worker uses."""

import runpy
from types import SimpleNamespace


class Config:
    @staticmethod
    def fromfile(filename):
        return SimpleNamespace(**runpy.run_path(filename))
