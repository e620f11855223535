"""Two baselines one after the other: the second works on what the first made, and neither knows the other.

A whole batch goes through the first before the second is loaded, so that one model at a time is in memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.inputs import DURATION_S, DrivingAudio, ModelInput, SourceVideo, model_input
from jova_baselines.external.job import Job
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_bench.errors import BenchError, Unavailable
from jova_bench.media import files as media
from jova_bench.models.base import Generated, Media, Plan
from jova_bench.records import Prompt
from jova_bench.runs.plan_check import FRAMES_OFF
from jova_bench.suites.loading import Suite


@dataclass(frozen=True)
class StageOutput:
    """What the first model made of a prompt, in files that live until the batch is done."""

    made: Generated
    """Its frames are read from a file."""
    inputs: ModelInput
    """The prompt as the second model sees it."""


class Cascade(ABC):
    """The order of two stages; what passes from one to the other is said by a subclass."""

    batch_size = 8
    reads_files = True
    intermediate: Literal["audio", "video"]
    """Part of a prompt that the first model makes for the second."""
    heard: str
    """Where the sound of a clip comes from, for a reader."""
    assumption: str = ""
    """What the plan of the second stage takes for granted."""

    def __init__(self, name: str, first: WorkerBaseline | DiffusersBaseline, second: WorkerBaseline) -> None:
        """Loads nothing.

        Args:
            name: of the model.
            first: makes what the second works on.
            second: makes the clip.
        """
        self.name, self.first, self.second = name, first, second
        made = {"audio": "audio", "video": "reference"}[self.intermediate]
        given = (*first.needs, *(one for one in second.needs if one != made))
        self.needs: tuple[str, ...] = tuple(dict.fromkeys(given))

    def check(self) -> str | None:
        """What either stage lacks."""
        return "; ".join(filter(None, [self.first.check(), self.second.check()])) or None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Of both stages; in the columns that all models have, one after the other."""
        first, second = self.first.settings, self.second.settings
        shared = ("title", "source", "environment", "prompt_renderer", "weights_digest", "memory")
        return {
            **{key: ", then ".join(filter(None, (first[key], second[key]))) or None for key in shared},
            "weights": [*first["weights"], *second["weights"]],
            "ignored": [part for part in first["ignored"] if part in (*second["ignored"], self.intermediate)],
            "inputs": {**first["inputs"], **second["inputs"], self.intermediate: f"made by {self.first.name}"},
            "audio": self.heard.format(first=self.first.name, second=self.second.name),
            "seconds_asked": first["seconds_asked"],
            "options": {
                f"{stage.name} {key}": value
                for stage in (self.first, self.second)
                for key, value in stage.options.items()
            },
            "stages": [self.first.name, self.second.name],
        }

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """What will really be made, as far as it can be told before the first stage has made its part."""
        inputs, job = self.first.request(prompt, suite)
        first, expected = self.first.plan_of(inputs, job), self.expected_input(prompt, suite, job)
        second = self.second.plan_of(expected, self._job(expected))
        note = f"{self.first.name}: {first.note}; {self.second.name}{self.assumption}: {second.note}"
        return replace(second, note=note, audio="generated")

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated | Exception]:
        """The batch through one model, then through the other."""
        with TemporaryDirectory(prefix=f"{self.name}-", ignore_cleanup_errors=True) as folder:
            places = [Path(folder) / str(k) for k in range(len(prompts))]
            try:
                handed = [self._first(*one, seed, suite) for one in zip(prompts, places, strict=True)]
            finally:
                self.first.close()
            try:
                for one, place in zip(handed, places, strict=True):
                    yield one if isinstance(one, Exception) else self._second(one, seed, place / "second")
            finally:
                self.second.close()

    def close(self) -> None:
        """Lets go of what both hold."""
        self.first.close()
        self.second.close()

    @abstractmethod
    def expected_input(self, prompt: Prompt, suite: Suite, job: Job) -> ModelInput:
        """The prompt as the second model will see it, of what the first is planned to make."""

    @abstractmethod
    def stage_input(self, prompt: Prompt, suite: Suite, made: Media, folder: Path) -> ModelInput:
        """Writes what the first model made, and gives the prompt as the second sees it."""

    @abstractmethod
    def merge(self, first: Media, second: Media) -> Media:
        """The clip."""

    def _job(self, inputs: ModelInput) -> Job:
        return self.second.planner(inputs, self.second.manifest, self.second.options)

    def _first(self, prompt: Prompt, folder: Path, seed: int, suite: Suite) -> StageOutput | Exception:
        """The first stage, with what it made kept in the folder."""
        folder.mkdir()
        try:
            for made in self.first.generate([prompt], seed, suite):
                if isinstance(made, Exception):
                    return made
                assert isinstance(made.media, Media)  # files are of models that make whole clips
                inputs = self.stage_input(prompt, suite, made.media, folder)
                return StageOutput(replace(made, media=kept(made.media, folder)), inputs)
        except Exception as error:  # In this process a lack of memory is the sample's, too.
            return error
        raise AssertionError

    def _second(self, one: StageOutput, seed: int, folder: Path) -> Generated | Exception:
        """The second stage, and the clip of both."""
        folder.mkdir()
        try:
            job = self._job(one.inputs)
            answer = self.second.make(one.inputs, job, seed, folder)
            made = self.second.clip(one.inputs, job, folder, dict(answer.result))
        except (BenchError, Unavailable) as error:
            return error
        assert isinstance(one.made.media, Media)
        assert isinstance(made.media, Media)
        clip = self.merge(one.made.media, made.media)
        if clip.frames is None or abs(len(clip.frames) - job.frames) > FRAMES_OFF:
            found = "no picture" if clip.frames is None else f"{len(clip.frames)} frames"
            return BenchError(f"{found} where {self.second.name} said {job.frames} of what it was given")
        return Generated(
            clip,
            timing="free",
            function_evals=total(one.made.function_evals, made.function_evals),
            peak_memory_bytes=max(filter(None, (one.made.peak_memory_bytes, made.peak_memory_bytes)), default=None),
            seconds=total(one.made.seconds, answer.seconds),
            load_s=(one.made.load_s or 0.0) + answer.load_s or None,
        )


