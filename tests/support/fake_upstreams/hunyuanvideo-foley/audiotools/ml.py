"""Reads a network as a package, code and all, and where that fails as weights, as upstream's library does."""

from pathlib import Path

import acts


class BaseModel:
    @classmethod
    def load(cls, location):
        try:
            return cls._load_package(location, package_name=None)
        except Exception:
            return Path(location).read_bytes()

    @classmethod
    def _load_package(cls, path, package_name=None):
        acts.note("code of a package")
