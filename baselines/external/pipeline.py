"""Baselines that are pipelines of the library diffusers, run in this process."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec
from inspect import signature
from operator import attrgetter
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from jova_baselines.external import home
from jova_baselines.external.generator import Baseline
from jova_baselines.external.inputs import ModelInput, first_frame
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Diffusers
from jova_baselines.memory import peak_memory_bytes
from jova_bench.arrays import Frames
from jova_bench.errors import BenchError, UnfitClip
from jova_bench.models.base import Generated, Media
from jova_bench.prompts import Prompt
from jova_bench.registry import load
from jova_bench.suites.loading import Suite

PACKAGES = ("diffusers", "transformers", "accelerate", "ftfy")
INSTALL = "pip install 'jova-bench[diffusers]'"

PICTURES, SOUNDS = ("frames", "video"), ("audio", "sound")
"""Names of a clip's parts in the outputs of the library's pipelines."""
RATES = ("audio_sample_rate", "vocoder.config.output_sampling_rate", "sound_tokenizer.config.sampling_rate")
"""Where its pipelines state the rate of their sound: Kandinsky 6, LTX-2, Cosmos 3."""

Floats = npt.NDArray[np.float32]


class DiffusersBaseline(Baseline):
    """A pipeline with weights in diffusers' folder format, loaded once; downloads nothing."""

    pipe: Any = None
    """The current pipeline; None before the first clip."""

    def beginning_with_an_image(self, name: str) -> Self:
        """Returns the model under another name and with a required image, which may come from the real clip."""
        consumes = self.manifest.consumes.model_copy(update={"image": "required"})
        made = type(self)(self.manifest.model_copy(update={"consumes": consumes}), self.planner, self.device)
        made.name = name
        return made

    def check(self) -> str | None:
        """Returns which packages and weights are missing; None if none is."""
        absent = [name for name in PACKAGES if find_spec(name) is None]
        packages = f"not installed: {', '.join(absent)}: {INSTALL}" if absent else None
        return "; ".join(filter(None, [packages, super().check()])) or None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Settings of the base class; the source is the version of the library."""
        return {**super().settings, "source": library()}

    @cached_property
    def _identity(self) -> str:
        """Version of the library, weights and options."""
        return f"{library()}, {super()._identity}"

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Generates one clip after the other."""
        for prompt in prompts:
            inputs, job = self.request(prompt, suite)
            yield self.make(inputs, job, seed)

    def make(self, inputs: ModelInput, job: Job, seed: int) -> Generated:
        """Generates one clip. The noise is drawn on the CPU, so that it is equal on every device."""
        import torch

        started = time.perf_counter()
        loaded = self.ready(inputs)
        ready = time.perf_counter()
        if self.device != "cpu":
            torch.cuda.reset_peak_memory_stats(self.device)
        generator = torch.Generator("cpu").manual_seed(seed)
        made = self.pipe(**job.arguments, **self.extras(inputs, job), generator=generator, output_type="np")
        frames, audio, rate = pixels(part(made, PICTURES, 4)), None, 0
        if self.manifest.produces.audio == "generated":
            audio, rate = part(made, SOUNDS, 2), sample_rate_hz(self.pipe, job)
        return Generated(
            Media(frames, job.fps, audio, rate),
            timing="free",
            function_evals=job.function_evals,
            peak_memory_bytes=peak_memory_bytes(self.device),
            seconds=time.perf_counter() - ready,
            load_s=ready - started if loaded else None,
        )

    def extras(self, inputs: ModelInput, job: Job) -> dict[str, Any]:
        """Returns arguments that are not JSON: the image, and the library's recommended negative prompt."""
        found: dict[str, Any] = {}
        if self.recipe.negative_prompt is not None:
            found["negative_prompt"] = load(self.recipe.negative_prompt, f"the negative prompt of {self.name}")
        if inputs.image is not None:
            from PIL import Image

            found["image"] = Image.fromarray(crop(first_frame(inputs.image.path), job.height, job.width))
        return found

    def ready(self, inputs: ModelInput) -> bool:
        """Sets `pipe` to the pipeline with or without an image; returns whether weights were loaded.

        Both share all networks: switching loads nothing.
        """
        import diffusers
        import torch

        name = self.recipe.image_pipeline if inputs.image is not None else self.recipe.pipeline
        if name is None:
            raise BenchError(f"{self.name} takes no image")
        if type(self.pipe).__name__ == name:
            return False
        kind, loads = getattr(diffusers, name), self.pipe is None
        if loads:
            usual = torch.float32 if self.device == "cpu" else torch.bfloat16
            self.pipe = kind.from_pretrained(
                home.of(self.manifest).weights,
                dtype={"default": usual, **dict.fromkeys(self.recipe.float32, torch.float32)},
                local_files_only=True,
                use_safetensors=True,  # never a pickle
                **dict.fromkeys(self.recipe.without),
            )
        else:
            self.pipe = converted(self.pipe, kind)
        self.pipe.set_progress_bar_config(disable=True)
        place(self.pipe, self.device, offload=bool(self.options.get("offload", False)))
        return loads

    @property
    def recipe(self) -> Diffusers:
        """The manifest's recipe of the pipeline."""
        assert self.manifest.diffusers is not None  # checked when the manifest was read
        return self.manifest.diffusers

    def close(self) -> None:
        """Releases the networks and torch's cached GPU memory, which another model's process may need."""
        import torch

        self.pipe = None
        gc.collect()  # Hooks of offloaded networks reference each other.
        if self.device != "cpu":
            torch.cuda.empty_cache()


