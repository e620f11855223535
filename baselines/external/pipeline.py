"""A baseline that is a pipeline of the library diffusers, run in this process."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module, metadata
from importlib.util import find_spec
from inspect import signature
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from jova_baselines.external import home
from jova_baselines.external.generator import Baseline
from jova_baselines.external.inputs import ModelInput, first_frame
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Diffusers
from jova_baselines.jova import peak_memory_bytes
from jova_bench.arrays import Frames
from jova_bench.errors import BenchError, Unavailable
from jova_bench.models.base import Generated, Media
from jova_bench.records import Prompt
from jova_bench.suites.loading import Suite

PACKAGES = ("diffusers", "transformers", "accelerate", "ftfy")
INSTALL = "pip install 'jova-bench[diffusers]'"

Floats = npt.NDArray[np.float32]


class DiffusersBaseline(Baseline):
    """Weights in the folder format of diffusers, loaded once; nothing is fetched while it runs."""

    pipe: Any = None
    """The pipeline that made the last clip."""

    def beginning_with_an_image(self, name: str) -> Self:
        """The same model, never without an image: it may be taken from the real clip then. Gets a name of its own."""
        consumes = self.manifest.consumes.model_copy(update={"image": "required"})
        made = type(self)(self.manifest.model_copy(update={"consumes": consumes}), self.planner, self.device)
        made.name = name
        return made

    def check(self) -> str | None:
        """Names packages and weights that are missing."""
        absent = [name for name in PACKAGES if find_spec(name) is None]
        packages = f"not installed: {', '.join(absent)}: {INSTALL}" if absent else None
        return "; ".join(filter(None, [packages, super().check()])) or None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """With the version of the library, which is the source here."""
        return {**super().settings, "source": library()}

    @cached_property
    def _identity(self) -> str:
        return f"{library()}, {super()._identity}"

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Makes one clip after the other."""
        for prompt in prompts:
            inputs, job = self.request(prompt, suite)
            yield self.make(inputs, job, seed)

    def make(self, inputs: ModelInput, job: Job, seed: int) -> Generated:
        """One clip. The noise is drawn on the CPU, so that it is the same on every device."""
        import torch

        started = time.perf_counter()
        loaded = self.ready(inputs)
        ready = time.perf_counter()
        if self.device != "cpu":
            torch.cuda.reset_peak_memory_stats(self.device)
        generator = torch.Generator("cpu").manual_seed(seed)
        made = self.pipe(**job.arguments, **self.extras(inputs, job), generator=generator, output_type="np")
        frames, audio, rate = pixels(made.frames[0]), None, 0
        if self.manifest.produces.audio == "generated":
            audio, rate = samples(made.audio[0]), sample_rate_hz(self.pipe, job)
        return Generated(
            Media(frames, job.fps, audio, rate),
            timing="free",
            function_evals=job.function_evals,
            peak_memory_bytes=peak_memory_bytes(self.device),
            seconds=time.perf_counter() - ready,
            load_s=ready - started if loaded else None,
        )

    def extras(self, inputs: ModelInput, job: Job) -> dict[str, Any]:
        """Arguments that are no JSON: the image; and the library's own negative prompt."""
        found: dict[str, Any] = {}
        if self.recipe.negative_prompt is not None:
            module, _, name = self.recipe.negative_prompt.partition(":")
            found["negative_prompt"] = getattr(import_module(module), name)
        if inputs.image is not None:
            from PIL import Image

            found["image"] = Image.fromarray(crop(first_frame(inputs.image.path), job.height, job.width))
        return found

    def ready(self, inputs: ModelInput) -> bool:
        """Has the pipeline for a prompt with or without image in `pipe`; says whether weights were loaded.

        Both share all networks: changing from one to the other loads nothing.
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
            self.pipe = turned(self.pipe, kind)
        self.pipe.set_progress_bar_config(disable=True)
        place(self.pipe, self.device, offload=bool(self.options.get("offload", False)))
        return loads

    @property
    def recipe(self) -> Diffusers:
        """How the pipeline is called."""
        assert self.manifest.diffusers is not None  # checked when the manifest was read
        return self.manifest.diffusers

    def close(self) -> None:
        """Lets go of the networks, and of what torch would keep for more: another model's process may want it."""
        import torch

        self.pipe = None
        gc.collect()  # Hooks of networks that wait off the GPU refer to each other.
        if self.device != "cpu":
            torch.cuda.empty_cache()


def turned(pipe: Any, kind: Any) -> Any:
    """A pipeline of another class with the same networks and settings, those of them that it knows.

    The library's own `from_pipe` would bring all weights to float32.
    """
    known = signature(kind.__init__).parameters
    return kind(**{name: value for name, value in {**pipe.config, **pipe.components}.items() if name in known})


def library() -> str:
    """`diffusers VERSION`."""
    try:
        return f"diffusers {metadata.version('diffusers')}"
    except metadata.PackageNotFoundError:
        return "diffusers (not installed)"


def place(pipe: Any, device: str, offload: bool) -> None:
    """Puts the networks on the device, or each one there only while it runs."""
    if offload and device != "cpu":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.to(device)


def sample_rate_hz(pipe: Any, job: Job) -> int:
    """The rate at which the pipeline's vocoder plays. Raises BenchError when it is not the planned one."""
    rate = int(pipe.vocoder.config.output_sampling_rate)
    if job.sample_rate_hz not in (None, rate):
        raise BenchError(f"expected weights that sound at {job.sample_rate_hz} Hz, got {rate} Hz; see the manifest")
    return rate


def pixels(frames: Floats) -> Frames:
    """(T, H, W, 3) of floats in [0, 1], rounded. Raises Unavailable when one is not a number."""
    if not np.isfinite(frames).all():
        raise Unavailable("the pipeline gave pixels that are not numbers")
    return np.rint(frames * 255).clip(0, 255).astype(np.uint8)


def samples(audio: Any) -> Floats:
    """(channels, N) of a tensor of any type of floats."""
    return np.ascontiguousarray(audio.detach().float().cpu().numpy())


def crop(image: Frames, height: int, width: int) -> Frames:
    """The largest part around the centre of (H, W, 3) that has the shape of height x width."""
    scale = min(image.shape[0] / height, image.shape[1] / width)
    tall, wide = round(height * scale), round(width * scale)
    top, left = (image.shape[0] - tall) // 2, (image.shape[1] - wide) // 2
    return image[top : top + tall, left : left + wide]
