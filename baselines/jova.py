"""JoVA as a model of the harness, and the control `codec`: real clips encoded and decoded by JoVA's codecs.

With `jova_edit`, `weights`, `arms` and `trained`, the only modules that import both `jova` and `jova_bench`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jova.sampling import GUIDED_UNTIL, Sampling, options_of
from jova_baselines.controls import reference_path
from jova_baselines.memory import peak_memory_bytes
from jova_baselines.weights import accepted, digest_of_parts, name_with, unusable_weights
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.base import Generated, Media, Plan, Setting
from jova_bench.models.requirements import Requirements, WeightFiles
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite

if TYPE_CHECKING:
    from jova import pipeline
    from jova.codecs.base import PictureCodec, SoundCodec
    from jova.text import Prompt as Parts


class JovaGenerator:
    """JoVA with its shipped weights, or with those of another training."""

    name = "jova"
    batch_size = 8
    needs: tuple[str, ...] = ()
    image_of = "of the prompt, where it has one"
    """Source of the reference image, for the run's manifest."""

    def __init__(
        self, device: str, weights: Path | None = None, name: str | None = None, sampling: Sampling | None = None
    ) -> None:
        self.device = device
        self._folder = weights
        self.name = name or self.name
        self._sampling = sampling or Sampling()

    def image(self, prompt: Prompt) -> str | None:
        """Returns the file whose first frame the clip starts from, or None."""
        return prompt.image

    @property
    def folder(self) -> Path:
        """Folder of the weights."""
        from jova.codecs.base import WEIGHTS

        return self._folder or WEIGHTS

    def check(self) -> str | None:
        """Returns which weights are missing or cannot be used, from their headers alone; None if all can."""
        from jova.parts import find_parts
        from jova.transformer import read_config

        if why_not := unusable_weights(self.folder):
            return why_not
        task = read_config(find_parts(self.folder).model).task
        return None if task == "joint" else f"expected weights of a joint model, got an {task} one in {self.folder}"

    @property
    def requirements(self) -> Requirements:
        """Its weights, which are here or are trained; no memory or time is published."""
        here = unusable_weights(self.folder) is None
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()) if here else None
        licence = "that of its training" if self._folder else "Apache-2.0"
        return Requirements((WeightFiles(str(self.folder), licence, None, size, here, pinned=True),))

    @property
    def settings(self) -> dict[str, object]:
        """Settings of sampling, for the run's manifest."""
        return {
            "prompt_renderer": "its three parts",
            "inputs": {"image": self.image_of},
            "audio": "generated",
            "options": dict(self._how),
        }

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns the model's own format and settings. Raises BenchError for words that it never learned."""
        try:
            pipeline = self._pipeline
            pipeline.check(parts(prompt))
        except ValueError as error:
            raise BenchError(str(error)) from error
        (height, width), clock = pipeline.config.picture_size, pipeline.config.timeline
        image = self.image(prompt)
        how, weights = self._how, digest_of_parts(self.folder)
        until = how.get("guided_until", GUIDED_UNTIL)
        settings: dict[str, Setting] = {"sampler": how["sampler"], "steps": how["steps"], "guidance": how["guidance"]}
        settings |= {"guided_until": until, "image": image or "none"}
        # Named where they are given: run folders hold what was said before there was a choice.
        others: dict[str, Setting] = {
            name: how[name] for name in ("audio_guidance", "shift", "precision") if name in how
        }
        settings |= others
        told = [f"guidance {how['guidance']} until t = {until}", f"image {image}" if image else "no image"]
        told += [f"{name.replace('_', ' ')} {value}" for name, value in others.items() if name != "precision"]
        told += [str(others["precision"])] if "precision" in others else []
        return Plan(
            frames=clock.frames,
            fps=int(clock.fps) if clock.fps.denominator == 1 else float(clock.fps),
            height=height,
            width=width,
            sample_rate_hz=clock.sample_rate_hz,
            seconds=clock.seconds,
            settings=settings,
            weights=weights,
            note=", ".join([how["sampler"], f"{how['steps']} steps", *told, f"weights {weights}"]),
        )

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Generates the clips as one batch."""
        from jova.sample import read_image

        pipeline = self._pipeline
        clock, size = pipeline.config.timeline, pipeline.config.picture_size
        files = [self.image(prompt) for prompt in prompts]
        images = [read_image(suite.path(file), size) if file else None for file in files]
        clips = pipeline.sample([parts(prompt) for prompt in prompts], [seed] * len(prompts), images, **self._sampling)
        memory = peak_memory_bytes(self.device)
        for frames, audio in zip(clips.frames, clips.audio, strict=True):
            made = Media(frames, clock.fps, audio[None], clock.sample_rate_hz)
            yield Generated(made, timing="free", function_evals=clips.function_evals, peak_memory_bytes=memory)

    @property
    def _how(self) -> Sampling:
        """All options of sampling, those of the folder of weights and the defaults included."""
        return options_of(self.folder) | self._sampling

    @cached_property
    def _pipeline(self) -> pipeline.JovaPipeline:
        from jova.pipeline import JovaPipeline

        return JovaPipeline.from_pretrained(self.folder, self.device, accept=accepted())


class JovaFromImage(JovaGenerator):
    """JoVA given the first frame of the real clip as reference image."""

    name = "jova-image"
    needs = ("reference",)
    image_of = "of the prompt, else the first frame of its real clip"

    def image(self, prompt: Prompt) -> str | None:
        """Returns the prompt's image, or else its real clip. Raises BenchError if it has neither."""
        if not (prompt.image or prompt.reference):
            raise BenchError(f"expected a prompt with an image or a reference clip, got {prompt.id!r} without either")
        return prompt.image or prompt.reference


