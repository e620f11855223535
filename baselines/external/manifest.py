"""Manifest of a baseline (`manifest.toml`): inputs, outputs, source, environment, weights and limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from jova_baselines.external.costs import Memory, Speed
from jova_baselines.external.texts import Commit, Day, Option, Python, Rate, Renderer
from jova_baselines.external.weights import Weights
from jova_bench.assets.table import Terms
from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.messages import shown, suggest
from jova_bench.models.registry import model_registry
from jova_bench.records import Id, Record
from jova_bench.registry import guarded

ROOT = Path(__file__).resolve().parents[1]
"""Folder with a package per shipped baseline."""
FILE = "manifest.toml"

Kind = Literal["worker", "diffusers"]
"""`worker`: a checkout in its own environment, run by `client`, and for comparison by its own command line.
`diffusers`: a pipeline of the library diffusers."""

Need = Literal["required", "optional", "ignored", "refused"]
"""Use of a part of a prompt by a model: a prompt that lacks a `required` part is refused, and so is one that has a
`refused` part; an `ignored` part is not passed to the model."""

Options = Mapping[str, Option]


class Consumes(Record):
    """Use of each part of a prompt by the model."""

    video_caption: Need
    audio_caption: Need
    transcript: Need
    image: Need
    """First frame or reference image."""
    audio: Need
    """Driving audio."""
    video: Need
    """Source video: for dubbing, or for video-to-audio."""


class Produces(Record):
    """Output of the model."""

    audio: Literal["generated", "driving", "none"]
    """`driving`: the given audio, unchanged, so that its scores do not measure the model."""
    picture: Literal["generated", "source", "none"] = "generated"
    """`source`: the given video, unchanged. `none`: audio alone."""
    fps: Rate | None = None
    """Frames per second, e.g. `24` or `30000/1001`; None if options or the source video determine it."""
    sample_rate_hz: int | None = Field(None, ge=1)
    """None if the driving audio, the checkpoint or options determine it."""


class Frames(Record):
    """Numbers of frames that a model can generate: n * step + offset, from `least` to `most`."""

    step: int = Field(ge=1)
    offset: int
    least: int = Field(ge=1)
    most: int

    @model_validator(mode="after")
    def _ends_are_counts(self) -> Frames:
        for count in (self.least, self.most):
            if (count - self.offset) % self.step:
                raise ValueError(f"expected n * {self.step} + {self.offset}, got {count}")
        if self.most < self.least:
            raise ValueError(f"expected most of at least {self.least}, got {self.most}")
        return self

    def nearest(self, seconds: float, fps: Fraction) -> int:
        """Returns the number whose length is nearest to `seconds`; of two equally near, the larger."""
        n = math.floor((seconds * float(fps) - self.offset) / self.step + 0.5)
        return min(max(n * self.step + self.offset, self.least), self.most)

    def covering(self, seconds: float, fps: Fraction) -> int:
        """Returns the smallest number that is at least `seconds` long, or `most`."""
        n = math.ceil((seconds * float(fps) - self.offset) / self.step - 1e-9)
        return min(max(n * self.step + self.offset, self.least), self.most)


class Limits(Record):
    """Limits of the model, and time limits."""

    frames: Frames = Frames(step=1, offset=0, least=1, most=1)
    """Numbers of frames; required unless the model generates no video."""
    prompt_words: int | None = Field(None, ge=1)
    """Largest number of words (`render.count_words`); the text encoder would cut a longer text silently."""
    start_timeout_s: float = Field(1800, gt=0)
    """Time limit for loading the weights."""
    sample_timeout_s: float = Field(3600, gt=0)


class Source(Record):
    """Code of the upstream at one commit."""

    repository: str = Field(min_length=1)
    commit: Commit
    licence: str


class Environment(Record):
    """Virtual environment of the upstream."""

    python: Python
    """Minor version that the upstream requires, or for which its requirements have wheels."""
    pip: tuple[tuple[str, ...], ...]
    """Arguments of each `pip install` step, run in the checkout."""
    before: Day | None = None
    """Date: later packages are ignored, so that open version ranges resolve as they did at the upstream's commit. Needs
    an index with upload times (PyPI has them)."""
    variables: Mapping[str, str] = Field(default_factory=dict)
    """Environment variables of the worker."""
    system: tuple[str, ...] = ()
    """Programs that must be on the path, e.g. `ffmpeg`."""


class Diffusers(Record):
    """Recipe of a pipeline of diffusers."""

    pipeline: str
    """Class name."""
    image_pipeline: str | None = None
    """Class for prompts with an image."""
    without: tuple[str, ...] = ()
    """Components of the folder that are not loaded."""
    float32: tuple[str, ...] = ()
    """Components that need float32."""
    negative_prompt: str | None = None
    """The library's recommended negative prompt, as `module:NAME`."""


