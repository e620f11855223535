"""External models as `Generator`s of the harness: availability, plan, settings and clips."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from jova_baselines.external import home
from jova_baselines.external.client import Worker, WorkerCommand, WorkerResult
from jova_baselines.external.inputs import DURATION_S, ModelInput, driving, files, model_input, source
from jova_baselines.external.job import Job, Planner
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.needs import requirements
from jova_baselines.external.process import environment
from jova_bench.arrays import Frames
from jova_bench.errors import BenchError, Refused, Unavailable, UnfitClip
from jova_bench.models.base import Generated, Media, Plan, Setting
from jova_bench.models.requirements import Requirements
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite

PARTS = ("image", "audio", "video")
WHOSE = {"prompt": "the prompt", "reference": "the real clip", "stage": "the model before it"}


class Baseline:
    """Base of all external models: everything before and after the generation of a sample."""

    batch_size = 1
    reads_files = True

    def __init__(self, manifest: Manifest, planner: Planner, device: str) -> None:
        """Sets up a baseline; loads nothing.

        Args:
            manifest: of the baseline.
            planner: the function of its `plan.py`.
            device: `cpu` or `cuda:i`.
        """
        self.manifest, self.planner, self.device = manifest, planner, device
        self.name: str = manifest.name
        self.needs: tuple[str, ...] = manifest.needs

    @cached_property
    def options(self) -> Options:
        """Options of the manifest, overridden by the user's."""
        return home.options(self.manifest)

    def check(self) -> str | None:
        """Returns why the baseline cannot run and the command that fixes it; None if it can."""
        kind = self.device.partition(":")[0]
        missing = home.missing(self.manifest)
        if missing is None and kind not in self.manifest.devices:
            return (
                f"needs {' or '.join(self.manifest.devices)}, got {kind}; choose the device {self.manifest.devices[0]}"
            )
        return missing

    @property
    def requirements(self) -> Requirements:
        """Weights with sizes and licences, memory and published times."""
        return requirements(self.manifest)

    def request(self, prompt: Prompt, suite: Suite) -> tuple[ModelInput, Job]:
        """Returns the model's input for a prompt and its job. Raises BenchError if the model cannot do the prompt."""
        inputs = model_input(prompt, suite, self.manifest.consumes)
        return inputs, self.planner(inputs, self.manifest, self.options)

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns the format of the clip that will be generated. Needs no weights."""
        return self.plan_of(*self.request(prompt, suite))

    def plan_of(self, inputs: ModelInput, job: Job) -> Plan:
        """Returns the plan of a job."""
        audio = self.manifest.produces.audio
        rate = job.sample_rate_hz
        if audio == "driving" and inputs.audio is not None:
            rate = inputs.audio.sample_rate_hz
        return Plan(
            frames=job.frames or None,
            fps=float(job.fps) or None,
            height=job.height or None,
            width=job.width or None,
            sample_rate_hz=rate,
            seconds=job.seconds or None,
            note="; ".join(filter(None, [job.note, *self._origins(inputs), self._identity, f"request {job.digest}"])),
            audio=audio,
            settings=self._made_by(inputs, job),
            weights=home.weights_digest(self.manifest),
        )

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Settings that decide whether a comparison is fair; stored in the run's manifest."""
        source = self.manifest.source
        return {
            "title": self.manifest.title,
            "source": f"{source.repository}@{source.commit}" if source else None,
            "environment": home.packages_digest(self.manifest),
            "weights": home.described(self.manifest),
            **({"unpinned": ", ".join(found)} if (found := home.unpinned(self.manifest)) else {}),
            "weights_digest": home.weights_digest(self.manifest),
            "memory": str(self.manifest.memory),
            "prompt_renderer": self.manifest.renderer,
            # No worker lets a language model rewrite what was rendered; a pipeline of any kind may do so itself.
            **({"prompt_enhancer": False} if source else {}),
            "ignored": [part for part, need in self.manifest.consumes if need == "ignored"],
            "inputs": {part: self._source_of(part) for part in self._consumed},
            "audio": self.manifest.produces.audio,
            "seconds_asked": self._length,
            "options": dict(self.options),
        }

    @property
    def _length(self) -> float | str:
        """What determines the requested length: seconds, or the part of the input that does."""
        if self.manifest.produces.picture == "none":
            return "of its speech"
        if self.manifest.consumes.audio == "required":
            return "of the driving sound"
        return "of the real clip" if self.manifest.consumes.video == "required" else DURATION_S

    def _source_of(self, part: str) -> str:
        """Returns the source of the image, audio or video that the model gets."""
        if part == "video":
            return "of the real clip"
        required = getattr(self.manifest.consumes, part) == "required"
        return "of the prompt, else of its real clip" if required else "of the prompt, where it has one"

    def _origins(self, inputs: ModelInput) -> list[str]:
        """Returns the sources of the input files of a prompt, for the plan's note."""
        found = []
        if "image" in self._consumed:
            origin = {None: "no image", "prompt": "image of the prompt", "reference": "first frame of the real clip"}
            found.append(origin[inputs.image.origin if inputs.image else None])
        if inputs.audio is not None:
            found.append(f"driven by the sound of {WHOSE[inputs.audio.origin]}")
        if inputs.video is not None:
            found.append(f"picture of {WHOSE[inputs.video.origin]}")
        return found

    @cached_property
    def _consumed(self) -> tuple[str, ...]:
        """Names of the input files that the model takes."""
        return tuple(one for one in PARTS if getattr(self.manifest.consumes, one) in ("required", "optional"))

    def _made_by(self, inputs: ModelInput, job: Job) -> dict[str, Setting]:
        """Returns what changes a clip, besides weights: code, options, request and the origin of inputs."""
        source = self.manifest.source
        given = {"image": inputs.image, "audio": inputs.audio, "video": inputs.video}
        return {
            "source": f"{source.repository}@{source.commit}" if source else "none",
            "request": job.digest,
            **{part: one.origin for part, one in given.items() if one is not None and part in self._consumed},
            **{f"option {key}": value for key, value in sorted(self.options.items())},
        }

    @cached_property
    def _identity(self) -> str:
        """Source, weights and options, which distinguish versions of the model."""
        source = self.manifest.source
        parts = [f"{source.repository}@{source.commit[:7]}"] if source else []
        parts.append(f"weights {home.weights_digest(self.manifest) or 'none'}")
        if unpinned := home.unpinned(self.manifest):
            parts.append(f"of {', '.join(unpinned)}")
        return ", ".join([*parts, *(f"{key} {value}" for key, value in sorted(self.options.items()))])

    def clip(self, inputs: ModelInput, job: Job, folder: Path, result: dict[str, Any]) -> Generated:
        """Builds a clip from a worker's result.

        Args:
            inputs: of the prompt.
            job: of the prompt.
            folder: of the files that the result names.
            result: `frames` and `fps`, with `audio` and `rate_hz` if there is audio, or these alone; or `file`.
        """
        produced = self.manifest.produces.audio
        aligned = produced == "driving" and inputs.audio is not None and inputs.audio.origin == "reference"
        evals = result.get("function_evals", job.function_evals)
        if "file" in result:
            media: Media | Path = _inside(folder, result["file"])
        else:
            frames, fps = self._picture(inputs, folder, result)
            audio, rate = None, 0
            layout: tuple[str, ...] = ()
            if produced == "driving" and inputs.audio is not None:
                audio, rate, layout = driving(inputs), inputs.audio.sample_rate_hz, inputs.audio.layout
            elif "audio" in result:
                audio, rate = np.load(_inside(folder, result["audio"]), allow_pickle=False), int(result["rate_hz"])
            # A given modality may be longer than the generated one; modalities generated together are not cut.
            cut = produced == "driving" or self.manifest.produces.picture == "source"
            if cut and audio is not None and frames is not None:
                audio = audio[:, : round(len(frames) / fps * rate)]
            # An empty array is no audio stream: an encoder cannot write one.
            media = Media(frames, fps, audio if audio is not None and audio.size else None, rate, layout)
        return Generated(
            media,
            timing="aligned" if aligned else "free",
            function_evals=evals,
            peak_memory_bytes=result.get("peak_memory_bytes"),
        )

    def _picture(self, inputs: ModelInput, folder: Path, result: dict[str, Any]) -> tuple[Frames | None, Fraction]:
        """Returns frames (T, H, W, 3) and their rate: generated, given, or none."""
        kind = self.manifest.produces.picture
        if kind == "source" and inputs.video is not None:
            return source(inputs), inputs.video.fps
        if kind == "none":
            return None, Fraction(0)
        frames = np.load(_inside(folder, result["frames"]), mmap_mode="r", allow_pickle=False)
        return frames, Fraction(str(result["fps"])).limit_denominator(1001)


