"""What a model is to the harness: a plan of what it will make, and clips for a batch of prompts.

Models are found by name through a lazy registry; this package never imports one by statement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from jova_bench.clips import answer, clips_by_id
from jova_bench.ids import file_stem, printable, safe_id
from jova_bench.registry import Registry, guarded, unfit
from jova_bench.suites import Suite
from jova_bench.types import BenchError, Prompt, Timing

MODELS: Mapping[str, str] = {
    "jova": "baselines.jova:jova",
    "jova-image": "baselines.jova:jova_image",
    "jova-bfloat16": "baselines.jova:jova_bfloat16",
    "jova-ablation": "baselines.trained:jova_ablation",
    "twin-towers": "baselines.trained:twin_towers",
    "independent-towers": "baselines.trained:independent_towers",
    "cascade": "baselines.trained:cascade",
    "real": "baselines.controls:real",
    "codec": "baselines.jova:codec",
    "silence": "baselines.controls:silence",
    "still": "baselines.controls:still",
    "shuffled": "baselines.controls:shuffled",
    "shifted": "baselines.controls:shifted",
    "ovi": "baselines.ovi:ovi",
    "ovi-command": "baselines.ovi:ovi_command",
    "universe-1": "baselines.universe_1:universe_1",
    "wan2.2-s2v": "baselines.wan22_s2v:wan22_s2v",
    "wan2.2-s2v-command": "baselines.wan22_s2v:wan22_s2v_command",
    "fantasytalking": "baselines.fantasytalking:fantasytalking",
    "fantasytalking-command": "baselines.fantasytalking:fantasytalking_command",
    "ltx-2": "baselines.ltx_2:ltx_2",
    "ltx-2-image": "baselines.ltx_2:ltx_2_image",
    "mova": "baselines.mova:mova",
    "latentsync": "baselines.latentsync:latentsync",
    "javisdit": "baselines.javisdit:javisdit",
    "wan2.2-ti2v": "baselines.wan22_ti2v:wan22_ti2v",
    "wan2.2-ti2v-image": "baselines.wan22_ti2v:wan22_ti2v_image",
    "mmaudio": "baselines.mmaudio:mmaudio",
    "pocket-tts": "baselines.pocket_tts:pocket_tts",
    "wan2.2-ti2v-mmaudio": "baselines.cascades:wan22_ti2v_mmaudio",
    "wan2.2-ti2v-mmaudio-image": "baselines.cascades:wan22_ti2v_mmaudio_image",
    "pocket-tts-wan2.2-s2v": "baselines.cascades:pocket_tts_wan22_s2v",
    "pocket-tts-fantasytalking": "baselines.cascades:pocket_tts_fantasytalking",
}
"""Name to factory; `clips:DIR` is built here."""

CONTROLS: tuple[str, ...] = ("real", "codec", "silence", "still", "shuffled", "shifted")
"""Models that show a metric's top and floor; they stand at the bottom of a leaderboard."""

METHODS: Mapping[str, int] = {"check": 0, "plan": 2, "generate": 3}
"""What a model must have, and the number of arguments of each."""

FOLDER_PREFIX = "clips:"


@dataclass(frozen=True)
class Media:
    """Pixels and sound that a model made, before they are written to a file."""

    frames: npt.NDArray[np.uint8] | None
    """(T, H, W, 3) RGB, or None for sound alone."""
    fps: Fraction
    """Frames per second; 0 when there is no video."""
    audio: npt.NDArray[np.float32] | None
    """(channels, N), nominal range [-1, 1], or None for silent film."""
    sample_rate_hz: int
    """0 when there is no audio."""
    layout: tuple[str, ...] = ()
    """The place of each channel by libav's names (`FL`, `FR`, `FC`, ...); empty where nobody says them."""


@dataclass(frozen=True)
class Generated:
    """One clip, as a model hands it over."""

    media: Media | Path
    """A path is a file that exists: it is copied byte for byte, never encoded again."""
    timing: Timing
    function_evals: int | None = None
    """Forward passes of the network for this clip."""
    peak_memory_bytes: int | None = None
    seconds: float | None = None
    """What this clip took without any loading, where the model measured it; None: its share of the batch's time."""
    load_s: float | None = None
    """Seconds that weights were loaded before this clip; no part of what the clip took."""
    timed: bool = True
    """False for a clip that was there before, or copied from one: how long that took says nothing of a model."""


