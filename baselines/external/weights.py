"""Weights of a baseline as its manifest names them: files of a repository of the Hugging Face Hub, or one URL."""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from jova_baselines.external.texts import Md5, Sha256
from jova_bench.assets.table import Terms
from jova_bench.records import Record


class Weights(Record):
    """Files of one repository of the Hugging Face Hub, or one file by its URL."""

    hub: str | None = None
    """`owner/name`."""
    revision: str = "main"
    url: str | None = None
    folder: str = "."
    """Folder inside the baseline's folder of weights."""
    files: tuple[str, ...] = Field(min_length=1)
    """Names or patterns (`google/*`) inside the repository."""
    by_name: bool = False
    """Whether the upstream loads them by the name of their repository, from the hub library's cache."""
    sha256: Sha256 | None = None
    """Digest of a file by URL."""
    md5: Md5 | None = None
    """The same, where the upstream publishes MD5."""
    licence: str
    """SPDX expression, or `unverified` until a person has read the model card."""
    terms: Terms | None = None
    """Terms that a user must accept before they are downloaded."""

    @model_validator(mode="after")
    def _one_origin(self) -> Weights:
        if (self.hub is None) == (self.url is None) or (self.url is not None and len(self.files) != 1):
            raise ValueError("expected `hub` with `files`, or `url` with one file")
        if self.by_name and self.hub is None:
            raise ValueError("expected `hub` where upstream asks for it by name")
        return self

    @property
    def verified(self) -> bool:
        """Whether the upstream states a digest of the file or a commit of the repository."""
        return bool(self.sha256 or self.md5 or re.fullmatch("[0-9a-f]{40}", self.revision))

    @property
    def place(self) -> str:
        """Origin, with the commit or digest where known."""
        if self.hub is not None:
            return f"{self.hub}@{self.revision}"
        digest = self.sha256 or self.md5
        return f"{self.url} ({digest})" if digest else str(self.url)


def described(weights: Weights) -> str:
    """Returns origin, licence and verification status of weights, for the run's manifest."""
    state = "" if weights.verified else ", unverified (upstream states neither digest nor commit: as first fetched)"
    return f"{weights.place}, licence {weights.licence}{state}"
