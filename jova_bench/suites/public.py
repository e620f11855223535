"""Gets public prompt sets by name: files of a commit, each verified by its sha256, then imported as a suite."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from pydantic import Field

from jova_bench.assets.download import OFFLINE_VARIABLE, Kind, differs, offline
from jova_bench.assets.hub import COMMIT, fetch_address, pulling
from jova_bench.assets.records import Sha256
from jova_bench.assets.table import folder as assets_folder
from jova_bench.assets.transfer import Meter
from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_json, read_toml
from jova_bench.files.writing import write_file
from jova_bench.records import Record
from jova_bench.suites.importers import FORMATS, read_source
from jova_bench.suites.importers.collect import Imported as Found
from jova_bench.suites.importers.placing import place
from jova_bench.suites.prompt_file import PROMPTS

TABLE = Path(__file__).with_name("public.toml")
ADDRESS = "https://raw.githubusercontent.com/{repository}/{commit}/{name}"


ORIGIN = "origin.json"
"""File of the digests of a suite's files as they were imported, beside its prompts."""


class File(Record):
    """One file of a prompt set."""

    sha256: Sha256
    size: int
    """Bytes."""


class Imported(Record):
    """What was imported."""

    files: Mapping[str, Sha256]
    """sha256 (hex) by path in the suite's folder."""


class PublicSuite(Record):
    """A prompt set that is published: an entry of `public.toml`."""

    name: str
    repository: str
    """`ORG/NAME` of GitHub."""
    commit: str = Field(pattern=COMMIT.pattern)
    format: str
    """A key of `importers.FORMATS`."""
    source: str
    """What its importer gets, below the repository."""
    files: Mapping[str, File]
    """Files by path in the repository."""

    @property
    def licence(self) -> str:
        """The licence of the prompts, as their publisher states it."""
        return FORMATS[self.format].licence

    @property
    def origin(self) -> str:
        """What it is downloaded from."""
        return f"github:{self.repository}@{self.commit}"

    @property
    def folder(self) -> Path:
        """The folder of the suite on this machine, whether it exists or not."""
        return assets_folder() / "suites" / "public" / self.commit / self.name

    @property
    def here(self) -> bool:
        """Whether it has been pulled."""
        return (self.folder / PROMPTS).is_file()

    @property
    def imported(self) -> Mapping[str, str]:
        """The digests of its files as they were imported; empty where no pull wrote them."""
        path = self.folder / ORIGIN
        return as_record(Imported, read_json(path), str(path)).files if path.is_file() else {}


@cache
def public_suites() -> Mapping[str, PublicSuite]:
    """Returns the entries of `public.toml` by name."""
    return {
        name: as_record(PublicSuite, {**fields, "name": name}, f"{TABLE}: [{name}]")
        for name, fields in read_toml(TABLE).items()
    }


def pull_command(name: str) -> str:
    """Returns the command that gets a suite."""
    return f"jova-bench suites pull {name}"


def pull_public(suite: PublicSuite, meter: Meter) -> Path:
    """Returns the folder of a public prompt set as a suite, after downloading and importing it where it is not here.

    Raises:
        BenchError: a file could not be downloaded, or is not the one of the table.
    """
    if suite.here:
        return suite.folder
    if offline():
        raise BenchError(f"offline: {suite.name} is not in {suite.folder}; unset {OFFLINE_VARIABLE} to download it")
    files = suite.folder.with_name(f"{suite.name}.source")
    with pulling(files):
        for name, file in suite.files.items():
            known: dict[Kind, str] = {"sha256": file.sha256}
            if differs(files / name, file.size, known):
                url = ADDRESS.format(repository=suite.repository, commit=suite.commit, name=quote(name))
                fetch_address(url, files, name, file.size, known, meter)
        if not suite.here:
            found = read_source(suite.format, files / suite.source)
            if found.faults:
                raise BenchError(f"{suite.name}: {found.faults[0]}")
            _place(found, suite)
    return suite.folder


def _place(found: Found, suite: PublicSuite) -> None:
    """Writes a suite with the digests of its files; its folder appears complete or not at all. Raises BenchError."""
    if suite.folder.is_dir() and any(suite.folder.iterdir()):
        raise BenchError(f"expected {PROMPTS} or nothing in {suite.folder}, got other files there; move it away")
    with TemporaryDirectory(prefix=".importing-", dir=suite.folder.parent) as beside:
        folder = Path(beside) / suite.name
        place(found, folder, suite.format, suite.licence, FORMATS[suite.format].slices)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        record = Imported(files={path.relative_to(folder).as_posix(): file_digest(path) for path in files})
        write_file(folder / ORIGIN, record.model_dump_json(indent=1) + "\n")
        folder.replace(suite.folder)