@dataclass(frozen=True)
class Plan:
    """What a model will really produce for a prompt. None means: whatever its source file has."""

    frames: int | None
    fps: float | None
    height: int | None
    width: int | None
    sample_rate_hz: int | None
    seconds: float | None
    note: str
    """Anything else that changes the clip, such as the digest of the weights. A plan that differs from the one
    a run folder was made with is refused, so clips of two versions never stand under one name."""
    audio: Literal["generated", "driving", "none"] | None = None
    """Where the sound comes from: `driving` is the sound that the model was given. None: not said."""


class Generator(Protocol):
    """A model. Constructing one is cheap; weights are loaded by the first call of `generate`."""

    name: str
    """How it is called in records and file names."""
    batch_size: int
    """Prompts per call of `generate`. The batches of a suite are fixed, whatever of it is already done."""
    needs: tuple[str, ...]
    """What a prompt must have beside its captions: `reference`, `image`, `audio`."""

    def check(self) -> str | None:
        """None when the model can run here, else why not."""
        ...

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Says what will be produced, without producing it. Raises BenchError when the prompt cannot be done."""
        ...

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterable[Generated | Exception]:
        """Yields one clip per prompt, in their order. The clip depends on (prompt, seed) and the batch alone.

        An exception in place of a clip says why this one is lost and goes on; one that is raised ends the batch.
        A clip is put into the run folder before the next is asked for.
        """
        ...


def settings_of(generator: Generator) -> dict[str, Any]:
    """What a model says of steps, guidance, prompt rendering and the like: its attribute `settings`, if it has one."""
    return dict(getattr(generator, "settings", {}))


def edits_files(generator: Generator) -> bool:
    """Whether a model's clips are files of others, copied or edited on the CPU: its attribute `edits_files`, if any."""
    return bool(getattr(generator, "edits_files", False))


def reads_files(generator: Generator) -> bool:
    """Whether a model reads files of others even to plan, or what others wrote: its attribute `reads_files`, if any."""
    return bool(getattr(generator, "reads_files", False))


def close(generator: Generator) -> None:
    """Lets go of what a model holds, such as a process of its own: its method `close`, if it has one."""
    getattr(generator, "close", lambda: None)()


class ModelFactory(Protocol):
    """What a registered model name points to."""

    def __call__(self, device: str) -> Generator:
        """Builds the model for `cpu` or `cuda:i`, loading nothing yet."""
        ...


def model_registry() -> Registry[ModelFactory]:
    """The models that ship, and those that other packages add as entry points."""
    return Registry("model", MODELS, "jova_bench.models")


def create_model(name: str, device: str) -> Generator:
    """Builds the model called `name`; `clips:DIR` is a folder of clips.

    Raises:
        BenchError: no model has that name, or the folder has no clips.
    """
    if name.startswith(FOLDER_PREFIX):
        return ClipsFolder(Path(name.removeprefix(FOLDER_PREFIX)))
    registry = model_registry()
    factory = registry.load(name)
    if name in MODELS:
        return factory(device)

    def built() -> Generator:
        model = factory(device)
        if why := unfit(model, METHODS):
            raise BenchError(why)
        if not isinstance(model.name, str) or not isinstance(model.batch_size, int) or isinstance(model.needs, str):
            raise BenchError("expected `name`, a text, `batch_size`, a count, and `needs`, a tuple of texts")
        return model

    return guarded(f"the model {name!r} of an installed package ({registry.entries[name]}) cannot be built", built)


class ClipsFolder:
    """The model `clips:DIR`, under the name of its folder. A prompt without a file has no clip."""

    batch_size = 1
    needs: tuple[str, ...] = ()
    edits_files = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = safe_id(folder.resolve().name)
        self.clips = clips_by_id(folder)

    def check(self) -> str | None:
        """Always runs: there is nothing to load."""
        return None

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """The file as it is, told apart by its content."""
        path = self._path(prompt)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Plan(None, None, None, None, None, None, note=f"file {printable(path.name)}, sha256 {digest[:16]}")

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Hands over the files."""
        for prompt in prompts:
            yield Generated(media=self._path(prompt), timing="free", timed=False)

    def _path(self, prompt: Prompt) -> Path:
        path = answer(self.clips, prompt.id)
        if path is None:
            expected = f"{file_stem(prompt.id)}.mp4"
            raise BenchError(f"no clip for this prompt: expected {expected} (or another suffix) in {self.folder}")
        return path
