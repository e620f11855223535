"""Cascades of two baselines: the second model takes the output of the first as input.

A whole batch goes through the first model before the second is loaded, so that one model at a time is in memory.
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
from jova_baselines.external.needs import joined
from jova_baselines.external.pipeline import DiffusersBaseline
from jova_bench.errors import BenchError, Refused, Unavailable, UnfitClip
from jova_bench.media import files as media
from jova_bench.models.base import Generated, Media, Plan
from jova_bench.models.requirements import Requirements
from jova_bench.prompts import Prompt
from jova_bench.runs.plan_check import FRAMES_OFF
from jova_bench.suites.loading import Suite


@dataclass(frozen=True)
class StageOutput:
    """Output of the first stage for a prompt, in files that exist until the batch is finished."""

    made: Generated
    """Clip of the first stage; its frames are memory-mapped."""
    inputs: ModelInput
    """Input of the second stage."""


class Cascade(ABC):
    """Base of two-stage models; a subclass defines what passes from the first stage to the second."""

    batch_size = 8
    reads_files = True
    intermediate: Literal["audio", "video"]
    """Input file of the second model that the first one generates."""
    heard: str
    """Source of the audio of a clip, a format string for the run's manifest."""
    assumption: str = ""
    """Assumption of the second stage's plan, for its note."""

    def __init__(self, name: str, first: WorkerBaseline | DiffusersBaseline, second: WorkerBaseline) -> None:
        """Sets up a cascade; loads nothing.

        Args:
            name: of the model.
            first: generates the input of the second.
            second: generates the clip.
        """
        self.name, self.first, self.second = name, first, second
        made = {"audio": "audio", "video": "reference"}[self.intermediate]
        given = (*first.needs, *(one for one in second.needs if one != made))
        self.needs: tuple[str, ...] = tuple(dict.fromkeys(given))

    def check(self) -> str | None:
        """Returns why either stage cannot run; None if both can."""
        return "; ".join(filter(None, [self.first.check(), self.second.check()])) or None

    @property
    def requirements(self) -> Requirements:
        """What both stages need."""
        return joined(self.first.requirements, self.second.requirements)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Settings of both stages; columns that all models have are joined."""
        first, second = self.first.settings, self.second.settings
        unpinned = ", ".join(one["unpinned"] for one in (first, second) if "unpinned" in one)
        shared = ("title", "source", "environment", "prompt_renderer", "weights_digest", "memory")
        return {
            **{key: ", then ".join(filter(None, (first[key], second[key]))) or None for key in shared},
            "weights": [*first["weights"], *second["weights"]],
            **({"unpinned": unpinned} if unpinned else {}),
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
        """Returns the format of the clip, as far as it is known before the first stage has run."""
        inputs, job = self.first.request(prompt, suite)
        first, expected = self.first.plan_of(inputs, job), self.expected_input(prompt, suite, job)
        second = self.second.plan_of(expected, self._job(expected))
        note = f"{self.first.name}: {first.note}; {self.second.name}{self.assumption}: {second.note}"
        settings = {
            f"{stage.name} {key}": value
            for stage, plan in ((self.first, first), (self.second, second))
            for key, value in plan.settings.items()
        }
        weights = ", then ".join(filter(None, (first.weights, second.weights))) or None
        return replace(second, note=note, audio="generated", settings=settings, weights=weights)

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated | Exception]:
        """Runs the batch through the first model, then through the second."""
        with TemporaryDirectory(prefix=f"{self.name}-", ignore_cleanup_errors=True) as folder:
            folders = [Path(folder) / str(k) for k in range(len(prompts))]
            try:
                outputs = [self._first(*pair, seed, suite) for pair in zip(prompts, folders, strict=True)]
            finally:
                self.first.close()
            try:
                for one, place in zip(outputs, folders, strict=True):
                    yield one if isinstance(one, Exception) else self._second(one, seed, place / "second")
            finally:
                self.second.close()

    def close(self) -> None:
        """Releases the resources of both stages."""
        self.first.close()
        self.second.close()

    @abstractmethod
    def expected_input(self, prompt: Prompt, suite: Suite, job: Job) -> ModelInput:
        """Returns the expected input of the second model, from the job of the first."""

    @abstractmethod
    def stage_input(self, prompt: Prompt, suite: Suite, made: Media, folder: Path) -> ModelInput:
        """Writes the output of the first model; returns the input of the second."""

    @abstractmethod
    def merge(self, first: Media, second: Media) -> Media:
        """Combines the outputs of both stages to the clip."""

    def _second_input(self, prompt: Prompt, suite: Suite) -> ModelInput:
        """Returns the input of the second model except what the first one makes; that of the prompt is ignored."""
        consumes = self.second.manifest.consumes.model_copy(update={self.intermediate: "ignored"})
        return model_input(prompt, suite, consumes)

    def _job(self, inputs: ModelInput) -> Job:
        """Returns the job of the second model."""
        return self.second.planner(inputs, self.second.manifest, self.second.options)

    def _first(self, prompt: Prompt, folder: Path, seed: int, suite: Suite) -> StageOutput | Exception:
        """Runs the first stage, with its output in `folder`; returns the error if that fails."""
        folder.mkdir()
        try:
            for made in self.first.generate([prompt], seed, suite):
                if isinstance(made, Exception):
                    return made
                assert isinstance(made.media, Media)  # only models that write whole clips return files
                inputs = self.stage_input(prompt, suite, made.media, folder)
                return StageOutput(replace(made, media=kept(made.media, folder)), inputs)
        except Exception as error:  # In this process, running out of memory is a failure of the sample, too.
            return error
        raise AssertionError

    def _second(self, one: StageOutput, seed: int, folder: Path) -> Generated | Exception:
        """Runs the second stage and combines both; returns the error if that fails."""
        folder.mkdir()
        try:
            job = self._job(one.inputs)
            answer = self.second.make(one.inputs, job, seed, folder)
            made = self.second.clip(one.inputs, job, folder, dict(answer.result))
        except (BenchError, Unavailable, Refused) as error:
            return error
        assert isinstance(one.made.media, Media)
        assert isinstance(made.media, Media)
        clip = self.merge(one.made.media, made.media)
        if clip.frames is None or abs(len(clip.frames) - job.frames) > FRAMES_OFF:
            found = "no picture" if clip.frames is None else f"{len(clip.frames)} frames"
            return UnfitClip(f"expected {job.frames} frames from {self.second.name} for this input, got {found}")
        return Generated(
            clip,
            timing="free",
            function_evals=total(one.made.function_evals, made.function_evals),
            peak_memory_bytes=max(filter(None, (one.made.peak_memory_bytes, made.peak_memory_bytes)), default=None),
            seconds=total(one.made.seconds, answer.seconds),
            load_s=(one.made.load_s or 0.0) + answer.load_s or None,
        )


class VideoThenAudio(Cascade):
    """Generates silent video, then audio for it."""

    intermediate = "video"
    heard = "generated by {second} for the film of {first}"

    def expected_input(self, prompt: Prompt, suite: Suite, job: Job) -> ModelInput:
        """Returns a source video of the planned format, without a file."""
        film = SourceVideo(Path(), job.frames, job.fps, job.height, job.width, "stage")
        return replace(self._second_input(prompt, suite), video=film)

    def stage_input(self, prompt: Prompt, suite: Suite, made: Media, folder: Path) -> ModelInput:
        """Encodes the video like a clip."""
        if made.frames is None:
            raise UnfitClip(f"{self.first.name} generated no video")
        media.write(folder / "film.mp4", made.frames, made.fps, None, 0)
        count, height, width = made.frames.shape[:3]
        film = SourceVideo(folder / "film.mp4", count, made.fps, height, width, "stage")
        return replace(self._second_input(prompt, suite), video=film)

    def merge(self, first: Media, second: Media) -> Media:
        """Returns the audio of the second stage with the unencoded frames of the first."""
        return replace(second, frames=first.frames, fps=first.fps)


class SpeechThenVideo(Cascade):
    """Generates speech, then video driven by it."""

    intermediate = "audio"
    heard = "speech of {first}, which then drives the picture of {second}"
    assumption = f", were it driven for {DURATION_S:g} s"

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns the plan without a length, which is unknown before the speech is generated."""
        return replace(super().plan(prompt, suite), frames=None, seconds=None)

    def expected_input(self, prompt: Prompt, suite: Suite, job: Job) -> ModelInput:
        """Returns driving audio of an assumed length, without a file."""
        assert job.sample_rate_hz is not None
        return replace(
            self._second_input(prompt, suite), audio=DrivingAudio(Path(), DURATION_S, job.sample_rate_hz, "stage")
        )

    def stage_input(self, prompt: Prompt, suite: Suite, made: Media, folder: Path) -> ModelInput:
        """Writes the speech as a WAV file."""
        if made.audio is None:
            raise UnfitClip(f"{self.first.name} generated no audio")
        media.write(folder / "speech.wav", None, Fraction(0), made.audio, made.sample_rate_hz, made.layout)
        seconds = made.audio.shape[1] / made.sample_rate_hz
        sound = DrivingAudio(folder / "speech.wav", seconds, made.sample_rate_hz, "stage", made.layout)
        return replace(self._second_input(prompt, suite), audio=sound)

    def merge(self, first: Media, second: Media) -> Media:
        """Returns the output of the second stage, whose audio is the speech."""
        return second


def kept(made: Media, folder: Path) -> Media:
    """Moves the frames to a memory-mapped file: the videos of a batch would fill the memory."""
    if made.frames is None:
        return made
    np.save(folder / "frames.npy", made.frames)
    return replace(made, frames=np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False))


def total(first: Any, second: Any) -> Any:
    """Returns the sum, or None if one is unknown."""
    return None if first is None or second is None else first + second