class WorkerBaseline(Baseline):
    """A baseline in its own process, which runs from the first sample to the last."""

    @cached_property
    def worker(self) -> Worker:
        """The client of the process, which the first sample starts."""
        where, limits = home.of(self.manifest), self.manifest.limits
        recipe = self.manifest.environment
        load = {
            "worker": str(self.manifest.folder / "worker.py"),
            "checkout": str(where.checkout.resolve()),
            "weights": str(where.weights.resolve()),
            "device": "cpu" if self.device == "cpu" else "cuda:0",
            "options": dict(self.options),
        }
        own = {**(recipe.variables if recipe else {}), **home.show_by_name(self.manifest)}
        variables = environment(own, self.device, where.python)
        log = where.log_file(self.name, self.device)
        return Worker(
            WorkerCommand(where.python, load, variables, log, limits.start_timeout_s, limits.sample_timeout_s)
        )

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated | Exception]:
        """Generates one clip after the other; the files of a clip exist until the next is requested."""
        for prompt in prompts:
            with TemporaryDirectory(prefix=f"{self.name}-", ignore_cleanup_errors=True) as folder:
                yield self._sample(prompt, seed, suite, Path(folder))

    def _sample(self, prompt: Prompt, seed: int, suite: Suite, folder: Path) -> Generated | Exception:
        """Generates one clip, with its files in `folder`; returns the error if that fails."""
        try:
            inputs, job = self.request(prompt, suite)
            answer = self.make(inputs, job, seed, folder)
            made = self.clip(inputs, job, folder, dict(answer.result))
        except (BenchError, Unavailable, Refused) as error:
            return error
        return replace(made, seconds=answer.seconds, load_s=answer.load_s or None)

    def make(self, inputs: ModelInput, job: Job, seed: int, folder: Path) -> WorkerResult:
        """Sends one request to the worker. Raises as `Worker.generate` does."""
        paths = files(inputs, folder, plain=self.manifest.produces.picture == "source", heard_s=job.heard_s)
        out = folder / "out"
        out.mkdir()
        arguments = {**job.arguments, **{part: paths.get(part) for part in self._consumed}}
        answer = self.worker.generate(arguments, seed, out)
        return replace(answer, result=_prefixed(answer.result, out.name))

    def close(self) -> None:
        """Ends the process."""
        if "worker" in self.__dict__:
            self.worker.close()
            del self.worker


def _prefixed(result: Any, folder: str) -> dict[str, Any]:
    """Returns the result with its file names relative to the parent folder."""
    named = {key: str(Path(folder) / result[key]) for key in ("frames", "audio", "file") if key in result}
    return {**json.loads(json.dumps(dict(result))), **named}


def _inside(folder: Path, name: str) -> Path:
    """Returns the path of a file that a worker names. Raises UnfitClip if it is missing or outside the folder."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise UnfitClip(f"expected a file in the sample's folder, got {name!r} from the worker")
    return path
