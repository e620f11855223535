"""Loads prompt suites: a shipped or installed one by name, or any file of JSON lines; faults name the line."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.doors import listing
from jova_bench.formatting.messages import shown, suggest
from jova_bench.ids import safe_id
from jova_bench.progress import meter
from jova_bench.prompts import Prompt
from jova_bench.records import Id, Profile, Record
from jova_bench.registry import Registry
from jova_bench.suites import hub
from jova_bench.suites.card import Card
from jova_bench.suites.prompt_file import INFO, PROMPTS, inside, load_prompts, prompt_file
from jova_bench.suites.public import public_suites, pull_command

SHIPPED = Path(__file__).parent / "data"
ENTRY_POINTS = "jova_bench.suites"
"""Entry point group of installed packages' suites, each the path of a folder like the shipped ones."""


class SuiteInfo(Record):
    """Defines `suite.toml` of a shipped suite, or beside any file of prompts."""

    name: Id
    """Name of the suite; a shipped suite's is that of its folder."""
    description: str
    """One line on what its clips show, for `ls suites`."""
    domain: Literal["embedded"] | None = None
    """`embedded` when its clips are what the embedded evaluators were trained on."""
    profile: Profile
    """Profile of the metrics that suit its clips."""
    reference_set: str | None = None
    """Folder of real clips that set distances compare with, relative to `suite.toml`, or the name of shipped features
    of the embedded evaluators; None leaves those distances undefined."""
    licence: str
    """SPDX expression for its prompts and clips."""
    slices: tuple[str, ...] = ()
    """Tags whose values are slices of every table: one more estimate per model, metric and value, so only a few.
    `report --slices` computes those of any tag."""
    metrics: tuple[str, ...] = ()
    """Metrics that a run without `--metrics` computes, beside those of its profile."""
    generation: Card | None = None
    """What clips should be: size, frame rate, length, and prompts as they are. Runs state which models keep to it."""


@dataclass(frozen=True)
class Suite:
    """Holds prompts in a fixed order, and the folder of their files."""

    name: str
    prompts: tuple[Prompt, ...]
    root: Path
    """Folder that contains all paths in prompts, which are relative to it."""
    digest: str
    """sha256 (hex) of the prompts, the domain, the reference set and every file that a prompt names."""
    domain: Literal["embedded"] | None
    reference_set: str | None
    profile: Profile | None = None
    """Profile of the metrics that suit its clips; None where no `suite.toml` names one."""
    description: str = ""
    licence: str = ""
    slices: tuple[str, ...] = ()
    """Tags whose values are slices in the summary. Prompts do not depend on them, and neither does a digest."""
    metrics: tuple[str, ...] = ()
    """Metrics of a run without `--metrics`, beside those of its profile."""
    card: Card | None = None
    """What clips should be. Prompts do not depend on it, and neither does a digest."""
    origin: str | None = None
    """Address of what it was downloaded from, with the commit; None for a suite of this machine."""
    asked_digest: str | None = None
    """sha256 (hex) of the prompts alone, where `digest` covers more: the clips of a scored folder."""
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    """sha256 (hex) of each file that a prompt names, by its path in the prompt, when the suite was read."""

    @property
    def prompts_digest(self) -> str:
        """Returns the digest of the prompts: two runs must share it before their models can be compared."""
        return self.asked_digest or self.digest

    def path(self, relative: str) -> Path:
        """Returns the path of a file that a prompt names. Raises BenchError when it is outside the suite's folder."""
        if not isinstance(relative, str):
            raise BenchError(
                f"expected the path of a file of the suite, got {shown(relative)}; a prompt has None for no file"
            )
        return inside(self.root, relative)

    def reference_folder(self) -> Path | None:
        """Returns the folder of real clips that set distances of the standard profile compare with, if there is one.

        Raises:
            BenchError: it names something else.
        """
        if self.reference_set is None or (SHIPPED / f"{self.reference_set}.safetensors").is_file():
            return None
        where = f"{self.root / INFO}: reference_set"
        try:
            folder = self.path(self.reference_set)
        except BenchError as error:
            raise BenchError(f"{where}: {error}") from error
        if not folder.is_dir():
            raise BenchError(f"{where}: expected a folder of real clips, got {shown(str(folder))}")
        return folder