class Manifest(Record):
    """Description of a baseline."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Id
    title: str
    """Name and variant, as in a paper."""
    kind: Kind
    devices: tuple[Literal["cpu", "cuda"], ...] = Field(("cuda",), min_length=1)
    consumes: Consumes
    produces: Produces
    limits: Limits
    renderer: Renderer
    """Name of the prompt renderer, in `render.RENDERERS`."""
    source: Source | None = None
    environment: Environment | None = None
    weights: tuple[Weights, ...] = ()
    diffusers: Diffusers | None = None
    memory: Memory
    speed: tuple[Speed, ...] = ()
    """Published seconds per clip, one for each device."""
    options: Mapping[str, Option] = Field(default_factory=dict)
    """Steps, guidance and the like: each is used by the plan or the worker, and is part of the plan's note."""
    _folder: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _kind_has_its_parts(self) -> Manifest:
        parts = ("source", "environment") if self.kind == "worker" else ("diffusers",)
        missing = [name for name in parts if getattr(self, name) is None]
        if missing:
            raise ValueError(f"expected {' and '.join(missing)} for kind {self.kind}")
        if self.produces.picture != "none" and "frames" not in self.limits.model_fields_set:
            raise ValueError("expected limits.frames, because the model generates video")
        return self

    @property
    def folder(self) -> Path:
        """Folder of the manifest and of `worker.py`."""
        return self._folder or package(self.name)

    @property
    def fps(self) -> Fraction:
        """Frames per second. Raises BenchError if the rate is not fixed."""
        if self.produces.fps is None:
            raise BenchError(f"{self.name}: its frame rate depends on options or the source video")
        return Fraction(self.produces.fps)

    @property
    def needs(self) -> tuple[str, ...]:
        """Files that a prompt must have; image and audio may come from its reference clip."""
        names = {"image": "image", "audio": "audio", "video": "reference"}
        return tuple(name for part, name in names.items() if getattr(self.consumes, part) == "required")

    @property
    def terms(self) -> tuple[Terms, ...]:
        """Terms to accept for the weights."""
        return tuple(sorted({one.terms for one in self.weights if one.terms}))


def package(name: str) -> Path:
    """Returns the package of a baseline: `wan2.2-s2v` is in `wan22_s2v`; module names have neither dots nor hyphens."""
    return ROOT / name.replace(".", "").replace("-", "_")


def known() -> tuple[str, ...]:
    """Lists the baselines with a manifest: the shipped ones, then those of installed packages."""
    return (*sorted(read(path).name for path in ROOT.glob(f"*/{FILE}")), *installed())


def load(name: str) -> Manifest:
    """Reads the manifest of a baseline by its name.

    Raises:
        BenchError: there is no such baseline, or its manifest is invalid (`FILE: field: ...`).
    """
    path = package(name) / FILE
    if path.is_file() and (manifest := read(path)).name == name:
        return manifest
    found = installed().get(name)
    if found is None:
        what = f"expected the name of a baseline, got {shown(name)}"
        other = _beside_entries().get(name)
        if isinstance(other, Manifest):
            where = f"{other.folder / FILE} has name = {other.name!r}"
            raise BenchError(f"{what}, an entry point; its manifest {where}: use that name, or give both the same")
        raise BenchError(f"{what}; {suggest(name, known())}")
    if isinstance(found, BenchError):
        raise found
    return found


def installed() -> dict[str, Manifest | BenchError]:
    """Finds the baselines of other packages: entry points of models whose module has a manifest beside it.

    An invalid manifest is listed by the name of its entry point, with the error.
    """
    found: dict[str, Manifest | BenchError] = {}
    for entry, manifest in _beside_entries().items():
        if isinstance(manifest, BenchError):
            found[entry] = manifest
            continue
        name = manifest.name
        if (package(name) / FILE).is_file() or found.get(name, manifest) != manifest:  # Two may share a manifest.
            what = f"the name {name!r}, of the entry point {entry!r}, is that of another baseline"
            found[entry] = BenchError(f"{manifest.folder / FILE}: {what}; choose one of its own")
        else:
            found[name] = manifest
    return found


def _beside_entries() -> dict[str, Manifest | BenchError]:
    """Reads the manifests beside the modules of entry points, by the names of these."""
    found: dict[str, Manifest | BenchError] = {}
    for entry, target in model_registry().added.items():
        try:
            where = f"the model {entry!r} cannot be found in {target}"
            path = guarded(where, partial(_beside, target.partition(":")[0]))
            if path is not None:
                found[entry] = read(path)
        except BenchError as error:
            found[entry] = error
    return found


def _beside(module: str) -> Path | None:
    """Returns the manifest in the folder of a module, without importing it; None if there is none."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or not Path(spec.origin).with_name(FILE).is_file():
        return None
    return Path(spec.origin).with_name(FILE)


def read(path: Path) -> Manifest:
    """Reads a manifest. Raises BenchError if it is invalid."""
    manifest = as_record(Manifest, read_toml(path), str(path))
    manifest._folder = path.resolve().parent
    return manifest