def converted(pipe: Any, kind: Any) -> Any:
    """Returns a pipeline of another class with the networks and settings that it has in common with this one.

    The library's own `from_pipe` would convert all weights to float32.
    """
    known = signature(kind.__init__).parameters
    return kind(**{name: value for name, value in {**pipe.config, **pipe.components}.items() if name in known})


def library() -> str:
    """Returns `diffusers VERSION`."""
    try:
        return f"diffusers {metadata.version('diffusers')}"
    except metadata.PackageNotFoundError:
        return "diffusers (not installed)"


def place(pipe: Any, device: str, offload: bool) -> None:
    """Moves the networks to the device; with `offload`, each one only while it runs."""
    if offload and device != "cpu":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.to(device)


def sample_rate_hz(pipe: Any, job: Job) -> int:
    """Returns the rate of the pipeline's sound. Raises BenchError if it is not stated, or differs from the plan."""
    for name in RATES:
        with suppress(AttributeError):
            rate = int(attrgetter(name)(pipe))
            break
    else:
        raise BenchError(f"expected the rate of its sound in {', '.join(RATES)}, got a {type(pipe).__name__} without")
    if job.sample_rate_hz not in (None, rate):
        raise BenchError(f"expected a vocoder of {job.sample_rate_hz} Hz, got {rate} Hz; see the manifest")
    return rate


def pixels(frames: Floats) -> Frames:
    """Converts (T, H, W, 3) floats in [0, 1] to uint8. Raises UnfitClip if any is not finite."""
    if not np.isfinite(frames).all():
        raise UnfitClip("the pipeline returned pixels that are not finite")
    return np.rint(frames * 255).clip(0, 255).astype(np.uint8)


def part(made: Any, names: Sequence[str], axes: int) -> Floats:
    """Returns the picture (T, H, W, 3) or the sound (channels, N) of a pipeline's output, as float32.

    Raises:
        UnfitClip: the output has none, or it is no array of that many axes for one clip.
    """
    found = next((value for name in names if (value := getattr(made, name, None)) is not None), None)
    if found is None:
        raise UnfitClip(f"expected {' or '.join(names)} from the pipeline, got none")
    array = np.ascontiguousarray(found.detach().float().cpu() if hasattr(found, "detach") else found, dtype=np.float32)
    if array.ndim == axes + 1 and len(array) == 1:
        array = array[0]  # Its batch.
    if axes == 2 and array.ndim == 1:
        array = array[None]
    if array.ndim != axes:
        raise UnfitClip(f"expected {names[0]} of one clip from the pipeline, got an array of shape {array.shape}")
    return array


def crop(image: Frames, height: int, width: int) -> Frames:
    """Returns the largest central crop of (H, W, 3) with the aspect ratio of height x width."""
    scale = min(image.shape[0] / height, image.shape[1] / width)
    tall, wide = round(height * scale), round(width * scale)
    top, left = (image.shape[0] - tall) // 2, (image.shape[1] - wide) // 2
    return image[top : top + tall, left : left + wide]