class VideoThenAudio(Cascade):
    """A silent film, then sound for it."""

    intermediate = "video"
    heard = "generated by {second} for the film of {first}"

    def expected_input(self, prompt: Prompt, suite: Suite, job: Job) -> ModelInput:
        """A film that is not there yet."""
        return ModelInput(prompt, video=SourceVideo(Path(), job.frames, job.fps, job.height, job.width, "stage"))

    def stage_input(self, prompt: Prompt, suite: Suite, made: Media, folder: Path) -> ModelInput:
        """Encodes the film as a clip would be."""
        if made.frames is None:
            raise Unavailable(f"{self.first.name} made no picture")
        media.write(folder / "film.mp4", made.frames, made.fps, None, 0)
        count, height, width = made.frames.shape[:3]
        return ModelInput(prompt, video=SourceVideo(folder / "film.mp4", count, made.fps, height, width, "stage"))

    def merge(self, first: Media, second: Media) -> Media:
        """The frames as they were before anything was encoded."""
        return replace(second, frames=first.frames, fps=first.fps)


class SpeechThenVideo(Cascade):
    """Speech, then a picture that it drives."""

    intermediate = "audio"
    heard = "speech of {first}, which then drives the picture of {second}"
    assumption = f", were it driven for {DURATION_S:g} s"

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Without length: nobody knows it before it is said."""
        return replace(super().plan(prompt, suite), frames=None, seconds=None)

    def expected_input(self, prompt: Prompt, suite: Suite, job: Job) -> ModelInput:
        """Speech that is not there yet, of a length that is supposed."""
        assert job.sample_rate_hz is not None
        return replace(
            self._second_input(prompt, suite), audio=DrivingAudio(Path(), DURATION_S, job.sample_rate_hz, "stage")
        )

    def stage_input(self, prompt: Prompt, suite: Suite, made: Media, folder: Path) -> ModelInput:
        """Stores the speech as a clip's sound would be."""
        if made.audio is None:
            raise Unavailable(f"{self.first.name} made no sound")
        media.write(folder / "speech.wav", None, Fraction(0), made.audio, made.sample_rate_hz, made.layout)
        seconds = made.audio.shape[1] / made.sample_rate_hz
        sound = DrivingAudio(folder / "speech.wav", seconds, made.sample_rate_hz, "stage", made.layout)
        return replace(self._second_input(prompt, suite), audio=sound)

    def merge(self, first: Media, second: Media) -> Media:
        """The second stage's, whose sound is the speech."""
        return second

    def _second_input(self, prompt: Prompt, suite: Suite) -> ModelInput:
        """What the second model sees beside the speech; never the sound that a prompt names."""
        return model_input(prompt, suite, self.second.manifest.consumes.model_copy(update={"audio": "ignored"}))


def kept(made: Media, folder: Path) -> Media:
    """The same with its frames in a file: a batch of films would fill the memory."""
    if made.frames is None:
        return made
    np.save(folder / "frames.npy", made.frames)
    return replace(made, frames=np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False))


def total(first: Any, second: Any) -> Any:
    """A sum where both are known."""
    return None if first is None or second is None else first + second
