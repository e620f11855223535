"""`manifest.toml` of a baseline: what it takes and makes, where it comes from, and what it needs to run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from jova_bench.assets import Terms
from jova_bench.errors import BenchError, suggest
from jova_bench.files.reading import as_record, read_toml
from jova_bench.models.registry import model_registry
from jova_bench.records import Id, Record
from jova_bench.registry import guarded

ROOT = Path(__file__).resolve().parents[1]
"""Has a folder with a manifest for each baseline that ships."""
FILE = "manifest.toml"

Kind = Literal["worker", "diffusers"]
"""`worker`: a checkout in an environment of its own, driven by `client`, and for comparison by its own command line.
`diffusers`: a pipeline of the library diffusers."""

Need = Literal["required", "optional", "ignored", "refused"]
"""What a model does with a part of a prompt: a prompt without a `required` one is refused, and so is one that has a
`refused` one; `ignored` says that the model never learns of it."""

Option = bool | int | float | str
Options = Mapping[str, Option]


def _rate(value: str) -> str:
    if Fraction(value) <= 0:
        raise ValueError(f"expected a rate above 0, got {value}")
    return value


class Consumes(Record):
    """What a model does with each part of a prompt."""

    video_caption: Need
    audio_caption: Need
    transcript: Need
    image: Need
    """First or reference frame."""
    audio: Need
    """Driving sound."""
    video: Need
    """Source picture: of a dub, or of sound made for a film."""


class Produces(Record):
    """What comes out."""

    audio: Literal["generated", "driving", "none"]
    """`driving`: the sound that was given, untouched, so that its scores say nothing of the model."""
    picture: Literal["generated", "source", "none"] = "generated"
    """`source`: the film that was given, untouched. `none`: sound alone."""
    fps: Annotated[str, AfterValidator(_rate)] | None = None
    """Frames per second, e.g. `24` or `30000/1001`; None when options or the source video decide."""
    sample_rate_hz: int | None = None
    """None when the driving sound, the checkpoint or options decide."""


class Frames(Record):
    """Counts of frames that a model can make: n * step + offset, from `least` to `most`."""

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
        """The count whose length is nearest to `seconds`; of two as near, the longer."""
        n = math.floor((seconds * float(fps) - self.offset) / self.step + 0.5)
        return min(max(n * self.step + self.offset, self.least), self.most)

    def covering(self, seconds: float, fps: Fraction) -> int:
        """The smallest count that is at least `seconds` long, or `most`."""
        n = math.ceil((seconds * float(fps) - self.offset) / self.step - 1e-9)
        return min(max(n * self.step + self.offset, self.least), self.most)


class Limits(Record):
    """What a model can do at most, and how long it may take."""

    frames: Frames = Frames(step=1, offset=0, least=1, most=1)
    """Of the picture; a manifest states them unless there is none."""
    prompt_words: int | None = None
    """More words than this are more tokens than the text encoder reads; what is beyond would be cut in silence."""
    start_timeout_s: float = 1800
    """For loading the weights."""
    sample_timeout_s: float = 3600


class Source(Record):
    """The code, at one commit."""

    repository: str
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    licence: str


class Weights(Record):
    """Files of one repository of the Hugging Face Hub, or one file by its address."""

    hub: str | None = None
    """`owner/name`."""
    revision: str = "main"
    url: str | None = None
    folder: str = "."
    """Inside the folder of weights."""
    files: tuple[str, ...] = Field(min_length=1)
    """Names or patterns (`google/*`) inside the repository."""
    by_name: bool = False
    """Upstream asks the hub's library for them by the name of their repository, and finds them in its cache."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Of a file by address."""
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    """The same, where upstream publishes this one."""
    licence: str
    """SPDX expression, or `unverified` until a person has read the card."""
    terms: Terms | None = None
    """What a user must accept before they are fetched."""
    needs_token: bool = False
    """Gated: asks for an account that has accepted the owner's terms."""

    @model_validator(mode="after")
    def _one_origin(self) -> Weights:
        if (self.hub is None) == (self.url is None) or (self.url is not None and len(self.files) != 1):
            raise ValueError("expected `hub` with `files`, or `url` with one file")
        if self.by_name and self.hub is None:
            raise ValueError("expected `hub` where upstream asks for it by name")
        return self

    @property
    def verified(self) -> bool:
        """Whether upstream states what they are: a digest of a file, or a commit of their repository."""
        return bool(self.sha256 or self.md5 or re.fullmatch("[0-9a-f]{40}", self.revision))

    @property
    def place(self) -> str:
        """Where they come from, and what tells versions of them apart where that is known."""
        if self.hub is not None:
            return f"{self.hub}@{self.revision}"
        digest = self.sha256 or self.md5
        return f"{self.url} ({digest})" if digest else str(self.url)


def described(one: Weights) -> str:
    """Weights for a reader: where they come from, under which licence, and whether anybody states what they are."""
    state = "" if one.verified else ", unverified (upstream states neither digest nor commit: as first fetched)"
    return f"{one.place}, licence {one.licence}{state}"


class Environment(Record):
    """A virtual environment of its own."""

    python: Annotated[str, Field(pattern=r"^3\.\d+$")]
    """Minor version that upstream asks for, or that its requirements have wheels for."""
    pip: tuple[tuple[str, ...], ...]
    """Arguments of `pip install`, one step after the other, run inside the checkout."""
    before: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    """Packages that were published on this day or later are not looked at: an upstream's open ranges then mean what
    they meant when its commit was made. Needs an index that states when (PyPI does)."""
    variables: Mapping[str, str] = Field(default_factory=dict)
    """Environment variables of the worker."""
    system: tuple[str, ...] = ()
    """Programs that must be on the path, e.g. `ffmpeg`."""


