"""Locates the files of a baseline, and reports what is missing of them.

`$JOVA_BENCH_ASSETS/baselines/NAME` (else in the user's cache folder) has `checkout`, `env`, `weights` and `log`; each
may be a link to where a user already has it. `options.toml` there overrides options of the manifest.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from jova_baselines.external import checkout
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.present import Present
from jova_baselines.external.texts import Option
from jova_baselines.external.weights import Weights
from jova_bench.assets import table
from jova_bench.digests import file_digest, short_digest, shortened
from jova_bench.errors import BenchError
from jova_bench.files.reading import read_toml
from jova_bench.files.writing import replaced, write_file
from jova_bench.formatting.messages import shown, suggest


@dataclass(frozen=True)
class Home:
    """The folder of one baseline."""

    folder: Path

    @property
    def checkout(self) -> Path:
        """Upstream's code."""
        return self.folder / "checkout"

    @property
    def environment(self) -> Path:
        """A virtual environment."""
        return self.folder / "env"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment / "bin" / "python"

    @property
    def installed(self) -> Path:
        """Holds the digest of the recipe that the environment was made by."""
        return self.environment / ".installed"

    @property
    def packages(self) -> Path:
        """Versions of what was installed."""
        return self.environment / ".packages"

    @property
    def weights(self) -> Path:
        """Checkpoints, in the folders that the manifest names."""
        return self.folder / "weights"

    @property
    def hub(self) -> Path:
        """Weights as the hub's library keeps them, for upstreams that load them by name: links, made at each start."""
        return self.folder / "hub"

    @property
    def log(self) -> Path:
        """What workers said on stderr, each of its last start."""
        return self.folder / "log"

    def log_file(self, model: str, device: str) -> Path:
        """Returns the log of this process's worker: others, of other machines too, may run the same on such a device.

        It lies elsewhere where this folder, which users may share, cannot be written.
        """
        name = f"{model}-{device.replace(':', '')}-{socket.gethostname()}-{os.getpid()}.log"
        try:
            self.log.mkdir(parents=True, exist_ok=True)
            (self.log / name).touch()
        except OSError:
            return _own(self.folder) / name
        return self.log / name


def of(manifest: Manifest) -> Home:
    """Returns the folder of a baseline, whether it exists or not."""
    return Home(table.folder() / "baselines" / manifest.name)


def recipe(manifest: Manifest) -> str:
    """Returns 12 hex digits that change with how the environment is made."""
    assert manifest.environment is not None
    made_by = manifest.environment.model_dump_json(include={"python", "pip", "before"})
    commit = manifest.source.commit if manifest.source else ""
    return short_digest(f"{made_by} {commit}".encode())


def missing(manifest: Manifest) -> str | None:
    """Returns what the baseline lacks and the command that gets it; None if it lacks nothing."""
    home, parts = of(manifest), []
    try:
        if code := _missing_code(manifest, home):
            parts.append(f"{code}: jova-bench baselines setup {manifest.name}")
    except BenchError as error:  # Set-up cannot help there.
        parts.append(str(error))
    absent = missing_weights(manifest)
    if absent:
        names = ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
        parts.append(f"weights missing ({names}): {fetch_command(manifest)}")
    if manifest.environment:
        programs = [name for name in manifest.environment.system if shutil.which(name) is None]
        parts += [f"not installed: {name}" for name in programs]
    return "; ".join(parts) or None


def fetch_command(manifest: Manifest) -> str:
    """Returns the command that fetches code, environment and weights, with the flags that these weights ask for."""
    here = present(manifest)
    accept = "".join(f" --accept {one}" for one in manifest.terms)
    free = " --unpinned" * any(not one.pinned and here.fetched(one) is None for one in manifest.weights)
    return f"jova-bench baselines setup {manifest.name} --weights{accept}{free}"


def _missing_code(manifest: Manifest, home: Home) -> str:
    parts = []
    if manifest.source is not None:
        commit = checkout.head(home.checkout)
        if commit is None:
            parts.append("checkout missing")
        elif commit != manifest.source.commit:
            parts.append(f"checkout at {commit[:7]} instead of {manifest.source.commit[:7]}")
        elif checkout.modified(home.checkout):
            parts.append(f"checkout modified (git -C {home.checkout} diff)")
    if manifest.environment is not None:
        if not home.python.exists() or not home.installed.is_file():
            parts.append("environment missing")
        elif home.installed.read_text(encoding="utf-8").strip() != recipe(manifest):
            parts.append("environment made by another recipe")
    return ", ".join(parts)


