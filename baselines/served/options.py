"""What a user says of served models: a TOML file with one section a model, named by an environment variable.

A server does not say which options a model has, nor what a clip costs. What is not said here is not sent, and the
server's own defaults apply.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jova_baselines.external.manifest import Consumes, Need
from jova_baselines.external.texts import Renderer
from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.messages import shown, suggest
from jova_bench.records import Record
from jova_bench.runs.costs import CURRENCY

TABLE_VARIABLE = "JOVA_BENCH_SERVED"
KEY_VARIABLE = "JOVA_BENCH_VIDEOS_KEY"
SENT: Mapping[str, str] = {
    "size": "size",
    "seconds": "seconds",
    "frames": "num_frames",
    "fps": "fps",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "negative_prompt": "negative_prompt",
}
"""Options to fields of a request, as vLLM-Omni (docs/serving/videos_api.md @0131cb5) and SGLang (python/sglang/
multimodal_gen/runtime/entrypoints/openai/video_api.py) name them; OpenAI has only `size` and `seconds`."""
OURS = (*SENT.values(), "model", "prompt", "seed", "input_reference", "audio_reference", "n")
"""Fields that `extra` cannot have: they are sent from elsewhere, or would ask for several clips."""

Size = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class ServedOptions(Record):
    """Options of one served model. None is not sent."""

    renderer: Renderer = "prose"
    """Text that the model reads."""
    image: Need = "optional"
    """Use of the prompt's image; `required` takes the first frame of the real clip where the prompt has none."""
    audio: Need = "optional"
    """Use of the prompt's driving audio, and the same of the real clip's."""
    sound: Literal["generated", "driving", "none"] = "generated"
    """Sound of the clips: `driving` is the given audio, unchanged."""
    size: Size | None = None
    """WIDTHxHEIGHT in pixels."""
    frames: int | None = Field(default=None, ge=1)
    """Number of frames."""
    fps: int | None = Field(default=None, ge=1)
    """Frames per second."""
    seconds: int | None = Field(default=None, ge=1)
    """Length of the clip."""
    steps: int | None = Field(default=None, ge=1)
    """Sampling steps."""
    guidance: float | None = Field(default=None, ge=0)
    """Scale of classifier-free guidance."""
    negative_prompt: str | None = None
    """Text of what the clip is not to show."""
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """Further fields of the request, sent as they are."""
    encoding: Literal["form", "json"] = "form"
    """How requests are written: vLLM-Omni takes forms alone, some gateways JSON alone."""
    engine: str | None = Field(default=None, min_length=1)
    """Name and version of what serves the model, where the server does not state them."""
    price: float | None = Field(default=None, ge=0)
    """Price of one clip."""
    currency: str | None = Field(default=None, pattern=CURRENCY)
    """Currency of the price."""
    at_once: int = Field(default=4, ge=1, le=64)
    """Number of clips asked for at the same time."""
    poll_s: float = Field(default=2.0, ge=0, le=86_400)
    """Seconds between two questions whether a clip is ready."""
    timeout_s: float = Field(default=3600.0, gt=0)
    """Seconds that one command waits for a clip."""
    key_variable: Variable = KEY_VARIABLE
    """Environment variable of the server's key."""

    @model_validator(mode="after")
    def _fits_together(self) -> ServedOptions:
        if twice := sorted(set(OURS) & self.extra.keys()):
            raise ValueError(f"expected fields of `extra` that have no option of their own, got {twice[0]!r}")
        if (self.price is None) != (self.currency is None):
            raise ValueError("expected price and currency, or neither; write both")
        return self

    @property
    def consumes(self) -> Consumes:
        """Use of each part of a prompt; what a renderer leaves out is not refused."""
        return Consumes(
            video_caption="optional",
            audio_caption="optional",
            transcript="optional",
            image=self.image,
            audio=self.audio,
            video="ignored",
        )

    @property
    def sent(self) -> dict[str, Any]:
        """Fields of a request that are the same for every prompt."""
        named = {field: getattr(self, option) for option, field in SENT.items()}
        # OpenAI's and vLLM-Omni's `seconds` is a text of digits.
        named["seconds"] = None if self.seconds is None else str(self.seconds)
        return {field: value for field, value in named.items() if value is not None} | dict(self.extra)

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height that are asked for."""
        found = re.findall(r"\d+", self.size or "")
        return (int(found[0]), int(found[1])) if found else None

    @property
    def length_s(self) -> float | None:
        """Length that is asked for, in seconds; None where the server decides."""
        if self.frames is not None:
            return self.frames / self.fps if self.fps is not None else None
        return self.seconds


class ServedTable(Record):
    """The whole file."""

    models: Mapping[str, ServedOptions]
    """Options by name, as it stands after the `#` of `v1-videos:URL#MODEL`."""


def options_of(model: str) -> ServedOptions:
    """Returns what the user says of a model; the defaults without a table.

    Raises:
        BenchError: the table cannot be read, or has no such model: a wrong name would silently drop all its options.
    """
    if (table := read_table()) is None:
        return ServedOptions()
    if model not in table.models:
        what = f"expected a section [models.{shown(model)}] in the file of {TABLE_VARIABLE}, got none"
        raise BenchError(f"{what}; {suggest(model, table.models)}, or add one, empty if there is nothing to say")
    return table.models[model]


def read_table() -> ServedTable | None:
    """Reads the user's table; None where the variable names no file. Raises BenchError for one that does not fit."""
    path = os.environ.get(TABLE_VARIABLE)
    return as_record(ServedTable, read_toml(path), path) if path else None