def shipped_suites() -> tuple[str, ...]:
    """Returns the names of the suites that ship with the package."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob(f"*/{INFO}")))


def suite_registry() -> Registry[str | os.PathLike[str]]:
    """Returns the suites that ship and those of entry points. Each loads as the path of its folder."""
    return Registry("suite", dict.fromkeys(shipped_suites(), f"{__name__}:SHIPPED"), ENTRY_POINTS)


def is_named(name: str) -> bool:
    """Returns whether a suite is called by a name or an address, and not by its path."""
    return name in suite_registry().entries or name in public_suites() or name.startswith(hub.PREFIX)


def load_suite(name_or_path: str | os.PathLike[str]) -> Suite:
    """Loads a suite by name, or the prompts of any `.jsonl` file or of a folder with `prompts.jsonl`.

    The `suite.toml` beside the prompts is read, too, if there is one. `hf:ORG/NAME@REVISION` is a data set of the Hub,
    which is downloaded where it is not here.

    Raises:
        BenchError: there is no such suite, or a line of it is broken (`FILE:LINE: field: ...`).
    """
    given = str(name_or_path)
    registry = suite_registry()
    if given in registry.entries or given in registry.refused:
        ours = given in shipped_suites() and given not in registry.refused
        folder = SHIPPED / given if ours else _installed(registry, given)
        info = _info(folder / INFO)
        if info.name != given:
            raise BenchError(f"{folder / INFO}: name: expected {given!r}, as it is called, got {shown(info.name)}")
        return _suite(folder / PROMPTS, info)
    if given.startswith(hub.PREFIX):
        return _of_hub(hub.pulled(given, meter))
    if (public := public_suites().get(given)) is not None:
        if not public.here:
            raise BenchError(f"the suite {given!r} is public ({public.licence}) and not here: {pull_command(given)}")
        suite, again = load_suite(public.folder), f"{pull_command(given)}` imports it again"
        _check_unchanged(suite, public.imported, f"move {public.folder} away, and `{again}")
        return replace(suite, origin=public.origin)
    path = prompt_file(Path(given))
    if path.suffix != ".jsonl" and not path.is_file():
        hint = suggest(given, (*registry.names(), *public_suites()), listing("suites"))
        raise BenchError(
            f"expected the name of a suite, a .jsonl file of prompts or a folder with {PROMPTS}, "
            f"got {shown(given)}; {hint}"
        )
    beside = path.parent / INFO
    return _suite(path, _info(beside) if beside.is_file() else None)


def _of_hub(pulled: hub.Pulled) -> Suite:
    """Returns a suite of the Hub: under its repository's name where it has no `suite.toml`."""
    suite = load_suite(pulled.folder)
    again = f"delete the folder and {pulled.folder}.json, and the same command downloads it again"
    _check_unchanged(suite, pulled.origin.files, again)
    named = suite if suite.profile else replace(suite, name=safe_id(pulled.origin.repository.partition("/")[2]))
    _check_modest(named, pulled.address)
    return replace(named, origin=pulled.address, licence=suite.licence or pulled.origin.licence)


def _check_unchanged(suite: Suite, stated: Mapping[str, str], again: str) -> None:
    """Raises BenchError if a file of a suite is another than was downloaded, as its origin would be said of it.

    Args:
        suite: as it is here.
        stated: sha256 (hex) of its files, by path.
        again: says how to have it again.
    """
    texts = {name: file_digest(suite.root / name) for name in (PROMPTS, INFO) if (suite.root / name).is_file()}
    here = {**suite.files, **texts}
    if changed := [name for name in (INFO, *here) if stated.get(name) != here.get(name)]:
        raise BenchError(f"{suite.root}: {changed[0]} is another than was downloaded; {again}")


def _check_modest(suite: Suite, address: str) -> None:
    """Raises BenchError if a suite of others has the name of one that ships, or lets a run read files beside it."""
    todo = "ask its owner, or copy its folder and change it there"
    if suite.name in shipped_suites():
        raise BenchError(f"{address}: expected another name than a shipped suite's, got {suite.name!r}; {todo}")
    for metric in suite.metrics:
        if Path(metric.partition("#")[0]).suffix == ".toml":
            raise BenchError(f"{address}: {INFO}: metrics: expected names, got the file {shown(metric)}; {todo}")


def _installed(registry: Registry[str | os.PathLike[str]], name: str) -> Path:
    """Returns the folder of an installed package's suite."""
    found = registry.load(name)
    if not isinstance(found, str | os.PathLike) or not Path(found).is_dir():
        got = (
            repr(str(found)) if isinstance(found, str | os.PathLike) else shown(found)
        )  # The end of a path identifies it, and `shown` would cut it off.
        raise BenchError(
            f"expected the suite {name!r} ({registry.entries[name]}) to be the path of a folder, got {got}"
        )
    return Path(found)


def _suite(path: Path, info: SuiteInfo | None) -> Suite:
    prompts = load_prompts(path)
    if info is None:
        digest, files = _digest(prompts, path.parent, "")
        return Suite(path.stem, prompts, path.parent, digest, None, None, files=files)
    tags = dict.fromkeys(tag for prompt in prompts for tag in prompt.tags)
    for tag in info.slices:
        if tag not in tags:
            hint = suggest(tag, tags)
            raise BenchError(f"{path.parent / INFO}: slices: expected a tag of a prompt, got {shown(tag)}; {hint}")
    digest, files = _digest(prompts, path.parent, f"{info.domain} {info.reference_set}")
    return Suite(
        info.name,
        prompts,
        path.parent,
        digest,
        info.domain,
        info.reference_set,
        info.profile,
        info.description,
        info.licence,
        info.slices,
        info.metrics,
        info.generation,
        files=files,
    )


def _info(path: Path) -> SuiteInfo:
    return as_record(SuiteInfo, read_toml(path), str(path))


def _digest(prompts: tuple[Prompt, ...], root: Path, header: str) -> tuple[str, dict[str, str]]:
    """Computes the digests of the suite and of its files: suites of equal digests have equal prompts and files."""
    digest, files = hashlib.sha256(header.encode()), dict[str, str]()
    for prompt in prompts:
        digest.update(prompt.model_dump_json().encode())
        for relative in prompt.files.values():
            files[relative] = file_digest(root / relative)  # Inside the folder, as was checked of every line.
            digest.update(bytes.fromhex(files[relative]))
    return digest.hexdigest(), files