class Diffusers(Record):
    """How a pipeline of diffusers is called."""

    pipeline: str
    """Class name."""
    image_pipeline: str | None = None
    """Class for prompts with an image."""
    without: tuple[str, ...] = ()
    """Components of the folder that are not loaded."""
    float32: tuple[str, ...] = ()
    """Components that lose too much in bfloat16."""
    negative_prompt: str | None = None
    """Where the library keeps the one that it recommends, as `module:NAME`."""


class Memory(Record):
    """What a run takes."""

    gpu_gb: float | None = None
    """None where nobody has stated or measured it."""
    note: str
    """Who says so, for which setting."""

    def __str__(self) -> str:
        """For people."""
        amount = f"{self.gpu_gb:g} GB of GPU memory" if self.gpu_gb else "GPU memory not stated"
        return f"{amount} ({self.note})"


class Manifest(Record):
    """Everything that is known of a baseline without running it."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Id
    title: str
    """Name and variant, as a paper would write it."""
    kind: Kind
    devices: tuple[Literal["cpu", "cuda"], ...] = ("cuda",)
    consumes: Consumes
    produces: Produces
    limits: Limits
    renderer: str
    """Of `render.RENDERERS`: how a prompt becomes what the model reads."""
    source: Source | None = None
    environment: Environment | None = None
    weights: tuple[Weights, ...] = ()
    diffusers: Diffusers | None = None
    memory: Memory
    options: Mapping[str, Option] = Field(default_factory=dict)
    """Steps, guidance and the like: every one is used by the plan or the worker, and enters the plan's note."""
    _folder: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _kind_has_its_parts(self) -> Manifest:
        parts = ("source", "environment") if self.kind == "worker" else ("diffusers",)
        missing = [name for name in parts if getattr(self, name) is None]
        if missing:
            raise ValueError(f"expected {' and '.join(missing)} for kind {self.kind}")
        if self.produces.picture != "none" and "frames" not in self.limits.model_fields_set:
            raise ValueError("expected limits.frames of a model that makes a picture")
        return self

    @property
    def folder(self) -> Path:
        """Where it was read, beside `worker.py`."""
        return self._folder or package(self.name)

    @property
    def fps(self) -> Fraction:
        """Frames per second of a model that has one rate."""
        if self.produces.fps is None:
            raise BenchError(f"{self.name}: its frame rate depends on options or its source")
        return Fraction(self.produces.fps)

    @property
    def needs(self) -> tuple[str, ...]:
        """What a prompt must have beside its captions; an image or sound may come from its reference clip."""
        names = {"image": "image", "audio": "audio", "video": "reference"}
        return tuple(name for part, name in names.items() if getattr(self.consumes, part) == "required")

    @property
    def terms(self) -> tuple[Terms, ...]:
        """All that has to be accepted for the weights."""
        return tuple(sorted({one.terms for one in self.weights if one.terms}))


def package(name: str) -> Path:
    """The package of a baseline: `wan2.2-s2v` is in `wan22_s2v`, for a module's name has neither dots nor hyphens."""
    return ROOT / name.replace(".", "").replace("-", "_")


def known() -> tuple[str, ...]:
    """Names of the baselines with a manifest: those that ship, then those of installed packages."""
    return (*sorted(read(path).name for path in ROOT.glob(f"*/{FILE}")), *installed())


def load(name: str) -> Manifest:
    """Reads the manifest of a baseline by its name.

    Raises:
        BenchError: there is no such baseline, or its manifest is broken (`FILE: field: ...`).
    """
    path = package(name) / FILE
    if path.is_file() and (manifest := read(path)).name == name:
        return manifest
    found = installed().get(name)
    if found is None:
        raise BenchError(f"expected the name of a baseline, got {name!r}; {suggest(name, known())}")
    if isinstance(found, BenchError):
        raise found
    return found


def installed() -> dict[str, Manifest | BenchError]:
    """Baselines of other packages by name: an entry point of a model whose module has a manifest beside it.

    One whose manifest cannot be read stands under the name of its entry point, with the reason.
    """
    found: dict[str, Manifest | BenchError] = {}
    for name, target in model_registry().added.items():
        try:
            where = f"the model {name!r} cannot be found in {target}"
            path = guarded(where, partial(_beside, target.partition(":")[0]))
            if path is None:
                continue
            manifest = read(path)
            ships = (package(manifest.name) / FILE).is_file()
            if ships or found.get(manifest.name, manifest) != manifest:  # Two entry points may share a manifest.
                raise BenchError(f"{path}: name: {manifest.name!r} is that of another baseline; choose one of its own")
            found[manifest.name] = manifest
        except BenchError as error:
            found[name] = error
    return found


def _beside(module: str) -> Path | None:
    """The manifest in the folder of a module, which is not imported; None when there is none."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or not Path(spec.origin).with_name(FILE).is_file():
        return None
    return Path(spec.origin).with_name(FILE)


def read(path: Path) -> Manifest:
    """Reads a manifest from a file."""
    manifest = as_record(Manifest, read_toml(path), str(path))
    manifest._folder = path.resolve().parent
    return manifest