def present(manifest: Manifest) -> Present:
    """Returns what is here of the weights of a baseline."""
    return Present(of(manifest).weights, manifest.weights)


def missing_weights(manifest: Manifest) -> list[str]:
    """Returns the manifest's files and patterns that the folder of weights lacks, and unfinished downloads."""
    found = present(manifest)
    return [absent for one in manifest.weights for absent in found.missing(one)]


def unpinned(manifest: Manifest) -> list[str]:
    """Returns the weights of which no commit or digest is stated, each with the commit at which it was fetched."""
    found = present(manifest)
    return [one.at(found.verified(one)) for one in manifest.weights if not one.pinned]


def described(manifest: Manifest) -> list[str]:
    """Returns origin and licence of all weights, and whether they are pinned and verified, for the run's manifest."""
    found = present(manifest)
    return [one.described(found.verified(one), here=bool(found.files(one))) for one in manifest.weights]


def show_by_name(manifest: Manifest) -> dict[str, str]:
    """Links weights that upstream loads by name into the cache of huggingface_hub, which then fetches nothing.

    Returns:
        Environment variables for the worker.
    """
    home, named = of(manifest), [one for one in manifest.weights if one.by_name]
    if not named:
        return {}
    hub = home.hub
    try:
        _link(named, home.weights, hub)
    except OSError:
        hub = _own(home.folder) / "hub"
        _link(named, home.weights, hub)
    return {"HF_HUB_CACHE": str(hub.resolve())}


def _link(named: Sequence[Weights], weights: Path, hub: Path) -> None:
    for one in named:
        assert one.hub is not None  # checked when the manifest was read
        repository = hub / f"models--{one.hub.replace('/', '--')}"
        link, main = repository / "snapshots" / one.revision, repository / "refs" / "main"
        for folder in (link.parent, main.parent):
            folder.mkdir(parents=True, exist_ok=True)
        _point(link, (weights / one.folder).resolve())
        # A caller that names no revision gets this one.
        write_file(main, one.revision)


@cache
def _own(folder: Path) -> Path:
    """Makes a temporary folder of this process, for what has no place in a baseline's folder that cannot be written."""
    return Path(mkdtemp(prefix=f"jova-bench-{folder.name}-"))


def _point(link: Path, target: Path) -> None:
    """Creates or replaces a link, atomically: several processes may do so at once."""
    with replaced(link) as fresh:
        fresh.symlink_to(target)


def packages_digest(manifest: Manifest) -> str | None:
    """Returns 12 hex digits of the installed packages; None if there is no record of any."""
    listing = of(manifest).packages
    return shortened(file_digest(listing)) if listing.is_file() and listing.stat().st_size else None


def weights_digest(manifest: Manifest) -> str | None:
    """Returns 12 hex digits of the names, sizes and revisions of the weights that exist; None if there are none.

    They end in `?` where upstream states neither digest nor commit for one of the files, or it was not verified:
    whether those are the ones that others have cannot be known.
    """
    here, found = present(manifest), dict[Weights, list[str]]()
    sure = {one for one in manifest.weights if here.verified(one) is not None}
    for one in manifest.weights:
        if lines := here.files(one):
            found[one] = [f"{name} {path.stat().st_size}" for name, path in lines.items()]
            commit = here.fetched(one)
            found[one] += [] if commit is None else [f"{one.origin}@{commit}"]
            if one not in sure:  # Another file of the same size has another time, at least.
                found[one] += [f"{name} of {path.stat().st_mtime_ns}" for name, path in lines.items()]
    if not found:
        return None
    text = "".join(f"{one.folder}/{line}\n" for one, lines in found.items() for line in lines)
    unsure = any(not one.pinned or one not in sure for one in found)
    return short_digest(text.encode()) + (table.UNVERIFIED if unsure else "")


def options(manifest: Manifest) -> Options:
    """Returns the manifest's options, with those of the user's `options.toml` in their place.

    Raises:
        BenchError: `options.toml` names an option that does not exist, or gives it another type.
    """
    path, found = of(manifest).folder / "options.toml", dict(manifest.options)
    if not path.is_file():
        return found
    for name, value in read_toml(path).items():
        if name not in found:
            raise BenchError(
                f"{path}: expected an option of {manifest.name}, got {shown(name)}; {suggest(name, found)}"
            )
        found[name] = _typed(path, name, found[name], value)
    return found


def _typed(path: Path, name: str, default: Option, value: object) -> Option:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default) or not isinstance(value, bool | int | float | str):
        raise BenchError(f"{path}: {name}: expected {type(default).__name__}, got {shown(value)}")
    return value
