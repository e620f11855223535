"""Reads what a repository's pipeline is: a manifest like those that are written by hand."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jova_baselines.external import home
from jova_baselines.external.manifest import Manifest
from jova_baselines.external.texts import Option
from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json
from jova_bench.formatting.messages import shown

NAME = "diffusers"
INDEX = "model_index.json"
FILES = (INDEX, "*/*")
MOST_FRAMES = 1_000_000
"""What the weights allow is not stated; a plan is for the seconds that are asked."""
FRAME_RATES = ("frame_rate", "fps")
"""Arguments that are the frame rate."""
STEP = "frame_step"
"""Option that is no argument: the call takes n * step + 1 frames."""
STEPS = ("temporal_compression_ratio", "scale_factor_temporal")
"""Where a video codec states it."""
NOT_OPTIONS = ("num_frames", "output_type", "return_dict", "num_videos_per_prompt")
"""Arguments that the plan or the adapter gives."""
SIZE = ("height", "width")
SOUND = ("enable_sound", "sample_audio")
"""Arguments that turn sound on."""


class PipelineManifest(Manifest):
    """A manifest whose name is what `--model` and `setup` take."""

    name: str


@dataclass(frozen=True)
class Address:
    """A repository of the Hugging Face Hub at one commit."""

    hub: str
    commit: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads `OWNER/NAME@COMMIT`. Raises BenchError if it is something else."""
        found = re.fullmatch(r"([\w-][\w.-]*/[\w-][\w.-]*)@([0-9a-f]{40})", text, re.ASCII)
        if found is None or ".." in text:
            raise BenchError(
                f"expected {NAME}:OWNER/NAME@COMMIT with the 40 hex digits of a commit, got {shown(f'{NAME}:{text}')}; "
                "branches and tags move: the repository's page on the hub lists its commits"
            )
        return cls(*found.groups())

    @property
    def name(self) -> str:
        """What `--model` and `setup` take."""
        return f"{NAME}:{self.hub}@{self.commit}"

    @property
    def row(self) -> str:
        """Name in records and tables."""
        return f"{self.hub.partition('/')[2]}-{self.commit[:7]}"


def manifest_of(address: Address) -> Manifest:
    """Returns the manifest of a repository's pipeline; without its weights or the library, what is known of any.

    Raises:
        BenchError: the weights bring code of their own, or the pipeline takes no prompt and number of frames.
    """
    bare = _manifest(address, "DiffusionPipeline", {}, {}, 1)
    where = home.of(bare)
    if home.missing_weights(bare) or find_spec("diffusers") is None:
        return bare
    foreign = next(where.weights.rglob("*.py"), None)
    if foreign is not None:
        raise BenchError(
            f"expected weights without code, got {foreign}; docs/baselines.md of our repository wraps such models"
        )
    name: Any = _object(where.weights / INDEX).get("_class_name")
    call = _call(name, where.weights / INDEX)
    rates = [one for one in FRAME_RATES if one in call]
    if not {"prompt", "num_frames", *SIZE} <= call.keys() or not rates:
        wanted = f"prompt, num_frames, height, width and {' or '.join(FRAME_RATES)}"
        raise BenchError(f"expected a pipeline that is called with {wanted}, got {name} of {address.name}")
    return _manifest(address, name, call, _options(call), _step(where.weights / "vae" / "config.json"))


def _manifest(
    address: Address, pipeline: str, call: Mapping[str, Any], options: Mapping[str, Option], step: int
) -> Manifest:
    image = "optional" if "image" in call else "ignored"
    texts = {"video_caption": "required", "audio_caption": "optional", "transcript": "optional"}
    return PipelineManifest.model_validate(
        {
            "schema": 1,
            "name": address.name,
            "title": f"{address.hub} ({pipeline})",
            "kind": "diffusers",
            "devices": ("cuda", "cpu"),
            "renderer": "prose",
            "consumes": {**texts, "image": image, "audio": "ignored", "video": "ignored"},
            "produces": {"audio": "generated"},
            "limits": {"frames": {"step": 1, "offset": 0, "least": 1, "most": MOST_FRAMES}},
            "diffusers": {"pipeline": pipeline, "image_pipeline": pipeline if image == "optional" else None},
            "weights": ({"hub": address.hub, "revision": address.commit, "files": FILES, "licence": "unverified"},),
            "memory": {"note": "not known"},
            "options": {**options, STEP: step, "offload": True} if options else {},
        }
    )


def _object(path: Path) -> dict[str, Any]:
    """Reads a JSON object. Raises BenchError if the file has something else."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise BenchError(f"{path}: expected a JSON object, got {shown(found)}; fetch the weights again")
    return found


def _call(name: Any, index: Path) -> dict[str, Any]:
    """Returns the arguments of a pipeline's call with their defaults. Raises BenchError for one not in the library."""
    import diffusers

    kind = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not (inspect.isclass(kind) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise BenchError(
            f"{index}: expected a pipeline of diffusers {diffusers.__version__}, got {shown(name)}; "
            "another version may have it"
        )
    return {one.name: one.default for one in inspect.signature(kind.__call__).parameters.values()}


def _options(call: Mapping[str, Any]) -> dict[str, Option]:
    """Returns the arguments that a user may change: those with a plain default, and the size."""
    plain = {key: value for key, value in call.items() if isinstance(value, bool | int | float | str)}
    options: dict[str, Option] = {key: value for key, value in plain.items() if key not in NOT_OPTIONS}
    # A pipeline that chooses its size by itself has to be given one.
    options |= {side: 0 for side in SIZE if side not in options}
    return options | {one: True for one in SOUND if one in call}


def _step(codec: Path) -> int:
    """Returns the frames per latent of a video codec; 0 where it does not state them."""
    stated = _object(codec) if codec.is_file() else {}
    return next((one for key in STEPS if isinstance(one := stated.get(key), int) and one > 0), 0)