class CodecRoundTrip:
    """Control: the real clip through JoVA's codecs, an upper bound of JoVA."""

    name = "codec"
    batch_size = 1
    needs: tuple[str, ...] = ("reference",)
    settings: Mapping[str, str] = {"audio": "the real clip's, through the codec"}

    def __init__(self, device: str, weights: Path | None = None, name: str | None = None) -> None:
        self.device = device
        self._folder = weights
        self.name = name or self.name

    @property
    def folder(self) -> Path:
        """Folder of the weights."""
        from jova.codecs.base import WEIGHTS

        return self._folder or WEIGHTS

    def check(self) -> str | None:
        """Returns which weights are missing or cannot be used, from their headers alone; None if all can."""
        return unusable_weights(self.folder, with_model=False)

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns a plan without a format, which is that of the real clip."""
        reference_path(prompt, suite)
        weights = digest_of_parts(self.folder, with_model=False)
        return Plan(note=f"real clip, encoded and decoded, weights {weights}", weights=weights)

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Encodes and decodes each reference; ignores the seed."""
        import torch

        (video_codec, audio_codec), fps = self._codecs, self._fps
        for prompt in prompts:
            clip = media.read(reference_path(prompt, suite))
            if clip.frames is None or clip.audio is None:
                raise BenchError(f"expected a reference clip with picture and sound, got {prompt.reference!r}")
            if (clip.fps, clip.sample_rate_hz) != (fps, audio_codec.sample_rate_hz):
                raise BenchError(
                    f"expected a reference clip of {fps} frames/s and {audio_codec.sample_rate_hz} Hz, got "
                    f"{clip.fps} and {clip.sample_rate_hz} in {prompt.reference!r}"
                )
            frames = torch.from_numpy(clip.frames)[None].to(self.device)  # (1, T, H, W, 3)
            sound = torch.from_numpy(clip.mono())[None].to(self.device)  # (1, N)
            try:
                decoded = video_codec.decode(video_codec.encode(frames))[0].cpu().numpy()
                audio = audio_codec.decode(audio_codec.encode(sound)).float().cpu().numpy()  # (1, N or more)
            except ValueError as error:
                raise BenchError(f"{prompt.reference}: {error}") from error
            made = Media(decoded, clip.fps, np.ascontiguousarray(audio[:, : sound.shape[1]]), clip.sample_rate_hz)
            yield Generated(made, timing="aligned", timed=False)

    @cached_property
    def _fps(self) -> Fraction:
        """Frames a second of the model in the folder, or of drawn heads where it has codecs alone."""
        from jova.parts import find_model
        from jova.timeline import Timeline
        from jova.transformer import read_config

        model = find_model(self.folder)
        return (Timeline() if model is None else read_config(model).timeline).fps

    @cached_property
    def _codecs(self) -> tuple[PictureCodec, SoundCodec]:
        from jova.codecs.loading import load_audio_codec, load_video_codec
        from jova.parts import find_codecs

        video, audio = find_codecs(self.folder)
        codecs = load_video_codec(video), load_audio_codec(audio, accepted())
        return codecs[0].to(self.device), codecs[1].to(self.device)


def jova(device: str, weights: Path | None = None) -> JovaGenerator:
    """Builds the model; the first plan reads the weights."""
    return JovaGenerator(device, weights, name_with(weights, "jova"))


def jova_image(device: str, weights: Path | None = None) -> JovaFromImage:
    """Builds the model with a reference image."""
    return JovaFromImage(device, weights, name_with(weights, "jova-image"))


def jova_bfloat16(device: str, weights: Path | None = None) -> JovaGenerator:
    """Builds the model with sampling in bfloat16: faster on devices with bfloat16 units, and other clips."""
    return JovaGenerator(device, weights, name_with(weights, "jova-bfloat16"), Sampling(precision="bfloat16"))


def codec(device: str, weights: Path | None = None) -> CodecRoundTrip:
    """Builds the control; the first clip reads the weights."""
    return CodecRoundTrip(device, weights, name_with(weights, "codec"))


def parts(prompt: Prompt) -> Parts:
    """Returns the three parts of a prompt that JoVA reads."""
    from jova import text

    return text.Prompt(prompt.video_caption, prompt.audio_caption, prompt.transcript)
