"""Weights of a baseline as its manifest names them: files of a repository of the Hugging Face Hub, or one URL."""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from jova_baselines.external.texts import Md5, Sha256
from jova_bench.assets.table import Terms
from jova_bench.records import Record

COMMIT = re.compile("[0-9a-f]{40}")


class Weights(Record):
    """Files of one repository of the Hugging Face Hub, or one file by its URL."""

    hub: str | None = None
    """`owner/name`."""
    revision: str = "main"
    """A commit, where a public source states one; a branch or tag leaves them unpinned."""
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
    gb: float | None = Field(None, gt=0)
    """Size of the files in GB, as a public source states it; None if none does."""
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
    def pinned(self) -> bool:
        """Whether a commit of the repository or a digest of the file is stated."""
        return bool(self.sha256 or self.md5 or COMMIT.fullmatch(self.revision))

    @property
    def origin(self) -> str:
        """Repository or address."""
        return str(self.hub or self.url)

    def at(self, verified: str | None) -> str:
        """Returns the origin with the commit or digest by which the files here were verified, else the stated one."""
        known = verified or self.sha256 or self.md5 or (self.revision if self.pinned else None)
        place = self.origin if known is None else f"{self.hub}@{known}" if self.hub else f"{self.url} ({known})"
        return place if self.pinned else f"{place} (unpinned)"

    def described(self, verified: str | None, here: bool) -> str:
        """Returns origin and licence, and whether the files here were verified, for the run's manifest.

        Args:
            verified: commit or digest by which they were; None where they were not verified.
            here: whether there are any.
        """
        how = "as found here, not verified" if here and verified is None else "as it was fetched"
        if self.pinned:
            sure = verified is not None or not here
            return f"{self.at(verified)}, licence {self.licence}{'' if sure else f'; {how}'}"
        why = how if here else "no public source states a commit or digest"
        return f"{self.at(verified)}, licence {self.licence}; unpinned: {why}"
